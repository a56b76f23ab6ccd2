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

// payWithSession takes the CVN or the card that the SDK, or a mobile client, hands in with the public key.
func (c *Checkout) payWithSession(ctx context.Context, r *gate.Request, taken any) (gate.Answer, error) {
	fields := taken.(card.Fields)
	var q struct {
		Session     payment.SessionID `json:"payment_session_id"`
		ConfirmSave bool              `json:"confirm_save"`
		Billing     json.RawMessage   `json:"billing_information"`
		Browser     *describedBrowser `json:"browser"`
		Preparation string            `json:"preparation"`
		Method      string            `json:"method_completed"`
		gate.Cardholder
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	holder, err := q.Billed(q.Billing)
	if err != nil {
		return gate.Answer{}, err
	}
	s := flow.Submission{
		Business: r.Business, Session: q.Session, Fields: fields, Cardholder: holder, Save: q.ConfirmSave, Once: r.Once,
		Preparation: q.Preparation, MethodCompleted: q.Method,
	}
	if q.Browser != nil {
		b := c.seen(r.HTTP, *q.Browser)
		s.Browser = &b
	}
	if r.Earlier != nil {
		var first accepted
		if err := json.Unmarshal(r.Earlier.Body.(json.RawMessage), &first); err != nil {
			return gate.Answer{}, err
		}
		s.Repeats = &flow.Earlier{Request: first.PaymentRequestID, Token: first.PaymentTokenID}
	}
	// What is kept has no action_url: the share in it is stored nowhere.
	r.Once.Keeps(func(k payment.Case) (int, []byte, error) {
		body, err := json.Marshal(accept(flow.Submitted{Case: k}))
		return http.StatusOK, body, err
	})
	submitted, err := c.Flow.Submit(ctx, s)
	if err != nil {
		return gate.Answer{}, fieldError(err)
	}
	return gate.Answer{Status: http.StatusOK, Body: accept(submitted)}, nil
}

// accepted is the answer to what a payer typed. It says nothing of the outcome, which comes by webhook.
type accepted struct {
	Message          string            `json:"message"`
	PaymentRequestID payment.RequestID `json:"payment_request_id,omitempty"`
	PaymentTokenID   payment.TokenID   `json:"payment_token_id,omitempty"`
	ActionURL        string            `json:"action_url,omitempty"`
}

const acceptedMessage = "Status updated. Wait for a callback or get the status using the Get API."

// accept names the payment request of what is paid, and the payment token of what is stored.
func accept(s flow.Submitted) accepted {
	a := accepted{Message: acceptedMessage, ActionURL: s.ActionURL}
	r := s.Case.Request
	if r.Type != payment.Save {
		a.PaymentRequestID = r.ID
	}
	if r.Stores() {
		a.PaymentTokenID = r.Token
	}
	return a
}
