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

func TestPay(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authenticated)
	c, err := s.Pay(ctx, k.page, k.share)
	if err != nil || c.Request.State != payment.Succeeded || c.Session.Status != payment.SessionCompleted {
		t.Fatalf("%+v, %v", c.Request, err)
	}
	p := s.host.purchases[0]
	if p.cvn != "737" || p.Proof == nil || p.Proof.Value != c.Request.Authentication.Value || p.PAN.Last4() != "1091" || p.Merchant.ID != shop {
		t.Errorf("sent %+v", p)
	}
	if p.Trace != *c.Request.Trace || p.Trace.Amount != "000001000000" {
		t.Errorf("trace %+v", p.Trace)
	}
	if c.Request.Capture.Amount != c.Request.Amount || c.Request.Authorization.AuthorizationCode != "A1B2C3" {
		t.Errorf("%+v", c.Request)
	}
	want := []payment.NoticeKind{payment.NoticeCapture, payment.NoticeSessionCompleted}
	if got := s.told(); !slices.Equal(got, want) {
		t.Errorf("told %v", got)
	}
	if c, err = s.Pay(ctx, k.page, k.share); err != nil || c.Request.State != payment.Succeeded || len(s.host.purchases) != 1 {
		t.Errorf("paid again: %v", err)
	}
	if _, err := s.Pay(ctx, "nowhere", k.share); !errors.Is(err, payment.ErrNotFound) {
		t.Error(err)
	}
}

// TestPayOnlyWhenProved: in any other state the attempt is returned as it is.
func TestPayOnlyWhenProved(t *testing.T) {
	for _, state := range []payment.State{
		payment.Submitted, payment.Opened, payment.Authenticating, payment.Challenging, payment.Authorizing, payment.Reversing, payment.Failed,
	} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		sent := len(s.host.purchases)
		pay, err := s.Pay(ctx, k.page, k.share)
		if err != nil || pay.Request.State != state {
			t.Errorf("%s: %s, %v", state, pay.Request.State, err)
		}
		retyped, err := s.Retype(ctx, k.page, s.types("737"))
		if err != nil || retyped.Request.State != state || len(s.host.purchases) != sent {
			t.Errorf("%s: %s, %v", state, retyped.Request.State, err)
		}
	}
}

func TestShareThatOpensNothing(t *testing.T) {
	for name, test := range map[string]func(*scene, *ticket){
		"none":  func(_ *scene, k *ticket) { k.share = nil },
		"short": func(_ *scene, k *ticket) { k.share = k.share[:31] },
		"wrong": func(_ *scene, k *ticket) { k.share = make([]byte, 32) },
		"row lost": func(s *scene, k *ticket) {
			s.memory.escrow = map[payment.RequestID][]payment.SealedCVN{}
		},
		"row damaged": func(s *scene, k *ticket) { s.memory.escrow[k.id][0].Nonce[0] ^= 1 },
		"row of another attempt": func(s *scene, k *ticket) {
			other := s.bring(s.session(), payment.Authenticated)
			s.memory.escrow[k.id], k.share = s.memory.escrow[other.id], other.share
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			k := s.bring(s.session(), payment.Authenticated)
			test(s, &k)
			version, rows := s.at(k).Version, len(s.memory.escrow[k.id])
			if _, err := s.Pay(ctx, k.page, k.share); !errors.Is(err, flow.ErrShare) {
				t.Errorf("%v", err)
			}
			if s.at(k).Version != version || len(s.memory.escrow[k.id]) != rows || len(s.host.purchases) != 0 {
				t.Error("something has changed")
			}
			c, err := s.Retype(ctx, k.page, s.types("456"))
			if err != nil || c.Request.State != payment.Succeeded || s.host.purchases[0].cvn != "456" || len(s.memory.escrow[k.id]) != 0 {
				t.Errorf("typed again: %v", err)
			}
		})
	}
}

// TestRowIsLostInBetween: the row was there when it was read, and is gone at the commit.
func TestRowIsLostInBetween(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authenticated)
	s.memory.between = func() { delete(s.memory.escrow, k.id) }
	if _, err := s.Pay(ctx, k.page, k.share); !errors.Is(err, flow.ErrShare) || s.at(k).State != payment.Authenticated || len(s.host.purchases) != 0 {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
}

func TestRetype(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(func(n *flow.NewSession) { n.Token = visa }), payment.Authenticated)
	for _, typed := range []string{"", "73", "7373", "abc"} {
		if _, err := s.Retype(ctx, k.page, s.types(typed)); err == nil || s.at(k).State != payment.Authenticated || len(s.memory.escrow[k.id]) != 1 {
			t.Errorf("%d characters: %v", len(typed), err)
		}
	}
	for range 5 { // elsewhere, the card's CVN is guessed meanwhile
		s.host.answer = says(mistyped)
		s.submit(s.session(skipping))
	}
	_, err := s.Retype(ctx, k.page, s.types("737"))
	refused(t, err, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany)
	if len(s.host.purchases) != 5 {
		t.Errorf("%d purchases", len(s.host.purchases))
	}
}

// TestPurchaseIsJudgedOnceMore: what was right when the payer submitted may be wrong when the money leaves.
func TestPurchaseIsJudgedOnceMore(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile     func(*scene)
		code, message string
	}{
		"the card was cancelled": {func(s *scene) {
			card := s.memory.tokens[visa]
			card.Status = payment.TokenCanceled
			s.memory.tokens[visa] = card
		}, "INVALID_TOKEN", badToken},
		"its CVN was guessed at": {func(s *scene) {
			s.memory.counts[counted{"try", payment.CardDay{Card: "fingerprint of pt-visa", Day: "2026-03-14"}}] = 5
		}, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany},
	} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Authenticated)
		test.meanwhile(s)
		_, err := s.Pay(ctx, k.page, k.share)
		refused(t, err, test.code, test.message)
		if len(s.host.purchases) != 0 || s.at(k).State.AtAcquirer() {
			t.Errorf("%s: sent all the same", name)
		}
	}
	s := newScene(t)
	k := s.bring(s.session(), payment.Authenticated)
	s.clock.pass(payment.AttemptLife) // and nobody noticed yet
	c, err := s.Retype(ctx, k.page, s.types("737"))
	if err != nil || c.Request.Failure != payment.PaymentRequestExpired || len(s.host.purchases) != 0 {
		t.Errorf("%s %s, %v", c.Request.State, c.Request.Failure, err)
	}
}

// reserving is the acquirer's line with something that happens while a trace is drawn.
type reserving struct {
	flow.Acquirer
	meanwhile func()
}

func (r reserving) Reserve(ctx context.Context, m payment.Merchant, why payment.Purpose, amount payment.Money) (payment.Trace, error) {
	r.meanwhile()
	return r.Acquirer.Reserve(ctx, m, why, amount)
}

// TestWhatWasReadIsOfNow: a purchase is decided about what its command has read, and only while that is of now. What
// moves in the versions is seen however short it took.
func TestWhatWasReadIsOfNow(t *testing.T) {
	cancel := func(s *scene) { s.amendToken(func(k *payment.Token) { k.Status = payment.TokenCanceled }) }
	for name, test := range map[string]struct {
		takes     time.Duration
		meanwhile func(*scene, payment.SessionID)
		code      string
	}{
		"at once":               {100 * time.Millisecond, func(*scene, payment.SessionID) {}, ""},
		"the card is gone":      {101 * time.Millisecond, func(s *scene, _ payment.SessionID) { cancel(s) }, "INVALID_TOKEN"},
		"the clock is set back": {-time.Millisecond, func(s *scene, _ payment.SessionID) { cancel(s) }, "INVALID_TOKEN"},
		"the session is gone": {0, func(s *scene, id payment.SessionID) {
			s.act(second(s.CancelSession(ctx, shop, id, nil)))
		}, "INVALID_SESSION_STATUS"},
	} {
		s := newScene(t)
		id := s.session(skipping)
		s.open(false, func(o *flow.Options) {
			o.Acquirer = reserving{o.Acquirer, func() {
				s.clock.pass(test.takes)
				test.meanwhile(s, id)
			}}
		})
		_, err := s.Submit(ctx, flow.Submission{Business: shop, Session: id, Fields: types("737")})
		if coded(err) != test.code || (err == nil) != (len(s.host.purchases) == 1) {
			t.Errorf("%s: %v and %d purchases, want %q", name, err, len(s.host.purchases), test.code)
		}
	}
}

// TestTheCVNIsGoneWithTheAnswer: writing the outcome may take seconds, and the CVN does not wait for it.
func TestTheCVNIsGoneWithTheAnswer(t *testing.T) {
	for name, pay := range map[string]func(*scene, payment.SessionID){
		"in one call": func(s *scene, id payment.SessionID) {
			s.answers("Y")
			s.clicked(id)
		},
		"on the page": func(s *scene, id payment.SessionID) {
			k := s.bring(id, payment.Authenticated)
			s.act(second(s.Retype(ctx, k.page, s.types("456"))))
		},
	} {
		s := newScene(t)
		looked := false
		s.memory.fail = func(payment.Changes) failure {
			for _, cvn := range s.host.cvns {
				if looked = true; !cvn.IsZero() {
					t.Errorf("%s: the CVN outlives the answer", name)
				}
			}
			return none
		}
		if pay(s, s.session()); !looked {
			t.Errorf("%s: nothing was sent", name)
		}
	}
}

// TestNobodyPaysTwice lets many ways to pay, and to end, an attempt meet just before their commits.
func TestNobodyPaysTwice(t *testing.T) {
	pay := func(s *scene, k ticket) func() error {
		return func() error { return except(second(s.Pay(ctx, k.page, k.share)), flow.ErrShare) }
	}
	retype := func(s *scene, k ticket) func() error {
		return func() error { return second(s.Retype(ctx, k.page, s.types("456"))) }
	}
	for name, test := range map[string]func(*scene) (ticket, []func() error){
		"one share, eight tabs": func(s *scene) (ticket, []func() error) {
			k := s.bring(s.session(), payment.Authenticated)
			return k, slices.Repeat([]func() error{pay(s, k)}, 8)
		},
		"two shares": func(s *scene) (ticket, []func() error) {
			id := s.session()
			one, two := s.submit(id), s.submit(id)
			s.prove(one)
			return one, []func() error{pay(s, one), pay(s, two), pay(s, one), pay(s, two)}
		},
		"share and retype": func(s *scene) (ticket, []func() error) {
			k := s.bring(s.session(), payment.Authenticated)
			return k, []func() error{pay(s, k), retype(s, k), retype(s, k)}
		},
		"the merchant cancels": func(s *scene) (ticket, []func() error) {
			k := s.bring(s.session(), payment.Authenticated)
			return k, []func() error{pay(s, k), func() error {
				_, err := s.CancelSession(ctx, shop, k.session, nil)
				var e *payment.Error
				if errors.As(err, &e) && e.Code == "INVALID_SESSION_STATUS" {
					err = nil
				}
				return err
			}}
		},
		"the deadline": func(s *scene) (ticket, []func() error) {
			k := s.bring(s.session(), payment.Authenticated)
			s.clock.pass(payment.AttemptLife)
			return k, []func() error{retype(s, k), func() error { return s.Deadline(ctx, k.id) }}
		},
		"another submit": func(s *scene) (ticket, []func() error) {
			k := s.bring(s.session(), payment.Authenticated)
			return k, []func() error{pay(s, k), func() error {
				_, err := s.trySubmit(flow.Submission{Business: shop, Session: k.session, Fields: types("456")})
				var e *payment.Error
				if errors.As(err, &e) {
					err = nil
				}
				return err
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				s := newScene(t)
				k, all := test(s)
				s.memory.between = meet(len(all))
				for _, err := range together(all...) {
					if err != nil {
						t.Error(err)
					}
				}
				if sent := len(s.host.purchases); sent > 1 || (sent == 1) != (s.at(k).State == payment.Succeeded) {
					t.Fatalf("%d purchases, %s", sent, s.at(k).State)
				}
				if len(s.memory.escrow[k.id]) != 0 && s.at(k).State != payment.Authenticated {
					t.Errorf("%s, with a CVN in the escrow", s.at(k).State)
				}
			}
		})
	}
}

// TestPurchaseOnlyAfterItsCommit: whatever goes wrong before, nothing is sent, and what may have been
// committed is reversed.
func TestPurchaseOnlyAfterItsCommit(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*scene)
		state  payment.State // that the attempt is left in
	}{
		"no trace to be had": {func(s *scene) { s.host.busy = errDown }, payment.Authenticated},
		"the number is lost": {func(s *scene) { s.safe.lost = errDown }, payment.Authenticated},
		"not written":        {func(s *scene) { s.memory.fail = entering(notWritten, payment.Authorizing) }, payment.Authenticated},
		"answer lost":        {func(s *scene) { s.memory.fail = entering(answerLost, payment.Authorizing) }, payment.Authorizing},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			k := s.bring(s.session(), payment.Authenticated)
			test.before(s)
			if _, err := s.Pay(ctx, k.page, k.share); !errors.Is(err, errDown) {
				t.Error(err)
			}
			if len(s.host.purchases) != 0 || s.at(k).State != test.state {
				t.Errorf("%d sent, %s", len(s.host.purchases), s.at(k).State)
			}
			s.host.busy, s.safe.lost, s.memory.fail = nil, nil, nil
			if test.state == payment.Authenticated { // nothing has happened: the same share still pays
				if c, err := s.Pay(ctx, k.page, k.share); err != nil || c.Request.State != payment.Succeeded {
					t.Errorf("%v", err)
				}
				return
			}
			if c, err := s.Pay(ctx, k.page, k.share); err != nil || c.Request.State != payment.Authorizing || len(s.host.purchases) != 0 {
				t.Errorf("sent after all: %v", err)
			}
			s.pass(12 * time.Second)
			if len(s.host.advices) != 1 || s.host.advices[0].Original != *s.at(k).Trace {
				t.Errorf("reversals %+v", s.host.advices)
			}
			if s.at(k).State != payment.Failed || s.at(k).Failure != payment.PartnerTimeout {
				t.Errorf("%s %s", s.at(k).State, s.at(k).Failure)
			}
		})
	}
}

// TestWhenItIsTooLateIsToldByBothClocks: a time that was taken through UTC, Round or a row has lost the clock that is
// never set back, and a node whose wall clock is would send what others have reversed.
func TestWhenItIsTooLateIsToldByBothClocks(t *testing.T) {
	s := newScene(t)
	s.clock.at = time.Now()
	k := s.bring(s.session(), payment.Authenticated)
	if _, err := s.Pay(ctx, k.page, k.share); err != nil {
		t.Fatal(err)
	}
	if limit := s.host.purchases[0].NotAfter; limit == limit.Round(0) {
		t.Errorf("%v has no reading of the monotonic clock", limit)
	}
}

// TestPayerLeaves: whoever closes the page stops nothing that is on its way, and starts nothing that is not.
func TestPayerLeaves(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authenticated)
	gone, leave := context.WithCancel(ctx)
	leave()
	if _, err := s.Pay(gone, k.page, k.share); !errors.Is(err, context.Canceled) || s.at(k).State != payment.Authenticated {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
	here, leave := context.WithCancel(ctx)
	s.memory.between = leave // in the middle of the commit
	s.host.answer = func(flow.Authorisation) payment.Answer { leave(); return approved }
	if c, err := s.Pay(here, k.page, k.share); err != nil || c.Request.State != payment.Succeeded {
		t.Errorf("%v", err)
	}
	s = newScene(t)
	id := s.session(skipping)
	here, leave = context.WithCancel(ctx)
	s.host.answer = func(flow.Authorisation) payment.Answer { leave(); return approved }
	if _, err := s.Submit(here, flow.Submission{Business: shop, Session: id, Fields: types("737")}); err != nil {
		t.Error(err)
	}
	if got, _ := s.Session(ctx, shop, id); got.Status != payment.SessionCompleted {
		t.Errorf("%s", got.Status)
	}
}

// TestProofIsForThisPayment: what was authenticated is what is authorised, or nothing is.
func TestProofIsForThisPayment(t *testing.T) {
	for name, change := range map[string]func(*payment.Authentication){
		"amount":   func(a *payment.Authentication) { a.Amount.Minor-- },
		"currency": func(a *payment.Authentication) { a.Amount.Currency = "PHP" },
		"card":     func(a *payment.Authentication) { a.Token = amex },
		"merchant": func(a *payment.Authentication) { a.Merchant = stranger },
	} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Authenticated)
		change(s.memory.requests[k.id].Authentication)
		c, err := s.Pay(ctx, k.page, k.share)
		if err != nil || c.Request.State != payment.Failed || c.Request.Failure != payment.AuthenticationFailed {
			t.Errorf("%s: %s, %v", name, c.Request.State, err)
		}
		if len(s.host.purchases) != 0 || len(s.memory.escrow) != 0 {
			t.Errorf("%s: sent, or the CVN stays", name)
		}
	}
}

// TestProofIsUsedOnce: an authentication value that was authorised with is worth nothing any more.
func TestProofIsUsedOnce(t *testing.T) {
	for _, retyped := range []bool{false, true} {
		s := newScene(t)
		used := s.at(s.bring(s.session(), payment.Failed)).Authentication.Value
		k := s.bring(s.session(), payment.Authenticated)
		s.memory.requests[k.id].Authentication.Value = used
		c, err := s.Pay(ctx, k.page, k.share)
		if retyped {
			c, err = s.Retype(ctx, k.page, s.types("456"))
		}
		if err != nil || c.Request.State != payment.Failed || c.Request.Failure != payment.AuthenticationFailed {
			t.Errorf("%s, %v", c.Request.State, err)
		}
		if a := c.Request.Authentication; a.TransStatus != "N" || a.Value != "" {
			t.Errorf("the merchant is shown a proof: %+v", a)
		}
		if len(s.host.purchases) != 1 || len(s.memory.escrow) != 0 || s.sessionOf(k).Status != payment.SessionActive {
			t.Errorf("%d purchases", len(s.host.purchases))
		}
	}
}

func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		answer   payment.Answer
		state    payment.State
		failure  payment.FailureCode
		reversed int
		counted  int // failures of the session
		mismatch int
	}{
		"approved": {approved, payment.Succeeded, "", 0, 0, 0},
		"declined": {declined, payment.Failed, payment.InsufficientBalance, 0, 1, 0},
		"mistyped": {mistyped, payment.Failed, payment.InvalidCVN, 0, 1, 1},
		"unsent":   {unsent, payment.Failed, payment.ChannelUnavailable, 0, 0, 0},
		"unwanted": {unwanted, payment.Failed, payment.InvalidCVN, 1, 1, 1},
		"unknown":  {unknown, payment.Reversing, "", 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.host.answer = says(test.answer)
			k := s.bring(s.session(), payment.Authenticated)
			c, err := s.Pay(ctx, k.page, k.share)
			if err != nil || c.Request.State != test.state || c.Request.Failure != test.failure {
				t.Errorf("%s %s, %v", c.Request.State, c.Request.Failure, err)
			}
			if got := len(s.memory.advices); got != test.reversed || len(s.host.advices) != 0 {
				t.Errorf("%d reversals, %d sent before they were due", got, len(s.host.advices))
			}
			if got := s.sessionOf(k).Failures; got != test.counted {
				t.Errorf("%d failures counted", got)
			}
			today := counted{"try", payment.CardDay{Card: "fingerprint of pt-visa", Day: "2026-03-14"}}
			if got := s.memory.counts[today]; got != test.mismatch {
				t.Errorf("%d mismatches counted", got)
			}
		})
	}
}

// TestOutcomeNobodyWroteDown: the host has answered, and the answer was lost with the node.
func TestOutcomeNobodyWroteDown(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authorizing)
	s.pass(12*time.Second - time.Millisecond)
	if len(s.host.advices) != 0 {
		t.Error("reversed while the answer could still come")
	}
	s.pass(time.Millisecond)
	if len(s.host.advices) != 1 || s.at(k).State != payment.Failed || s.at(k).Failure != payment.PartnerTimeout {
		t.Errorf("%d reversals, %s %s", len(s.host.advices), s.at(k).State, s.at(k).Failure)
	}
	if k = s.bring(k.session, payment.Succeeded); len(s.host.purchases) != 2 {
		t.Errorf("%d purchases", len(s.host.purchases))
	}
}
