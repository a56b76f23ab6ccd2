package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
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
		DeliveryID: string(d.Notice.ID) + "." + string(d.Endpoint), WebhookID: d.Notice.ID, EndpointID: d.Endpoint,
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

// deliveryPlace reads a delivery_id, whose form the contract has checked.
func deliveryPlace(id string) payment.DeliveryPlace {
	notice, endpoint, _ := strings.Cut(id, ".")
	return payment.DeliveryPlace{Notice: payment.EventID(notice), Endpoint: payment.EndpointID(endpoint)}
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
		Kind: payment.NoticeKind(q.Get("event")), Object: q.Get("object_id"), Status: payment.DeliveryStatus(q.Get("status")),
	}
	var err error
	if f.From, err = moment(q.Get("created_from")); err != nil {
		return gate.Answer{}, err
	}
	if f.To, err = moment(q.Get("created_to")); err != nil {
		return gate.Answer{}, err
	}
	if id := q.Get("after_id"); id != "" {
		place := deliveryPlace(id)
		f.Before = &place
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
	place := deliveryPlace(r.Path("delivery_id"))
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
	_, _, err = a.Webhooks.Resend(ctx, f, 1, r.Once, func(int, bool) {})
	return resent, err
}

func (a *API) resendDeliveries(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		Event       payment.NoticeKind     `json:"event"`
		EndpointID  payment.EndpointID     `json:"endpoint_id"`
		Status      payment.DeliveryStatus `json:"status"`
		ObjectID    string                 `json:"object_id"`
		CreatedFrom time.Time              `json:"created_from"`
		CreatedTo   time.Time              `json:"created_to"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	f := payment.DeliveryFilter{
		Business: r.Business, Endpoint: q.EndpointID, Kind: q.Event, Object: q.ObjectID, Status: q.Status,
		From: q.CreatedFrom, To: q.CreatedTo,
	}
	var resent gate.Answer
	var failed error
	_, _, err := a.Webhooks.Resend(ctx, f, payment.ResendMax, r.Once, func(n int, more bool) {
		resent, failed = keeping(r, http.StatusOK, struct {
			Resent  int  `json:"resent"`
			HasMore bool `json:"has_more"`
		}{n, more})
	})
	if err == nil {
		err = failed
	}
	return resent, err
}
