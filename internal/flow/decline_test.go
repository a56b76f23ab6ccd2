package flow_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/payment"
)

// soft is the answer of an issuer that wants the payer authenticated first.
var soft = payment.Answer{
	Outcome: payment.Declined, Failure: payment.AuthenticationFailed, StepUp: true,
	Authorization: payment.Authorization{ResponseCode: "1A", CVNResult: "M"},
}

// untilChallenged is an issuer that declines softly whom its bank has not challenged.
func untilChallenged(a flow.Authorisation) payment.Answer {
	if a.Proof != nil && a.Proof.Challenged {
		return approved
	}
	return soft
}

// inOneCall makes a session whose payer's browser is prepared, so that the bank is asked within the call that submits.
func inOneCall(n *flow.NewSession) { n.ReferenceID = oneCall }

const oneCall = "in one call"

// trusting lets the bank authenticate without a challenge, unless one is mandated.
func (s *scene) trusting() {
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		if a.Preference == payment.MandateChallenge {
			return a, nil
		}
		return s.bank.frictionless(a)
	}
}

// policy changes what the shop accepts.
func (s *scene) policy(change func(*payment.Merchant)) {
	m := s.memory.merchants[shop]
	change(&m)
	s.memory.merchants[shop] = m
}

// act does all of these, or ends the test.
func (s *scene) act(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Fatalf("%v", err)
	}
}

// declined brings an attempt to a soft decline: authenticated without a challenge, or skipping 3-D Secure.
func (s *scene) declined(how ...func(*flow.NewSession)) ticket {
	s.t.Helper()
	s.trusting()
	s.host.answer = untilChallenged
	n := flow.NewSession{}
	for _, change := range how {
		change(&n)
	}
	session := s.session(how...)
	submit := s.submit
	if n.ReferenceID == oneCall {
		submit = func(id payment.SessionID) ticket { return s.clicked(id) }
	}
	k := submit(session)
	if len(how) == 0 {
		s.act(second(s.Open(ctx, k.page)), second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")), second(s.Pay(ctx, k.page, k.share)))
	}
	if r := s.at(k); r.State != payment.SteppingUp {
		s.t.Fatalf("%s after a soft decline", r.State)
	}
	return k
}

// challenged lets the payer of a page be challenged, and come home.
func (s *scene) challenged(k ticket) {
	s.t.Helper()
	s.act(second(s.Open(ctx, k.page)), second(s.Authenticate(ctx, k.page, flow.Browser{}, "N")))
	if r := s.at(k); r.State != payment.Challenging {
		s.t.Fatalf("the bank was to challenge, and it is %s", r.State)
	}
	s.act(s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")))
}

// TestSoftDecline: the payer is challenged, types the CVN again, and one more authorisation is sent, of which nothing is
// the first one's.
func TestSoftDecline(t *testing.T) {
	for name, how := range map[string][]func(*flow.NewSession){"frictionless": nil, "skipped": {skipping}, "in one call": {inOneCall}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.clock.pass(time.Minute)
			k := s.declined(how...)
			if k.page == "" || how != nil && k.share != nil {
				t.Errorf("page %q, share %x", k.page, k.share)
			}
			if r := s.at(k); r.Expires != s.clock.now().Add(payment.AttemptLife) || len(s.memory.escrow) != 0 || r.HasPayment() {
				t.Errorf("until %s, %d CVNs in the escrow, a payment: %t", r.Expires, len(s.memory.escrow), r.HasPayment())
			}
			if len(s.told()) != 0 || s.sessionOf(k).Failures != 0 || s.sessionOf(k).Open != k.id {
				t.Errorf("told %v, %+v", s.told(), s.sessionOf(k))
			}
			s.challenged(k)
			if q := s.bank.asked[len(s.bank.asked)-1]; q.Challenge != "04" {
				t.Errorf("the bank is asked with %s", q.Challenge)
			}
			if err := second(s.Pay(ctx, k.page, k.share)); !errors.Is(err, flow.ErrShare) || len(s.host.purchases) != 1 {
				t.Errorf("the old share: %v, %d authorisations", err, len(s.host.purchases))
			}
			c, err := s.Retype(ctx, k.page, s.types("456"))
			if err != nil || c.Request.State != payment.Succeeded || c.Session.Status != payment.SessionCompleted {
				t.Fatalf("%s, %v", c.Request.State, err)
			}
			first, second := s.host.purchases[0], s.host.purchases[1]
			if first.Trace.STAN == second.Trace.STAN || first.Trace.RRN == second.Trace.RRN || first.cvn != "737" || second.cvn != "456" {
				t.Errorf("%+v\n%+v", first.Trace, second.Trace)
			}
			if before := first.Proof; (before == nil) != (name == "skipped") || before != nil && before.Value == second.Proof.Value {
				t.Errorf("the proofs: %+v, %+v", before, second.Proof)
			}
			if got := c.Request.SoftDecline; got == nil || got.Trace != first.Trace || got.Authorization.ResponseCode != "1A" {
				t.Errorf("what was declined: %+v", got)
			}
			if !slices.Equal(s.told(), []payment.NoticeKind{payment.NoticeCapture, payment.NoticeSessionCompleted}) {
				t.Errorf("told %v", s.told())
			}
			for _, of := range []payment.Trace{first.Trace, second.Trace} {
				if s.memory.traces[of.Key()] != k.id {
					t.Errorf("%s is not found", of.STAN)
				}
			}
		})
	}
}

// TestSoftDeclineThatIsFinal: once in an attempt, not after a challenge, and only where somebody can be challenged.
func TestSoftDeclineThatIsFinal(t *testing.T) {
	twice := func(s *scene) ticket {
		k := s.declined()
		s.host.answer = says(soft)
		s.challenged(k)
		s.act(second(s.Retype(ctx, k.page, s.types("737"))))
		return k
	}
	request := func(change func(*flow.NewRequest)) func(s *scene) ticket {
		return func(s *scene) ticket {
			s.host.answer = says(soft)
			s.policy(func(m *payment.Merchant) { m.AllowCardDetails = true })
			n := flow.NewRequest{
				Business: shop, ReferenceID: "r-1", Amount: payment.Money{Minor: 5000, Currency: "IDR"}, Country: "ID", Token: visa,
				Terms: payment.Terms{Type: payment.Pay, CaptureMethod: payment.CaptureAutomatic, SkipThreeDS: true}, Fields: types("737"),
			}
			change(&n)
			k, err := s.tryCreate(n)
			s.act(err)
			return k
		}
	}
	for name, test := range map[string]struct {
		run  func(s *scene) ticket
		sent int
	}{
		"a second time": {twice, 2},
		"a second time, by a bank that lets the payer pass": {func(s *scene) ticket {
			k := s.declined()
			s.bank.answer, s.host.answer = s.bank.frictionless, says(soft)
			s.act(second(s.Open(ctx, k.page)), second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
			s.act(second(s.Retype(ctx, k.page, s.types("737"))))
			return k
		}, 2},
		"after a challenge": {func(s *scene) ticket {
			s.host.answer = says(soft)
			k := s.bring(s.session(), payment.Authenticated)
			s.act(second(s.Pay(ctx, k.page, k.share)))
			return k
		}, 1},
		"an issuer that forbids to try again": {func(s *scene) ticket {
			never := soft
			never.Authorization.AdviceCode = "03"
			s.host.answer = says(never)
			mastercard := s.memory.tokens[visa]
			mastercard.Brand = "MASTERCARD"
			s.memory.tokens[visa] = mastercard
			return s.submit(s.session(skipping))
		}, 1},
		"a merchant's server": {request(func(*flow.NewRequest) {}), 1},
		"no CVN":              {request(func(n *flow.NewRequest) { n.Fields = card.Fields{} }), 1},
		"no CVN, on the page": {func(s *scene) ticket {
			k := request(func(n *flow.NewRequest) { n.Fields, n.Terms.SkipThreeDS = card.Fields{}, false })(s)
			s.trusting()
			s.act(second(s.Open(ctx, k.page)), second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")), second(s.Pay(ctx, k.page, nil)))
			return k
		}, 1},
	} {
		s := newScene(t)
		k := test.run(s)
		r := s.at(k)
		if r.State != payment.Failed || r.Failure != payment.AuthenticationFailed || len(s.host.purchases) != test.sent {
			t.Errorf("%s: %s %s after %d authorisations", name, r.State, r.Failure, len(s.host.purchases))
		}
		if n := s.memory.told(payment.NoticeFailure, k.id); n != 1 {
			t.Errorf("%s: told %d times", name, n)
		}
	}
}

// TestSoftDeclineOnThePageOfAPaymentRequest needs no session: the payer is on the attempt's page.
func TestSoftDeclineOnThePageOfAPaymentRequest(t *testing.T) {
	s := newScene(t)
	s.trusting()
	s.host.answer = untilChallenged
	s.policy(func(m *payment.Merchant) { m.AllowCardDetails = true })
	k, err := s.tryCreate(flow.NewRequest{
		Business: shop, ReferenceID: "r-1", Amount: payment.Money{Minor: 5000, Currency: "IDR"}, Country: "ID", Token: visa,
		Terms: payment.Terms{Type: payment.Pay, CaptureMethod: payment.CaptureManual}, Fields: types("737"),
	})
	s.act(err, second(s.Open(ctx, k.page)), second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")), second(s.Pay(ctx, k.page, k.share)))
	if err := second(s.AmendRequest(ctx, shop, k.id, flow.Amendment{Amount: &payment.Money{Minor: 1, Currency: "IDR"}})); err == nil {
		t.Error("the amount changes after an issuer was asked for it")
	}
	s.simulates()
	if err := second(s.Simulate(ctx, shop, k.id, nil, nil)); err == nil {
		t.Error("the payer is played, and nobody authenticated")
	}
	s.challenged(k)
	if c, err := s.Retype(ctx, k.page, s.types("737")); err != nil || c.Request.State != payment.Authorized {
		t.Errorf("%s, %v", c.Request.State, err)
	}
}

// TestSessionAfterASoftDecline: no later attempt of it skips the bank, nor is one made without a challenge.
func TestSessionAfterASoftDecline(t *testing.T) {
	s := newScene(t)
	k := s.declined(skipping)
	again := s.submit(k.session)
	if s.at(k).State != payment.Canceled || again.page == "" || again.share == nil || len(s.host.purchases) != 1 {
		t.Fatalf("%s, page %q, %d authorisations", s.at(k).State, again.page, len(s.host.purchases))
	}
	s.challenged(again)
	if c, err := s.Pay(ctx, again.page, again.share); err != nil || c.Request.State != payment.Succeeded {
		t.Errorf("%s, %v", c.Request.State, err)
	}

	// Two clicks at once, of which the first comes back before the second is decided.
	s = newScene(t)
	s.trusting()
	s.host.answer = untilChallenged
	session := s.session(skipping)
	late := 0
	s.memory.between = func() {
		if late++; late == 1 {
			s.memory.between = nil
			s.submit(session)
		}
	}
	second, err := s.trySubmit(flow.Submission{Business: shop, Session: session, Fields: types("737")})
	if err != nil || second.page == "" || len(s.host.purchases) != 1 {
		t.Errorf("page %q, %d authorisations, %v", second.page, len(s.host.purchases), err)
	}
}

// TestRepeatedSubmitAfterASoftDecline is answered with the page again. The CVN that comes with it is not kept: the page
// asks for it when it is needed.
func TestRepeatedSubmitAfterASoftDecline(t *testing.T) {
	s := newScene(t)
	k := s.declined(skipping)
	again, err := s.trySubmit(flow.Submission{Business: shop, Session: k.session, Fields: types("737"), Repeats: &flow.Earlier{Request: k.id}})
	if err != nil || again.page != k.page || again.share != nil || len(s.memory.escrow) != 0 || len(s.host.purchases) != 1 {
		t.Errorf("page %q, %d in escrow, %d authorisations, %v", again.page, len(s.memory.escrow), len(s.host.purchases), err)
	}
}

// TestAfterASoftDeclineOnlyAProofPays: whatever the merchant accepts otherwise.
func TestAfterASoftDeclineOnlyAProofPays(t *testing.T) {
	for _, status := range []string{"A", "U", "N", "I"} {
		s := newScene(t)
		k := s.declined()
		s.policy(func(m *payment.Merchant) { m.AllowUnauthenticated = true })
		s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.Value = status, s.bank.value()
			return a, nil
		}
		s.act(second(s.Open(ctx, k.page)), second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
		if r := s.at(k); r.State != payment.Failed || r.Failure != payment.AuthenticationFailed || len(s.host.purchases) != 1 {
			t.Errorf("%s: %s %s", status, r.State, r.Failure)
		}
	}
	s := newScene(t) // nor does a card of no directory server
	k := s.declined(skipping)
	s.policy(func(m *payment.Merchant) { m.AllowUnauthenticated = true })
	s.bank.unknown = payment.ErrNotFound
	if c, err := s.Open(ctx, k.page); err != nil || c.Request.Failure != payment.AuthenticationFailed {
		t.Errorf("%s, %v", c.Request.State, err)
	}
}

// TestPayerStaysAwayAfterASoftDecline: the failure says what the issuer wanted.
func TestPayerStaysAwayAfterASoftDecline(t *testing.T) {
	s := newScene(t)
	s.clock.pass(10 * time.Minute)
	k := s.declined(skipping)
	s.pass(payment.AttemptLife - time.Second)
	if s.at(k).State != payment.SteppingUp {
		t.Errorf("%s: the payer has not the time of an attempt", s.at(k).State)
	}
	s.pass(time.Second)
	if r := s.at(k); r.State != payment.Failed || r.Failure != payment.AuthenticationFailed || s.memory.told(payment.NoticeFailure, k.id) != 1 {
		t.Errorf("%s %s", r.State, r.Failure)
	}
}

// TestLateAnswersAfterASoftDecline: copies of the first answer say nothing of the second authorisation, and an approval
// of what was declined is given back, once.
func TestLateAnswersAfterASoftDecline(t *testing.T) {
	s := newScene(t)
	k := s.declined()
	first := s.host.purchases[0].Trace
	s.challenged(k)
	s.memory.fail = entering(notWritten, payment.Succeeded)
	s.act(second(s.Retype(ctx, k.page, s.types("737"))))
	s.memory.fail = nil
	if s.at(k).State != payment.Authorizing {
		t.Fatal(s.at(k).State)
	}
	s.act(s.Late(ctx, first.Key(), judged(soft)))
	if s.at(k).State != payment.Authorizing {
		t.Errorf("a copy of the first answer is taken for the second: %s", s.at(k).State)
	}
	s.act(s.Late(ctx, first.Key(), judged(approved)), s.Late(ctx, first.Key(), judged(approved)))
	if s.at(k).State != payment.Authorizing {
		t.Errorf("an approval of the first is taken for one of the second: %s", s.at(k).State)
	}
	s.act(s.Late(ctx, s.at(k).Trace.Key(), judged(approved)))
	s.pass(time.Minute)
	if s.at(k).State != payment.Succeeded || len(s.host.advices) != 1 || s.host.advices[0].Original != first {
		t.Errorf("%s, reversed: %+v", s.at(k).State, s.host.advices)
	}
	if s.memory.advices[s.at(k).SoftDecline.Reversal].Status != payment.AdviceDone || s.at(k).Reversal != "" {
		t.Errorf("%+v", s.at(k).SoftDecline)
	}
}

// TestAnswerThatIsWrittenLate: one that was held back until another authorisation had followed changes nothing.
func TestAnswerThatIsWrittenLate(t *testing.T) {
	s := newScene(t)
	s.trusting()
	k := s.bring(s.session(), payment.Submitted)
	s.act(second(s.Open(ctx, k.page)), second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
	s.memory.fail = entering(notWritten, payment.SteppingUp)
	s.host.answer = says(soft)
	s.act(second(s.Pay(ctx, k.page, k.share)))
	s.memory.fail = nil
	first := *s.at(k).Trace
	held := 0
	s.memory.between = func() {
		if held++; held > 1 {
			return
		}
		s.memory.between = nil // a copy of the answer has read the attempt, and stands still
		s.act(s.Late(ctx, first.Key(), judged(soft)))
		s.challenged(k)
		s.memory.fail = entering(notWritten, payment.Succeeded)
		s.host.answer = nil
		s.act(second(s.Retype(ctx, k.page, s.types("737"))))
		s.memory.fail = nil
	}
	s.act(s.Late(ctx, first.Key(), judged(soft)))
	if r := s.at(k); r.State != payment.Authorizing || r.SoftDecline.Trace != first || *r.Trace == first {
		t.Errorf("%s, declined %s, sent %s", r.State, r.SoftDecline.Trace.STAN, r.Trace.STAN)
	}
}
