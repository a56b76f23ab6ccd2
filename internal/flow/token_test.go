package flow_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

// typing is a session in which the payer types a card.
func typing(n *flow.NewSession) { n.Token = "" }
func mayBeSaved(n *flow.NewSession) {
	n.Token, n.AllowSave = "", payment.SaveOptional
}
func onlySaving(n *flow.NewSession) {
	n.Token, n.Type, n.Amount.Minor = "", payment.SessionSave, 0
}

// submitCard hands a card in.
func (s *scene) submitCard(session payment.SessionID, number, cvn string, save bool) ticket {
	s.t.Helper()
	k, err := s.trySubmit(flow.Submission{Business: shop, Session: session, Fields: typesCard(number, cvn), Save: save})
	if err != nil {
		s.t.Fatalf("not submitted: %v", err)
	}
	return k
}

// typedCards are the cards that are there beside the two of the scene.
func (s *scene) typedCards() (list []payment.Token) {
	for id, k := range s.memory.tokens {
		if id != visa && id != amex {
			list = append(list, k)
		}
	}
	return list
}

// cardOf is the card of an attempt.
func (s *scene) cardOf(k ticket) payment.Token { return s.memory.tokens[s.at(k).Token] }

// TestCardIsStoredOrNot: whether a typed card is stored depends on the session, and where that leaves it open on
// the payer.
func TestCardIsStoredOrNot(t *testing.T) {
	for name, test := range map[string]struct {
		session func(*flow.NewSession)
		save    bool
		cvn     string
		kind    payment.RequestType
		typed   payment.TokenStatus
		paid    payment.TokenStatus
	}{
		"not offered":       {typing, true, "737", payment.Pay, payment.TokenOneOff, payment.TokenOneOff},
		"offered, no":       {mayBeSaved, false, "737", payment.Pay, payment.TokenOneOff, payment.TokenOneOff},
		"offered, yes":      {mayBeSaved, true, "737", payment.PayAndSave, payment.TokenPending, payment.TokenActive},
		"forced":            {func(n *flow.NewSession) { n.Token, n.AllowSave = "", payment.SaveForced }, false, "737", payment.PayAndSave, payment.TokenPending, payment.TokenActive},
		"only saved":        {onlySaving, false, "737", payment.Save, payment.TokenPending, payment.TokenActive},
		"only saved, none":  {onlySaving, false, "", payment.Save, payment.TokenPending, payment.TokenActive},
		"not offered, none": {typing, false, "", payment.Pay, payment.TokenOneOff, payment.TokenOneOff},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			network := approved
			network.Authorization.NetworkTransactionID = "network-7"
			s.host.answer = says(network)
			k := s.submitCard(s.session(test.session), mastercard, test.cvn, test.save)
			if r, c := s.at(k), s.cardOf(k); r.Type != test.kind || c.Status != test.typed || c.Request != r.ID || c.Masked != "555555XXXXXX4444" || r.WithoutCVN != (test.cvn == "") {
				t.Fatalf("%s with %s %s", r.Type, c.Status, c.Masked)
			}
			s.prove(k)
			c, err := s.Pay(ctx, k.page, k.share)
			if err != nil || c.Request.State != payment.Succeeded || c.Token.Status != test.paid || c.Token.OnFile.NetworkTransactionID != "network-7" {
				t.Fatalf("%s, card %s, %v", c.Request.State, c.Token.Status, err)
			}
			if p := s.host.purchases[0]; p.cvn != test.cvn || !p.PAN.Equal(pan(mastercard)) {
				t.Error("another card or CVN was sent")
			}
			saved := test.paid == payment.TokenActive
			if (c.Session.Saved == c.Token.ID) != saved || slices.Contains(s.told(), payment.NoticeTokenActivated) != saved {
				t.Errorf("saved as %q, told %v", c.Session.Saved, s.told())
			}
			if (c.Session.Request == "") != (test.kind == payment.Save) || slices.Contains(s.told(), payment.NoticeCapture) == (test.kind == payment.Save) {
				t.Errorf("paid by %q, told %v", c.Session.Request, s.told())
			}
		})
	}
}

// TestTypedTwice: two clicks are one attempt and one card; with another card, or another expiry, the first attempt
// and its card are dropped.
func TestTypedTwice(t *testing.T) {
	s := newScene(t)
	id := s.session(mayBeSaved)
	s.memory.between = meet(2)
	var k [2]ticket
	submit := func(i int) func() error {
		return func() (err error) {
			k[i], err = s.trySubmit(flow.Submission{Business: shop, Session: id, Fields: typesCard(mastercard, "737"), Save: true})
			return err
		}
	}
	if errs := together(submit(0), submit(1)); errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	if k[0].id != k[1].id || len(s.typedCards()) != 1 || len(s.memory.escrow[k[0].id]) != 2 {
		t.Fatalf("%s and %s, %d cards, %d CVNs", k[0].id, k[1].id, len(s.typedCards()), len(s.memory.escrow[k[0].id]))
	}
	s.memory.between = nil
	for name, next := range map[string]func(session payment.SessionID) ticket{
		"another card": func(id payment.SessionID) ticket { return s.submitCard(id, "4111111111111111", "737", true) },
		"not saved":    func(id payment.SessionID) ticket { return s.submitCard(id, mastercard, "737", false) },
		"without CVN":  func(id payment.SessionID) ticket { return s.submitCard(id, mastercard, "", true) },
		"another expiry": func(id payment.SessionID) ticket {
			k, err := s.trySubmit(flow.Submission{Business: shop, Session: id, Save: true, Fields: cut(map[string]string{
				"card_number": mastercard, "expiry_month": "11", "expiry_year": "2029", "cvn": "737",
			})})
			if err != nil {
				t.Fatal(err)
			}
			return k
		},
	} {
		old := s.submitCard(s.session(mayBeSaved), mastercard, "737", true)
		k := next(old.session)
		if s.at(old).State != payment.Canceled || s.cardOf(old).Status != payment.TokenCanceled || s.at(k).State != payment.Submitted {
			t.Errorf("%s: %s with %s, then %s", name, s.at(old).State, s.cardOf(old).Status, s.at(k).State)
		}
		if s.cardOf(k).ID == s.cardOf(old).ID || len(s.memory.escrow[old.id]) != 0 {
			t.Errorf("%s: the same card, or its CVN stays", name)
		}
	}
	if told := s.told(); len(told) != 0 {
		t.Errorf("told %v", told)
	}
	one, other := s.session(typing), s.submitCard(s.session(typing), mastercard, "737", false)
	s.memory.between = meet(2)
	errs := together(
		func() error {
			return second(s.trySubmit(flow.Submission{Business: shop, Session: one, Fields: typesCard(mastercard, "737")}))
		},
		func() error {
			return second(s.trySubmit(flow.Submission{Business: shop, Session: one, Fields: typesCard("4111111111111111", "737")}))
		},
	)
	open := s.memory.requests[s.memory.sessions[one].Open]
	if errs[0] != nil || errs[1] != nil || open.State != payment.Submitted || s.at(other).State != payment.Submitted {
		t.Errorf("two cards at once: %s, %v", open.State, errs)
	}
}

func TestVerification(t *testing.T) {
	for name, test := range map[string]struct {
		answer  payment.Answer
		state   payment.State
		failure payment.FailureCode
		card    payment.FailureCode
	}{
		"approved": {approved, payment.Succeeded, "", ""},
		"declined": {declined, payment.Failed, payment.InsufficientBalance, payment.InsufficientBalance},
		"mistyped": {mistyped, payment.Failed, payment.InvalidCVN, "INVALID_ACCOUNT_DETAILS"},
		"unwanted": {unwanted, payment.Failed, payment.InvalidCVN, "INVALID_ACCOUNT_DETAILS"},
		"silent":   {unknown, payment.Failed, payment.PartnerTimeout, payment.IssuerUnavailable},
		"unsent":   {unsent, payment.Failed, payment.ChannelUnavailable, payment.ChannelUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.host.answer = says(test.answer)
			k := s.submitCard(s.session(onlySaving), mastercard, "737", false)
			s.prove(k)
			c, err := s.Pay(ctx, k.page, k.share)
			if err != nil || c.Request.State != test.state || c.Request.Failure != test.failure || c.Token.Failure != test.card {
				t.Errorf("%s %s, card %s %s, %v", c.Request.State, c.Request.Failure, c.Token.Status, c.Token.Failure, err)
			}
			if trace := s.host.purchases[0].Trace; trace.MTI != "0100" || minor(trace.Amount) != 0 {
				t.Errorf("sent %+v", trace)
			}
			want := []payment.NoticeKind{payment.NoticeTokenFailed}
			if test.state == payment.Succeeded {
				want = []payment.NoticeKind{payment.NoticeTokenActivated, payment.NoticeSessionCompleted}
			} else if c.Session.Status != payment.SessionActive || c.Session.Open != "" {
				t.Errorf("the session is %s", c.Session.Status)
			}
			if got := s.told(); !slices.Equal(got, want) {
				t.Errorf("told %v", got)
			}
			if err := s.Late(ctx, c.Request.Trace.Key(), judged(approved)); err != nil || len(s.memory.advices) != 0 || s.at(k).State != test.state {
				t.Errorf("a late answer: %v, %d reversals", err, len(s.memory.advices))
			}
		})
	}
	s := newScene(t)
	s.memory.fail = entering(notWritten, payment.Succeeded) // the node dies with the answer
	k := s.submitCard(s.session(onlySaving, skipping), mastercard, "737", false)
	s.memory.fail = nil
	s.pass(12 * time.Second)
	if r := s.at(k); r.State != payment.Failed || r.Failure != payment.PartnerTimeout || len(s.memory.advices) != 0 {
		t.Errorf("%s %s", r.State, r.Failure)
	}
}

// TestNumberIsErased: a number stays while a late answer, a reversal, a capture or a refund may need it, and is
// erased when none can.
func TestNumberIsErased(t *testing.T) {
	const day = 24 * time.Hour
	buy := func(s *scene) ticket { return s.submitCard(s.session(typing, skipping), mastercard, "737", false) }
	for name, test := range map[string]struct {
		use    func(*scene) ticket
		before time.Duration // of the erasure the number is still there
		after  time.Duration
	}{
		"failed": {func(s *scene) ticket { s.host.answer = says(declined); return buy(s) }, 47 * time.Hour, 49 * time.Hour},
		"paid":   {buy, 365 * day, 368 * day},
		"held and given up": {func(s *scene) ticket {
			k := s.submitCard(s.session(typing, skipping, manual), mastercard, "737", false)
			if _, err := s.Void(ctx, shop, s.at(k).Payment, nil); err != nil {
				t.Fatal(err)
			}
			return k
		}, 47 * time.Hour, 49 * time.Hour},
		"held and captured late": {func(s *scene) ticket {
			k := s.submitCard(s.session(typing, skipping, manual), mastercard, "737", false)
			s.pass(6 * day)
			if _, err := s.capture(k, 1000); err != nil {
				t.Fatal(err)
			}
			return k
		}, 365 * day, 368 * day},
		"given back, and nobody answers": {func(s *scene) ticket {
			k := buy(s)
			s.pass(365*day - time.Hour)
			s.host.acknowledge = silent
			if _, err := s.CreateRefund(ctx, flow.NewRefund{Business: shop, Request: k.id, ReferenceID: "r"}); err != nil {
				t.Fatal(err)
			}
			s.pass(3 * day)
			s.host.acknowledge = nil
			return k
		}, 47 * time.Hour, 3 * day}, // what was given back may be disputed with the host for two days
		"cancelled": {func(s *scene) ticket {
			k := s.submitCard(s.session(onlySaving, skipping), mastercard, "737", false)
			s.pass(3 * day)
			if _, err := s.CancelToken(ctx, shop, s.at(k).Token, nil); err != nil {
				t.Fatal(err)
			}
			return k
		}, time.Minute, day},
		"cancelled, and given back": {func(s *scene) ticket {
			k := s.submitCard(s.session(mayBeSaved, skipping), mastercard, "737", true)
			if _, err := s.CancelToken(ctx, shop, s.at(k).Token, nil); err != nil {
				t.Fatal(err)
			}
			s.pass(day)
			if _, err := s.CreateRefund(ctx, flow.NewRefund{Business: shop, Request: k.id, ReferenceID: "r"}); err != nil {
				t.Fatal(err)
			}
			return k
		}, 47 * time.Hour, 49 * time.Hour},
		"cancelled, and being paid with": {func(s *scene) ticket {
			k := s.submitCard(s.session(onlySaving, skipping), mastercard, "737", false)
			paid := s.submit(s.session(skipping, manual, func(n *flow.NewSession) { n.Token = s.at(k).Token }))
			if _, err := s.CancelToken(ctx, shop, s.at(k).Token, nil); err != nil {
				t.Fatal(err)
			}
			s.pass(7 * day) // the hold expires
			if s.at(paid).State != payment.Expired || len(s.sent(payment.Reversal)) != 1 {
				t.Fatalf("%s", s.at(paid).State)
			}
			return k
		}, 47 * time.Hour, 4 * day},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			k := test.use(s)
			s.pass(test.before)
			if s.cardOf(k).SealedPAN == nil {
				t.Error("erased too soon")
			}
			s.pass(test.after - test.before)
			if s.cardOf(k).SealedPAN != nil {
				t.Error("kept too long")
			}
			for w := range s.memory.work {
				if w.Kind == payment.WorkToken {
					t.Errorf("%s is looked at again", w.Ref)
				}
			}
		})
	}
}

// TestTokenExpires with its card's last month; what is paid with it then is refused.
func TestTokenExpires(t *testing.T) {
	s := newScene(t)
	k := s.submitCard(s.session(onlySaving, skipping), mastercard, "737", false)
	s.pass(time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC).Sub(s.clock.now()) - time.Second)
	if got := s.cardOf(k); got.Status != payment.TokenActive || got.SealedPAN == nil {
		t.Fatalf("%s before its time", got.Status)
	}
	s.pass(time.Second)
	if got := s.cardOf(k); got.Status != payment.TokenExpired || !slices.Contains(s.told(), payment.NoticeTokenExpired) {
		t.Errorf("%s, told %v", got.Status, s.told())
	}
	if _, err := s.CancelToken(ctx, shop, s.at(k).Token, nil); coded(err) != "INACTIVE_PAYMENT_REQUEST" {
		t.Error(err)
	}
	s.pass(time.Hour)
	if s.cardOf(k).SealedPAN != nil {
		t.Error("its number stays")
	}
	if err := s.TokenDue(ctx, "pt-none"); err != nil {
		t.Errorf("the work of a card that is gone comes to no end: %v", err)
	}
}

func TestCancelToken(t *testing.T) {
	s := newScene(t)
	k := s.submitCard(s.session(mayBeSaved), mastercard, "737", true)
	if _, err := s.CancelToken(ctx, shop, s.at(k).Token, nil); coded(err) != notEligible {
		t.Errorf("while it is being saved: %v", err)
	}
	one := s.submitCard(s.session(typing), mastercard, "737", false)
	if _, err := s.CancelToken(ctx, shop, s.at(one).Token, nil); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a card that was not to be stored: %v", err)
	}
	if _, err := s.CancelToken(ctx, stranger, visa, nil); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("by another: %v", err)
	}
	paid := s.bring(s.session(), payment.Authenticated)
	if c, err := s.CancelToken(ctx, shop, visa, nil); err != nil || c.Token.Status != payment.TokenCanceled {
		t.Errorf("%s, %v", c.Token.Status, err)
	}
	if _, err := s.Pay(ctx, paid.page, paid.share); coded(err) != "INVALID_TOKEN" || len(s.host.purchases) != 0 {
		t.Errorf("paid with: %v", err)
	}
	s.pass(payment.AttemptLife + 49*time.Hour)
	if s.memory.tokens[visa].SealedPAN != nil {
		t.Error("its number stays")
	}
}

// TestPaymentMeetsTheErasure: a payment that was decided while the card was good is committed after the card was
// cancelled. Its number is still there for the reversal.
func TestPaymentMeetsTheErasure(t *testing.T) {
	s := cardDetails(t)
	s.host.answer = says(unknown)
	once := false
	s.memory.between = func() {
		if once {
			return
		}
		once = true
		if _, err := s.CancelToken(ctx, shop, visa, nil); err != nil {
			t.Error(err)
		}
		if err := s.work(); err != nil {
			t.Error(err)
		}
	}
	k := s.create(order(unasked))
	s.pass(time.Minute)
	if r := s.at(k); r.State != payment.Failed || len(s.sent(payment.Reversal)) != 1 {
		t.Errorf("%s, %d reversals", r.State, len(s.sent(payment.Reversal)))
	}
}

// TestCountsAreOfTheCard, and not of its row: a typed card that equals a stored one shares what speaks against it.
func TestCountsAreOfTheCard(t *testing.T) {
	s := newScene(t)
	s.amendToken(func(k *payment.Token) { k.Fingerprint = s.safe.Fingerprint(pan("4000000000001091"), shop) })
	s.host.answer = says(mistyped)
	for range payment.MaxCVNTries {
		s.submitCard(s.session(typing, skipping), "4000000000001091", "737", false)
	}
	_, err := s.trySubmit(flow.Submission{Business: shop, Session: s.session(), Fields: types("737")})
	refused(t, err, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany)
	_, err = s.trySubmit(flow.Submission{Business: shop, Session: s.session(typing), Fields: typesCard("4000000000001091", "737")})
	refused(t, err, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany)
	s.submitCard(s.session(typing, skipping), "4111111111111111", "737", false)

	s = newScene(t)
	s.host.answer = says(declined)
	for range payment.MaxDeclines { // Visa's rule, over sessions and days
		s.submit(s.session(skipping))
		s.clock.pass(24 * time.Hour)
	}
	_, err = s.trySubmit(flow.Submission{Business: shop, Session: s.session(), Fields: types("737")})
	refused(t, err, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany)
	s.clock.pass(16 * 24 * time.Hour)
	s.submit(s.session(skipping))
}

// TestIssuerStopsACard: after Mastercard's advice codes 03 and 21 the card is not tried again.
func TestIssuerStopsACard(t *testing.T) {
	for code, stops := range map[string]bool{"03": true, "21": true, "02": false} {
		s := newScene(t)
		k := s.submitCard(s.session(onlySaving, skipping), mastercard, "737", false)
		never := declined
		never.Authorization.AdviceCode = code
		s.host.answer = says(never)
		using := func(n *flow.NewSession) { n.Token = s.at(k).Token }
		s.submit(s.session(skipping, using))
		n := s.ask()
		using(&n)
		if _, err := s.CreateSession(ctx, n); (coded(err) == "ACCOUNT_ACCESS_BLOCKED") != stops || s.cardOf(k).Stopped != stops {
			t.Errorf("%s: %v", code, err)
		}
	}
}
