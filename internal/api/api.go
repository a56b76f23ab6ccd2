// Package api is the door of the merchant's server: the v3 routes and their JSON. Nothing is decided here.
// A handler turns JSON into a command of package flow and what came of it into JSON.
package api

import (
	"net/http"
	"time"

	"reprise/internal/flow"
	"reprise/internal/gate"
)

// API answers the merchant's server.
type API struct {
	Flow      *flow.Flow
	Webhooks  Webhooks
	PublicURL string // where browsers reach the gateway
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
