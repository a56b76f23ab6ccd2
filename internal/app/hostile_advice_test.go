package app

import (
	"strings"
	"testing"
	"time"
)

// TestAdvicesThatMeetTrouble: whatever becomes of the answers to a capture and to a refund, each is repeated until it
// is acknowledged, and carried out once.
func TestAdvicesThatMeetTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: waits for many repeats")
	}
	t.Parallel()
	town := openTown(t)
	for _, fault := range []string{
		`"silence","times":2`, `"lost"`, `"twice"`, `"garbled"`, `"wrong_length"`, `"half_answer"`, `"other_stan"`,
		`"other_connection"`, `"reconnect"`, `"drop_connection"`, `"half_open"`, `"stall","delay_ms":7000`, `"late","delay_ms":7000`,
	} {
		t.Run(strings.Trim(strings.Split(fault, ",")[0], `"`), func(t *testing.T) {
			w := town.in(t)
			w.ready()
			paid := w.held10000()
			request := w.read("/v3/payments/" + paid)["payment_request_id"].(string)
			meets := `{"next_advice":{"behaviour":` + fault + `}}`

			w.bank.turn(meets)
			w.patiently("/v3/payments/"+paid+"/capture", capturing(10000))
			w.acknowledged()
			w.standsAt(request, paid, "AUTHORIZED", "SUCCEEDED")
			w.settled(request, "captured", "capture")

			w.ready()
			w.bank.turn(meets)
			refund := w.patiently("/refunds", refunding(request))
			w.acknowledged()
			if got := w.read("/refunds/" + refund["id"].(string)); got["status"] != "SUCCEEDED" {
				t.Errorf("refund: %v", got)
			}
			w.webhook("refund.succeeded", refund["id"].(string))
			w.settled(request, "captured", "capture", "refund")
		})
	}
	town.balanced()
}

// patiently posts what may have to wait for the acquirer, while the clock goes on.
func (w *town) patiently(path string, body any) map[string]any {
	w.t.Helper()
	came := make(chan answer, 1)
	go func() {
		a, err := w.send("POST", path, SandboxSecretKey, body)
		if err != nil || a.status != 200 {
			w.t.Errorf("%s: %v %v", path, a, err)
		}
		came <- a
	}()
	var a answer
	w.eventually(path+" is answered", func() bool {
		select {
		case a = <-came:
			return true
		case <-time.After(300 * time.Millisecond):
			w.clock.forward(time.Second)
			return false
		}
	})
	return a.body
}
