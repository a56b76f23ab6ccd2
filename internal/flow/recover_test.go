package flow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

func TestAttemptLapses(t *testing.T) {
	for state, failure := range map[payment.State]payment.FailureCode{
		payment.Submitted: payment.PaymentRequestExpired, payment.Opened: payment.PaymentRequestExpired,
		payment.Authenticating: payment.Timeout, payment.Challenging: payment.Timeout,
		payment.Authenticated: payment.PaymentRequestExpired,
	} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		s.pass(payment.AttemptLife - time.Second)
		if s.at(k).State != state {
			t.Errorf("%s: ended too soon", state)
		}
		s.pass(time.Second)
		if s.at(k).State != payment.Failed || s.at(k).Failure != failure || len(s.memory.escrow) != 0 || len(s.host.purchases) != 0 {
			t.Errorf("%s: %s %s", state, s.at(k).State, s.at(k).Failure)
		}
		if s.sessionOf(k).Status != payment.SessionActive || s.sessionOf(k).Failures != 0 {
			t.Errorf("%s: %+v", state, s.sessionOf(k))
		}
	}
}

// TestDeadlineComesEarly: clocks of nodes differ, and work is done more than once. A deadline that has not
// come moves to where it belongs, and one of an attempt that has ended is over.
func TestDeadlineComesEarly(t *testing.T) {
	for _, state := range []payment.State{
		payment.Submitted, payment.Opened, payment.Authenticating, payment.Challenging, payment.Authenticated,
		payment.Authorizing, payment.Reversing, payment.Succeeded, payment.Failed,
	} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		work := payment.Work{Kind: payment.WorkAttempt, Ref: string(k.id)}
		at, scheduled := s.memory.work[work]
		s.clock.pass(time.Second)
		if err := s.memory.try(work, s.do); err != nil || s.at(k).State != state || len(s.host.advices) != 0 {
			t.Errorf("%s: %s, %v", state, s.at(k).State, err)
		}
		now, still := s.memory.work[work]
		if !state.Final() && state != payment.Reversing && (!scheduled || !now.Equal(at)) {
			t.Errorf("%s: was due at %s, now at %s", state, at, now)
		}
		if (state.Final() || state == payment.Reversing) && still {
			t.Errorf("%s: a deadline that nobody needs", state)
		}
	}
	s := setScene(t)
	k := s.bring(s.session(), payment.Submitted)
	newer := s.memory.requests[k.id]
	newer.State = "OF_TOMORROW"
	s.memory.requests[k.id] = newer
	if err := s.Deadline(ctx, k.id); err == nil {
		t.Error("the deadline of an attempt in a state that nobody here knows is done with")
	}
	s = newScene(t)
	if err := s.Deadline(ctx, "pr-none"); !errors.Is(err, payment.ErrNotFound) {
		t.Error(err)
	}
}

// TestDeadlineDoesNotUndoAPurchase: an early deadline looks at the attempt while it is being paid. The
// deadline of the purchase must stand.
func TestDeadlineDoesNotUndoAPurchase(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authenticated)
	s.memory.between = meet(2)
	s.memory.fail = entering(notWritten, payment.Succeeded)
	errs := together(
		func() error { return second(s.Pay(ctx, k.page, k.share)) },
		func() error { return s.Deadline(ctx, k.id) },
	)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	s.memory.fail = nil
	s.pass(12 * time.Second)
	if s.at(k).State != payment.Failed || s.at(k).Failure != payment.PartnerTimeout {
		t.Errorf("%s: a purchase whose answer was lost waits longer than its answer could take", s.at(k).State)
	}
}

// TestLateApproval: what stands for a payment is taken, what stands for none is given back.
func TestLateApproval(t *testing.T) {
	for state, test := range map[payment.State]struct {
		after    payment.State
		reversed int
	}{
		payment.Authorizing: {payment.Succeeded, 0},
		payment.Reversing:   {payment.Failed, 1},
		payment.Succeeded:   {payment.Succeeded, 0},
		payment.Failed:      {payment.Failed, 1},
	} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		s.pass(time.Minute)
		if s.at(k).State != test.after || len(s.host.advices) != test.reversed {
			t.Errorf("%s: %s, %d reversals", state, s.at(k).State, len(s.host.advices))
		}
		for _, r := range s.memory.advices {
			if r.Status != payment.AdviceDone || r.Original != *s.at(k).Trace {
				t.Errorf("%s: %+v", state, r)
			}
		}
	}

	// After its reversal was closed without a trace.
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	s.host.acknowledge = func(payment.Advice) payment.Answer { return acknowledged("25") }
	s.pass(3 * time.Minute)
	s.host.acknowledge = nil
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute)
	last := s.host.advices[len(s.host.advices)-1]
	if got := s.memory.advices[last.ID]; len(s.memory.advices) != 2 || got.Status != payment.AdviceDone || got.Code != "A1B2C3" {
		t.Errorf("%+v", got)
	}

	// Unwanted besides.
	s = newScene(t)
	k = s.bring(s.session(), payment.Authorizing)
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(unwanted)); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute)
	if s.at(k).Failure != payment.InvalidCVN || len(s.host.advices) != 1 {
		t.Errorf("%s, %d reversals", s.at(k).Failure, len(s.host.advices))
	}
}

// TestLateApprovalWhileItIsReversed: a reversal that the host answered before the purchase reached the issuer is
// about nothing, whatever the answer said, and is tried again.
func TestLateApprovalWhileItIsReversed(t *testing.T) {
	for name, test := range map[string]struct {
		answers []string // of the host, by try
		at      int      // the try during which the approval comes
	}{
		"acknowledged at once":             {[]string{"00", "00"}, 0},
		"no trace, three times":            {[]string{"25", "25", "25", "00"}, 2},
		"no trace, though it was approved": {[]string{"25", "25", "25", "25", "25", "25", "00"}, 0},
	} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Reversing)
		s.host.acknowledge = func(a payment.Advice) payment.Answer {
			if a.Tries == test.at {
				if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return acknowledged(test.answers[a.Tries])
		}
		s.pass(10 * time.Minute)
		if n := len(s.host.advices); n != len(test.answers) || s.at(k).State != payment.Failed || len(s.memory.advices) != 1 {
			t.Errorf("%s: %s after %d tries of %d reversals", name, s.at(k).State, n, len(s.memory.advices))
		}
	}

	// A host that never finds what it approved is the operator's to settle, after a day.
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil {
		t.Fatal(err)
	}
	s.host.acknowledge = func(payment.Advice) payment.Answer { return acknowledged("25") }
	s.pass(23 * time.Hour)
	if s.at(k).State != payment.Reversing {
		t.Errorf("%s: given up within a day", s.at(k).State)
	}
	s.pass(2 * time.Hour)
	if s.at(k).State != payment.Failed || !strings.Contains(s.log.String(), "advice not confirmed") {
		t.Errorf("%s; log: %s", s.at(k).State, s.log.String())
	}
}

func TestLateApprovalOfNothing(t *testing.T) {
	s := newScene(t)
	if err := s.Late(ctx, "02|nobody", judged(approved)); err != nil || len(s.memory.advices) != 0 {
		t.Errorf("%v: work that nobody can do is not repeated", err)
	}
	if s.log.Len() == 0 {
		t.Error("nobody learns of it")
	}
}

// TestLateApprovalOfAnErasedCard: no reversal can be made, so the operator is told instead.
func TestLateApprovalOfAnErasedCard(t *testing.T) {
	s := newScene(t)
	s.host.answer = says(unknown)
	k := s.submitCard(s.session(typing, skipping), mastercard, "737", false)
	s.pass(4 * 24 * time.Hour)
	if s.at(k).State != payment.Failed || s.cardOf(k).SealedPAN != nil {
		t.Fatalf("%s, %+v", s.at(k).State, s.cardOf(k))
	}
	sent := len(s.sent(payment.Reversal))
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Hour)
	if more := len(s.sent(payment.Reversal)) - sent; more != 0 || !strings.Contains(s.log.String(), "by hand") {
		t.Errorf("%d reversals; log: %s", more, s.log.String())
	}
}

// TestLateApprovalWhileTheOutcomeIsWritten: the approval finds the attempt waiting, and before it is written
// down another has ended the attempt. Money that no payment stands for is given back then, too.
func TestLateApprovalWhileTheOutcomeIsWritten(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authorizing)
	first := true
	s.memory.between = func() {
		if !first {
			return
		}
		first = false
		s.clock.pass(12 * time.Second)
		if err := s.work(); err != nil { // reversed, and acknowledged
			t.Error(err)
		}
	}
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute)
	if s.at(k).State != payment.Failed || len(s.memory.advices) != 2 {
		t.Errorf("%s, %d reversals: every late approval of a failed attempt is reversed", s.at(k).State, len(s.memory.advices))
	}
}

// TestPurchaseAnsweredTwice: the node that waits and a late copy of the answer meet.
func TestPurchaseAnsweredTwice(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authenticated)
	s.host.answer = func(p flow.Authorisation) payment.Answer {
		if err := s.Late(ctx, p.Trace.Key(), judged(approved)); err != nil {
			t.Error(err)
		}
		return unknown
	}
	if c, err := s.Pay(ctx, k.page, k.share); err != nil || c.Request.State != payment.Succeeded || len(s.memory.advices) != 0 {
		t.Errorf("%s, %v", c.Request.State, err)
	}
}

// TestLateCopies: a host may say the same several times, and what it says late may be a no.
func TestLateCopies(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Failed)
	for _, answer := range []payment.Answer{declined, unknown, approved, approved, unwanted} {
		if err := s.Late(ctx, s.at(k).Trace.Key(), judged(answer)); err != nil {
			t.Fatal(err)
		}
	}
	s.pass(time.Minute)
	if len(s.memory.advices) != 1 || len(s.host.advices) != 1 {
		t.Errorf("%d reversals, %d sent", len(s.memory.advices), len(s.host.advices))
	}
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil || len(s.memory.advices) != 1 {
		t.Errorf("%d reversals, %v: a copy of what was given back is covered", len(s.memory.advices), err)
	}
	if s.at(k).Failure != payment.InsufficientBalance {
		t.Errorf("%s", s.at(k).Failure)
	}

	s = newScene(t)
	k = s.bring(s.session(), payment.Authorizing)
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(declined)); err != nil || s.at(k).Failure != payment.InsufficientBalance {
		t.Errorf("%s, %v", s.at(k).Failure, err)
	}
}
