package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// nanoseconds is a moment as refunds write it, finer than all else in the API.
type nanoseconds time.Time

func (t nanoseconds) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.000000000Z"`)), nil
}

// refundView is the refund object, in the keys and with the nulls of captured answers
// (https://docs.xendit.co/docs/cards-refund-a-card-payment).
type refundView struct {
	ID               payment.RefundID       `json:"id"`
	PaymentID        payment.RequestID      `json:"payment_id"` // of before v3: the payment request's
	PaymentRequestID payment.RequestID      `json:"payment_request_id"`
	InvoiceID        string                 `json:"invoice_id"`
	Amount           json.Number            `json:"amount"`
	MethodType       string                 `json:"payment_method_type"`
	ChannelCode      string                 `json:"channel_code"`
	Currency         string                 `json:"currency"`
	Status           payment.RefundStatus   `json:"status"`
	Reason           string                 `json:"reason"`
	ReferenceID      *string                `json:"reference_id"`
	FailureCode      *payment.RefundFailure `json:"failure_code"`
	FeeAmount        *json.Number           `json:"refund_fee_amount"`
	Created          nanoseconds            `json:"created"`
	Updated          nanoseconds            `json:"updated"`
	Metadata         json.RawMessage        `json:"metadata"`
	Method           string                 `json:"refund_method"`
	PayoutLink       json.RawMessage        `json:"payout_link_properties"`
	Actions          json.RawMessage        `json:"actions"`
}

func viewRefund(r payment.Refund) refundView {
	return refundView{
		ID: r.ID, PaymentID: r.Request, PaymentRequestID: r.Request, Amount: json.Number(r.Amount.Number()), MethodType: "CARD",
		Currency: r.Amount.Currency, Status: r.Status, Reason: r.Reason, ReferenceID: orNull(r.ReferenceID),
		FailureCode: orNull(r.Failure), Created: nanoseconds(r.Created), Updated: nanoseconds(r.Updated), Metadata: r.Echo,
		Method: "DIRECT",
	}
}

// orNull is a text, or null where there is none.
func orNull[text ~string](t text) *text {
	if t == "" {
		return nil
	}
	return &t
}

// refundAnswer keeps the answer of a command about a refund.
func refundAnswer(c payment.Case) (int, []byte, error) {
	return keep(http.StatusOK, func(c payment.Case) (any, error) { return viewRefund(*c.Refund), nil })(c)
}

func (a *API) createRefund(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		PaymentRequestID payment.RequestID `json:"payment_request_id"`
		ReferenceID      string            `json:"reference_id"`
		Currency         string            `json:"currency"`
		Amount           *json.Number      `json:"amount"`
		Reason           string            `json:"reason"`
		Metadata         json.RawMessage   `json:"metadata"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	withoutNulls(&q.Metadata)
	c, err := a.Flow.Request(ctx, r.Business, q.PaymentRequestID) // for its currency
	if err != nil {
		return gate.Answer{}, err
	}
	n := flow.NewRefund{
		Business: r.Business, Request: q.PaymentRequestID, ReferenceID: q.ReferenceID, Currency: q.Currency, Reason: q.Reason,
		Echo: q.Metadata, Once: r.Once,
	}
	if q.Amount != nil {
		amount, err := payment.ParseMoney(q.Amount.String(), c.Request.Amount.Currency, badAmount)
		if err != nil {
			return gate.Answer{}, err
		}
		n.Amount = &amount
	}
	r.Once.Keeps(refundAnswer)
	if c, err = a.Flow.CreateRefund(ctx, n); err != nil {
		return gate.Answer{}, err
	}
	return ok(viewRefund(*c.Refund), nil)
}

func (a *API) getRefund(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	c, err := a.Flow.Refund(ctx, r.Business, refundID(r))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(viewRefund(*c.Refund), nil)
}

func refundID(r *gate.Request) payment.RefundID { return payment.RefundID(r.Path("refund_id")) }

// beyondCards says that a query asks for refunds of something else than payments by card, of which there are none.
func beyondCards(query url.Values) bool {
	method, channel := query.Get("payment_method_type"), query.Get("channel_code")
	return query.Get("invoice_id") != "" || method != "" && method != "CARD" || channel != "" && channel != "CARDS"
}

func (a *API) listRefunds(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	query := r.HTTP.URL.Query()
	if beyondCards(query) {
		return ok(listView[refundView]{Data: []refundView{}}, nil)
	}
	limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(listLimit)))
	if err != nil {
		return gate.Answer{}, err
	}
	list, more, err := a.Flow.Refunds(ctx, r.Business, payment.RefundPage{
		Request: payment.RequestID(query.Get("payment_request_id")), Limit: limit,
		After: payment.RefundID(query.Get("after_id")), Before: payment.RefundID(query.Get("before_id")),
	})
	if err != nil {
		return gate.Answer{}, err
	}
	page := listView[refundView]{Data: []refundView{}, HasMore: more}
	for _, refund := range list {
		page.Data = append(page.Data, viewRefund(refund))
	}
	return ok(page, nil)
}

func (a *API) cancelRefund(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	r.Once.Keeps(refundAnswer)
	c, err := a.Flow.CancelRefund(ctx, r.Business, refundID(r), r.Once)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(viewRefund(*c.Refund), nil)
}
