package checkout

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"

	"reprise/internal/payment"
)

// page is the attempt's page. It is the same document in every state; its script asks for the step.
func (c *Checkout) page(w http.ResponseWriter, r *http.Request) { c.document(w, r, "pay.html") }

// cvnPage asks for the CVN again: a document of its own, which never holds a frame of anybody's.
func (c *Checkout) cvnPage(w http.ResponseWriter, r *http.Request) { c.document(w, r, "cvn.html") }

// document shows a page about an attempt.
func (c *Checkout) document(w http.ResponseWriter, r *http.Request, name string) {
	k, err := c.Flow.Attempt(r.Context(), r.PathValue("page"))
	if errors.Is(err, payment.ErrNotFound) {
		c.show(w, http.StatusNotFound, "lost.html", "'none'", nil)
		return
	} else if err != nil {
		c.Flow.Log.Error("payment page", "error", err)
		c.show(w, http.StatusServiceUnavailable, "lost.html", "'none'", map[string]any{"Busy": true})
		return
	}
	c.show(w, http.StatusOK, name, "'none'", map[string]any{
		"Page": k.Request.Page, "Merchant": k.Merchant.Name, "Accept": r.Header.Get("Accept"),
		"Currency": k.Request.Amount.Currency, "Amount": k.Request.Amount.Number(),
		"Brand": k.Token.Brand, "Last4": k.Token.Masked[max(0, len(k.Token.Masked)-4):], "CVNDigits": k.Token.CVNDigits,
		"Locale": k.Session.Locale,
	})
}

// methodReturn is where the bank's 3DS Method comes back to, in a hidden frame. It tells the page around it,
// and nobody else: the notification proves nothing and need not come at all (EMV 3DS 2.2 §5.8.1).
func (c *Checkout) methodReturn(w http.ResponseWriter, _ *http.Request) {
	c.show(w, http.StatusOK, "return.html", "'self'", map[string]any{"From": "method"})
}

// challengeReturn is where the bank's challenge brings the payer home to. What it says proves nothing: the
// result is the RReq's. An error message instead of a CRes means that the challenge broke.
func (c *Checkout) challengeReturn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	c.show(w, http.StatusOK, "return.html", "'self'", map[string]any{
		"From": "challenge", "Broken": broken(r.PostFormValue),
	})
}

// show writes a page under the policy that all pages of this door have: scripts by nonce only, nothing from
// elsewhere but the bank's frames, and framed by nobody who is not named.
func (c *Checkout) show(w http.ResponseWriter, status int, name, ancestors string, data map[string]any) {
	nonce := make([]byte, 18)
	if _, err := io.ReadFull(c.Rand, nonce); err != nil {
		panic("checkout: no randomness: " + err.Error())
	}
	if data == nil {
		data = map[string]any{}
	}
	data["Nonce"] = base64.StdEncoding.EncodeToString(nonce)
	var body strings.Builder
	if err := c.pages.ExecuteTemplate(&body, name, data); err != nil {
		panic(err) // a template of ours and data of ours
	}
	bank := strings.Join(append([]string{"'self'", "https:"}, c.FrameSources...), " ")
	h := w.Header()
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'nonce-" + data["Nonce"].(string) + "'", "style-src 'self'", "img-src 'self'",
		"connect-src 'self'", "frame-src " + bank, "form-action " + bank, "frame-ancestors " + ancestors, "base-uri 'none'",
	}, "; "))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body.String())
}

// assets are the files that pages of this door refer to.
var assets = map[string]string{"page.css": "text/css; charset=utf-8", "pay.js": script, "cvn.js": script, "return.js": script}

const script = "text/javascript; charset=utf-8"

func (c *Checkout) asset(w http.ResponseWriter, r *http.Request) {
	c.file(w, r, path.Base(r.PathValue("file")), "no-cache")
}

// script is the SDK, under the name that the v3 documentation gives it.
func (c *Checkout) script(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // so that a merchant may pin it with integrity=
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	c.file(w, r, "cards-session.min.js", "public, max-age=300")
}

func (c *Checkout) file(w http.ResponseWriter, r *http.Request, name, caching string) {
	kind, ok := assets[name]
	if name == "cards-session.min.js" {
		kind, ok = script, true
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", caching)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, web, "web/"+name)
}
