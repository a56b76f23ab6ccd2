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

func TestOpen(t *testing.T) {
	s := newScene(t)
	k := s.submit(s.session())
	if c, err := s.Attempt(ctx, k.page); err != nil || c.Request.State != payment.Submitted {
		t.Errorf("looking at a page opens it: %v", err)
	}
	s.memory.between = meet(2)
	open := func() error { return second(s.Open(ctx, k.page)) }
	for _, err := range together(open, open) {
		if err != nil {
			t.Error(err)
		}
	}
	a := s.at(k).Authentication
	if s.at(k).State != payment.Opened || a.MethodURL != method || a.Version != "2.2.0" || len(s.memory.authentications) != 1 {
		t.Errorf("%s: %+v", s.at(k).State, a)
	}
	if len(s.bank.asked) != 0 {
		t.Error("an AReq was sent before the Method could run")
	}
	if _, err := s.Open(ctx, "nowhere"); !errors.Is(err, payment.ErrNotFound) {
		t.Error(err)
	}
}

func TestCardThatIsNotEnrolled(t *testing.T) {
	s := newScene(t)
	s.bank.unknown = payment.ErrNotFound
	k := s.submit(s.session())
	c, err := s.Open(ctx, k.page)
	if err != nil || c.Request.State != payment.Failed || c.Request.Failure != payment.AuthenticationFailed {
		t.Errorf("%+v, %v", c.Request, err)
	}
	if len(s.memory.escrow) != 0 || len(s.bank.asked) != 0 || len(s.host.purchases) != 0 {
		t.Error("the CVN stays, or somebody was asked")
	}

	// Not being able to look is another thing: the payer may try again.
	s = newScene(t)
	s.bank.unknown = errDown
	k = s.submit(s.session())
	if _, err := s.Open(ctx, k.page); !errors.Is(err, errDown) || s.at(k).State != payment.Submitted {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
}

// TestOneAReqForTwoTabs has a second tab come while the first one's AReq is on its way.
func TestOneAReqForTwoTabs(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y")
		if err != nil || c.Request.State != payment.Authenticating {
			t.Errorf("the second tab: %s, %v", c.Request.State, err)
		}
		return a, nil
	}
	if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.State != payment.Challenging {
		t.Errorf("%v", err)
	}
	if len(s.bank.asked) != 1 {
		t.Errorf("%d AReqs", len(s.bank.asked))
	}

	// And both at the same moment.
	s = newScene(t)
	k = s.bring(s.session(), payment.Opened)
	s.memory.between = meet(2)
	ask := func() error { return second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")) }
	if errs := together(ask, ask); errs[0] != nil || errs[1] != nil || len(s.bank.asked) != 1 {
		t.Errorf("%v, %d AReqs", errs, len(s.bank.asked))
	}
}

func TestWhatAnAReqSays(t *testing.T) {
	for _, mandate := range []bool{false, true} {
		s := newScene(t)
		m := s.memory.merchants[shop]
		m.MandateChallenge = mandate
		s.memory.merchants[shop] = m
		s.bring(s.session(), payment.Challenging)
		q := s.bank.asked[0]
		if want := map[bool]string{false: "03", true: "04"}[mandate]; q.Challenge != want {
			t.Errorf("challenge indicator %s, want %s", q.Challenge, want)
		}
		if q.MethodCompleted != "Y" || q.NotificationURL != "https://pay.example/3ds/challenge" || q.Expiry.Year != 2030 {
			t.Errorf("%+v", q)
		}
		if !q.Authentication.Covers(payment.Money{Minor: 1000000, Currency: "IDR"}, shop, visa) {
			t.Errorf("%+v", q.Authentication)
		}
	}
}

// TestAReqOfAnAccount: the bank is told the ids that the merchant has for the card's scheme, and for the request's label.
func TestAReqOfAnAccount(t *testing.T) {
	s := newScene(t)
	m := s.memory.merchants[shop]
	m.AcquirerBIN, m.CardAcceptor = "400551", "OWN"
	m.Accounts = []payment.Account{{Scheme: "MASTERCARD", AcquirerBIN: "520001", CardAcceptor: "MC"}, {Scheme: "VISA", AcquirerBIN: "400002", CardAcceptor: "VI"}}
	s.memory.merchants[shop] = m
	for brand, want := range map[string]string{"VISA": "400002 VI", "MASTERCARD": "520001 MC", "JCB": "400551 OWN"} {
		card := s.memory.tokens[visa]
		card.Brand = brand
		s.memory.tokens[visa] = card
		s.bring(s.session(), payment.Challenging)
		if q := s.bank.asked[len(s.bank.asked)-1]; q.Merchant.AcquirerBIN+" "+q.Merchant.CardAcceptor != want {
			t.Errorf("%s: asked as %s %s, want %s", brand, q.Merchant.AcquirerBIN, q.Merchant.CardAcceptor, want)
		}
	}
}

// TestNonPayment: where nothing is paid, the bank is asked so, also after a restart, and its result needs no
// authentication value. A result about a payment is then not the one that was asked for.
func TestNonPayment(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Submitted)
	free := s.memory.requests[k.id]
	free.Amount.Minor, free.Type = 0, payment.Save
	s.memory.requests[k.id] = free
	ask := func() {
		t.Helper()
		if err := second(s.Open(ctx, k.page)); err != nil {
			t.Fatal(err)
		}
		if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if err := second(s.Restart(ctx, k.page, 0)); err != nil {
		t.Fatal(err)
	}
	ask()
	for _, q := range s.bank.asked {
		if !q.Authentication.NonPayment || q.Authentication.Amount.Minor != 0 {
			t.Errorf("asked for a payment: %+v", q.Authentication)
		}
	}
	other := s.bank.result(*s.at(k).Authentication, "Y")
	other.NonPayment = false
	if err := s.Result(ctx, other); !errors.Is(err, payment.ErrNotFound) || s.at(k).State != payment.Challenging {
		t.Errorf("a result about a payment: %v", err)
	}
	if err := s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")); err != nil || s.at(k).State != payment.Authenticated {
		t.Errorf("%v, %s", err, s.at(k).State)
	}

	paid := s.bring(s.session(), payment.Challenging)
	if s.at(paid).Authentication.NonPayment {
		t.Error("a payment is asked for as none")
	}
}

// TestAReqOfADeadNode: who asked died before the answer; after a while another AReq is sent, and the old
// answer, should it still come, is not used.
func TestAReqOfADeadNode(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Authenticating)
	old := s.at(k).Authentication.ServerTransID
	s.pass(12*time.Second - time.Millisecond)
	if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.State != payment.Authenticating || len(s.bank.asked) != 1 {
		t.Errorf("too early: %v", err)
	}
	s.pass(time.Millisecond)
	if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.State != payment.Challenging {
		t.Errorf("%v", err)
	}
	if now := s.at(k).Authentication.ServerTransID; now == old || len(s.bank.asked) != 2 {
		t.Errorf("%d AReqs, the last one under the id %s", len(s.bank.asked), now)
	}
	if q := s.bank.asked[len(s.bank.asked)-1]; q.MethodCompleted != "N" {
		t.Errorf("the 3DS Method ran for another transaction, and the bank is told %s", q.MethodCompleted)
	}
	if len(s.memory.escrow[k.id]) != 1 {
		t.Error("the CVN is gone")
	}
}

func TestAnswerToAReplacedAReqIsNotUsed(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		s.bank.answer = nil // the second AReq is challenged, the first one answers late and would do without
		s.pass(12 * time.Second)
		if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil {
			t.Fatal(err)
		}
		return s.bank.frictionless(a)
	}
	c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y")
	if err != nil || c.Request.State != payment.Challenging || c.Request.Authentication.Value != "" {
		t.Errorf("%s, %v", c.Request.State, err)
	}
	if len(s.bank.asked) != 2 || c.Request.Authentication.ServerTransID != s.bank.asked[1].Authentication.ServerTransID {
		t.Error("the answer to the first AReq was used")
	}
}

func TestVerdicts(t *testing.T) {
	for name, test := range map[string]struct {
		answer  func(a payment.Authentication) (payment.Authentication, error)
		state   payment.State
		failure payment.FailureCode
	}{
		"frictionless": {func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.ECI, a.Value = "Y", "05", "value"
			return a, nil
		}, payment.Authenticated, ""},
		"attempted": {func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.ECI, a.Value = "A", "06", "value"
			return a, nil
		}, payment.Authenticated, ""},
		"no value": {func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.ECI = "Y", "05"
			return a, nil
		}, payment.Failed, payment.AuthenticationFailed},
		"not authenticated": {func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.Value = "N", "value"
			return a, nil
		}, payment.Failed, payment.AuthenticationFailed},
		"rejected": {func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.Reason = "R", "11"
			return a, nil
		}, payment.Failed, payment.AuthenticationFailed},
		"no answer": {func(a payment.Authentication) (payment.Authentication, error) {
			return payment.Authentication{}, errDown
		}, payment.Failed, payment.AuthenticationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			k := s.bring(s.session(), payment.Opened)
			s.bank.answer = test.answer
			c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y")
			if err != nil || c.Request.State != test.state || c.Request.Failure != test.failure {
				t.Errorf("%s %s, %v", c.Request.State, c.Request.Failure, err)
			}
			if rests := len(s.memory.escrow[k.id]) == 1; rests != (test.state == payment.Authenticated) {
				t.Errorf("the CVN rests: %t", rests)
			}
			if said := strings.Contains(s.log.String(), "status=R reason=11"); said != (name == "rejected") {
				t.Errorf("the bank's reason is logged: %t", said)
			}
		})
	}
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	s.safe.lost = errDown // the number cannot be opened, so nobody is asked
	if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.Failure != payment.AuthenticationFailed || len(s.bank.asked) != 0 {
		t.Errorf("%s, %v", c.Request.Failure, err)
	}
}

// TestPayerLeavesDuringTheAReq: an AReq that was sent is seen through.
func TestPayerLeavesDuringTheAReq(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	here, leave := context.WithCancel(ctx)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		leave()
		return a, nil
	}
	if c, err := s.Authenticate(here, k.page, flow.Browser{}, "Y"); err != nil || c.Request.State != payment.Challenging {
		t.Errorf("%v", err)
	}
}

func TestResult(t *testing.T) {
	for status, want := range map[string]payment.State{
		"Y": payment.Authenticated, "N": payment.Failed, "U": payment.Failed, "R": payment.Failed, "C": payment.Failed,
	} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Challenging)
		r := s.bank.result(*s.at(k).Authentication, status)
		r.Reason = "14"
		if err := s.Result(ctx, r); err != nil || s.at(k).State != want {
			t.Errorf("%s: %s, %v", status, s.at(k).State, err)
		}
		version := s.at(k).Version
		if err := s.Result(ctx, r); err != nil || s.at(k).Version != version {
			t.Errorf("%s: told again, acted on again: %v", status, err)
		}
		other := s.bank.result(*s.at(k).Authentication, "Y")
		if err := s.Result(ctx, other); err != nil || s.at(k).Version != version {
			t.Errorf("%s: another result after the first: %v", status, err)
		}
		if a := s.at(k).Authentication; !a.Challenged || a.TransStatus != status {
			t.Errorf("%s: %+v", status, a)
		}
		if said := strings.Count(s.log.String(), "reason=14"); said == 1 != (want == payment.Failed) {
			t.Errorf("%s: the bank's reason is logged %d times", status, said)
		}
	}
}

func TestResultOfSomebodyElse(t *testing.T) {
	for name, change := range map[string]func(*payment.Result){
		"directory":      func(r *payment.Result) { r.Directory = "ds.evil" },
		"DS transaction": func(r *payment.Result) { r.DSTransID = "other" },
		"ACS transaction": func(r *payment.Result) {
			r.ACSTransID = "other"
		},
		"no ids":      func(r *payment.Result) { r.DSTransID, r.ACSTransID = "", "" },
		"transaction": func(r *payment.Result) { r.ServerTransID = "unknown" },
		"nothing":     func(r *payment.Result) { *r = payment.Result{} },
	} {
		s := newScene(t)
		k := s.bring(s.session(), payment.Challenging)
		r := s.bank.result(*s.at(k).Authentication, "Y")
		change(&r)
		if err := s.Result(ctx, r); !errors.Is(err, payment.ErrNotFound) || s.at(k).State != payment.Challenging {
			t.Errorf("%s: %s, %v", name, s.at(k).State, err)
		}
	}
}

// TestResultOfAnotherDirectory: who was not asked is told that there is no such transaction, whatever became of it: not
// answered yet, replaced, or put aside by a soft decline.
func TestResultOfAnotherDirectory(t *testing.T) {
	evil := func(s *scene, when string, a payment.Authentication) {
		r := s.bank.result(a, "Y")
		r.Directory = "ds.evil"
		if err := s.Result(ctx, r); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%s: %v", when, err)
		}
	}
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	opened := *s.at(k).Authentication
	evil(s, "not asked yet", opened)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		evil(s, "not answered yet", a)
		return a, nil
	}
	s.act(second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
	was := *s.at(k).Authentication
	s.act(second(s.Restart(ctx, k.page, 0)))
	evil(s, "replaced", was)
	s.act(second(s.GiveUp(ctx, k.page)))
	evil(s, "over", was)

	s = newScene(t)
	s.host.answer = says(soft)
	s.answers("Y")
	k = s.clicked(s.session())
	declined := *s.at(k).SoftDecline.Authentication
	evil(s, "declined softly", declined)
	if err := s.Result(ctx, s.bank.result(declined, "Y")); err != nil || s.at(k).State != payment.SteppingUp {
		t.Errorf("declined softly: %v", err)
	}
}

// TestResultOfAnotherVersion: a transaction keeps the version that its AReq had.
func TestResultOfAnotherVersion(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Challenging)
	r := s.bank.result(*s.at(k).Authentication, "Y")
	r.Version = "1.0.2"
	if err := s.Result(ctx, r); !errors.Is(err, payment.ErrOtherVersion) || s.at(k).State != payment.Challenging {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
}

// TestResultComesWithTheCancel has the bank say yes while the merchant cancels.
func TestResultComesWithTheCancel(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Challenging)
	r := s.bank.result(*s.at(k).Authentication, "Y")
	s.memory.between = meet(2)
	errs := together(
		func() error { return s.Result(ctx, r) },
		func() error { return second(s.CancelSession(ctx, shop, k.session, nil)) },
	)
	if errs[0] != nil || errs[1] != nil || s.at(k).State != payment.Canceled || len(s.memory.escrow) != 0 {
		t.Errorf("%v, %s", errs, s.at(k).State)
	}
}

func TestResultAfterTheEnd(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Challenging)
	r := s.bank.result(*s.at(k).Authentication, "Y")
	s.pass(payment.AttemptLife)
	if err := s.Result(ctx, r); err != nil || s.at(k).State != payment.Failed || s.at(k).Failure != payment.Timeout {
		t.Errorf("%s %s, %v", s.at(k).State, s.at(k).Failure, err)
	}
}

func TestRestart(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Challenging)
	old := *s.at(k).Authentication
	c, err := s.Restart(ctx, k.page, 0)
	if err != nil || c.Request.State != payment.Opened || len(s.memory.escrow[k.id]) != 1 {
		t.Fatalf("%v: back to before the AReq, with the same escrow", err)
	}
	if a := c.Request.Authentication; a.ServerTransID == old.ServerTransID || a.MethodURL != method || a.ACSTransID != "" {
		t.Errorf("%+v", a)
	}
	if c, err = s.Restart(ctx, k.page, 1); err != nil || c.Request.State != payment.Opened {
		t.Errorf("a second Restart: %v", err)
	}
	if err := s.Result(ctx, s.bank.result(old, "Y")); err != nil || s.at(k).State != payment.Opened {
		t.Errorf("the result for the old AReq: %s, %v", s.at(k).State, err)
	}
	if s.MethodForm(c) != nil {
		t.Error("the 3DS Method is to run for a second transaction")
	}
	if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil {
		t.Fatal(err)
	}
	if q := s.bank.asked[len(s.bank.asked)-1]; q.MethodCompleted != "N" {
		t.Errorf("what a browser said of the transaction before was told of this one: %s", q.MethodCompleted)
	}
	if c, err = s.Restart(ctx, k.page, 0); err != nil || c.Request.State != payment.Challenging {
		t.Errorf("a page that is late broke the challenge of another: %v", err)
	}
	if err := s.Result(ctx, s.bank.result(old, "Y")); err != nil || s.at(k).State != payment.Challenging {
		t.Errorf("the result for the old AReq: %s, %v", s.at(k).State, err)
	}
	if err := s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")); err != nil {
		t.Fatal(err)
	}
	if c, err = s.Pay(ctx, k.page, k.share); err != nil || c.Request.State != payment.Succeeded {
		t.Errorf("%v", err)
	}
}

// TestBankThatAlwaysBreaks is not asked for ever.
func TestBankThatAlwaysBreaks(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Challenging)
	for round := range payment.MaxRestarts {
		if c, err := s.Restart(ctx, k.page, round); err != nil || c.Request.State != payment.Opened {
			t.Fatalf("%s, %v", c.Request.State, err)
		}
		if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil {
			t.Fatal(err)
		}
	}
	c, err := s.Restart(ctx, k.page, payment.MaxRestarts)
	if err != nil || c.Request.Failure != payment.AuthenticationFailed || len(s.memory.escrow) != 0 || len(s.bank.asked) != payment.MaxRestarts+1 {
		t.Errorf("%s %s after %d AReqs, %v", c.Request.State, c.Request.Failure, len(s.bank.asked), err)
	}
}

// TestResultBeforeTheAnswer: what it is about cannot be judged yet, so it is to be sent again.
func TestResultBeforeTheAnswer(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		err := s.Result(ctx, s.bank.result(a, "Y"))
		if err == nil || errors.Is(err, payment.ErrNotFound) || s.at(k).State != payment.Authenticating {
			t.Errorf("%s, %v", s.at(k).State, err)
		}
		return a, nil
	}
	if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil {
		t.Fatal(err)
	}
	if err := s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")); err != nil || s.at(k).State != payment.Authenticated {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
}

// TestResultOfAnAnswerThatNeverCame: the bank begins a challenge, and we have given up by then. It is answered, and
// nothing comes of it.
func TestResultOfAnAnswerThatNeverCame(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	var begun payment.Authentication
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		begun = a
		return payment.Authentication{}, errDown
	}
	if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")); err != nil || s.at(k).State != payment.Failed {
		t.Fatalf("%s, %v", s.at(k).State, err)
	}
	version := s.at(k).Version
	if err := s.Result(ctx, s.bank.result(begun, "Y")); err != nil || s.at(k).Version != version {
		t.Errorf("%s, %v", s.at(k).State, err)
	}
}

// TestChallengeThatNeverBegan: the payer's page came after the bank's 30 s, and no CReq reached it. The payer is asked
// anew, with the CVN that rests, and not for ever.
func TestChallengeThatNeverBegan(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Challenging)
	late := func() payment.Result {
		r := s.bank.result(*s.at(k).Authentication, "N")
		r.Cancel, r.Reason = "05", "14"
		return r
	}
	for round := range payment.MaxRestarts {
		old := late()
		if err := s.Result(ctx, old); err != nil || s.at(k).State != payment.Opened || len(s.memory.escrow[k.id]) != 1 {
			t.Fatalf("%s, %v", s.at(k).State, err)
		}
		if err := s.Result(ctx, old); err != nil || s.at(k).Authentication.Restarts != round+1 {
			t.Errorf("told again, begun again: %v", err)
		}
		if err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "N")); err != nil || s.at(k).State != payment.Challenging {
			t.Fatalf("%s, %v", s.at(k).State, err)
		}
	}
	if err := s.Result(ctx, late()); err != nil || s.at(k).Failure != payment.Timeout || len(s.memory.escrow) != 0 {
		t.Errorf("%s %s, %v", s.at(k).State, s.at(k).Failure, err)
	}
}

// TestGiveUp: until the acquirer is asked the payer may end it, and the merchant is told why.
func TestGiveUp(t *testing.T) {
	for _, state := range payment.States() {
		if state == payment.SteppingUp || state == payment.Authorized || state == payment.Capturing || state == payment.Canceled || state == payment.Expired {
			continue // the first is below; the others are over as Succeeded and Failed are
		}
		s := newScene(t)
		k := s.bring(s.session(), state)
		c, err := s.GiveUp(ctx, k.page)
		if err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if !state.BeforeAcquirer() {
			if c.Request.State != state {
				t.Errorf("%s: became %s", state, c.Request.State)
			}
			continue
		}
		if c.Request.State != payment.Failed || c.Request.Failure != payment.UserDeclined || len(s.memory.escrow) != 0 {
			t.Errorf("%s: %s %s", state, c.Request.State, c.Request.Failure)
		}
		if s.sessionOf(k).Status != payment.SessionActive || s.sessionOf(k).Open != "" || s.memory.told(payment.NoticeFailure, k.id) != 1 {
			t.Errorf("%s: %+v", state, s.sessionOf(k))
		}
		if again := s.bring(k.session, payment.Succeeded); again.id == k.id {
			t.Errorf("%s: the session is not paid by another attempt", state)
		}
	}
	s := newScene(t)
	k := s.declined(skipping)
	if c, err := s.GiveUp(ctx, k.page); err != nil || c.Request.Failure != payment.UserDeclined {
		t.Errorf("%s %s, %v", c.Request.State, c.Request.Failure, err)
	}
	if _, err := s.GiveUp(ctx, "nowhere"); !errors.Is(err, payment.ErrNotFound) {
		t.Error(err)
	}
}

// TestGiveUpWhileTheBankIsAsked: its answer comes to nothing, and so does a result.
func TestGiveUpWhileTheBankIsAsked(t *testing.T) {
	s := newScene(t)
	k := s.bring(s.session(), payment.Opened)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		return a, second(s.GiveUp(ctx, k.page))
	}
	if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "Y"); err != nil || c.Request.Failure != payment.UserDeclined {
		t.Errorf("%s %s, %v", c.Request.State, c.Request.Failure, err)
	}
	s.bank.answer = nil
	k = s.bring(k.session, payment.Challenging)
	r := s.bank.result(*s.at(k).Authentication, "Y")
	if err := second(s.GiveUp(ctx, k.page)); err != nil {
		t.Fatal(err)
	}
	version := s.at(k).Version
	if err := s.Result(ctx, r); err != nil || s.at(k).Version != version || len(s.host.purchases) != 0 {
		t.Errorf("a result after the end: %s, %v", s.at(k).State, err)
	}
}
