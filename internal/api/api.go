// Package api is the door of the merchant's server: the v3 routes and their JSON. Nothing is decided here.
// A handler turns JSON into a command of package flow and what came of it into JSON.
package api

import (
	"encoding/json"
	"net/http"
	"time"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// API answers the merchant's server.
type API struct {
	Flow      *flow.Flow
	Webhooks  Webhooks
	PublicURL string // where browsers reach the gateway
	Now       func() time.Time
}

// milliseconds is a moment as the API writes it.
type milliseconds time.Time

func (t milliseconds) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

func answer(status int, body any) (gate.Answer, error) {
	return gate.Answer{Status: status, Body: body}, nil
}

func ok(body any, err error) (gate.Answer, error) {
	if err != nil {
		return gate.Answer{}, err
	}
	return answer(http.StatusOK, body)
}

// keep makes the answer that is kept for the repetition of a command: the view of the case as it then stands.
func keep(status int, view func(payment.Case) (any, error)) func(payment.Case) (int, []byte, error) {
	return func(c payment.Case) (int, []byte, error) {
		v, err := view(c)
		if err != nil {
			return 0, nil, err
		}
		body, err := json.Marshal(v)
		return status, body, err
	}
}

// listView is a page of a list.
type listView[T any] struct {
	Data    []T  `json:"data"`
	HasMore bool `json:"has_more"`
}

// withoutNulls drops what was sent as null: captured answers of the v3 API leave such keys out.
func withoutNulls(fields ...*json.RawMessage) {
	for _, field := range fields {
		if string(*field) == "null" {
			*field = nil
		}
	}
}

// buyer is how a body names its customer.
type buyer struct {
	CustomerID payment.CustomerID `json:"customer_id"`
	Customer   json.RawMessage    `json:"customer"`
}

func (b buyer) command() (flow.Buyer, error) {
	named := flow.Buyer{ID: b.CustomerID}
	if len(b.Customer) == 0 || string(b.Customer) == "null" {
		return named, nil
	}
	customer, err := newCustomer(b.Customer, version20201031)
	named.New = &customer
	return named, err
}
