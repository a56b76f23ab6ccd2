package app

import (
	"testing"
	"time"

	"reprise/internal/payment"
)

// arrives has a payer open the page of an attempt; a step that waits for the world is waited for, the clock going on.
func (w *town) arrives(session, accepted map[string]any) (p *visitor, s step) {
	w.t.Helper()
	p = w.visitor(accepted)
	came := make(chan step, 1)
	go func() {
		s, err := p.arrive()
		if err != nil {
			w.t.Error(err)
		}
		came <- s
	}()
	w.eventually("the page knows what comes next", func() bool {
		select {
		case s = <-came:
			return true
		case <-time.After(time.Second):
			w.clock.forward(4 * time.Second)
			return false
		}
	})
	return p, s
}

// unpaid holds that an attempt failed before anything went to the acquirer, and that its payer can try again.
func (w *town) unpaid(session, accepted map[string]any, code string) {
	w.t.Helper()
	w.failed(session, accepted, code)
	if w.escrow() != 0 {
		w.t.Errorf("%d sealed CVNs", w.escrow())
	}
	for _, r := range w.requests() {
		if string(r.ID) == accepted["payment_request_id"] && r.Trace != nil {
			w.t.Error("a purchase was on its way")
		}
	}
	again := w.submitted(session, "123")
	if end := w.visitor(again).pay(rightOTP); end["outcome"] != "succeeded" {
		w.t.Errorf("the next try: %v", end)
	}
	w.succeeded(session, again)
}

// TestDirectoryInTrouble: an authentication that is not answered is none. The payment has failed, nothing was sent
// to the acquirer, and the next try is free.
func TestDirectoryInTrouble(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for behaviour, fault := range map[string]string{
		"never answers":    `{"behaviour":"silence"}`,
		"never gets it":    `{"behaviour":"lost"}`,
		"answers too late": `{"behaviour":"late","delay_ms":12000}`,
		"status 500":       `{"behaviour":"error"}`,
		"half an answer":   `{"behaviour":"half_answer"}`,
		"hangs up":         `{"behaviour":"drop_connection"}`,
	} {
		t.Run(behaviour, func(t *testing.T) {
			w := town.in(t)
			session := w.newSession(visaFrictionless)
			w.bank.turn(`{"next_areq":` + fault + `}`)
			accepted := w.submitted(session, "123")
			if _, s := w.arrives(session, accepted); s["outcome"] != "failed" {
				t.Errorf("the page: %v", s)
			}
			w.unpaid(session, accepted, "AUTHENTICATION_FAILED")
			w.bank.turn(`{"next_areq":null}`)
		})
	}
	town.balanced()
}

// TestResultAtAnyTime: a result counts once, whether it comes before the ARes is read, with a copy, or after the
// payer is back.
func TestResultAtAnyTime(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	t.Run("before the ARes", func(t *testing.T) {
		w := town.in(t)
		session := w.newSession(visaChallenge)
		w.bank.turn(`{"next_areq":{"behaviour":"result_first"}}`)
		accepted := w.submitted(session, "123")
		p, _ := w.arrives(session, accepted)
		w.eventually("the result is taken when it is sent again", func() bool { return p.must(p.look())["do"] == "confirm" })
		if s := p.must(p.confirm()); s["outcome"] != "succeeded" {
			t.Errorf("%v", s)
		}
		w.succeeded(session, accepted)
	})
	t.Run("twice", func(t *testing.T) {
		w := town.in(t)
		session := w.newSession(visaChallenge)
		before := w.bank.passed("RReq")
		w.bank.turn(`{"next_result":{"behaviour":"twice"}}`)
		accepted := w.submitted(session, "123")
		if s := w.visitor(accepted).pay(rightOTP); s["outcome"] != "succeeded" {
			t.Errorf("%v", s)
		}
		w.succeeded(session, accepted)
		if n := w.bank.passed("RReq") - before; n != 2 {
			t.Errorf("%d results came", n)
		}
	})
	t.Run("after the CRes", func(t *testing.T) {
		w := town.in(t)
		session := w.newSession(visaChallenge)
		w.bank.turn(`{"next_result":{"behaviour":"late","delay_ms":30000}}`)
		accepted := w.submitted(session, "123")
		p := w.visitor(accepted)
		if err := p.challenge(p.must(p.arrive()), rightOTP); err != nil {
			t.Fatal(err)
		}
		if s := p.must(p.look()); s["do"] != "challenge" { // the browser's word proves nothing
			t.Errorf("%v", s)
		}
		w.forward(31 * time.Second)
		w.eventually("the result is taken", func() bool { return p.must(p.look())["do"] == "confirm" })
		if s := p.must(p.confirm()); s["outcome"] != "succeeded" {
			t.Errorf("%v", s)
		}
		w.succeeded(session, accepted)
	})
	t.Run("never", func(t *testing.T) {
		w := town.in(t)
		session := w.newSession(visaChallenge)
		w.bank.turn(`{"next_result":{"behaviour":"lost"}}`)
		accepted := w.submitted(session, "123")
		p := w.visitor(accepted)
		if err := p.challenge(p.must(p.arrive()), rightOTP); err != nil {
			t.Fatal(err)
		}
		w.forward(payment.AttemptLife + time.Minute)
		w.failed(session, accepted, "TIMEOUT_ERROR")
		if s := p.must(p.look()); s["outcome"] != "failed" {
			t.Errorf("%v", s)
		}
	})
	town.balanced()
}

// TestBankThatLeadsNowhere: the payer leaves at the bank's page, or it leaves him.
func TestBankThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	whole := openTown(t)
	meets := func(w *town, behaviour string) (session, accepted map[string]any, p *visitor, problem error) {
		session = w.newSession(visaChallenge)
		w.bank.turn(`{"next_challenge":{"behaviour":"` + behaviour + `"}}`)
		accepted = w.submitted(session, "123")
		p = w.visitor(accepted)
		_, problem = p.follow(p.must(p.arrive())["challenge"].(map[string]any))
		return session, accepted, p, problem
	}
	t.Run("the payer leaves, and the bank says so", func(t *testing.T) {
		w := whole.in(t)
		session, accepted, p, _ := meets(w, "abandon")
		w.eventually("the page knows", func() bool { return p.must(p.look())["outcome"] == "failed" })
		w.unpaid(session, accepted, "TIMEOUT_ERROR")
	})
	t.Run("nobody says anything", func(t *testing.T) {
		w := whole.in(t)
		session, accepted, p, _ := meets(w, "silence")
		w.forward(payment.AttemptLife - time.Minute)
		if s := p.must(p.look()); s["do"] != "challenge" {
			t.Errorf("%v", s)
		}
		w.forward(2 * time.Minute)
		w.unpaid(session, accepted, "TIMEOUT_ERROR")
	})
	t.Run("the bank's page is out of order", func(t *testing.T) {
		w := whole.in(t)
		session, accepted, p, problem := meets(w, "error")
		if problem == nil {
			t.Error("the bank shows a page")
		}
		if err := p.challenge(p.must(p.look()), rightOTP); err != nil { // a reload
			t.Fatal(err)
		}
		if s := p.must(p.confirm()); s["outcome"] != "succeeded" {
			t.Errorf("%v", s)
		}
		w.succeeded(session, accepted)
	})
	whole.balanced()
}
