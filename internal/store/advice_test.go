package store

import (
	"errors"
	"testing"

	"reprise/internal/payment"
)

// testAdviceSettled: of operators who settle one advice one succeeds, what they did is kept with who did it, and what
// is told again is due.
func testAdviceSettled(t *testing.T, d *database) {
	s := d.open(t)
	ended := payment.Advice{ID: "01890000-0000-7000-8000-000000000001", Kind: payment.Reversal, Request: "pr-1", Status: payment.AdviceNoTrace, Opened: moment}
	other := ended
	other.ID, other.Status = "01890000-0000-7000-8000-000000000002", payment.AdviceGivenUp
	w := s.newDraft()
	for _, a := range []payment.Advice{ended, other} {
		must(t, w.advice(a))
	}
	must(t, w.commit(t.Context()))
	list := func(statuses ...payment.AdviceStatus) (ids []payment.AdviceID) {
		t.Helper()
		found, err := s.Advices(t.Context(), statuses)
		must(t, err)
		for _, a := range found {
			ids = append(ids, a.ID)
		}
		return ids
	}
	if got := list(payment.Unsettled()...); len(got) != 2 || got[0] != ended.ID || got[1] != other.ID {
		t.Errorf("ended: %v", got)
	}

	closed, again := ended, other
	closed.Status, closed.Reason = payment.AdviceClosed, "agreed"
	again.Status = payment.AdviceOpen
	by := payment.Audit{Actor: actor, Act: "advice.close", Object: string(ended.ID)}
	settled := 0
	for _, err := range together(8, func(int) error { return s.SettleAdvice(t.Context(), ended, closed, by) }) {
		switch {
		case err == nil:
			settled++
		case !errors.Is(err, payment.ErrTaken):
			t.Error(err)
		}
	}
	if n := rows(t, s, "audit", "act = 'advice.close'"); settled != 1 || n != 1 {
		t.Errorf("settled %d times, audited %d times", settled, n)
	}
	if a, err := s.Advice(t.Context(), ended.ID); err != nil || a.Status != payment.AdviceClosed || a.Reason != "agreed" {
		t.Errorf("%+v %v", a, err)
	}
	if n := rows(t, s, "work", "kind = 'advice'"); n != 0 {
		t.Errorf("%d pieces of work for what is closed", n)
	}
	must(t, s.SettleAdvice(t.Context(), other, again, by))
	if n := rows(t, s, "work", "kind = 'advice' AND ref = '"+string(other.ID)+"'"); n != 1 {
		t.Errorf("%d pieces of work for what is told again", n)
	}
	if got := list(payment.AdviceClosed); len(got) != 1 || got[0] != ended.ID {
		t.Errorf("closed: %v", got)
	}
	if err := s.SettleAdvice(t.Context(), again, closed, payment.Audit{}); err == nil || errors.Is(err, payment.ErrTaken) {
		t.Errorf("without an actor: %v", err)
	}
}
