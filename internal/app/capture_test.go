package app

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// holding makes a session whose money is held for the merchant to capture.
func holding(request map[string]any) { request["capture_method"] = "MANUAL" }

// heldPayment has 100000 rupiah held through a session, and returns the payment request's and the payment's id.
func (w *town) heldPayment(change ...func(map[string]any)) (session map[string]any, request, paid string) {
	w.t.Helper()
	session = w.newSession(visaChallenge, append(change, holding)...)
	accepted := w.submitted(session, "123")
	if accepted["action_url"] != nil {
		if end := w.visitor(accepted).pay(rightOTP); end["outcome"] != "succeeded" || end["return_url"] != w.ShopURL+"/return/success" {
			w.t.Fatalf("the payer ends at %v", end)
		}
	}
	request = accepted["payment_request_id"].(string)
	return session, request, w.attempt(request)["latest_payment_id"].(string)
}

// standsAt compares the statuses of a payment request and its payment, and returns the payment.
func (w *town) standsAt(request, paid, requestStatus, paymentStatus string) map[string]any {
	w.t.Helper()
	if got := w.attempt(request); got["status"] != requestStatus {
		w.t.Errorf("payment request: %v, want %s", got, requestStatus)
	}
	got := w.read("/v3/payments/" + paid)
	if got["status"] != paymentStatus {
		w.t.Errorf("payment: %v, want %s", got, paymentStatus)
	}
	return got
}

// act asks for something to be done about a payment.
func (w *town) act(paid, what string, body any) (int, map[string]any) {
	w.t.Helper()
	return w.call("POST", "/v3/payments/"+paid+"/"+what, SandboxSecretKey, body)
}

func capturing(n any) map[string]any { return map[string]any{"capture_amount": n} }

// acknowledged waits until no advice is open. After the clock was moved the line to the acquirer may just have
// broken, and then a first try did not leave.
func (w *town) acknowledged() {
	w.t.Helper()
	w.eventually("every advice is acknowledged", func() bool {
		open := w.count(`SELECT COUNT(*) FROM advice WHERE status = $1`, string(payment.AdviceOpen))
		if open > 0 {
			w.clock.forward(10 * time.Second)
		}
		return open == 0
	})
}

// booking is what the issuer booked for a payment: the hold, and what became of it.
func (w *town) booking(request string) (hold simulator.Entry, then []simulator.Entry) {
	w.t.Helper()
	var rrn string
	for _, r := range w.requests() {
		if string(r.ID) == request {
			rrn = r.Trace.RRN
		}
	}
	for _, e := range w.bank.ledger() {
		switch {
		case e.RRN != rrn:
		case e.Kind == "hold":
			hold = e
		default:
			then = append(then, e)
		}
	}
	return hold, then
}

// settled waits until the issuer has booked entries of these kinds after a hold.
func (w *town) settled(request, state string, kinds ...string) (then []simulator.Entry) {
	w.t.Helper()
	var hold simulator.Entry
	w.eventually("booked", func() bool { hold, then = w.booking(request); return len(then) >= len(kinds) })
	if hold.State != state || len(then) != len(kinds) {
		w.t.Fatalf("the issuer has %+v, then %+v; want a hold that is %s, then %v", hold, then, state, kinds)
	}
	for i, kind := range kinds {
		if then[i].Kind != kind {
			w.t.Errorf("the issuer has %+v, want %v", then, kinds)
		}
	}
	return then
}

func TestCaptured(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	notHeld := refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""}

	t.Run("through a session, the whole", func(t *testing.T) {
		w := town.in(t)
		session, request, paid := w.heldPayment()
		w.tellsExactly([]string{"payment.authorization", "payment_session.completed"}, request)
		held := w.webhook("payment.authorization", request).Data
		if held["status"] != "AUTHORIZED" || held["captures"] != nil || held["capture_method"] != "MANUAL" || held["payment_id"] != paid {
			t.Errorf("payment.authorization: %v", held)
		}
		if now := w.session(session); now["status"] != "COMPLETED" || now["payment_id"] != paid || now["capture_method"] != "MANUAL" {
			t.Errorf("session: %v", now)
		}
		if got := w.standsAt(request, paid, "AUTHORIZED", "AUTHORIZED"); got["captures"] != nil {
			t.Errorf("payment: %v", got)
		}
		w.settled(request, "kept")

		status, captured := w.act(paid, "capture", map[string]any{"capture_amount": 100000, "final_capture": true})
		list, _ := captured["captures"].([]any)
		if status != http.StatusOK || captured["status"] != "SUCCEEDED" || len(list) != 1 || list[0].(map[string]any)["capture_amount"] != 100000.0 {
			t.Fatalf("capture: %d %v", status, captured)
		}
		w.tellsExactly([]string{"payment.authorization", "payment_session.completed", "payment.capture"}, request)
		w.standsAt(request, paid, "AUTHORIZED", "SUCCEEDED")
		w.settled(request, "captured", "capture")
		w.ask("POST", "/v3/payments/"+paid+"/capture", SandboxSecretKey, capturing(1)).refuses(t, notHeld)
		w.ask("POST", "/v3/payments/"+paid+"/cancel", SandboxSecretKey, nil).refuses(t, notHeld)
	})
	t.Run("a part, and the rest is let go", func(t *testing.T) {
		w := town.in(t)
		_, request, paid := w.heldPayment(skipping)
		w.ask("POST", "/v3/payments/"+paid+"/capture", SandboxSecretKey, capturing(100001)).refuses(t, refusal{400, "CAPTURE_AMOUNT_EXCEEDED", "", ""})
		status, captured := w.act(paid, "capture", capturing(30000))
		if status != http.StatusOK || captured["status"] != "SUCCEEDED" || captured["request_amount"] != 100000.0 {
			t.Fatalf("capture: %d %v", status, captured)
		}
		then := w.settled(request, "captured", "capture", "release")
		if then[0].Amount != 30000_00 || then[1].Amount != 70000_00 {
			t.Errorf("the issuer has %+v", then)
		}
		w.ask("POST", "/v3/payments/"+paid+"/capture", SandboxSecretKey, capturing(1)).refuses(t, notHeld)
	})
	t.Run("given up", func(t *testing.T) {
		w := town.in(t)
		_, request, paid := w.heldPayment(skipping)
		status, canceled := w.act(paid, "cancel", nil)
		if status != http.StatusOK || canceled["status"] != "CANCELED" || canceled["captures"] != nil {
			t.Fatalf("cancel: %d %v", status, canceled)
		}
		w.settled(request, "reversed", "reversal")
		w.standsAt(request, paid, "AUTHORIZED", "CANCELED")
		w.ask("POST", "/v3/payments/"+paid+"/capture", SandboxSecretKey, capturing(1)).refuses(t, notHeld)
		w.tellsExactly([]string{"payment.authorization", "payment_session.completed"}, request) // nobody is told
	})
	t.Run("through a payment request", func(t *testing.T) {
		w := town.in(t)
		made := w.newRequest(mastercardFrictionless, with("capture_method", "MANUAL"), channel("skip_three_ds", true))
		request, paid := made["payment_request_id"].(string), made["latest_payment_id"].(string)
		w.tellsExactly([]string{"payment.authorization"}, request)
		w.standsAt(request, paid, "AUTHORIZED", "AUTHORIZED")
		if status, captured := w.act(paid, "capture", capturing(2500)); status != http.StatusOK || captured["status"] != "SUCCEEDED" {
			t.Fatalf("capture: %d %v", status, captured)
		}
		w.tellsExactly([]string{"payment.authorization", "payment.capture"}, request)
		w.settled(request, "captured", "capture", "release")
	})
	t.Run("the host refuses", func(t *testing.T) {
		w := town.in(t)
		_, request, paid := w.heldPayment(skipping)
		w.bank.turn(`{"next_advice":{"behaviour":"decline","code":"N8"}}`)
		status, refused := w.act(paid, "capture", capturing(100000))
		if status != http.StatusOK || refused["status"] != "FAILED" || refused["failure_code"] == nil || refused["captures"] != nil {
			t.Fatalf("capture: %d %v", status, refused)
		}
		w.tellsExactly([]string{"payment.authorization", "payment_session.completed", "payment.failure"}, request)
		w.settled(request, "reversed", "reversal")
		if got := w.standsAt(request, paid, "FAILED", "FAILED"); got["failure_code"] != refused["failure_code"] {
			t.Errorf("payment: %v", got)
		}
	})
	t.Run("two at once", func(t *testing.T) {
		w := town.in(t)
		for range 4 {
			_, request, paid := w.heldPayment(skipping)
			taken := 0
			for i, a := range atOnce(6, func(i int) answer {
				a, err := w.send("POST", "/v3/payments/"+paid+"/capture", SandboxSecretKey, capturing(10000*(i+1)))
				if err != nil {
					t.Error(err)
				}
				return a
			}) {
				if a.status == http.StatusOK {
					taken = 10000 * (i + 1)
				} else {
					a.refuses(t, notHeld)
				}
			}
			then := w.settled(request, "captured", "capture", "release")
			if then[0].Amount != int64(taken)*100 || then[0].Amount+then[1].Amount != 100000_00 {
				t.Errorf("answered %d, the issuer has %+v", taken, then)
			}
			w.tellsExactly([]string{"payment.authorization", "payment_session.completed", "payment.capture"}, request)
		}
	})
	t.Run("captured and given up at once", func(t *testing.T) {
		w := town.in(t)
		for range 8 {
			_, request, paid := w.heldPayment(skipping)
			answers := atOnce(2, func(i int) answer {
				what, body := "capture", any(capturing(100000))
				if i == 1 {
					what, body = "cancel", nil
				}
				a, err := w.send("POST", "/v3/payments/"+paid+"/"+what, SandboxSecretKey, body)
				if err != nil {
					t.Error(err)
				}
				return a
			})
			captured, canceled := answers[0].status == http.StatusOK, answers[1].status == http.StatusOK
			switch {
			case captured && !canceled:
				answers[1].refuses(t, notHeld)
				w.settled(request, "captured", "capture")
				w.standsAt(request, paid, "AUTHORIZED", "SUCCEEDED")
			case canceled && !captured:
				answers[0].refuses(t, notHeld)
				w.settled(request, "reversed", "reversal")
				w.standsAt(request, paid, "AUTHORIZED", "CANCELED")
			default:
				t.Errorf("%v", answers)
			}
		}
	})
	town.balanced()
}

// TestCaptureIsRepeated: a capture that the host does not acknowledge is repeated until it does, and comes once.
func TestCaptureIsRepeated(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for _, behaviour := range []string{"silence", "lost"} {
		t.Run(behaviour, func(t *testing.T) {
			w := town.in(t)
			_, request, paid := w.heldPayment(skipping)
			w.bank.turn(`{"next_advice":{"behaviour":"` + behaviour + `"}}`)
			var got map[string]any
			var task sync.WaitGroup
			task.Go(func() { _, got = w.act(paid, "capture", capturing(40000)) })
			w.eventually("the capture is on its way", func() bool {
				var set simulator.Knobs
				w.bank.get("/knobs", &set)
				return set.NextAdvice == nil
			})
			w.standsAt(request, paid, "AUTHORIZED", "PENDING")
			w.ask("POST", "/v3/payments/"+paid+"/cancel", SandboxSecretKey, nil).refuses(t, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""})
			w.forward(adviceTimeout)
			task.Wait()
			if got["status"] != "PENDING" || got["captures"] != nil {
				t.Errorf("capture: %v", got)
			}
			if n := w.webhooks("payment.capture", request); n != 0 {
				t.Error("the merchant is told of what nobody knows")
			}
			w.forward(10 * time.Second)
			w.webhook("payment.capture", request)
			w.standsAt(request, paid, "AUTHORIZED", "SUCCEEDED")
			w.settled(request, "captured", "capture", "release")
			w.tellsExactly([]string{"payment.authorization", "payment_session.completed", "payment.capture"}, request)
		})
	}
	town.balanced()
}

// TestHoldExpires after seven days, and the payer has the money back.
func TestHoldExpires(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	_, request, paid := w.heldPayment(skipping)
	_, other, captured := w.heldPayment(skipping)
	w.forward(payment.HoldLife - 5*time.Minute)
	w.standsAt(request, paid, "AUTHORIZED", "AUTHORIZED")
	if status, got := w.act(captured, "capture", capturing(100000)); status != http.StatusOK {
		t.Fatalf("in the last minutes: %d %v", status, got)
	}
	w.acknowledged()
	w.forward(5 * time.Minute)
	told := w.webhook("payment.expiry", request).Data
	if told["status"] != "EXPIRED" || told["captures"] != nil || told["payment_id"] != paid {
		t.Errorf("payment.expiry: %v", told)
	}
	w.tellsExactly([]string{"payment.authorization", "payment_session.completed", "payment.expiry"}, request)
	w.tellsExactly([]string{"payment.authorization", "payment_session.completed", "payment.capture"}, other)
	w.settled(request, "reversed", "reversal")
	w.standsAt(request, paid, "AUTHORIZED", "EXPIRED")
	w.ask("POST", "/v3/payments/"+paid+"/capture", SandboxSecretKey, capturing(1)).refuses(t, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""})
	w.balanced()
}
