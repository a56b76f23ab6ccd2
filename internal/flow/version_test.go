package flow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

var errVersion = errors.New("3DS error 102")

// refuses has the bank refuse the version of the next n AReqs; lower is what may be spoken instead.
func (b *bank) refuses(n int, lower flow.LowerVersion, then func(payment.Authentication) (payment.Authentication, error)) {
	lower.Err = errVersion
	b.answer = func(a payment.Authentication) (payment.Authentication, error) {
		if n--; n >= 0 {
			return a, &lower
		}
		return then(a)
	}
}

func challenged(a payment.Authentication) (payment.Authentication, error) { return a, nil }

// TestLowerVersion: a bank that refuses a version is asked once more in a lower one, as another transaction, which is
// in the database before it is asked for, so that a result finds it, however early.
func TestLowerVersion(t *testing.T) {
	for _, test := range []struct{ method, completed string }{{"", "U"}, {"https://acs.example/old", "N"}} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Opened)
		first := s.at(k).Authentication.ServerTransID
		s.bank.refuses(1, flow.LowerVersion{Version: "2.1.0", MethodURL: test.method}, func(a payment.Authentication) (payment.Authentication, error) {
			if kept := s.at(k); kept.State != payment.Authenticating || kept.Authentication.ServerTransID != a.ServerTransID || s.memory.authentications[a.ServerTransID] != k.id {
				t.Errorf("asked for before it was kept: %+v", kept.Authentication)
			}
			return a, nil
		})
		s.clock.pass(3 * time.Second)
		c, err := s.Authenticate(ctx, k.page, flow.Browser{Language: "id-ID"}, "Y")
		if err != nil || c.Request.State != payment.Challenging || len(s.bank.asked) != 2 {
			t.Fatalf("%s, %v, %d AReqs", c.Request.State, err, len(s.bank.asked))
		}
		second, a := s.bank.asked[1], c.Request.Authentication
		if a.ServerTransID == first || second.Authentication.ServerTransID != a.ServerTransID || a.Version != "2.1.0" ||
			second.Authentication.Version != "2.1.0" || a.MethodURL != test.method || !a.Asked.Equal(s.clock.now()) {
			t.Errorf("%+v", a)
		}
		if second.MethodCompleted != test.completed || second.Browser.Language != "id-ID" {
			t.Errorf("the Method ran for another transaction, and the bank is told %s", second.MethodCompleted)
		}
		if !a.Covers(c.Request.Amount, c.Request.Business, c.Request.Token) {
			t.Errorf("%+v", a)
		}
		// A result for the one that was refused is answered, and not used.
		old := s.bank.result(payment.Authentication{Directory: directory, ServerTransID: first, DSTransID: "ds", ACSTransID: "acs"}, "Y")
		if err := s.Result(ctx, old); err != nil || s.at(k).State != payment.Challenging {
			t.Errorf("%s, %v", s.at(k).State, err)
		}
		if err := s.Result(ctx, s.bank.result(*a, "Y")); err != nil || s.at(k).State != payment.Authenticated {
			t.Errorf("%s, %v", s.at(k).State, err)
		}
		if !strings.Contains(s.log.String(), "version=2.1.0 refused=2.2.0") {
			t.Error("nobody is told")
		}
	}
}

// TestLowerVersionOnce: a bank that refuses that too is not asked a third time.
func TestLowerVersionOnce(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	s.bank.refuses(2, flow.LowerVersion{Version: "2.1.0"}, challenged)
	c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y")
	if err != nil || c.Request.Failure != payment.AuthenticationFailed || len(s.bank.asked) != 2 {
		t.Errorf("%s %s, %v, %d AReqs", c.Request.State, c.Request.Failure, err, len(s.bank.asked))
	}
	if !strings.Contains(s.log.String(), errVersion.Error()) {
		t.Error("the refusal is not logged")
	}
}

// TestLowerVersionAfterARestart: what begins anew goes on in the version that was understood.
func TestLowerVersionAfterARestart(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	s.bank.refuses(1, flow.LowerVersion{Version: "2.1.0"}, challenged)
	for range 2 {
		if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.State != payment.Challenging {
			t.Fatalf("%v", err)
		}
		if c, err := s.Restart(ctx, k.page, s.at(k).Authentication.Restarts); err != nil || c.Request.Authentication.Version != "2.1.0" {
			t.Fatalf("%+v, %v", c.Request.Authentication, err)
		}
	}
	if len(s.bank.asked) != 3 {
		t.Errorf("%d AReqs", len(s.bank.asked))
	}
}

// TestLowerVersionTooLate: an attempt that was cancelled, or asked for anew, while the refusal was on its way is not
// asked for again.
func TestLowerVersionTooLate(t *testing.T) {
	for name, meanwhile := range map[string]func(*scene, ticket) error{
		"cancelled": func(s *scene, k ticket) error { return second(s.CancelSession(ctx, shop, k.session, nil)) },
		"asked anew": func(s *scene, k ticket) error {
			s.pass(12 * time.Second)
			s.bank.answer = nil
			return second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y"))
		},
	} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Opened)
		asked := 0
		s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
			if err := meanwhile(s, k); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			asked = len(s.bank.asked)
			return a, &flow.LowerVersion{Version: "2.1.0", Err: errVersion}
		}
		if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil || len(s.bank.asked) != asked || s.at(k).Authentication.Version != "2.2.0" {
			t.Errorf("%s: %d AReqs, %+v, %v", name, len(s.bank.asked), s.at(k).Authentication, err)
		}
	}
}

// TestLowerVersionNotKept: what is not in the database is not asked for. Where it is there all the same, it is later.
func TestLowerVersionNotKept(t *testing.T) {
	for _, how := range []failure{notWritten, answerLost} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Opened)
		s.bank.refuses(1, flow.LowerVersion{Version: "2.1.0"}, challenged)
		commits := 0
		s.memory.fail = func(ch payment.Changes) failure {
			if commits++; commits == 2 {
				return how
			}
			return none
		}
		want := map[failure]payment.State{notWritten: payment.Failed, answerLost: payment.Authenticating}[how]
		if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil || len(s.bank.asked) != 1 || s.at(k).State != want {
			t.Errorf("%v, %d AReqs, %s", err, len(s.bank.asked), s.at(k).State)
		}
		if want == payment.Failed {
			continue
		}
		s.memory.fail = nil
		s.pass(12 * time.Second)
		if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.State != payment.Challenging {
			t.Errorf("%v", err)
		}
	}
}

// leaving is a memory that writes nothing for a command that is over.
type leaving struct{ *memory }

func (l leaving) Change(ctx context.Context, look payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	if err := ctx.Err(); err != nil {
		return payment.Case{}, err
	}
	return l.memory.Change(ctx, look, once, fn)
}

// TestLowerVersionTakesLong: a bank that is asked twice may take twice as long, and what it says counts all the same.
func TestLowerVersionTakesLong(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	var end context.CancelFunc // of what is begun first
	s.open(false, func(o *flow.Options) {
		o.Store = leaving{s.memory}
		o.Within = func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			if end == nil {
				end = cancel
			}
			return ctx, cancel
		}
	})
	s.bank.refuses(1, flow.LowerVersion{Version: "2.1.0"}, func(a payment.Authentication) (payment.Authentication, error) {
		end() // what began before the first AReq is over by now
		return a, nil
	})
	if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.State != payment.Challenging {
		t.Errorf("%v", err)
	}
}

// TestLowerVersionWithinTheCall: a bank that is asked within the call that submits is asked once more like any other,
// and may want a challenge.
func TestLowerVersionWithinTheCall(t *testing.T) {
	for _, then := range []payment.State{payment.Succeeded, payment.Challenging, payment.Failed} {
		s := newScene(t)
		s.bank.refuses(1, flow.LowerVersion{Version: "2.1.0"}, func(a payment.Authentication) (payment.Authentication, error) {
			switch then {
			case payment.Succeeded:
				return s.bank.frictionless(a)
			case payment.Challenging:
				return a, nil
			}
			return a, errDown
		})
		k := s.clicked(s.session())
		if r := s.at(k); r.State != then || len(s.bank.asked) != 2 || r.Authentication.Version != "2.1.0" || s.bank.asked[1].MethodCompleted != "U" {
			t.Errorf("%s: %s, %d AReqs, %+v", then, r.State, len(s.bank.asked), r.Authentication)
		}
		if sealed := len(s.memory.escrow[k.id]); (sealed == 1) != (then == payment.Challenging) {
			t.Errorf("%s: %d CVNs rest", then, sealed)
		}
	}
}
