// Package checkout is the door of the payer's browser: the card or the CVN that the SDK hands in, the payment
// link, on which a session is paid without a page of the merchant's, and the attempt's own page, on which the bank
// authenticates the payer. Apart from api/card_details.go it is the only door that a card field enters by.
package checkout

import (
	"embed"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

//go:embed web/*.html web/*.css web/*.svg web/*.js web/words/*.json
var web embed.FS

// Options of a Checkout.
type Options struct {
	Flow *flow.Flow
	Now  func() time.Time
	Rand io.Reader // nonces of pages
	Log  *slog.Logger
	// FrameSources are origins beside https: that may stand in frames and be posted to: the bank's pages
	// of the sandbox, which are loopback http.
	FrameSources []string
	// PublicURL is where browsers reach this gateway, without a slash at the end.
	PublicURL string
	// ClientIP reads the payer's address from a request.
	ClientIP func(*http.Request) string
	// ComesHome reads what a bank's page brought home.
	ComesHome func(form url.Values) Homecoming
}

// Homecoming is what a browser says when it comes back from the bank's challenge. It proves nothing.
type Homecoming struct {
	Broken        bool // an error came instead of a CRes
	ServerTransID payment.ServerTransID
	ACSTransID    string
}

// Checkout answers the payer's browser.
type Checkout struct {
	Options
	pages     *template.Template
	languages map[string]words
}

// parsed and spoken are the pages and their words, read when they are first needed: nothing changes them, and a process
// may hold several houses, one after the other or at once.
var (
	parsed = sync.OnceValues(func() (*template.Template, error) { return template.ParseFS(web, "web/*.html") })
	spoken = sync.OnceValues(readWords)
)

// New makes a Checkout.
func New(o Options) (*Checkout, error) {
	pages, err := parsed()
	if err != nil {
		return nil, err
	}
	languages, err := spoken()
	return &Checkout{o, pages, languages}, err
}

// Routes is the whole surface of this door.
func (c *Checkout) Routes(mux *http.ServeMux, g *gate.Gate) {
	const submit = "POST /v3/payment_with_session"
	mux.Handle("/v3/payment_with_session", gate.CORS(g.HandleCut(submit, payment.Public, cut, c.payWithSession), "POST"))
	const prepare = "/v3/payment_with_session/{session_id}/preparation"
	mux.Handle(prepare, gate.CORS(g.Handle("GET "+prepare, payment.Public, c.prepare), "GET"))

	// The attempt's page. Its path cannot be guessed and belongs to the attempt; only the share in the
	// fragment, which no server sees, differs from submit to submit. A GET changes nothing.
	for pattern, document := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /pay/{page}":     c.page,
		"GET /pay/{page}/cvn": c.cvnPage,
		"GET /assets/{file}":  c.asset,
		"GET /3ds/method":     c.methodFrame,
		"POST /3ds/method":    c.methodReturn, // what the bank's pages post to, in frames of ours
		"POST /3ds/challenge": c.challengeReturn,
	} {
		mux.Handle(pattern, g.GuardAs(gate.Finishes, pattern, document))
	}
	for pattern, document := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /link/{link}":          c.linkPage,
		"GET /cards-session.min.js": c.sdk,
	} {
		mux.Handle(pattern, g.Guard(pattern, document))
	}
	for pattern, handler := range map[string]gate.Handler{
		"GET /pay/{page}/step":          c.look,
		"POST /pay/{page}/open":         c.open,
		"POST /pay/{page}/authenticate": c.authenticate,
		"POST /pay/{page}/restart":      c.restart,
		"POST /pay/{page}/cancel":       c.cancel,
		"POST /pay/{page}/pay":          c.pay,
	} {
		mux.Handle(pattern, g.Handle(pattern, payment.Anyone, handler))
	}
	const retype = "POST /pay/{page}/cvn"
	mux.Handle(retype, g.HandleCut(retype, payment.Anyone, cut, c.retype))
	const payLink = "POST /link/{link}/pay"
	mux.Handle(payLink, g.HandleCut(payLink, payment.Anyone, cut, c.payLink))
}

// cut takes the card fields out of a body before anyone else sees it.
func cut(body []byte) (rest []byte, taken any, err error) {
	rest, fields, err := card.Cut(body)
	return rest, fields, fieldError(err)
}

// fieldError names a refused card field as the API does. The value is in none of it.
func fieldError(err error) error {
	var field *card.FieldError
	if !errors.As(err, &field) {
		return err
	}
	return gate.Invalid(payment.Field{Path: field.Path, Message: field.Message})
}
