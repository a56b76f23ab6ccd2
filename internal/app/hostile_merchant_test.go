package app

import (
	"testing"
	"time"

	"reprise/internal/simulator"
)

// sunk lists the webhooks that came to the simulated merchant's server about an object.
func (b *bank) sunk(path string) (found []simulator.Delivery) {
	b.t.Helper()
	var all struct{ Deliveries []simulator.Delivery }
	b.get("/merchant/deliveries", &all)
	for _, d := range all.Deliveries {
		if d.Path == path {
			found = append(found, d)
		}
	}
	return found
}

// TestEndpointInTrouble: whatever a merchant's server does with a webhook, it is sent again with the same id until it
// is taken, and holds nobody else's up.
func TestEndpointInTrouble(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	endpoint := town.addEndpoint(town.ControlURL+"/merchant", SandboxSecretKey, "payment.capture")
	for behaviour, want := range map[string]struct {
		fault  string
		status any // that the merchant reads of the try
		wrong  any
	}{
		"error":           {``, 500.0, nil},
		"redirect":        {``, 307.0, nil},
		"drop_connection": {``, nil, "connection"},
		"silence":         {``, nil, "timeout"},
		"late":            {`,"delay_ms":60000`, nil, "timeout"},
		"drip":            {`,"delay_ms":900`, nil, "timeout"},
	} {
		t.Run(behaviour, func(t *testing.T) {
			w := town.in(t)
			before := len(w.bank.sunk("/merchant"))
			w.bank.turn(`{"next_delivery":{"behaviour":"` + behaviour + `","times":2` + want.fault + `}}`)
			session := w.newSession(visaFrictionless, skipping)
			accepted := w.submitted(session, "123")
			w.succeeded(session, accepted) // the ear was told, whatever the other does
			w.eventually("the third try is taken", func() bool {
				if len(w.bank.sunk("/merchant"))-before < 3 {
					w.clock.forward(time.Second)
				}
				return len(w.bank.sunk("/merchant"))-before == 3
			})
			tries := w.bank.sunk("/merchant")[before:]
			for _, try := range tries[1:] {
				if try.WebhookID == "" || try.WebhookID != tries[0].WebhookID {
					t.Errorf("webhook-id %q, then %q", tries[0].WebhookID, try.WebhookID)
				}
			}
			var attempts []any
			w.eventually("delivered", func() bool {
				last := w.deliveries(of(endpoint))[0]
				attempts, _ = last["attempts"].([]any)
				return last["status"] == "DELIVERED"
			})
			if len(attempts) != 3 {
				t.Fatalf("attempts: %v", attempts)
			}
			for _, a := range attempts[:2] {
				if got := a.(map[string]any); got["http_status"] != want.status || got["problem"] != want.wrong {
					t.Errorf("a try: %v, want %v %v", got, want.status, want.wrong)
				}
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		w := town.in(t)
		gone := w.addEndpoint(w.ControlURL+"/merchant/gone", SandboxSecretKey, "payment.capture")
		session := w.newSession(visaFrictionless, skipping)
		w.succeeded(session, w.submitted(session, "123"))
		w.delivered(gone, "FAILED", 1)
		if disabled := w.read(gone); disabled["status"] != "DISABLED" {
			t.Errorf("%v", disabled)
		}
	})
	t.Run("huge", func(t *testing.T) {
		w := town.in(t)
		huge := w.addEndpoint(w.ControlURL+"/merchant/huge", SandboxSecretKey, "payment.capture")
		session := w.newSession(visaFrictionless, skipping)
		w.succeeded(session, w.submitted(session, "123"))
		w.delivered(huge, "DELIVERED", 1) // its status says so; nobody reads on
	})
	town.balanced()
}
