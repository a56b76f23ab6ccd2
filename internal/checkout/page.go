package checkout

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// page is the attempt's page. It is the same document in every state; its script asks for the step.
func (c *Checkout) page(w http.ResponseWriter, r *http.Request) error {
	return c.document(w, r, "pay.html")
}

// cvnPage asks for the CVN again: a document of its own, which never holds a frame of anybody's.
func (c *Checkout) cvnPage(w http.ResponseWriter, r *http.Request) error {
	return c.document(w, r, "cvn.html")
}

// document shows a page about an attempt, in its session's language; without a session the browser's own count.
func (c *Checkout) document(w http.ResponseWriter, r *http.Request, name string) error {
	k, err := c.Flow.Attempt(r.Context(), r.PathValue("page"))
	if err != nil {
		return c.lost(w, r, err)
	}
	return c.show(w, http.StatusOK, name, "'none'", c.speak(cmp.Or(k.Request.Locale, r.Header.Get("Accept-Language"))), map[string]any{
		"Page": k.Request.Page, "Merchant": k.Merchant.Name, "Accept": r.Header.Get("Accept"),
		"Amount": k.Request.Amount, "BankAsked": bankAsked(k.Request), "Confirmed": confirmed(k.Request),
		"Brand": brandName(k.Token.Brand), "Last4": last4(k.Token), "CVNDigits": k.Token.CVNDigits,
		"Back": k.Request.FailureReturnURL,
	})
}

// bankAsked says whether the bank is still to confirm who the payer is.
func bankAsked(r *payment.Request) bool {
	return r.State.BeforeAcquirer() && r.State != payment.Authenticated && !r.Unasked()
}

// confirmed says whether the bank has confirmed who the payer is. An attempt may go on without (payment.Verdict).
func confirmed(r *payment.Request) bool {
	return r.State == payment.Authenticated && r.Authentication.TransStatus == "Y"
}

// lost says that there is no such page, or that it cannot be shown now. Nobody knows who the payer is, so the
// browser's own languages count.
func (c *Checkout) lost(w http.ResponseWriter, r *http.Request, err error) error {
	words := c.speak(r.Header.Get("Accept-Language"))
	if errors.Is(err, payment.ErrNotFound) {
		return c.show(w, http.StatusNotFound, "lost.html", "'none'", words, nil)
	}
	c.Log.Error("payment page", "error", err)
	w.Header().Set("Retry-After", "2")
	return c.show(w, http.StatusServiceUnavailable, "lost.html", "'none'", words, map[string]any{"Busy": true})
}

// last4 are the last digits of a card.
func last4(t payment.Token) string { return t.Masked[max(0, len(t.Masked)-4):] }

// brandName is how people write a brand.
func brandName(brand string) string {
	switch card.Brand(brand) {
	case card.Visa:
		return "Visa"
	case card.Mastercard:
		return "Mastercard"
	case card.Amex:
		return "American Express"
	case card.JCB:
		return "JCB"
	}
	return brand
}

// methodReturn is where the bank's 3DS Method comes back to, in a hidden frame. It tells the page of ours around it,
// and nobody else: the notification proves nothing and need not come at all (EMV 3DS 2.2 §5.8.1). That page may itself
// stand in a merchant's (methodFrame), and a policy about ancestors is about all of them.
func (c *Checkout) methodReturn(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, http.StatusOK, "return.html", "*", c.speak(r.Header.Get("Accept-Language")), map[string]any{"From": "method"})
}

// challengeReturn is where the bank's challenge brings the payer home to. What it says proves nothing: the
// result is the RReq's. An error message instead of a CRes means that the challenge broke. A bank's page that broke out
// of its frame has taken the attempt's page away; where the browser does not remember which one that was, the bank's
// own words do.
func (c *Checkout) challengeReturn(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	var turnedAway *payment.Error
	if err := r.ParseForm(); errors.As(err, &turnedAway) { // else what cannot be read says nothing
		return err
	}
	home, page := c.ComesHome(r.PostForm), ""
	if navigated(r.Header) {
		page = c.Flow.PageOf(r.Context(), home.ServerTransID, home.ACSTransID)
	}
	return c.show(w, http.StatusOK, "return.html", "'self'", c.speak(r.Header.Get("Accept-Language")), map[string]any{
		"From": "challenge", "Broken": home.Broken, "Page": page,
	})
}

// navigated says whether a browser is on its way to show a page in its window, which no script of another site's, and
// no frame, can read. One that does not say is believed: old ones do not.
func navigated(h http.Header) bool {
	dest, mode := h.Get("Sec-Fetch-Dest"), h.Get("Sec-Fetch-Mode")
	return dest == "" && mode == "" || dest == "document" && mode == "navigate"
}

// show writes a page under the policy that all pages of this door have: scripts by nonce only, nothing from
// elsewhere but the bank's frames, and framed by nobody who is not named.
func (c *Checkout) show(w http.ResponseWriter, status int, name, ancestors string, words words, data map[string]any) error {
	random := make([]byte, 18)
	if _, err := io.ReadFull(c.Rand, random); err != nil {
		return err
	}
	nonce := base64.StdEncoding.EncodeToString(random)
	if data == nil {
		data = map[string]any{}
	}
	data["Nonce"], data["Words"] = nonce, words
	var body bytes.Buffer
	if err := c.pages.ExecuteTemplate(&body, name, data); err != nil {
		return err
	}
	bank := "'none'"
	if name == "pay.html" || name == "method.html" { // the pages that the bank's frames stand in
		bank = strings.Join(append([]string{"'self'", "https:"}, c.FrameSources...), " ")
	}
	h := w.Header()
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'nonce-" + nonce + "'", "style-src 'self'", "img-src 'self'",
		"connect-src 'self'", "frame-src " + bank, "form-action " + bank, "frame-ancestors " + ancestors, "base-uri 'none'",
	}, "; "))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // a browser that is gone is no error of ours
	return nil
}

const javascript = "text/javascript; charset=utf-8"

// asset serves a file that a page of this door refers to.
func (c *Checkout) asset(w http.ResponseWriter, r *http.Request) error {
	switch name := r.PathValue("file"); name {
	case "page.css", "link.css":
		return c.file(w, r, name, "text/css; charset=utf-8")
	case "icon.svg":
		return c.file(w, r, name, "image/svg+xml")
	case "pay.js", "cvn.js", "link.js", "return.js", "method.js":
		return c.file(w, r, name, javascript)
	}
	return payment.Refuse("NOT_FOUND", "There is nothing at this path")
}

// sdk serves cards-session.js under the name that the v3 documentation gives it, to pages of any site.
func (c *Checkout) sdk(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Access-Control-Allow-Origin", "*") // so that a merchant may pin it with integrity=
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	return c.file(w, r, "cards-session.min.js", javascript)
}

// file serves an embedded file, to be asked for again each time: a new version must not meet old pages.
func (c *Checkout) file(w http.ResponseWriter, r *http.Request, name, kind string) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, web, "web/"+name)
	return nil
}
