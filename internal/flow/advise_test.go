package flow_test

import (
	"slices"
	"testing"
	"time"

	"reprise/internal/payment"
)

// tries are the times, after the first, at which a reversal was sent.
func (s *scene) tries(begin time.Time, d time.Duration) (at []time.Duration) {
	s.t.Helper()
	answer := s.host.acknowledge
	s.host.acknowledge = func(r payment.Advice) payment.Answer {
		at = append(at, s.clock.now().Sub(begin))
		return answer(r)
	}
	s.pass(d)
	s.host.acknowledge = answer
	return at
}

func seconds(list ...int) (d []time.Duration) {
	for _, n := range list {
		d = append(d, time.Duration(n)*time.Second)
	}
	return d
}

func silent(payment.Advice) payment.Answer { return unknown }

// TestReversalIsRepeatedUntilItIsHeard: soon at first, then each minute, always as the same message.
func TestReversalIsRepeatedUntilItIsHeard(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	s.host.acknowledge = silent
	got := s.tries(s.clock.now(), 4*time.Minute)
	if want := seconds(0, 10, 20, 30, 40, 50, 60, 120, 180, 240); !slices.Equal(got, want) {
		t.Errorf("sent at %v, want %v", got, want)
	}
	for i, r := range s.host.advices {
		if r.Tries != i || r.Trace != s.host.advices[0].Trace || r.Original != *s.at(k).Trace {
			t.Errorf("try %d: %+v", i, r)
		}
	}
	if s.at(k).State != payment.Reversing || len(s.told()) != 0 {
		t.Errorf("%s: an unknown outcome was guessed", s.at(k).State)
	}

	s.host.acknowledge = nil
	s.pass(time.Minute)
	if s.at(k).State != payment.Failed || s.at(k).Failure != payment.PartnerTimeout || s.sessionOf(k).Open != "" {
		t.Errorf("%s %s", s.at(k).State, s.at(k).Failure)
	}
	sent := len(s.host.advices)
	s.pass(10 * time.Minute)
	if len(s.host.advices) != sent {
		t.Error("sent again after it was acknowledged")
	}
}

// TestAnswerAboutSomethingElse: whatever code it has, it closes nothing.
func TestAnswerAboutSomethingElse(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	stray := acknowledged("25")
	stray.Outcome = payment.Unknown
	s.host.acknowledge = func(payment.Advice) payment.Answer { return stray }
	s.pass(10 * time.Minute)
	if s.at(k).State != payment.Reversing {
		t.Errorf("%s after %d tries", s.at(k).State, len(s.host.advices))
	}
}

// TestOriginalIsNotFound: three times 25, a minute apart, closes the reversal for the operator to see.
func TestOriginalIsNotFound(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	s.host.acknowledge = func(payment.Advice) payment.Answer { return acknowledged("25") }
	if got, want := s.tries(s.clock.now(), 10*time.Minute), seconds(0, 60, 120); !slices.Equal(got, want) {
		t.Errorf("sent at %v, want %v", got, want)
	}
	for _, r := range s.memory.advices {
		if r.Status != payment.AdviceNoTrace || r.NoTrace != 3 {
			t.Errorf("%+v", r)
		}
	}
	if s.at(k).State != payment.Failed || s.at(k).Failure != payment.PartnerTimeout {
		t.Errorf("%s %s", s.at(k).State, s.at(k).Failure)
	}
}

// TestReversalWithOtherAnswers: only 00 ends it, whatever comes before.
func TestReversalWithOtherAnswers(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	answers := []string{"96", "25", "", "25", "00"}
	s.host.acknowledge = func(r payment.Advice) payment.Answer { return acknowledged(answers[r.Tries]) }
	s.pass(10 * time.Minute)
	if len(s.host.advices) != len(answers) || s.at(k).State != payment.Failed {
		t.Errorf("%d tries, %s", len(s.host.advices), s.at(k).State)
	}
}

// TestUnwantedApprovalFailsAtOnce: the payer may try again while the reversal runs on its own.
func TestUnwantedApprovalFailsAtOnce(t *testing.T) {
	s := newScene(t)
	s.host.answer, s.host.acknowledge = says(unwanted), silent
	id := s.session()
	old := s.submit(id)
	s.prove(old)
	if c, err := s.Pay(ctx, old.page, old.share); err != nil || c.Request.State != payment.Failed || c.Session.Open != "" {
		t.Fatalf("%v", err)
	}
	s.host.answer = nil
	s.pass(30 * time.Second)
	k := s.bring(id, payment.Succeeded)
	s.host.acknowledge = nil
	s.pass(10 * time.Minute)
	if s.at(k).State != payment.Succeeded || s.at(old).State != payment.Failed || s.at(old).Failure != payment.InvalidCVN {
		t.Errorf("%s, after %s %s", s.at(k).State, s.at(old).State, s.at(old).Failure)
	}
	for _, r := range s.memory.advices {
		if r.Status != payment.AdviceDone || r.Request != old.id || r.Code != "A1B2C3" {
			t.Errorf("%+v", r)
		}
	}
	if len(s.memory.advices) != 1 {
		t.Errorf("%d reversals", len(s.memory.advices))
	}
}

// TestReversalSurvivesFailures: neither a trace that cannot be drawn nor a store that is down loses it.
func TestReversalSurvivesFailures(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authorizing)
	s.host.busy = errDown
	s.clock.pass(12 * time.Second)
	if err := s.work(); err == nil || s.at(k).State != payment.Authorizing {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
	s.host.busy = nil
	s.memory.fail = func(ch payment.Changes) failure {
		if len(ch.Requests) == 0 {
			return none
		}
		return notWritten
	}
	s.clock.pass(time.Second)
	if err := s.work(); err == nil || len(s.host.advices) != 0 {
		t.Errorf("%d sent, %v", len(s.host.advices), err)
	}
	s.memory.fail = entering(notWritten, payment.Failed) // acknowledged, and not written down
	s.clock.pass(time.Second)
	if err := s.work(); err == nil || len(s.host.advices) != 1 || s.at(k).State != payment.Reversing {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
	s.memory.fail = nil
	s.pass(time.Second)
	if s.at(k).State != payment.Failed || len(s.memory.advices) != 1 || len(s.host.advices) != 2 {
		t.Errorf("%s after %d reversals", s.at(k).State, len(s.host.advices))
	}
}

// TestReversalIsGivenUp: a host that says nothing for a day is the operator's to settle.
func TestReversalIsGivenUp(t *testing.T) {
	s := newScene(t)
	s.host.acknowledge = silent
	k := s.bring(s.session(), payment.Reversing)
	s.pass(24*time.Hour - time.Minute)
	if s.at(k).State != payment.Reversing {
		t.Errorf("%s", s.at(k).State)
	}
	s.pass(2 * time.Minute)
	if s.at(k).State != payment.Failed || s.at(k).Failure != payment.PartnerTimeout {
		t.Errorf("%s %s", s.at(k).State, s.at(k).Failure)
	}
	for _, r := range s.memory.advices {
		if r.Status != payment.AdviceGivenUp {
			t.Errorf("%+v", r)
		}
	}
}

// TestSlowTryIsOvertaken: a node stands still for a minute while it waits for the acquirer, long enough for another to
// take its work. What it then makes of its own try undoes nothing of what the other has heard meanwhile.
func TestSlowTryIsOvertaken(t *testing.T) {
	refused := acknowledged("05")
	for name, test := range map[string]struct {
		state       payment.State
		quick, slow payment.Answer // of the one that overtakes, and of the one that stood still
	}{
		"heard meanwhile, a reversal":      {payment.Reversing, acknowledged("00"), unknown},
		"heard meanwhile, a capture":       {payment.Capturing, acknowledged("00"), unknown},
		"refused meanwhile":                {payment.Capturing, refused, unknown},
		"both heard":                       {payment.Reversing, acknowledged("00"), acknowledged("00")},
		"heard after all":                  {payment.Capturing, unknown, acknowledged("00")},
		"the one refused, the other heard": {payment.Capturing, refused, acknowledged("00")},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			var k ticket
			if test.state == payment.Reversing {
				k = s.bring(s.session(), payment.Reversing)
			} else {
				k, s.host.acknowledge = s.hold(), silent
				if _, err := s.capture(k, 400000); err != nil {
					t.Fatal(err)
				}
			}
			var tries int
			s.host.acknowledge = func(a payment.Advice) payment.Answer {
				if tries++; tries > 1 {
					return test.quick
				}
				s.clock.pass(time.Minute)
				if err := s.Advise(ctx, a.ID); err != nil {
					t.Errorf("the quick one: %v", err)
				}
				return test.slow
			}
			var id payment.AdviceID
			for id = range s.memory.advices {
			}
			if err := s.Advise(ctx, id); err != nil {
				t.Errorf("the slow one: %v", err)
			}
			ends := map[payment.State]payment.State{payment.Reversing: payment.Failed, payment.Capturing: payment.Succeeded}[test.state]
			status := payment.AdviceDone
			if test.quick.Outcome == payment.Declined {
				ends, status = payment.Failed, payment.AdviceRefused
			}
			if a := s.memory.advices[id]; a.Status != status || s.at(k).State != ends {
				t.Errorf("the advice is %s, the attempt %s", a.Status, s.at(k).State)
			}
			if _, scheduled := s.memory.work[payment.Work{Kind: payment.WorkAdvice, Ref: string(id)}]; scheduled {
				t.Error("it is to be sent again")
			}
		})
	}
}

// TestStandsStillBeforeItLeaves: a node stands still when it is about to note that its advice leaves, and another does all
// of it meanwhile. It has nothing to send then, and nothing to note.
func TestStandsStillBeforeItLeaves(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	var id payment.AdviceID
	for id = range s.memory.advices {
	}
	s.memory.between = func() {
		s.memory.between = nil
		if err := s.Advise(ctx, id); err != nil {
			t.Errorf("the quick one: %v", err)
		}
	}
	if err := s.Advise(ctx, id); err != nil {
		t.Errorf("the slow one: %v", err)
	}
	if a := s.memory.advices[id]; a.Status != payment.AdviceDone || len(s.host.advices) != 1 || s.at(k).State != payment.Failed {
		t.Errorf("the advice is %s and was sent %d times, the attempt is %s", a.Status, len(s.host.advices), s.at(k).State)
	}
}

// TestOvertakenByATryThatComesToNothing: the work of who was overtaken stays until the other has heard an answer.
func TestOvertakenByATryThatComesToNothing(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Reversing)
	var id payment.AdviceID
	for id = range s.memory.advices {
	}
	s.memory.between = func() {
		s.memory.between = nil
		s.memory.fail = entering(notWritten, payment.Failed) // heard, and not written down
		if err := s.Advise(ctx, id); err == nil {
			t.Error("the quick one came to something")
		}
		s.memory.fail = nil
	}
	if err := s.Advise(ctx, id); err == nil {
		t.Error("the slow one says that nothing is left to do")
	}
	if a := s.memory.advices[id]; a.Status != payment.AdviceOpen || a.Tries != 1 || len(s.host.advices) != 1 || s.at(k).State != payment.Reversing {
		t.Errorf("%+v, sent %d times", a, len(s.host.advices))
	}
}
