package checkout

import (
	"context"
	"net/http"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// preparation is what a payer's browser does before it submits; both are absent where there is nothing to do.
type preparation struct {
	ID     string     `json:"preparation,omitempty"`
	Method *flow.Form `json:"method,omitempty"`
}

// prepare tells the SDK how to get ready while the payer types.
func (c *Checkout) prepare(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	p, err := c.Flow.Prepare(ctx, r.Business, payment.SessionID(r.Path("session_id")))
	return gate.Answer{Status: http.StatusOK, Body: preparation(p)}, err
}

// methodFrame is the page that the SDK puts into a hidden frame of the merchant's page, and that runs the bank's 3DS
// Method in a frame of its own. So a merchant's page has to admit this gateway only, whichever bank it is, and forms are
// posted from here. What it posts stands in its fragment. Any site may frame it: it holds nothing, and posts nothing
// that the site could not post itself.
func (c *Checkout) methodFrame(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, http.StatusOK, "method.html", "*", c.speak(r.Header.Get("Accept-Language")), nil)
}
