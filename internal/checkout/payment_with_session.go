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
	s := flow.Submission{Business: r.Business, Session: q.Session, CVN: fields.CVN, Once: r.Once}
	if r.Earlier != nil {
		var first accepted
		if err := json.Unmarshal(r.Earlier.Body.(json.RawMessage), &first); err != nil {
			return gate.Answer{}, err
		}
		s.Repeats = first.PaymentRequestID
	}
	if r.Once != nil {
		// What is kept has no action_url: the share in it is stored nowhere.
		r.Once.Answer = func(k payment.Case) (int, []byte, error) {
			body, err := json.Marshal(accepted{Message: acceptedMessage, PaymentRequestID: k.Request.ID})
			return http.StatusOK, body, err
		}
	}
	submitted, err := c.Flow.Submit(ctx, s)
	if err != nil {
		return gate.Answer{}, fieldError(err)
	}
	return gate.Answer{Status: http.StatusOK, Body: accepted{acceptedMessage, submitted.Request, submitted.ActionURL}}, nil
}

// accepted is the answer to a CVN. It says nothing of the outcome, which comes by webhook.
type accepted struct {
	Message          string            `json:"message"`
	PaymentRequestID payment.RequestID `json:"payment_request_id"`
	ActionURL        string            `json:"action_url,omitempty"`
}

const acceptedMessage = "Status updated. Wait for a callback or get the status using the Get API."
