package api

import (
	"context"
	"encoding/json"
	"net/http"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// paymentTokenView is the payment token object of the v3 API, and the data of its webhooks.
type paymentTokenView struct {
	PaymentTokenID    payment.TokenID     `json:"payment_token_id"`
	ChannelCode       string              `json:"channel_code"`
	Country           string              `json:"country,omitempty"`
	BusinessID        payment.BusinessID  `json:"business_id"`
	CustomerID        payment.CustomerID  `json:"customer_id,omitempty"`
	ReferenceID       string              `json:"reference_id,omitempty"`
	Currency          string              `json:"currency,omitempty"`
	ChannelProperties channelProperties   `json:"channel_properties"`
	Actions           []action            `json:"actions"`
	Status            string              `json:"status"`
	TokenDetails      *paymentDetails     `json:"token_details,omitempty"`
	FailureCode       payment.FailureCode `json:"failure_code,omitempty"`
	Description       string              `json:"description,omitempty"`
	Metadata          json.RawMessage     `json:"metadata,omitempty"`
	Created           milliseconds        `json:"created"`
	Updated           milliseconds        `json:"updated"`
}

// tokenStatus is what the v3 API calls the state of a stored card: one that waits for the payer requires an
// action.
func tokenStatus(c payment.Case) string {
	switch {
	case c.Token.Status != payment.TokenPending:
		return string(c.Token.Status)
	case c.Request != nil && c.Request.State.BeforeAcquirer():
		return "REQUIRES_ACTION"
	}
	return "PENDING"
}

func (a *API) viewPaymentToken(c payment.Case, url string) (v paymentTokenView, err error) {
	t := c.Token
	e, err := readEcho(t.Echo)
	if err != nil {
		return v, err
	}
	terms := payment.Terms{OnFile: t.OnFile}
	var details *paymentDetails
	own := c
	if c.Request != nil && c.Request.ID == t.Request { // the attempt that stores it, not one that pays with it
		terms = c.Request.Terms
		details = a.viewDetails(*c.Request)
	} else {
		own.Request = nil
	}
	return paymentTokenView{
		PaymentTokenID: t.ID, ChannelCode: "CARDS", Country: t.Country, BusinessID: t.Business, CustomerID: t.Customer,
		ReferenceID: t.ReferenceID, Currency: t.Currency, ChannelProperties: viewChannel(t, terms, e), Actions: a.actions(own, url),
		Status: tokenStatus(own), TokenDetails: details, FailureCode: t.Failure,
		Description: e.Description, Metadata: e.Metadata, Created: milliseconds(t.Created), Updated: milliseconds(t.Updated),
	}, nil
}

func (a *API) createPaymentToken(ctx context.Context, r *gate.Request, give func(*flow.NewRequest)) (gate.Answer, error) {
	return a.begin(ctx, r, payment.Save, give, func(c payment.Case, url string) (any, error) { return a.viewPaymentToken(c, url) })
}

func paymentTokenID(r *gate.Request) payment.TokenID {
	return payment.TokenID(r.Path("payment_token_id"))
}

func (a *API) getPaymentToken(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	c, err := a.Flow.Token(ctx, r.Business, paymentTokenID(r))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewPaymentToken(c, ""))
}

func (a *API) cancelPaymentToken(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	r.Once.Keeps(keep(http.StatusOK, func(c payment.Case) (any, error) { return a.viewPaymentToken(c, "") }))
	c, err := a.Flow.CancelToken(ctx, r.Business, paymentTokenID(r), r.Once)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewPaymentToken(c, ""))
}

func (a *API) amendPaymentToken(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		Description *string         `json:"description"`
		Metadata    json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	c, err := a.Flow.AmendToken(ctx, r.Business, paymentTokenID(r), q.Description, q.Metadata)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewPaymentToken(c, ""))
}
