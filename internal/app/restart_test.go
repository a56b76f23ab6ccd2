package app

import (
	"testing"

	"reprise/internal/payment"
)

// A bank whose page always breaks is not asked for ever: each restart is another AReq.
func TestABankWhosePageAlwaysBreaks(t *testing.T) {
	w := openTown(t)
	v := w.visitor(w.submitted(w.newSession(visaChallenge), "123"))
	s := v.must(v.arrive())
	challenges := 0
	for ; s["do"] == "challenge"; challenges++ {
		if s = v.must(v.act("restart", map[string]any{"round": challenges})); s["do"] != "authenticate" {
			break
		}
		if form, ok := s["method"].(map[string]any); ok {
			if _, err := v.follow(form); err != nil {
				t.Fatal(err)
			}
		}
		s = v.must(v.act("authenticate", looking("Y")))
	}
	if challenges != payment.MaxRestarts || s["do"] != "done" || s["outcome"] != "failed" {
		t.Errorf("after %d restarts: %v", challenges, s)
	}
	c := w.on(v.page)
	if failure := w.tells("payment.failure", c)["failure_code"]; failure != "AUTHENTICATION_FAILED" {
		t.Errorf("failure code %v", failure)
	}
	if c.Session.Status != payment.SessionActive || w.escrow() != 0 {
		t.Errorf("session %s, %d in escrow", c.Session.Status, w.escrow())
	}
	w.booked(0, 0)
}
