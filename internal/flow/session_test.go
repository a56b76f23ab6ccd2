package flow_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

const (
	badToken    = "Payment token ID specified in the payment request has expired or has been cancelled. Please reinitiate linking before retrying."
	noSuchToken = "Payment token ID specified in the payment request does not exist, was never active, or belongs to another customer."
	duplicate   = "customer: The reference_id entered has been used before. Please enter a unique reference_id"
)

func TestSessionIsRefused(t *testing.T) {
	inline := func(reference string) func(*flow.NewSession) {
		return func(n *flow.NewSession) {
			n.Buyer = flow.Buyer{New: &flow.NewCustomer{ReferenceID: reference}}
		}
	}
	expiring := func(d time.Duration) func(*flow.NewSession) {
		return func(n *flow.NewSession) { n.Expires = noon.Add(d) }
	}
	token := func(change func(*payment.Token)) func(*scene) {
		return func(s *scene) {
			k := s.memory.tokens[visa]
			change(&k)
			s.memory.tokens[visa] = k
		}
	}
	for name, test := range map[string]struct {
		scene         func(*scene)
		ask           func(*flow.NewSession)
		code, message string
	}{
		"no amount":         {nil, func(n *flow.NewSession) { n.Amount.Minor = 0 }, "INVALID_AMOUNT", "Amount must be greater than zero"},
		"expires too soon":  {nil, expiring(10*time.Minute - time.Second), "INVALID_EXPIRY_DATE", "expires_at must be at least 10 minutes in the future"},
		"expires too late":  {nil, expiring(30*24*time.Hour + time.Second), "INVALID_EXPIRY_DATE", "expires_at must be at most 30 days in the future"},
		"unknown card":      {nil, func(n *flow.NewSession) { n.Token = "pt-nobody" }, "INVALID_TOKEN", noSuchToken},
		"another's card":    {token(func(k *payment.Token) { k.Business = stranger }), nil, "INVALID_TOKEN", noSuchToken},
		"cancelled card":    {token(func(k *payment.Token) { k.Status = payment.TokenCanceled }), nil, "INVALID_TOKEN", badToken},
		"expired card":      {token(func(k *payment.Token) { k.ExpiryYear, k.ExpiryMonth = 2026, 2 }), nil, "INVALID_TOKEN", badToken},
		"another's token":   {nil, func(n *flow.NewSession) { n.Buyer.ID = bob }, "INVALID_TOKEN", noSuchToken},
		"card being saved":  {token(func(k *payment.Token) { k.Status = payment.TokenPending }), nil, "INVALID_TOKEN", noSuchToken},
		"card never saved":  {token(func(k *payment.Token) { k.Status = payment.TokenFailed }), nil, "INVALID_TOKEN", noSuchToken},
		"unknown customer":  {nil, func(n *flow.NewSession) { n.Buyer.ID = "cust-nobody" }, "DATA_NOT_FOUND", "The customer ID provided in the request does not exist"},
		"foreign customer":  {func(s *scene) { s.memory.customers[ada] = payment.Customer{ID: ada, Business: stranger} }, nil, "DATA_NOT_FOUND", "The customer ID provided in the request does not exist"},
		"reference is used": {func(s *scene) { s.memory.merchants[shop] = payment.Merchant{ID: shop} }, inline("ada"), "DUPLICATE_ERROR", duplicate},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			if test.scene != nil {
				test.scene(s)
			}
			n := s.ask()
			if test.ask != nil {
				test.ask(&n)
			}
			_, err := s.CreateSession(ctx, n)
			refused(t, err, test.code, test.message)
			if len(s.memory.sessions) != 0 || len(s.memory.work) != 0 || len(s.memory.customers) != 2 {
				t.Error("something was kept")
			}
		})
	}
}

func TestSessionOfNobody(t *testing.T) {
	s := newScene(t)
	n := s.ask()
	n.Business = "62440e322008e87fb29c1fff"
	n.Token = ""
	if _, err := s.CreateSession(ctx, n); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestSessionLives(t *testing.T) {
	for _, life := range []time.Duration{0, 10 * time.Minute, 30 * 24 * time.Hour} {
		s := newScene(t)
		id := s.session(func(n *flow.NewSession) {
			if life != 0 {
				n.Expires = noon.Add(life)
			}
		})
		if life == 0 {
			life = 30 * time.Minute
		}
		s.pass(life - time.Second)
		if got, err := s.Session(ctx, shop, id); err != nil || got.Status != payment.SessionActive || !got.Expires.Equal(noon.Add(life)) {
			t.Errorf("%+v, %v", got, err)
		}
		s.pass(time.Second)
		if got, err := s.Session(ctx, shop, id); err != nil || got.Status != payment.SessionExpired {
			t.Errorf("%+v, %v", got, err)
		}
		if got := s.told(); !slices.Equal(got, []payment.NoticeKind{payment.NoticeSessionExpired}) {
			t.Errorf("told %v", got)
		}
	}
}

func TestSessionIsForSomeone(t *testing.T) {
	inline := func(n *flow.NewSession) { n.Buyer = flow.Buyer{New: &flow.NewCustomer{ReferenceID: "bob"}} }
	s := newScene(t)
	known, err := s.Session(ctx, shop, s.session(inline))
	if err != nil || known.Customer != bob {
		t.Errorf("%s, %v: a known reference is the same customer, whose card it is does not matter", known.Customer, err)
	}
	first, _ := s.Session(ctx, shop, s.session(func(n *flow.NewSession) { inline(n); n.Buyer.New.ReferenceID = "eve" }))
	again, _ := s.Session(ctx, shop, s.session(func(n *flow.NewSession) { inline(n); n.Buyer.New.ReferenceID = "eve" }))
	if made := s.memory.customers[first.Customer]; first.Customer != again.Customer || made.ReferenceID != "eve" || made.Business != shop {
		t.Errorf("%s, then %s: %+v", first.Customer, again.Customer, made)
	}
}

// TestSessionsOfOneNewCustomer has two sessions bring the same customer at the same moment.
func TestSessionsOfOneNewCustomer(t *testing.T) {
	for _, reuse := range []bool{true, false} {
		s := newScene(t)
		s.memory.merchants[shop] = payment.Merchant{ID: shop, ReuseCustomers: reuse}
		s.memory.between = meet(2)
		create := func() error {
			n := s.ask()
			n.Buyer = flow.Buyer{New: &flow.NewCustomer{ReferenceID: "eve"}}
			_, err := s.CreateSession(ctx, n)
			return err
		}
		errs := slices.DeleteFunc(together(create, create), func(err error) bool { return err == nil })
		if reuse && (len(errs) != 0 || len(s.memory.sessions) != 2) {
			t.Errorf("%v", errs)
		}
		if !reuse {
			if len(errs) != 1 || len(s.memory.sessions) != 1 {
				t.Fatalf("%v", errs)
			}
			refused(t, errs[0], "DUPLICATE_ERROR", duplicate)
		}
		if len(s.memory.customers) != 3 {
			t.Errorf("%d customers", len(s.memory.customers))
		}
	}
}

func key(of payment.BusinessID, endpoint string) *payment.Once {
	return &payment.Once{Business: of, Endpoint: endpoint, Key: "k1", Answer: func(payment.Case) (int, []byte, error) { return 201, nil, nil }}
}

func TestSessionOnce(t *testing.T) {
	s := newScene(t)
	n := s.ask()
	n.Once = key(shop, "POST /sessions")
	made, err := s.CreateSession(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateSession(ctx, n); !errors.Is(err, payment.ErrRepeated) || len(s.memory.sessions) != 1 {
		t.Errorf("%v, %d sessions", err, len(s.memory.sessions))
	}
	cancel := key(shop, "POST /sessions/{session_id}/cancel")
	if _, err := s.CancelSession(ctx, shop, made.ID, cancel); err != nil {
		t.Error(err)
	}
	if _, err := s.CancelSession(ctx, shop, made.ID, cancel); coded(err) != "INVALID_SESSION_STATUS" {
		t.Errorf("%v: that it was repeated is for the door to find", err)
	}
}

func TestSessionOfAnotherDoesNotExist(t *testing.T) {
	s := newScene(t)
	id := s.session()
	_, read := s.Session(ctx, stranger, id)
	_, canceled := s.CancelSession(ctx, stranger, id, nil)
	_, missing := s.Session(ctx, shop, "ps-none")
	_, submitted := s.Submit(ctx, flow.Submission{Business: stranger, Session: id, Fields: types("737")})
	for _, err := range []error{read, canceled, missing, submitted} {
		refused(t, err, "NOT_FOUND", "Session not found")
	}
}

func TestCancelSession(t *testing.T) {
	for _, state := range []payment.State{
		payment.Submitted, payment.Opened, payment.Authenticating, payment.Challenging, payment.Authenticated,
	} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		done, err := s.CancelSession(ctx, shop, k.session, nil)
		if err != nil || done.Status != payment.SessionCanceled || s.at(k).State != payment.Canceled {
			t.Errorf("%s: %+v, %v", state, done, err)
		}
		if len(s.memory.escrow) != 0 || len(s.memory.work) != 0 || len(s.told()) != 0 {
			t.Errorf("%s: escrow, work or a notice is left", state)
		}
		if _, err := s.Pay(ctx, k.page, k.share); err != nil || len(s.host.purchases) != 0 {
			t.Errorf("%s: paid after the cancel: %v", state, err)
		}
		_, err = s.CancelSession(ctx, shop, k.session, nil)
		refused(t, err, "INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE")
	}
	for _, state := range []payment.State{payment.Authorizing, payment.Reversing} {
		s := newScene(t)
		k := s.bring(s.session(), state)
		_, err := s.CancelSession(ctx, shop, k.session, nil)
		refused(t, err, "INVALID_SESSION_STATUS", "Session has a payment that is being authorised; its outcome follows by webhook")
		if s.at(k).State != state || s.sessionOf(k).Status != payment.SessionActive {
			t.Errorf("%s: the cancel changed something", state)
		}
	}
	s := newScene(t)
	_, err := s.CancelSession(ctx, shop, s.bring(s.session(), payment.Succeeded).session, nil)
	refused(t, err, "INVALID_SESSION_STATUS", "Session status is COMPLETED, expecting ACTIVE")
}

// TestCancelAfterTheTime: the session is still there because an attempt is waited for. Whoever cancels it
// then is told so by the answer, and nobody is told that it has expired.
func TestCancelAfterTheTime(t *testing.T) {
	s := newScene(t)
	id := s.session()
	s.pass(29 * time.Minute)
	k := s.bring(id, payment.Challenging)
	s.pass(2 * time.Minute)
	if got, err := s.CancelSession(ctx, shop, k.session, nil); err != nil || got.Status != payment.SessionCanceled || len(s.told()) != 0 {
		t.Errorf("%s, told %v, %v", got.Status, s.told(), err)
	}
}

func TestExpiryWaitsForTheAttempt(t *testing.T) {
	s := newScene(t)
	id := s.session()
	s.pass(29 * time.Minute)
	k := s.bring(id, payment.Challenging)
	s.pass(14 * time.Minute)
	if s.sessionOf(k).Status != payment.SessionActive {
		t.Error("expired under an open attempt")
	}
	s.pass(2 * time.Minute)
	if s.sessionOf(k).Status != payment.SessionExpired || s.at(k).Failure != payment.Timeout {
		t.Errorf("%s, %s", s.sessionOf(k).Status, s.at(k).Failure)
	}
	want := []payment.NoticeKind{payment.NoticeFailure, payment.NoticeSessionExpired}
	if got := s.told(); !slices.Equal(got, want) {
		t.Errorf("told %v", got)
	}

	// One that is with the acquirer when the time is over may still pay.
	s = newScene(t)
	s.host.acknowledge = func(payment.Advice) payment.Answer { return unknown }
	k = s.bring(s.session(), payment.Reversing)
	s.pass(40 * time.Minute)
	if s.sessionOf(k).Status != payment.SessionActive {
		t.Error("expired while money may be on its way")
	}
	s.host.acknowledge = nil
	s.pass(2 * time.Minute)
	if s.sessionOf(k).Status != payment.SessionExpired {
		t.Errorf("%s", s.sessionOf(k).Status)
	}
}

// TestExpiryIsNotBelievedTooSoon: work may come early, when clocks of nodes differ.
func TestExpiryIsNotBelievedTooSoon(t *testing.T) {
	s := newScene(t)
	id := s.session()
	if err := s.ExpireSession(ctx, id); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Session(ctx, shop, id); got.Status != payment.SessionActive {
		t.Errorf("%s", got.Status)
	}
	s.pass(30 * time.Minute)
	if err := s.ExpireSession(ctx, id); err != nil || len(s.told()) != 1 {
		t.Errorf("%v, told %v", err, s.told())
	}
}

// TestReadsOfOneClick: a session reads once, card and customer together, and so does its payment. docs/performance.md
// says so.
func TestReadsOfOneClick(t *testing.T) {
	for name, buyer := range map[string]flow.Buyer{
		"nobody named": {},
		"by id":        {ID: ada},
		"known inline": {New: &flow.NewCustomer{ReferenceID: "ada", Type: payment.IndividualCustomer}},
		"new":          {New: &flow.NewCustomer{ReferenceID: "eve", Type: payment.IndividualCustomer}},
	} {
		s := newScene(t)
		n := s.ask()
		n.Buyer, n.SkipThreeDS = buyer, true
		opened, err := s.CreateSession(ctx, n)
		if err != nil || s.memory.reads != 1 {
			t.Errorf("%s: %d reads for a session, want 1; %v", name, s.memory.reads, err)
		}
		s.host.answer = func(flow.Authorisation) payment.Answer { s.memory.reads--; return approved } // the host looks itself
		paid, err := s.Submit(ctx, flow.Submission{Business: shop, Session: opened.ID, Fields: types("737")})
		if err != nil || paid.Case.Request.State != payment.Succeeded || s.memory.reads != 2 {
			t.Errorf("%s: %d reads with its payment, want 2; %v", name, s.memory.reads, err)
		}
	}
}
