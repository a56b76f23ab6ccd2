package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// Webhooks looks after merchants' endpoints and what was delivered to them.
type Webhooks interface {
	// NewEndpoint makes an endpoint that may be saved, or refuses its URL, or what would come there twice.
	NewEndpoint(ctx context.Context, b payment.BusinessID, url string, events []payment.NoticeKind) (payment.Endpoint, error)
	SaveEndpoint(ctx context.Context, b payment.BusinessID, e payment.Endpoint, by payment.Actor, once *payment.Once) error
	EnableEndpoint(ctx context.Context, b payment.BusinessID, id payment.EndpointID, by payment.Actor, once *payment.Once) error
	RemoveEndpoint(ctx context.Context, b payment.BusinessID, id payment.EndpointID, by payment.Actor) error
	Endpoints(ctx context.Context, b payment.BusinessID) ([]payment.Endpoint, error)
	Endpoint(ctx context.Context, b payment.BusinessID, id payment.EndpointID) (payment.Endpoint, error)
	// EndpointSecret is what signs for an endpoint, as Standard Webhooks write it.
	EndpointSecret(id payment.EndpointID) string
	// CallbackToken is what a business's webhooks have as x-callback-token.
	CallbackToken(b payment.BusinessID) string
	// TestEndpoint sends a sample, once.
	TestEndpoint(ctx context.Context, b payment.BusinessID, to payment.Endpoint, kind payment.NoticeKind) (payment.DeliveryAttempt, error)
	KeepAnswer(ctx context.Context, once *payment.Once) error

	// Deliveries and Resend take at most limit, the newest first; more says that there are others behind the last.
	// answered is called with what Resend will return, before once is kept.
	Deliveries(ctx context.Context, f payment.DeliveryFilter, limit int) (list []payment.Delivery, more bool, err error)
	Resend(ctx context.Context, f payment.DeliveryFilter, limit int, once *payment.Once, answered func(list []payment.Delivery, more bool)) (list []payment.Delivery, more bool, err error)
}

type endpointView struct {
	EndpointID     payment.EndpointID   `json:"endpoint_id"`
	URL            string               `json:"url"`
	Events         []payment.NoticeKind `json:"events"`
	Status         string               `json:"status"`
	DisabledAt     *milliseconds        `json:"disabled_at,omitempty"`
	DisabledReason string               `json:"disabled_reason,omitempty"`
	Created        milliseconds         `json:"created"`
}

func viewEndpoint(e payment.Endpoint) endpointView {
	v := endpointView{
		EndpointID: e.ID, URL: e.URL, Events: append([]payment.NoticeKind{}, e.Events...), Status: "ENABLED",
		DisabledReason: e.Reason, Created: milliseconds(e.Created),
	}
	if !e.Disabled.IsZero() {
		at := milliseconds(e.Disabled)
		v.Status, v.DisabledAt = "DISABLED", &at
	}
	return v
}

// keeping makes an answer the one that is given again. It is not about a case.
func keeping(r *gate.Request, status int, body any) (gate.Answer, error) {
	r.Once.Keeps(keep(status, func(payment.Case) (any, error) { return body, nil }))
	return answer(status, body)
}

func (a *API) addEndpoint(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		URL    string               `json:"url"`
		Events []payment.NoticeKind `json:"events"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	e, err := a.Webhooks.NewEndpoint(ctx, r.Business, q.URL, q.Events)
	if err != nil {
		return gate.Answer{}, err
	}
	made, err := keeping(r, http.StatusCreated, viewEndpoint(e))
	if err != nil {
		return gate.Answer{}, err
	}
	return made, a.Webhooks.SaveEndpoint(ctx, r.Business, e, r.Actor, r.Once)
}

func (a *API) listEndpoints(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	list, err := a.Webhooks.Endpoints(ctx, r.Business)
	if err != nil {
		return gate.Answer{}, err
	}
	views := make([]endpointView, len(list))
	for i, e := range list {
		views[i] = viewEndpoint(e)
	}
	return ok(pageView[endpointView]{Data: views}, nil)
}

// endpoint reads the endpoint that the path names.
func (a *API) endpoint(ctx context.Context, r *gate.Request) (payment.Endpoint, error) {
	return a.Webhooks.Endpoint(ctx, r.Business, payment.EndpointID(r.Path("endpoint_id")))
}

func (a *API) getEndpoint(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	e, err := a.endpoint(ctx, r)
	return ok(viewEndpoint(e), err)
}

func (a *API) removeEndpoint(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	e, err := a.endpoint(ctx, r)
	if err == nil {
		err = a.Webhooks.RemoveEndpoint(ctx, r.Business, e.ID, r.Actor)
	}
	return ok(viewEndpoint(e), err)
}

func (a *API) getEndpointSecret(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	e, err := a.endpoint(ctx, r)
	return ok(struct {
		EndpointID    payment.EndpointID `json:"endpoint_id"`
		Secret        string             `json:"secret"`
		CallbackToken string             `json:"callback_token"`
	}{e.ID, a.Webhooks.EndpointSecret(e.ID), a.Webhooks.CallbackToken(r.Business)}, err)
}

func (a *API) enableEndpoint(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	e, err := a.endpoint(ctx, r)
	if err != nil {
		return gate.Answer{}, err
	}
	e.Disabled, e.Reason = time.Time{}, ""
	enabled, err := keeping(r, http.StatusOK, viewEndpoint(e))
	if err != nil {
		return gate.Answer{}, err
	}
	return enabled, a.Webhooks.EnableEndpoint(ctx, r.Business, e.ID, r.Actor, r.Once)
}

func (a *API) testEndpoint(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		Event payment.NoticeKind `json:"event"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	e, err := a.endpoint(ctx, r)
	if err != nil {
		return gate.Answer{}, err
	}
	attempt, err := a.Webhooks.TestEndpoint(ctx, r.Business, e, q.Event)
	if err != nil {
		return gate.Answer{}, err
	}
	tested, err := keeping(r, http.StatusOK, struct {
		EndpointID payment.EndpointID `json:"endpoint_id"`
		Event      payment.NoticeKind `json:"event"`
		Delivered  bool               `json:"delivered"`
		Attempt    attemptView        `json:"attempt"`
	}{e.ID, q.Event, attempt.Taken(), viewAttempt(attempt)})
	if err != nil {
		return gate.Answer{}, err
	}
	return tested, a.Webhooks.KeepAnswer(ctx, r.Once)
}
