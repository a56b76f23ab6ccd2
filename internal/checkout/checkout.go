// Package checkout is the door of the payer's browser: the CVN that the SDK hands in, and the attempt's own
// page, on which the bank authenticates the payer. Apart from api/card_details.go it is the only door that
// a card field enters by.
package checkout

import (
	"embed"
	"errors"
	"html/template"
	"io"
	"net/http"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

//go:embed web/*.html web/*.css web/*.js
var web embed.FS

// Options of a Checkout.
type Options struct {
	Flow *flow.Flow
	Rand io.Reader // nonces of pages
	// FrameSources are origins beside https: that may stand in frames and be posted to: the bank's pages
	// of the sandbox, which are loopback http.
	FrameSources []string
	// ClientIP reads the payer's address from a request.
	ClientIP func(*http.Request) string
}

// Checkout answers the payer's browser.
type Checkout struct {
	Options
	pages *template.Template
}

// New makes a Checkout.
func New(o Options) (*Checkout, error) {
	pages, err := template.ParseFS(web, "web/*.html")
	return &Checkout{o, pages}, err
}

// Routes is the whole surface of this door. Patterns with a permission are operations of gate/openapi.yaml.
func (c *Checkout) Routes(mux *http.ServeMux, g *gate.Gate) {
	mux.Handle("/v3/payment_with_session", gate.CORS(g.HandleCut("POST /v3/payment_with_session", payment.Public, cut, c.payWithSession), "POST"))
	mux.HandleFunc("GET /cards-session.min.js", c.script)

	// The attempt's page. Its path is unguessable and belongs to the attempt; only the share in the
	// fragment, which no server sees, differs from submit to submit. A GET changes nothing.
	mux.HandleFunc("GET /pay/{page}", c.page)
	mux.HandleFunc("GET /pay/{page}/cvn", c.cvnPage)
	mux.HandleFunc("GET /assets/{file}", c.asset)
	mux.Handle("GET /pay/{page}/step", g.HandleOpen("GET /pay/{page}/step", c.look))
	mux.Handle("POST /pay/{page}/open", g.HandleOpen("POST /pay/{page}/open", c.open))
	mux.Handle("POST /pay/{page}/authenticate", g.HandleOpen("POST /pay/{page}/authenticate", c.authenticate))
	mux.Handle("POST /pay/{page}/restart", g.HandleOpen("POST /pay/{page}/restart", c.restart))
	mux.Handle("POST /pay/{page}/pay", g.HandleOpen("POST /pay/{page}/pay", c.pay))
	mux.Handle("POST /pay/{page}/cvn", g.HandleCut("POST /pay/{page}/cvn", gate.Anyone, cut, c.retype))

	// What the bank's pages post to, inside frames of ours.
	mux.HandleFunc("POST /3ds/method", c.methodReturn)
	mux.HandleFunc("POST /3ds/challenge", c.challengeReturn)
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
	return &payment.Error{
		Code:    "API_VALIDATION_ERROR",
		Message: "request" + field.Path + " " + field.Message,
		Fields:  []payment.Field{{Path: field.Path, Message: field.Message}},
	}
}
