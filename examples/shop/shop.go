// Package shop is a small coffee shop that takes one-click payments with a fresh CVN, written as a
// merchant would write it: it knows the gateway's public API and its browser library, nothing else.
//
// The order of things: the field for the CVN has the focus, the shop's server opens a payment session
// with its secret key (checkout.go), the page has it prepared while the payer types, and at the click
// hands the CVN to the gateway (web/shop.js); the payer visits the bank, where the bank asks for it, and comes
// back (return.go), and the webhook says what happened (webhook.go). Only the webhook makes an order
// paid: anybody can visit a return address.
package shop

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Options says where the shop stands and which gateway it uses. Log may be nil; all else is required.
type Options struct {
	APIBase       string // the gateway's address, e.g. http://127.0.0.1:4242
	SecretKey     string // xnd_development_…; stays on this server
	PublicKey     string // xnd_public_development_…; sent to the page
	CallbackToken string // what webhooks carry in x-callback-token
	BaseURL       string // the shop's own address, e.g. http://localhost:4243

	Cards []SavedCard // what the customer stored earlier; the first is offered first

	HTTP  *http.Client // calls the gateway; its Timeout is the shop's patience
	Now   func() time.Time
	NewID func() string // unguessable, unique, at most 64 characters: order numbers are made of it
	Log   *slog.Logger
}

// SavedCard is a card that the customer has stored with the gateway, as far as a shop knows it.
type SavedCard struct {
	Label     string // how the customer knows it, e.g. "Everyday Visa"
	Brand     string // VISA, MASTERCARD or AMEX
	Last4     string
	TokenID   string // pt-…
	CVNDigits int    // 3, or 4 on American Express
}

// Shop is the shop's whole web site. It is safe for concurrent use.
type Shop struct {
	options Options
	mux     http.Handler
	pages   *template.Template
	policy  string // Content-Security-Policy

	mu     sync.Mutex // guards orders and everything in them
	orders orders
}

//go:embed web
var web embed.FS

// New checks the options and opens the shop.
func New(o Options) (*Shop, error) {
	o.APIBase, o.BaseURL = strings.TrimRight(o.APIBase, "/"), strings.TrimRight(o.BaseURL, "/")
	gateway, err := url.Parse(o.APIBase)
	switch {
	case err != nil || gateway.Host == "":
		return nil, errors.New("shop: APIBase is not an address")
	case o.BaseURL == "" || o.SecretKey == "" || o.PublicKey == "" || o.CallbackToken == "":
		return nil, errors.New("shop: BaseURL, SecretKey, PublicKey and CallbackToken are required")
	case len(o.Cards) == 0:
		return nil, errors.New("shop: at least one saved card is required")
	case o.HTTP == nil || o.Now == nil || o.NewID == nil:
		return nil, errors.New("shop: HTTP, Now and NewID are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	pages, err := template.New("").Funcs(template.FuncMap{"idr": idr}).ParseFS(web, "web/*.html")
	if err != nil {
		return nil, fmt.Errorf("shop: %w", err)
	}
	s := &Shop{options: o, pages: pages, orders: newOrders()}

	// The CVN is typed into this page, so no script may run here but the shop's own and the
	// gateway's, and nothing may be sent anywhere else. The gateway's frame is where the payer's bank
	// looks at the browser; no bank has to be admitted here.
	origin := gateway.Scheme + "://" + gateway.Host
	s.policy = "default-src 'none'; script-src 'self' " + origin + "; connect-src 'self' " + origin +
		"; frame-src " + origin + "; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.basket)
	mux.HandleFunc("POST /checkout", s.checkout)
	mux.HandleFunc("POST /orders/{order}/attempt", s.attempt)
	mux.HandleFunc("GET /orders/{order}", s.receipt)
	mux.HandleFunc("GET /orders/{order}/status", s.status)
	mux.HandleFunc("GET /return/{order}/success", s.returned)
	mux.HandleFunc("GET /return/{order}/failure", s.returnedFailed)
	mux.HandleFunc("POST /webhooks", s.webhook)
	mux.HandleFunc("GET /shop.css", asset("text/css; charset=utf-8", "web/shop.css"))
	mux.HandleFunc("GET /icon.svg", asset("image/svg+xml", "web/icon.svg"))
	mux.HandleFunc("GET /shop.js", asset("text/javascript; charset=utf-8", "web/shop.js"))
	// Other sites may link to the shop, but not post to it in the payer's name. Webhooks come from a
	// server, which sends neither Origin nor Sec-Fetch-Site.
	s.mux = http.NewCrossOriginProtection().Handler(mux)
	return s, nil
}

func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Referrer-Policy", "same-origin") // order numbers are nobody else's business
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // the back button must not bring back an unpaid basket
	s.mux.ServeHTTP(w, r)
}

func (s *Shop) page(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := s.pages.ExecuteTemplate(&body, name, data); err != nil {
		s.options.Log.Error("page failed", "page", name, "error", err)
		http.Error(w, "Something went wrong on our side. Please reload the page.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

func asset(contentType, path string) http.HandlerFunc {
	content, err := web.ReadFile(path)
	return func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(content)
	}
}
