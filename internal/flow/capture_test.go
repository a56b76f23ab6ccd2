package flow_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

func manual(n *flow.NewSession) { n.CaptureMethod = payment.CaptureManual }

// hold has the money of a session held.
func (s *scene) hold() ticket {
	s.t.Helper()
	k := s.submit(s.session(skipping, manual))
	if got := s.at(k).State; got != payment.Authorized {
		s.t.Fatalf("%s, not held", got)
	}
	return k
}

// capture asks for an amount of a hold.
func (s *scene) capture(k ticket, minor int64) (payment.Case, error) {
	return s.Capture(ctx, shop, s.at(k).Payment, payment.Money{Minor: minor, Currency: "IDR"}, nil)
}

// sent lists the advices of a kind that were sent, as often as they were.
func (s *scene) sent(kind payment.AdviceKind) (list []payment.Advice) {
	for _, a := range s.host.advices {
		if a.Kind == kind {
			list = append(list, a)
		}
	}
	return list
}

// coded is the code of a refusal, or what else an error is.
func coded(err error) string {
	var e *payment.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return err.Error()
}

const notEligible = "INELIGIBLE_TRANSACTION_STATUS"

func TestHold(t *testing.T) {
	s := newScene(t)
	k := s.hold()
	r, session := s.at(k), s.sessionOf(k)
	if r.Trace.MTI != "0100" || r.Capture != nil || !r.Deadline.Equal(noon.Add(payment.HoldLife)) {
		t.Errorf("%s %+v until %v", r.Trace.MTI, r.Capture, r.Deadline)
	}
	if session.Status != payment.SessionCompleted || session.Request != r.ID || session.Payment != r.Payment {
		t.Errorf("%+v", session)
	}
	want := []payment.NoticeKind{payment.NoticeAuthorization, payment.NoticeSessionCompleted}
	if got := s.told(); !slices.Equal(got, want) {
		t.Errorf("told %v", got)
	}
	if err := s.Late(ctx, r.Trace.Key(), judged(approved)); err != nil || len(s.memory.advices) != 0 {
		t.Errorf("a second copy of the answer: %v, %d reversals", err, len(s.memory.advices))
	}
}

// TestHoldWithoutAnswer: an 0100 that nobody answered is reversed as an 0200 is, and a late 0110 finds either the
// attempt that waits for it or one that has failed and gives the money back.
func TestHoldWithoutAnswer(t *testing.T) {
	s := newScene(t)
	s.host.answer, s.host.acknowledge = says(unknown), silent
	k := s.submit(s.session(skipping, manual))
	if s.at(k).State != payment.Reversing {
		t.Fatalf("%s", s.at(k).State)
	}
	if _, err := s.capture(k, 1); coded(err) != notEligible {
		t.Errorf("captured: %v", err)
	}
	if _, err := s.Void(ctx, shop, s.at(k).Payment, nil); coded(err) != notEligible {
		t.Errorf("given up: %v", err)
	}
	s.host.acknowledge = func(payment.Advice) payment.Answer { return acknowledged("25") }
	s.pass(5 * time.Minute)
	if r := s.at(k); r.State != payment.Failed || r.Failure != payment.PartnerTimeout {
		t.Errorf("%s %s", r.State, r.Failure)
	}
	s.host.acknowledge = nil
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Second)
	if last := s.memory.advices[s.at(k).Reversal]; last.Status != payment.AdviceDone || last.Original != *s.at(k).Trace || last.Code != "A1B2C3" {
		t.Errorf("given back by %+v", last)
	}

	s = newScene(t)
	s.memory.fail = entering(notWritten, payment.Authorized)
	k = s.submit(s.session(skipping, manual))
	s.memory.fail = nil
	if s.at(k).State != payment.Authorizing {
		t.Fatalf("%s", s.at(k).State)
	}
	if err := s.Late(ctx, s.at(k).Trace.Key(), judged(approved)); err != nil || s.at(k).State != payment.Authorized {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
}

func TestVoid(t *testing.T) {
	s := newScene(t)
	k := s.hold()
	told := len(s.told())
	c, err := s.Void(ctx, shop, s.at(k).Payment, nil)
	if err != nil || c.Request.State != payment.Canceled || len(s.host.advices) != 0 {
		t.Fatalf("%v", err)
	}
	s.pass(time.Second)
	if sent := s.sent(payment.Reversal); len(sent) != 1 || sent[0].Original != *s.at(k).Trace || sent[0].Code != "A1B2C3" {
		t.Errorf("%+v", sent)
	}
	for name, err := range map[string]error{
		"void": second(s.Void(ctx, shop, s.at(k).Payment, nil)), "capture": second(s.capture(k, 1)),
	} {
		if coded(err) != notEligible {
			t.Errorf("%s again: %v", name, err)
		}
	}
	if _, err := s.Void(ctx, stranger, s.at(k).Payment, nil); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("given up by another: %v", err)
	}
	s.pass(payment.HoldLife)
	if len(s.told()) != told || len(s.memory.advices) != 1 {
		t.Errorf("told %v, %d reversals", s.told(), len(s.memory.advices))
	}
}

func TestHoldExpires(t *testing.T) {
	s := newScene(t)
	k := s.hold()
	s.pass(payment.HoldLife - time.Second)
	if s.at(k).State != payment.Authorized {
		t.Fatalf("%s a second before its time", s.at(k).State)
	}
	s.pass(time.Second)
	if s.at(k).State != payment.Expired || len(s.sent(payment.Reversal)) != 1 {
		t.Errorf("%s, %d reversals", s.at(k).State, len(s.sent(payment.Reversal)))
	}
	if told := s.told(); told[len(told)-1] != payment.NoticeExpired {
		t.Errorf("told %v", told)
	}
	if _, err := s.capture(k, 1); coded(err) != notEligible {
		t.Errorf("captured: %v", err)
	}
}

func TestCapture(t *testing.T) {
	const all, part = 1000000, 400000
	failed := func(s *scene, k ticket) {
		if r := s.at(k); r.State != payment.Failed || r.Failure != payment.CardDeclined || r.Authorization.ResponseCode != "00" || len(s.sent(payment.Reversal)) != 1 {
			s.t.Errorf("%s %s %+v", r.State, r.Failure, r.Authorization)
		}
	}
	captured := func(minor int64) func(*scene, ticket) {
		return func(s *scene, k ticket) {
			if r := s.at(k); r.State != payment.Succeeded || r.Capture.Amount.Minor != minor || len(s.sent(payment.Reversal)) != 0 {
				s.t.Errorf("%s %+v", r.State, r.Capture)
			}
		}
	}
	for name, test := range map[string]struct {
		minor   int64
		answers []payment.Answer // of the host to the capture, the last one for ever
		first   payment.State    // after the first try
		tries   []int            // Tries of each message: 0 is an 0220, more an 0221
		end     func(*scene, ticket)
	}{
		"all":            {all, []payment.Answer{acknowledged("00")}, payment.Succeeded, []int{0}, captured(all)},
		"a part":         {part, []payment.Answer{acknowledged("00")}, payment.Succeeded, []int{0}, captured(part)},
		"refused":        {all, []payment.Answer{acknowledged("05")}, payment.Failed, []int{0}, failed},
		"a part refused": {part, []payment.Answer{acknowledged("05")}, payment.Failed, []int{0}, failed},
		"silent":         {part, []payment.Answer{unknown, unknown, acknowledged("00")}, payment.Capturing, []int{0, 1, 2}, captured(part)},
		"unsent":         {all, []payment.Answer{unsent, unsent, acknowledged("00")}, payment.Capturing, []int{0, 0, 0}, captured(all)},
		"unsent later":   {all, []payment.Answer{unknown, unsent, acknowledged("00")}, payment.Capturing, []int{0, 1, 2}, captured(all)},
		"refused late":   {all, []payment.Answer{unknown, acknowledged("05")}, payment.Capturing, []int{0, 1}, failed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			k := s.hold()
			n := 0
			s.host.acknowledge = func(a payment.Advice) payment.Answer {
				if a.Kind != payment.CaptureAdvice {
					return acknowledged("00")
				}
				n++
				return test.answers[min(n, len(test.answers))-1]
			}
			c, err := s.capture(k, test.minor)
			if err != nil || c.Request.State != test.first {
				t.Fatalf("%v", err)
			}
			s.pass(5 * time.Minute)
			test.end(s, k)
			sent := s.sent(payment.CaptureAdvice)
			var tries []int
			for _, a := range sent {
				tries = append(tries, a.Tries)
				if a.Trace != sent[0].Trace || a.Original != *s.at(k).Trace || minor(a.Trace.Amount) != test.minor {
					t.Errorf("%+v", a)
				}
			}
			if !slices.Equal(tries, test.tries) {
				t.Errorf("tries %v, want %v", tries, test.tries)
			}
			released := s.sent(payment.Release)
			if (len(released) == 1) != (test.minor < all && s.at(k).State == payment.Succeeded) {
				t.Errorf("%d releases", len(released))
			}
			if len(released) == 1 && minor(released[0].Retained) != test.minor {
				t.Errorf("all but %s is released", released[0].Retained)
			}
			s.pass(payment.HoldLife)
			if _, err := s.capture(k, 1); coded(err) != notEligible {
				t.Errorf("captured again: %v", err)
			}
		})
	}
}

func TestCaptureIsRefused(t *testing.T) {
	s := newScene(t)
	k := s.hold()
	if _, err := s.capture(k, 1000001); coded(err) != "CAPTURE_AMOUNT_EXCEEDED" {
		t.Errorf("more than is held: %v", err)
	}
	if _, err := s.Capture(ctx, stranger, s.at(k).Payment, payment.Money{Minor: 1, Currency: "IDR"}, nil); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("by another: %v", err)
	}
	if _, err := s.Capture(ctx, shop, "py-none", payment.Money{Minor: 1, Currency: "IDR"}, nil); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := s.capture(s.submit(s.session(skipping)), 1); coded(err) != notEligible {
		t.Errorf("of what is captured: %v", err)
	}
	s.host.busy = errDown
	if _, err := s.capture(k, 1); !errors.Is(err, errDown) || s.at(k).State != payment.Authorized {
		t.Errorf("%s without a trace: %v", s.at(k).State, err)
	}
}

// TestCaptureSurvivesFailures: each commit of a capture fails in either way, and then the process is gone. The
// money is taken once, or is still held.
func TestCaptureSurvivesFailures(t *testing.T) {
	const part = 400000
	for commit := range 3 {
		for _, how := range []failure{notWritten, answerLost} {
			s := newScene(t)
			k := s.hold()
			n := 0
			s.memory.fail = func(payment.Changes) failure {
				if n++; n <= commit {
					return none
				}
				return how
			}
			_, err := s.capture(k, part)
			written := commit > 0
			if s.memory.fail = nil; (err == nil) != written {
				t.Errorf("commit %d: %v", commit, err)
			}
			s.pass(5 * time.Minute)
			sent := s.sent(payment.CaptureAdvice)
			if !written && how == notWritten {
				if s.at(k).State != payment.Authorized || len(sent) != 0 {
					t.Errorf("commit %d: %s, %d sent", commit, s.at(k).State, len(sent))
				}
				continue
			}
			if s.at(k).State != payment.Succeeded || len(sent) == 0 || len(s.sent(payment.Release)) != 1 {
				t.Errorf("commit %d: %s, %d sent", commit, s.at(k).State, len(sent))
			}
			for i, a := range sent {
				// Once it may have left, it is a repeat: after a crash nobody knows whether it did.
				if repeat := i > 0 || commit == 1 && how == answerLost; a.Trace != sent[0].Trace || (a.Tries > 0) != repeat {
					t.Errorf("commit %d, failure %d, message %d: %d tries", commit, how, i, a.Tries)
				}
			}
		}
	}
}

// TestHoldEndsOnce lets the ways to end a hold meet just before their commits.
func TestHoldEndsOnce(t *testing.T) {
	capture := func(s *scene, k ticket, minor int64) func() error {
		return func() error { return second(s.capture(k, minor)) }
	}
	void := func(s *scene, k ticket) func() error {
		return func() error { return second(s.Void(ctx, shop, s.at(k).Payment, nil)) }
	}
	for name, test := range map[string]func(*scene, ticket) []func() error{
		"two captures": func(s *scene, k ticket) []func() error {
			return []func() error{capture(s, k, 400000), capture(s, k, 600000)}
		},
		"capture and void": func(s *scene, k ticket) []func() error {
			return []func() error{capture(s, k, 400000), void(s, k)}
		},
		"two voids": func(s *scene, k ticket) []func() error { return []func() error{void(s, k), void(s, k)} },
		"capture and expiry": func(s *scene, k ticket) []func() error {
			s.clock.pass(payment.HoldLife)
			return []func() error{capture(s, k, 400000), func() error { return s.Deadline(ctx, k.id) }}
		},
		"void and expiry": func(s *scene, k ticket) []func() error {
			s.clock.pass(payment.HoldLife)
			return []func() error{void(s, k), func() error { return s.Deadline(ctx, k.id) }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				s := newScene(t)
				k := s.hold()
				all := test(s, k)
				s.memory.between = meet(len(all))
				won := 0
				for _, err := range together(all...) {
					if err == nil {
						won++
					} else if coded(err) != notEligible {
						t.Error(err)
					}
				}
				s.pass(time.Minute)
				captures, reversals := len(s.sent(payment.CaptureAdvice)), len(s.sent(payment.Reversal))
				if won == 0 || captures+reversals != 1 || (captures == 1) != (s.at(k).State == payment.Succeeded) {
					t.Fatalf("%d won, %d captures, %d reversals, %s", won, captures, reversals, s.at(k).State)
				}
				if len(s.memory.advices) != 1+captures { // a part was captured, and the rest released
					t.Errorf("%d advices", len(s.memory.advices))
				}
			}
		})
	}
}

// TestCaptureOnce: the answer that is kept is what came of the first try.
func TestCaptureOnce(t *testing.T) {
	key := func(name string) *payment.Once {
		return &payment.Once{Business: shop, Endpoint: "POST /payments", Key: name, Answer: func(c payment.Case) (int, []byte, error) {
			return 200, []byte(c.Request.State), nil
		}}
	}
	s := newScene(t)
	captured, voided := s.hold(), s.hold()
	for name, test := range map[string]struct {
		do   func(*payment.Once) error
		kept payment.State
	}{
		"capture": {func(once *payment.Once) error {
			return second(s.Capture(ctx, shop, s.at(captured).Payment, payment.Money{Minor: 5, Currency: "IDR"}, once))
		}, payment.Succeeded},
		"void": {func(once *payment.Once) error { return second(s.Void(ctx, shop, s.at(voided).Payment, once)) }, payment.Canceled},
	} {
		if err := test.do(key(name)); err != nil {
			t.Fatal(err)
		}
		if got := s.memory.answers[command{shop, "POST /payments", name}]; string(got.body) != string(test.kept) {
			t.Errorf("%s: kept %s", name, got.body)
		}
		if err := test.do(key(name)); coded(err) != notEligible {
			t.Errorf("%s repeated: %v", name, err)
		}
	}
}

// TestSilentCaptureIsNeverGivenUp: money that the merchant was promised is asked for until the host answers, after a
// day once an hour. A reversal is left to the operator then.
func TestSilentCaptureIsNeverGivenUp(t *testing.T) {
	const day = 24 * time.Hour
	s := newScene(t)
	captured, voided := s.hold(), s.hold()
	s.host.acknowledge = silent
	if _, err := s.capture(captured, 400000); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Void(ctx, shop, s.at(voided).Payment, nil); err != nil {
		t.Fatal(err)
	}
	s.pass(day + time.Minute)
	if r := s.memory.advices[s.at(voided).Reversal]; r.Status != payment.AdviceGivenUp || s.at(voided).State != payment.Canceled {
		t.Errorf("%s, its reversal %s", s.at(voided).State, r.Status)
	}
	sent := len(s.sent(payment.CaptureAdvice))
	s.pass(2 * day)
	if more := len(s.sent(payment.CaptureAdvice)) - sent; s.at(captured).State != payment.Capturing || more < 47 || more > 49 {
		t.Errorf("%s, sent %d times in two days", s.at(captured).State, more)
	}
	s.host.acknowledge = nil
	s.pass(time.Hour)
	if s.at(captured).State != payment.Succeeded || len(s.sent(payment.Release)) != 1 {
		t.Errorf("%s", s.at(captured).State)
	}
}
