package app

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

// troubled are the amounts of docs/sandbox.md that break something: the card's token, and how a payment ends.
var troubled = map[int]struct{ token, code string }{
	19001: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19002: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19003: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19004: {visaFrictionless, ""},
	19005: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19006: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19007: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19008: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19009: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19010: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19011: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19012: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19013: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19014: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19015: {visaFrictionless, "PROCESSOR_ERROR"},
	19016: {visaFrictionless, "PROCESSOR_ERROR"},
	19021: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19022: {visaFrictionless, "PARTNER_TIMEOUT_ERROR"},
	19023: {visaFrictionless, ""},
	19031: {visaFrictionless, "AUTHENTICATION_FAILED"},
	19032: {visaFrictionless, "AUTHENTICATION_FAILED"},
	19033: {visaFrictionless, "AUTHENTICATION_FAILED"},
	19034: {visaChallenge, ""},
	19035: {visaChallenge, "TIMEOUT_ERROR"},
	19036: {visaChallenge, ""},
	19037: {visaChallenge, ""},
	19038: {visaChallenge, "TIMEOUT_ERROR"},
	19039: {visaChallenge, "TIMEOUT_ERROR"},
	19040: {visaChallenge, "TIMEOUT_ERROR"},
}

// TestAmountsThatBreakSomething pays each of them once, whatever happens, and holds how that ends, for everybody.
func TestAmountsThatBreakSomething(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: pays some thirty amounts")
	}
	t.Parallel()
	town := openTown(t)
	var listed struct {
		Scenarios []struct{ Kind, When string }
	}
	town.bank.get("/scenarios", &listed)
	for _, s := range listed.Scenarios {
		if s.Kind != "trouble" {
			continue
		}
		t.Run(s.When, func(t *testing.T) {
			w := town.in(t)
			units, _ := strconv.Atoi(s.When)
			want, known := troubled[units]
			if !known {
				t.Fatal("nobody says how this ends")
			}
			w.ready()
			session := w.newSession(want.token, amount(units))
			accepted := w.submitted(session, "123")
			outcome := w.endures(session, accepted)
			if want.code == "" {
				w.succeeded(session, accepted)
			} else {
				w.failed(session, accepted, want.code)
			}
			if outcome != map[bool]any{true: "succeeded", false: "failed"}[want.code == ""] {
				t.Errorf("the payer is told %v", outcome)
			}
		})
	}
	town.acknowledged()
	town.balanced()
}

// endures does what a payer does who is patient, while the clock goes on, until the page says how it ended.
func (w *town) endures(session, accepted map[string]any) (outcome any) {
	w.t.Helper()
	p, s := w.arrives(session, accepted)
	if s["do"] == "challenge" {
		form := s["challenge"].(map[string]any)
		if page, err := p.follow(form); err == nil { // where the bank's page is out of order, the payer waits
			if _, id := fields(page); id.Get("acsTransID") != "" {
				_ = p.challenge(s, rightOTP)
			}
		}
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	asked, pause := false, 4*time.Second
	for range 100 {
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			switch s := p.must(p.look()); {
			case s["do"] == "done":
				return s["outcome"]
			case s["do"] == "challenge":
				pause = time.Minute // until the attempt's time is over
			case s["do"] == "confirm" && !asked:
				pause = 4 * time.Second
				asked = true
				before := w.bank.passed("0200")
				tasks.Go(func() { _, _ = p.confirm() })
				w.eventually("the purchase is on its way", func() bool { return w.bank.passed("0200") > before })
			}
		}
		w.forward(pause)
	}
	w.t.Fatal("this never ends")
	return nil
}

// TestEverythingGoesWrongSometimes: of all that passes to the acquirer a third goes wrong, in any way. Each payment
// ends, and what the bank has kept is what the books say.
func TestEverythingGoesWrongSometimes(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.bank.turn(`{"next_acquirer":{"behaviour":"any","chance":0.3,"seed":4,"delay_ms":11000,"code":"05"},
		"next_advice":{"behaviour":"any","chance":0.3,"seed":5,"delay_ms":6000,"code":"25"}}`)
	const payers = 40
	var tasks sync.WaitGroup
	for range payers {
		session := w.newSession(w.ownCard(), skipping)
		tasks.Go(func() {
			a, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
			if err != nil || a.status != 200 && (a.status != 503 || a.header.Get("Retry-After") == "") {
				t.Errorf("%v %v", a, err)
			}
		})
	}
	over := make(chan struct{})
	go func() { tasks.Wait(); close(over) }()
	w.eventually("every submission is answered", func() bool {
		select {
		case <-over:
			return true
		case <-time.After(300 * time.Millisecond):
			w.clock.forward(3 * time.Second)
			return false
		}
	})
	w.acknowledged()
	w.eventually("every payment has ended", func() bool {
		open := 0
		for _, r := range w.requests() {
			if !r.State.Final() {
				open++
			}
		}
		if open > 0 {
			w.clock.forward(10 * time.Second)
		}
		return open == 0
	})
	w.acknowledged() // those of approvals that came late
	w.bank.turn(`{"next_acquirer":null,"next_advice":null}`)
	w.balanced()
	if n := len(w.bank.purchases("reversed")); n == 0 || n == payers {
		t.Errorf("%d of %d purchases reversed", n, payers)
	}
}
