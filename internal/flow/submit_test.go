package flow_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

const tooMany = "Too many failed attempts. Please use another card or try again another day."

func TestSubmitIsRefused(t *testing.T) {
	status := func(is string) string { return "Session status is " + is + ", expecting ACTIVE" }
	for name, test := range map[string]struct {
		before        func(*testing.T, *scene, payment.SessionID)
		code, message string
	}{
		"canceled": {func(t *testing.T, s *scene, id payment.SessionID) {
			if _, err := s.CancelSession(ctx, shop, id, nil); err != nil {
				t.Fatal(err)
			}
		}, "INVALID_SESSION_STATUS", status("CANCELED")},
		"completed": {func(_ *testing.T, s *scene, id payment.SessionID) {
			s.bring(id, payment.Succeeded)
		}, "INVALID_SESSION_STATUS", status("COMPLETED")},
		"expired": {func(_ *testing.T, s *scene, id payment.SessionID) {
			s.pass(30 * time.Minute)
		}, "INVALID_SESSION_STATUS", status("EXPIRED")},
		"expired, nobody noticed": {func(_ *testing.T, s *scene, id payment.SessionID) {
			s.clock.pass(30 * time.Minute)
		}, "INVALID_SESSION_STATUS", status("EXPIRED")},
		"card cancelled since": {func(_ *testing.T, s *scene, id payment.SessionID) {
			k := s.memory.tokens[visa]
			k.Status = payment.TokenCanceled
			s.memory.tokens[visa] = k
		}, "INVALID_TOKEN", badToken},
		"five declines": {func(_ *testing.T, s *scene, id payment.SessionID) {
			for range 5 {
				s.bring(id, payment.Failed)
			}
		}, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "Too many attempts in this session. Please go on in a new one."},
		"five mismatches of the card": {func(_ *testing.T, s *scene, id payment.SessionID) {
			s.host.answer = says(mistyped)
			for range 5 {
				s.submit(s.session(skipping))
			}
		}, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			id := s.session()
			test.before(t, s, id)
			requests, kept := len(s.memory.requests), s.memory.kept
			// The CVN is none: that it is not said shows that it was not judged.
			_, err := s.Submit(ctx, flow.Submission{Business: shop, Session: id, Fields: types("7")})
			refused(t, err, test.code, test.message)
			if len(s.memory.requests) != requests || s.memory.kept != kept {
				t.Error("something was kept")
			}
		})
	}
}

func TestMismatchesAreForgottenTheNextDay(t *testing.T) {
	s := newScene(t)
	s.host.answer = says(mistyped)
	for range 5 {
		s.submit(s.session(skipping))
	}
	s.pass(12 * time.Hour)
	s.submit(s.session(skipping))
}

func TestSubmitJudgesByTheStoredCard(t *testing.T) {
	for token, digits := range map[payment.TokenID]string{visa: "737", amex: "7373"} {
		s := newScene(t)
		id := s.session(func(n *flow.NewSession) { n.Token = token })
		for _, typed := range []string{"", digits[1:], digits + "7", "73a", digits} {
			_, err := s.trySubmit(flow.Submission{Business: shop, Session: id, Fields: types(typed)})
			if (err == nil) != (typed == digits) {
				t.Errorf("%s, %d digits: %v", token, len(typed), err)
			}
			if typed != digits && (len(s.memory.requests) != 0 || s.memory.kept != 0) {
				t.Errorf("%s: a refused CVN left something behind", token)
			}
		}
	}
}

// TestTwoClicksAreOnePayment: submits before the page is opened share the attempt, each with a share.
func TestTwoClicksAreOnePayment(t *testing.T) {
	for first := range 2 {
		s := newScene(t)
		id := s.session()
		s.memory.between = meet(2)
		var k [2]ticket
		submit := func(i int) func() error {
			return func() (err error) {
				k[i], err = s.trySubmit(flow.Submission{Business: shop, Session: id, Fields: types([]string{"123", "456"}[i])})
				return err
			}
		}
		if errs := together(submit(0), submit(1)); errs[0] != nil || errs[1] != nil {
			t.Fatal(errs)
		}
		if k[0].id != k[1].id || k[0].page != k[1].page || slices.Equal(k[0].share, k[1].share) {
			t.Fatal("two clicks are not one payment with two shares")
		}
		if len(s.memory.escrow[k[0].id]) != 2 {
			t.Fatalf("%d rows", len(s.memory.escrow[k[0].id]))
		}
		s.prove(k[0])
		c, err := s.Pay(ctx, k[first].page, k[first].share)
		if err != nil || c.Request.State != payment.Succeeded {
			t.Fatalf("%v", err)
		}
		if got := s.host.purchases[0].cvn; got != []string{"123", "456"}[first] {
			t.Errorf("share %d opened %s", first, got)
		}
		if c, err = s.Pay(ctx, k[1-first].page, k[1-first].share); err != nil || len(s.host.purchases) != 1 {
			t.Errorf("the other share paid again: %v", err)
		}
	}
}

// prove leads a submitted attempt through the bank.
func (s *scene) prove(k ticket) {
	s.t.Helper()
	for _, err := range []error{
		second(s.Open(ctx, k.page)),
		second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")),
		s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")),
	} {
		if err != nil {
			s.t.Fatalf("not proved: %v", err)
		}
	}
}

func TestLaterSubmitSupersedes(t *testing.T) {
	for _, state := range []payment.State{payment.Opened, payment.Authenticating, payment.Challenging, payment.Authenticated} {
		s := newScene(t)
		old := s.bring(s.session(), state)
		k := s.submit(old.session)
		if k.id == old.id || k.page == old.page || s.at(old).State != payment.Canceled || s.at(k).State != payment.Submitted {
			t.Errorf("%s: %s after %s", state, s.at(k).State, s.at(old).State)
		}
		if len(s.memory.escrow[old.id]) != 0 || len(s.memory.escrow[k.id]) != 1 || len(s.told()) != 0 {
			t.Errorf("%s: the old CVN is there, the new one is not, or somebody was told", state)
		}
		if a := s.at(old).Authentication; state == payment.Challenging {
			if err := s.Result(ctx, s.bank.result(*a, "Y")); err != nil || s.at(old).State != payment.Canceled {
				t.Errorf("the result of a superseded attempt: %v", err)
			}
		}
		if c, err := s.Pay(ctx, old.page, old.share); err != nil || c.Request.State != payment.Canceled || len(s.host.purchases) != 0 {
			t.Errorf("%s: a superseded attempt paid: %v", state, err)
		}
		s.prove(k)
		if c, err := s.Pay(ctx, k.page, k.share); err != nil || c.Request.State != payment.Succeeded {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func TestSubmitWaitsForTheAcquirer(t *testing.T) {
	for _, state := range []payment.State{payment.Authorizing, payment.Reversing} {
		for _, skip := range []bool{false, true} {
			s := newScene(t)
			k := s.bring(s.session(), state)
			held := s.memory.sessions[k.session]
			held.SkipThreeDS = skip
			s.memory.sessions[k.session] = held
			kept := s.memory.kept
			_, err := s.trySubmit(flow.Submission{Business: shop, Session: k.session, Fields: types("737")})
			refused(t, err, "SERVICE_UNAVAILABLE", "A payment of this session is being processed. Its outcome follows; please wait before trying again.")
			var e *payment.Error
			if errors.As(err, &e) && e.RetryAfter <= 0 {
				t.Error("no Retry-After")
			}
			if s.memory.kept != kept || len(s.memory.requests) != 1 || s.at(k).State != state {
				t.Errorf("%s: something was kept", state)
			}
		}
	}
}

func TestFailedAttemptLeavesTheSessionOpen(t *testing.T) {
	s := newScene(t)
	failed := s.bring(s.session(), payment.Failed)
	k := s.bring(failed.session, payment.Succeeded)
	if k.id == failed.id || s.sessionOf(k).Status != payment.SessionCompleted || s.sessionOf(k).Failures != 1 {
		t.Errorf("%+v", s.sessionOf(k))
	}
	want := []payment.NoticeKind{payment.NoticeFailure, payment.NoticeCapture, payment.NoticeSessionCompleted}
	if got := s.told(); !slices.Equal(got, want) {
		t.Errorf("told %v", got)
	}
}

func TestSkippedThreeDSNeverRestsTheCVN(t *testing.T) {
	for outcome, want := range map[payment.Outcome]payment.State{
		payment.Approved: payment.Succeeded, payment.Declined: payment.Failed, payment.Unwanted: payment.Failed,
		payment.Unsent: payment.Failed, payment.Unknown: payment.Reversing,
	} {
		s := newScene(t)
		s.host.answer = func(flow.Authorisation) payment.Answer {
			return map[payment.Outcome]payment.Answer{
				payment.Approved: approved, payment.Declined: declined, payment.Unwanted: unwanted, payment.Unsent: unsent, payment.Unknown: unknown,
			}[outcome]
		}
		k := s.submit(s.session(skipping))
		if s.at(k).State != want || k.page != "" || s.memory.kept != 0 {
			t.Errorf("%s: %s, %d kept, page %q", outcome, s.at(k).State, s.memory.kept, k.page)
		}
		if p := s.host.purchases[0]; p.cvn != "737" || p.Proof != nil {
			t.Errorf("%s: sent with %v", outcome, p.Proof)
		}
	}
}

func TestTwoClicksWithoutThreeDS(t *testing.T) {
	s := newScene(t)
	id := s.session(skipping)
	s.memory.between = meet(2)
	submit := func() error {
		return second(s.trySubmit(flow.Submission{Business: shop, Session: id, Fields: types("737")}))
	}
	errs := slices.DeleteFunc(together(submit, submit), func(err error) bool { return err == nil })
	if len(errs) != 1 || len(s.host.purchases) != 1 || len(s.memory.requests) != 1 {
		t.Fatalf("%v, %d purchases", errs, len(s.host.purchases))
	}
	var e *payment.Error
	if !errors.As(errs[0], &e) || e.Code != "SERVICE_UNAVAILABLE" && e.Code != "INVALID_SESSION_STATUS" {
		t.Errorf("%v", errs[0])
	}
}

func TestSubmitOnce(t *testing.T) {
	for _, with := range []func(*flow.NewSession){func(*flow.NewSession) {}, skipping} {
		s := newScene(t)
		sub := flow.Submission{Business: shop, Session: s.session(with), Fields: types("737"), Once: key(shop, "POST /v3/payment_with_session")}
		if _, err := s.trySubmit(sub); err != nil {
			t.Fatal(err)
		}
		purchases, kept := len(s.host.purchases), s.memory.kept
		if _, err := s.trySubmit(sub); err == nil {
			t.Error("a used key was taken again")
		}
		if len(s.memory.requests) != 1 || len(s.host.purchases) != purchases || s.memory.kept != kept {
			t.Error("a repeated command did something")
		}
	}
}

func TestRepeatedSubmitKeepsItsAttempt(t *testing.T) {
	repeat := func(s *scene, k ticket) (ticket, error) {
		return s.trySubmit(flow.Submission{Business: shop, Session: k.session, Fields: types("456"), Repeats: &flow.Earlier{Request: k.id}})
	}
	s := newScene(t)
	k := s.submit(s.session())
	again, err := repeat(s, k)
	if err != nil || again.id != k.id || again.page != k.page || slices.Equal(again.share, k.share) || len(s.memory.escrow[k.id]) != 2 {
		t.Fatalf("%v: the same attempt under a share of its own", err)
	}
	s.prove(k)
	if _, err := s.Pay(ctx, again.page, again.share); err != nil || s.host.purchases[0].cvn != "456" {
		t.Errorf("%v: the CVN sent again pays", err)
	}

	for _, state := range []payment.State{payment.Opened, payment.Challenging, payment.Authenticated, payment.Authorizing, payment.Reversing} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		rows := len(s.memory.escrow[k.id])
		if again, err := repeat(s, k); err != nil || again.id != k.id || again.page != k.page || again.share != nil {
			t.Errorf("%s: %v: the page, without a share", state, err)
		}
		if len(s.memory.escrow[k.id]) != rows || s.at(k).State != state {
			t.Errorf("%s: a repetition changed something", state)
		}
	}
	for _, state := range []payment.State{payment.Succeeded, payment.Failed} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		if again, err := repeat(s, k); err != nil || again.id != k.id || again.page != "" {
			t.Errorf("%s: %v: nothing is left to do for the payer", state, err)
		}
	}

	s = newScene(t)
	k = s.submit(s.session())
	s.memory.between = func() { // the page opens just before the CVN would be kept
		s.memory.between = nil
		if err := second(s.Open(ctx, k.page)); err != nil {
			t.Error(err)
		}
	}
	if again, err := repeat(s, k); err != nil || again.share != nil || len(s.memory.escrow[k.id]) != 1 {
		t.Errorf("%v: a share that opens nothing was given out", err)
	}

	s = newScene(t)
	k = s.submit(s.session())
	if _, err := s.Submit(ctx, flow.Submission{Business: stranger, Session: k.session, Fields: types("737"), Repeats: &flow.Earlier{Request: k.id}}); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("%v: another's attempt", err)
	}
	if _, err := s.trySubmit(flow.Submission{Business: shop, Session: k.session, Fields: types("7"), Repeats: &flow.Earlier{Request: k.id}}); err == nil {
		t.Error("a repetition's CVN is judged, too")
	}
}

func TestSubmitKeepsNothingWhenItFails(t *testing.T) {
	s := newScene(t)
	id := s.session()
	s.memory.fail = entering(notWritten, payment.Submitted)
	if _, err := s.trySubmit(flow.Submission{Business: shop, Session: id, Fields: types("737")}); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	s.memory.fail = nil
	left, leave := context.WithCancel(ctx)
	leave()
	if _, err := s.Submit(left, flow.Submission{Business: shop, Session: id, Fields: types("737")}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.host.busy = errDown
	if _, err := s.trySubmit(flow.Submission{Business: shop, Session: s.session(skipping), Fields: types("737")}); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	if len(s.memory.requests) != 0 || s.memory.kept != 0 || len(s.host.purchases) != 0 {
		t.Error("something was kept or sent")
	}
}
