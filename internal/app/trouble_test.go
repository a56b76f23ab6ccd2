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
	asked := false
	for range 400 {
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			switch s := p.must(p.look()); {
			case s["do"] == "done":
				return s["outcome"]
			case s["do"] == "confirm" && !asked:
				asked = true
				tasks.Go(func() { _, _ = p.confirm() })
			}
		}
		w.forward(4 * time.Second)
	}
	w.t.Fatal("this never ends")
	return nil
}
