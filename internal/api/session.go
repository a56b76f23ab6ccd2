package api

import (
	"cmp"
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
	ReferenceID    string              `json:"reference_id"`
	SessionType    payment.SessionType `json:"session_type"`
	Mode           payment.SessionMode `json:"mode"`
	Amount         json.Number         `json:"amount"`
	Currency       string              `json:"currency"`
	Country        string              `json:"country"`
	Locale         string              `json:"locale"`
	ExpiresAt      time.Time           `json:"expires_at"`
	CardsSessionJS cardsSessionJS      `json:"cards_session_js"`
	buyer
	sessionEcho
}

// cardsSessionJS are the properties of mode CARDS_SESSION_JS.
type cardsSessionJS struct {
	CardPaymentTokenID payment.TokenID `json:"card_payment_token_id,omitempty"`
	SuccessReturnURL   string          `json:"success_return_url,omitempty"`
	FailureReturnURL   string          `json:"failure_return_url,omitempty"`
}

// sessionEcho is what the API repeats as it was sent.
type sessionEcho struct {
	CaptureMethod          payment.CaptureMethod `json:"capture_method,omitempty"`
	AllowSavePaymentMethod payment.AllowSave     `json:"allow_save_payment_method,omitempty"`
	Description            string                `json:"description,omitempty"`
	SuccessReturnURL       string                `json:"success_return_url,omitempty"`
	CancelReturnURL        string                `json:"cancel_return_url,omitempty"`
	ChannelProperties      json.RawMessage       `json:"channel_properties,omitempty"`
	AllowedPaymentChannels json.RawMessage       `json:"allowed_payment_channels,omitempty"`
	NotificationChannels   json.RawMessage       `json:"notification_channels,omitempty"`
	Items                  json.RawMessage       `json:"items,omitempty"`
	Metadata               json.RawMessage       `json:"metadata,omitempty"`
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
	CustomerID       payment.CustomerID    `json:"customer_id,omitempty"`
	ExpiresAt        milliseconds          `json:"expires_at"`
	SessionType      payment.SessionType   `json:"session_type"`
	Mode             payment.SessionMode   `json:"mode"`
	Locale           string                `json:"locale"`
	BusinessID       payment.BusinessID    `json:"business_id"`
	CardsSessionJS   *cardsSessionJS       `json:"cards_session_js,omitempty"`
	PaymentLinkURL   string                `json:"payment_link_url,omitempty"`
	PaymentTokenID   payment.TokenID       `json:"payment_token_id,omitempty"`
	PaymentRequestID payment.RequestID     `json:"payment_request_id,omitempty"`
	PaymentID        payment.PaymentID     `json:"payment_id,omitempty"`
	sessionEcho
}

func (a *API) viewSession(s payment.Session) (sessionView, error) {
	v := sessionView{
		PaymentSessionID: s.ID, Created: milliseconds(s.Created), Updated: milliseconds(s.Updated), Status: s.Status,
		ReferenceID: s.ReferenceID, Currency: s.Amount.Currency, Amount: json.Number(s.Amount.Number()),
		Country: s.Country, CustomerID: s.Customer, ExpiresAt: milliseconds(s.Expires),
		SessionType: s.Type, Mode: s.Mode, Locale: s.Locale, BusinessID: s.Business,
		PaymentTokenID: s.Saved, PaymentRequestID: s.Request, PaymentID: s.Payment,
	}
	js := cardsSessionJS{CardPaymentTokenID: s.Token}
	if s.Mode == payment.ModePaymentLink {
		v.PaymentLinkURL = a.PublicURL + s.LinkPath()
	} else {
		js.SuccessReturnURL, js.FailureReturnURL = s.SuccessReturnURL, s.FailureReturnURL
	}
	if js != (cardsSessionJS{}) {
		v.CardsSessionJS = &js
	}
	return v, json.Unmarshal(s.Echo, &v.sessionEcho)
}

func (a *API) createSession(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q sessionRequest
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	n, err := q.command(a.Now())
	if err != nil {
		return gate.Answer{}, err
	}
	n.Business, n.Once = r.Business, r.Once
	r.Once.Keeps(a.sessionAnswer(http.StatusCreated))
	s, err := a.Flow.CreateSession(ctx, n)
	if err != nil {
		return gate.Answer{}, err
	}
	v, err := a.viewSession(s)
	if err != nil {
		return gate.Answer{}, err
	}
	return answer(http.StatusCreated, v)
}

// command is what the body asks flow for.
func (q sessionRequest) command(now time.Time) (n flow.NewSession, err error) {
	var channel struct{ Cards cardsTerms }
	if len(q.ChannelProperties) > 0 {
		if err := json.Unmarshal(q.ChannelProperties, &channel); err != nil {
			return n, err
		}
	}
	if err := channel.Cards.check("/body/channel_properties/cards", now); err != nil {
		return n, err
	}
	n = flow.NewSession{
		ReferenceID: q.ReferenceID, Type: q.SessionType, Mode: q.Mode, Country: q.Country, Locale: cmp.Or(q.Locale, "en"),
		CaptureMethod: q.CaptureMethod, AllowSave: q.AllowSavePaymentMethod,
		Token: q.CardsSessionJS.CardPaymentTokenID, CancelReturnURL: q.CancelReturnURL,
		SkipThreeDS: channel.Cards.SkipThreeDS, MIDLabel: channel.Cards.MIDLabel, OnFile: channel.Cards.onFile(), Expires: q.ExpiresAt,
	}
	if n.Amount, err = payment.ParseMoney(q.Amount.String(), q.Currency, badSessionAmount); err != nil {
		return n, err
	}
	if n.Buyer, err = q.buyer.command(); err != nil {
		return n, err
	}
	switch q.Mode {
	case payment.ModePaymentLink:
		n.SuccessReturnURL = q.SuccessReturnURL
		if q.SessionType == payment.SessionPay {
			q.CaptureMethod = cmp.Or(q.CaptureMethod, payment.CaptureAutomatic)
		}
	default:
		n.SuccessReturnURL, n.FailureReturnURL = q.CardsSessionJS.SuccessReturnURL, q.CardsSessionJS.FailureReturnURL
	}
	withoutNulls(&q.ChannelProperties, &q.AllowedPaymentChannels, &q.NotificationChannels, &q.Items, &q.Metadata)
	n.Echo, err = json.Marshal(q.sessionEcho)
	return n, err
}

// sessionAnswer keeps the answer of a command about a session, to be given again.
func (a *API) sessionAnswer(status int) func(payment.Case) (int, []byte, error) {
	return keep(status, func(c payment.Case) (any, error) { return a.viewSession(c.Session) })
}

func (a *API) getSession(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	s, err := a.Flow.Session(ctx, r.Business, payment.SessionID(r.Path("session_id")))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewSession(s))
}

func (a *API) cancelSession(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	r.Once.Keeps(a.sessionAnswer(http.StatusOK))
	s, err := a.Flow.CancelSession(ctx, r.Business, payment.SessionID(r.Path("session_id")), r.Once)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewSession(s))
}
