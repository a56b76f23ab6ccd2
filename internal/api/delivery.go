package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// deliveriesPage is how many are listed where no limit was asked for.
const deliveriesPage = 20

// pageView is a part of a list.
type pageView[T any] struct {
	Data    []T  `json:"data"`
	HasMore bool `json:"has_more"`
}

type deliveryView struct {
	DeliveryID string                 `json:"delivery_id"`
	WebhookID  payment.EventID        `json:"webhook_id"`
	EndpointID payment.EndpointID     `json:"endpoint_id"`
	Event      payment.NoticeKind     `json:"event"`
	ObjectID   string                 `json:"object_id"`
	Sequence   int64                  `json:"sequence"`
	Status     payment.DeliveryStatus `json:"status"`
	Created    milliseconds           `json:"created"`
	Attempts   []attemptView          `json:"attempts"`
}

type attemptView struct {
	Created    milliseconds `json:"created"`
	HTTPStatus int          `json:"http_status,omitempty"`
	Problem    string       `json:"problem,omitempty"`
	Took       int64        `json:"took"`
}

func viewDelivery(d payment.Delivery) deliveryView {
	v := deliveryView{
		DeliveryID: d.Place().String(), WebhookID: d.Notice.ID, EndpointID: d.Endpoint,
		Event: d.Notice.Kind, ObjectID: d.Notice.Object, Sequence: d.Notice.Sequence, Status: d.Status,
		Created: milliseconds(d.Notice.Created), Attempts: make([]attemptView, len(d.Attempts)),
	}
	for i, at := range d.Attempts {
		v.Attempts[i] = viewAttempt(at)
	}
	return v
}

func viewAttempt(a payment.DeliveryAttempt) attemptView {
	return attemptView{milliseconds(a.At), a.Status, a.Problem, a.Took.Milliseconds()}
}

// moment reads a date-time of the contract's, which may be absent.
func moment(text string) (at time.Time, err error) {
	if text != "" {
		err = at.UnmarshalText([]byte(text))
	}
	return at, err
}

func (a *API) listDeliveries(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	q := r.HTTP.URL.Query()
	f := payment.DeliveryFilter{
		Business: r.Business, Notice: payment.EventID(q.Get("webhook_id")), Endpoint: payment.EndpointID(q.Get("endpoint_id")),
		Kind: payment.NoticeKind(q.Get("event")), Object: q.Get("object_id"),
	}
	if status := q.Get("status"); status != "" {
		f.Statuses = []payment.DeliveryStatus{payment.DeliveryStatus(status)}
	}
	var err error
	if f.From, err = moment(q.Get("created_from")); err != nil {
		return gate.Answer{}, err
	}
	if f.To, err = moment(q.Get("created_to")); err != nil {
		return gate.Answer{}, err
	}
	if id := q.Get("after_id"); id != "" {
		f.Before = &payment.DeliveryPlace{}
		if err = f.Before.UnmarshalText([]byte(id)); err != nil {
			return gate.Answer{}, err
		}
	}
	limit := deliveriesPage
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil {
			return gate.Answer{}, err
		}
	}
	list, more, err := a.Webhooks.Deliveries(ctx, f, limit)
	views := make([]deliveryView, len(list))
	for i, d := range list {
		views[i] = viewDelivery(d)
	}
	return ok(pageView[deliveryView]{views, more}, err)
}

func (a *API) resendDelivery(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var place payment.DeliveryPlace
	if err := place.UnmarshalText([]byte(r.Path("delivery_id"))); err != nil {
		return gate.Answer{}, err
	}
	f := payment.DeliveryFilter{Business: r.Business, Notice: place.Notice, Endpoint: place.Endpoint}
	list, _, err := a.Webhooks.Deliveries(ctx, f, 1)
	if err != nil {
		return gate.Answer{}, err
	}
	if len(list) == 0 {
		return gate.Answer{}, payment.ErrNotFound
	}
	list[0].Status = payment.DeliveryPending
	resent, err := keeping(r, http.StatusOK, viewDelivery(list[0]))
	if err != nil {
		return gate.Answer{}, err
	}
	e, err := a.Webhooks.Endpoint(ctx, r.Business, place.Endpoint)
	if err != nil {
		return gate.Answer{}, err
	}
	if !e.Disabled.IsZero() {
		return gate.Answer{}, payment.Refuse("ENDPOINT_DISABLED", "The endpoint is disabled. Enable it first")
	}
	_, _, err = a.Webhooks.Resend(ctx, f, 1, r.Once, func([]payment.Delivery, bool) {})
	return resent, err
}

func (a *API) resendDeliveries(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		Event       payment.NoticeKind       `json:"event"`
		EndpointID  payment.EndpointID       `json:"endpoint_id"`
		Statuses    []payment.DeliveryStatus `json:"statuses"`
		ObjectID    string                   `json:"object_id"`
		CreatedFrom time.Time                `json:"created_from"`
		CreatedTo   time.Time                `json:"created_to"`
		AfterID     *payment.DeliveryPlace   `json:"after_id"`
	}
	q.Statuses = payment.Undelivered()
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	f := payment.DeliveryFilter{
		Business: r.Business, Endpoint: q.EndpointID, Kind: q.Event, Object: q.ObjectID, Statuses: q.Statuses,
		From: q.CreatedFrom, To: q.CreatedTo, Before: q.AfterID,
	}
	var resent gate.Answer
	var failed error
	_, _, err := a.Webhooks.Resend(ctx, f, payment.ResendMax, r.Once, func(list []payment.Delivery, more bool) {
		said := struct {
			Resent  int    `json:"resent"`
			HasMore bool   `json:"has_more"`
			AfterID string `json:"after_id,omitempty"`
		}{Resent: len(list), HasMore: more}
		if more {
			said.AfterID = list[len(list)-1].Place().String()
		}
		resent, failed = keeping(r, http.StatusOK, said)
	})
	if err == nil {
		err = failed
	}
	return resent, err
}
