package checkout

import (
	"context"
	"encoding/json"
	"net/http"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// payWithSession takes the CVN that the SDK, or a mobile client, hands in with the public key.
func (c *Checkout) payWithSession(ctx context.Context, r *gate.Request, taken any) (gate.Answer, error) {
	fields := taken.(card.Fields)
	defer fields.Wipe()
	var q struct {
		Session payment.SessionID `json:"payment_session_id"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	if fields.HasCard() {
		const message = "must be left out: the session names a stored card"
		return gate.Answer{}, &payment.Error{
			Code: "API_VALIDATION_ERROR", Message: "request/body/card_number " + message,
			Fields: []payment.Field{{Path: "/body/card_number", Message: message}},
		}
	}
	submitted, err := c.Flow.Submit(ctx, flow.Submission{Business: r.Business, Session: q.Session, CVN: fields.CVN})
	if err != nil {
		return gate.Answer{}, fieldError(err)
	}
	return gate.Answer{Status: http.StatusOK, Body: struct {
		Message          string            `json:"message"`
		PaymentRequestID payment.RequestID `json:"payment_request_id"`
		ActionURL        string            `json:"action_url,omitempty"`
	}{"Status updated. Wait for a callback or get the status using the Get API.", submitted.Request, submitted.ActionURL}}, nil
}
