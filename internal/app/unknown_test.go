package app

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

const (
	answerTimeout = 8 * time.Second // of the sandbox
	adviceTimeout = 5 * time.Second
)

// held submits a CVN that the acquirer does not answer about, and returns when the purchase has reached it.
// done waits for the answer to the submission, which comes at the acquirer's time-out.
func (w *town) held(session map[string]any) (request string, done func() map[string]any) {
	w.t.Helper()
	before := len(w.requests())
	accepted := make(chan map[string]any, 1)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		a, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		if err != nil || a.status != 200 {
			w.t.Errorf("submission: %v %v", err, a)
		}
		accepted <- a.body
	})
	w.eventually("the attempt is written down", func() bool { return len(w.requests()) > before })
	all := w.requests()
	return string(all[len(all)-1].ID), func() map[string]any { tasks.Wait(); return <-accepted }
}

// pending holds what everybody is told of an attempt whose outcome nobody knows.
func (w *town) pending(session map[string]any, request string) {
	w.t.Helper()
	got := w.attempt(request)
	if got["status"] != "PENDING" {
		w.t.Errorf("payment request: %v", got)
	}
	if paid := w.read("/v3/payments/" + got["latest_payment_id"].(string)); paid["status"] != "PENDING" {
		w.t.Errorf("payment: %v", paid)
	}
	before, sealed := len(w.requests()), w.escrow()
	busy := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
	busy.refuses(w.t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})
	if busy.header.Get("Retry-After") == "" {
		w.t.Error("503 without Retry-After")
	}
	w.ask("POST", "/sessions/"+session["payment_session_id"].(string)+"/cancel", SandboxSecretKey, nil).
		refuses(w.t, refusal{422, "INVALID_SESSION_STATUS", "", ""})
	if n := len(w.requests()) - before; n != 0 || w.escrow() != sealed {
		w.t.Errorf("kept of what was refused: %d attempts, %d sealed CVNs", n, w.escrow()-sealed)
	}
	if n := len(w.about("", request)); n != 0 {
		w.t.Errorf("the merchant was told %d times of something that nobody knows", n)
	}
}

// tried waits until the last reversal was tried so often.
func (w *town) tried(n int) payment.Advice {
	w.t.Helper()
	var r payment.Advice
	w.eventually(fmt.Sprintf("reversal tried %d times", n), func() bool {
		all := w.advices()
		if len(all) == 0 {
			return false
		}
		r = all[len(all)-1]
		return r.Tries >= n
	})
	if r.Tries != n {
		w.t.Errorf("tried %d times, want %d", r.Tries, n)
	}
	return r
}

// payAgain shows that the session is free.
func (w *town) payAgain(session map[string]any) {
	w.t.Helper()
	w.succeeded(session, w.submitted(session, "123"))
}

func TestNeverAnsweredButBooked(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge, skipping)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence","times":2}}`)
	request, done := w.held(session)
	w.eventually("booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	w.pending(session, request)

	w.forward(answerTimeout)
	accepted := done() // the submission is answered before the outcome is known
	if accepted["payment_request_id"] != request {
		t.Errorf("%v", accepted)
	}
	// The bank has reversed it, and its acknowledgement was lost: nobody here may know that.
	w.eventually("reversed", func() bool { return len(w.bank.purchases("reversed")) == 1 })
	w.pending(session, request)
	w.forward(adviceTimeout)
	first := w.tried(1)
	w.pending(session, request)
	w.forward(10 * time.Second) // 0421, lost again
	w.eventually("the repetition is lost", func() bool {
		var set struct {
			Next *simulator.Fault `json:"next_advice"`
		}
		w.bank.get("/knobs", &set)
		return set.Next == nil
	})
	w.forward(adviceTimeout)
	w.tried(2)
	w.pending(session, request)
	w.forward(10 * time.Second) // 0421, acknowledged

	w.failed(session, accepted, "PARTNER_TIMEOUT_ERROR")
	last := w.tried(3)
	if last.Status != payment.AdviceDone || last.Trace != first.Trace || last.Original.RRN != last.Trace.RRN || last.Original.STAN == last.Trace.STAN {
		t.Errorf("%+v", last)
	}
	if n := len(w.bank.ledger()); n != 2 {
		t.Errorf("%d ledger entries, want the purchase and one reversal", n)
	}
	w.payAgain(session)
	if n := w.webhooks("payment.failure", request); n != 1 {
		t.Errorf("told %d times", n)
	}
	w.balanced()
}

// TestNeverAnsweredThroughThePage is the same at the end of a challenge: the page says to wait.
func TestNeverAnsweredThroughThePage(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge)
	accepted := w.submitted(session, "123")
	p := w.visitor(accepted)
	if err := p.challenge(p.must(p.arrive()), rightOTP); err != nil {
		t.Fatal(err)
	}
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence"}}`)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if s, err := p.confirm(); err != nil || s["do"] != "pending" {
			t.Errorf("%v %v", s, err)
		}
	})
	w.eventually("booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	if s := p.must(p.look()); s["do"] != "pending" {
		t.Errorf("%v", s)
	}
	if s := p.must(p.confirm()); s["do"] != "pending" { // a reload, which brings the share again
		t.Errorf("%v", s)
	}
	w.forward(answerTimeout)
	tasks.Wait()
	w.eventually("reversed", func() bool { return len(w.bank.purchases("reversed")) == 1 })
	w.pending(session, accepted["payment_request_id"].(string))
	w.forward(adviceTimeout)
	w.tried(1)
	w.forward(10 * time.Second)
	w.failed(session, accepted, "PARTNER_TIMEOUT_ERROR")
	if s := p.must(p.look()); s["do"] != "done" || s["outcome"] != "failed" {
		t.Errorf("%v", s)
	}
	w.balanced()
}

func TestNeverAnsweredNorBooked(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge, skipping)
	w.bank.next("lost")
	request, done := w.held(session)
	w.forward(answerTimeout)
	accepted := done()
	for n := 1; n <= 2; n++ {
		w.eventually("a try is over", func() bool { all := w.advices(); return len(all) == 1 && all[0].NoTrace == n })
		if r := w.tried(n); r.Status != payment.AdviceOpen {
			t.Errorf("%+v", r)
		}
		w.pending(session, request)
		w.forward(59 * time.Second)
		w.tried(n)
		w.forward(time.Second)
	}
	w.eventually("closed", func() bool { r := w.advices()[0]; return r.NoTrace == 3 && r.Status == payment.AdviceNoTrace })
	w.tried(3)
	w.failed(session, accepted, "PARTNER_TIMEOUT_ERROR")
	if n := len(w.bank.ledger()); n != 0 {
		t.Errorf("%d ledger entries", n)
	}
	w.payAgain(session)
	w.balanced()
}

// TestNotAsAsked: an approval of something else fails at once and is reversed by the way.
func TestNotAsAsked(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	for i, behaviour := range []string{"wrong_amount", "wrong_currency", "partial"} {
		t.Run(behaviour, func(t *testing.T) {
			w := w.in(t)
			session := w.newSession(visaChallenge, skipping)
			w.bank.turn(`{"next_acquirer":{"behaviour":"` + behaviour + `"},"next_advice":{"behaviour":"silence"}}`)
			accepted := w.submitted(session, "123")
			w.failed(session, accepted, "PROCESSOR_ERROR") // although the reversal is still unacknowledged
			w.payAgain(session)
			w.eventually("reversed", func() bool { return len(w.bank.purchases("reversed")) == i+1 })
			w.forward(adviceTimeout)
			w.tried(1)
			w.forward(10 * time.Second)
			w.tried(2)
			w.eventually("acknowledged", func() bool {
				all := w.advices()
				return all[len(all)-1].Status == payment.AdviceDone
			})
			if n := w.webhooks("payment.failure", accepted["payment_request_id"].(string)); n != 1 {
				t.Errorf("told %d times", n)
			}
		})
	}
	w.balanced()
}

// TestConnectionLost: the host reads the purchase and hangs up; then nobody can reach it.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session, other := w.newSession(visaChallenge, skipping), w.newSession(visaFrictionless)
	begun := w.submitted(other, "123")
	w.severed.Store(w.world.Kit().Acquirer)
	w.bank.next("drop_connection")
	accepted := w.submitted(session, "123")
	request := accepted["payment_request_id"].(string)
	w.pending(session, request)

	// Not one byte leaves for the other payment, which had begun: it fails, and there is nothing to reverse. Another
	// try is not begun.
	if end := w.visitor(begun).pay(); end["outcome"] != "failed" {
		t.Errorf("%v", end)
	}
	w.failed(other, begun, "CHANNEL_UNAVAILABLE")
	w.notBegun(other)
	if response, err := w.front.http.Get(w.PublicURL + "/readyz"); err != nil || response.StatusCode != 503 {
		t.Errorf("readyz: %v %v", response.StatusCode, err)
	}
	w.tried(0) // it could not leave
	w.pending(session, request)

	w.severed.Store("")
	w.forward(10 * time.Second)
	w.eventually("acknowledged", func() bool {
		all := w.advices()
		if all[0].Status != payment.AdviceDone {
			w.forward(10 * time.Second)
		}
		return all[0].Status == payment.AdviceDone
	})
	w.failed(session, accepted, "PARTNER_TIMEOUT_ERROR")
	if n := len(w.advices()); n != 1 {
		t.Errorf("%d reversals", n)
	}
	w.payAgain(session)
	begun = w.submitted(other, "123")
	w.visitor(begun).pay()
	w.succeeded(other, begun)
	w.balanced()
}

// TestLateApproval comes when the attempt has failed, and is given back by a reversal of its own.
func TestLateApproval(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge, skipping)
	w.bank.turn(`{"next_acquirer":{"behaviour":"late","delay_ms":60000}}`)
	_, done := w.held(session)
	w.forward(answerTimeout)
	w.failed(session, done(), "PARTNER_TIMEOUT_ERROR")
	w.payAgain(session)
	w.forward(60 * time.Second) // the approval arrives
	w.eventually("a second reversal is acknowledged", func() bool {
		all := w.advices()
		return len(all) == 2 && all[1].Status == payment.AdviceDone
	})
	if n := w.webhooks("payment.failure", ""); n != 1 {
		t.Errorf("told %d times", n)
	}
	if n := len(w.bank.purchases("reversed")); n != 1 {
		t.Errorf("%d purchases reversed", n)
	}
	w.balanced()
}

// TestEverydayMischief: duplicates, answers late by less than the time-out and lost acknowledgements change
// no outcome.
func TestEverydayMischief(t *testing.T) {
	t.Parallel()
	w := openTown(t, func(s *SandboxSettings) { s.Calm = false })
	for range 3 {
		for _, change := range [][]func(map[string]any){nil, {skipping}, {skipping, amount(10054)}} {
			session := w.newSession(visaChallenge, change...)
			accepted := w.submitted(session, "123")
			if accepted["action_url"] != nil {
				if end := w.visitor(accepted).pay(rightOTP); end["outcome"] != "succeeded" {
					t.Fatalf("%v", end)
				}
			}
			if session["amount"] == 10054.0 {
				w.failed(session, accepted, "INSUFFICIENT_BALANCE")
			} else {
				w.succeeded(session, accepted)
			}
		}
	}
	for i := range 5 { // the fifth acknowledgement is lost
		session := w.newSession(mastercardFrictionless, skipping)
		w.submitted(session, "998")
		w.eventually("reversed", func() bool { return len(w.bank.purchases("reversed")) == i+1 })
	}
	w.forward(adviceTimeout)
	w.tried(1)
	w.forward(10 * time.Second)
	w.eventually("all reversals acknowledged", func() bool {
		for _, r := range w.advices() {
			if r.Status != payment.AdviceDone {
				return false
			}
		}
		return true
	})
	if n := w.webhooks("payment.capture", ""); n != 6 {
		t.Errorf("%d captures told", n)
	}
	w.balanced()
}
