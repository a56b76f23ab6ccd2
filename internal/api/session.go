package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// sessionRequest is the body of POST /sessions. The contract has checked shapes, enums and limits.
type sessionRequest struct {
	ReferenceID    string             `json:"reference_id"`
	Amount         json.Number        `json:"amount"`
	Currency       string             `json:"currency"`
	Country        string             `json:"country"`
	Locale         string             `json:"locale"`
	CustomerID     payment.CustomerID `json:"customer_id"`
	Customer       json.RawMessage    `json:"customer"`
	ExpiresAt      time.Time          `json:"expires_at"`
	CardsSessionJS cardsSessionJS     `json:"cards_session_js"`
	sessionEcho
}

// cardsSessionJS are the properties of mode CARDS_SESSION_JS.
type cardsSessionJS struct {
	CardPaymentTokenID payment.TokenID `json:"card_payment_token_id"`
	SuccessReturnURL   string          `json:"success_return_url"`
	FailureReturnURL   string          `json:"failure_return_url"`
}

// sessionEcho is what the API repeats as it was sent.
type sessionEcho struct {
	CaptureMethod          string          `json:"capture_method,omitempty"`
	AllowSavePaymentMethod string          `json:"allow_save_payment_method,omitempty"`
	Description            string          `json:"description,omitempty"`
	SuccessReturnURL       string          `json:"success_return_url,omitempty"`
	CancelReturnURL        string          `json:"cancel_return_url,omitempty"`
	ChannelProperties      json.RawMessage `json:"channel_properties,omitempty"`
	AllowedPaymentChannels json.RawMessage `json:"allowed_payment_channels,omitempty"`
	NotificationChannels   json.RawMessage `json:"notification_channels,omitempty"`
	Items                  json.RawMessage `json:"items,omitempty"`
	Metadata               json.RawMessage `json:"metadata,omitempty"`
}

// withoutNulls drops what was sent as null: captured answers of the v3 API leave such keys out.
func (e *sessionEcho) withoutNulls() {
	for _, field := range []*json.RawMessage{
		&e.ChannelProperties, &e.AllowedPaymentChannels, &e.NotificationChannels, &e.Items, &e.Metadata,
	} {
		if string(*field) == "null" {
			*field = nil
		}
	}
}

// sessionView is the session object of answers and webhooks.
type sessionView struct {
	PaymentSessionID payment.SessionID     `json:"payment_session_id"`
	Created          milliseconds          `json:"created"`
	Updated          milliseconds          `json:"updated"`
	Status           payment.SessionStatus `json:"status"`
	ReferenceID      string                `json:"reference_id"`
	Currency         string                `json:"currency"`
	Amount           json.Number           `json:"amount"`
	Country          string                `json:"country"`
	CustomerID       payment.CustomerID    `json:"customer_id"`
	ExpiresAt        milliseconds          `json:"expires_at"`
	SessionType      string                `json:"session_type"`
	Mode             string                `json:"mode"`
	Locale           string                `json:"locale"`
	BusinessID       payment.BusinessID    `json:"business_id"`
	CardsSessionJS   cardsSessionJS        `json:"cards_session_js"`
	PaymentRequestID payment.RequestID     `json:"payment_request_id,omitempty"`
	PaymentID        payment.PaymentID     `json:"payment_id,omitempty"`
	sessionEcho
}

func viewSession(s payment.Session) (sessionView, error) {
	v := sessionView{
		PaymentSessionID: s.ID, Created: milliseconds(s.Created), Updated: milliseconds(s.Updated), Status: s.Status,
		ReferenceID: s.ReferenceID, Currency: s.Amount.Currency, Amount: json.Number(s.Amount.Number()),
		Country: s.Country, CustomerID: s.Customer, ExpiresAt: milliseconds(s.Expires),
		SessionType: s.Type, Mode: s.Mode, Locale: s.Locale, BusinessID: s.Business,
		CardsSessionJS:   cardsSessionJS{s.Token, s.SuccessReturnURL, s.FailureReturnURL},
		PaymentRequestID: s.Request, PaymentID: s.Payment,
	}
	return v, json.Unmarshal(s.Echo, &v.sessionEcho)
}

func (a *API) createSession(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q sessionRequest
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	amount, err := payment.ParseMoney(q.Amount.String(), q.Currency)
	if err != nil {
		return gate.Answer{}, err
	}
	n := flow.NewSession{
		Business: r.Business, ReferenceID: q.ReferenceID, Amount: amount, Country: q.Country, Locale: q.Locale,
		Token: q.CardsSessionJS.CardPaymentTokenID, CustomerID: q.CustomerID,
		SuccessReturnURL: q.CardsSessionJS.SuccessReturnURL, FailureReturnURL: q.CardsSessionJS.FailureReturnURL,
		Expires: q.ExpiresAt, Once: r.Once,
	}
	if n.Locale == "" {
		n.Locale = "en"
	}
	if len(q.Customer) > 0 && string(q.Customer) != "null" {
		customer, err := newCustomer(q.Customer, version20201031)
		if err != nil {
			return gate.Answer{}, err
		}
		n.Customer = &customer
	}
	if n.SkipThreeDS, err = skipsThreeDS(q.ChannelProperties); err != nil {
		return gate.Answer{}, err
	}
	q.withoutNulls()
	if n.Echo, err = json.Marshal(q.sessionEcho); err != nil {
		return gate.Answer{}, err
	}
	if r.Once != nil {
		r.Once.Answer = sessionAnswer(http.StatusCreated)
	}
	s, err := a.Flow.CreateSession(ctx, n)
	if err != nil {
		return gate.Answer{}, err
	}
	v, err := viewSession(s)
	if err != nil {
		return gate.Answer{}, err
	}
	return answer(http.StatusCreated, v)
}

// sessionAnswer keeps the answer of a command about a session, to be given again.
func sessionAnswer(status int) func(payment.Case) (int, []byte, error) {
	return func(c payment.Case) (int, []byte, error) {
		v, err := viewSession(c.Session)
		if err != nil {
			return 0, nil, err
		}
		body, err := json.Marshal(v)
		return status, body, err
	}
}

func skipsThreeDS(channelProperties json.RawMessage) (bool, error) {
	var p struct {
		Cards struct {
			SkipThreeDS bool `json:"skip_three_ds"`
		} `json:"cards"`
	}
	if len(channelProperties) == 0 {
		return false, nil
	}
	err := json.Unmarshal(channelProperties, &p)
	return p.Cards.SkipThreeDS, err
}

func (a *API) getSession(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	s, err := a.Flow.Session(ctx, r.Business, payment.SessionID(r.Path("session_id")))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(viewSession(s))
}

func (a *API) cancelSession(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	if r.Once != nil {
		r.Once.Answer = sessionAnswer(http.StatusOK)
	}
	s, err := a.Flow.CancelSession(ctx, r.Business, payment.SessionID(r.Path("session_id")), r.Once)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(viewSession(s))
}
