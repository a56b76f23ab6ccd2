package flow_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/payment"
)

const mastercard = "5555555555554444"

// order is a payment request without a session, to be paid with the stored card.
func order(change ...func(*flow.NewRequest)) flow.NewRequest {
	n := flow.NewRequest{
		Business: shop, ReferenceID: "order-2", Amount: payment.Money{Minor: 5000, Currency: "IDR"}, Country: "ID", Token: visa,
		Terms: payment.Terms{
			Type: payment.Pay, CaptureMethod: payment.CaptureAutomatic,
			SuccessReturnURL: "https://shop.example/yes", FailureReturnURL: "https://shop.example/no",
		},
	}
	for _, c := range change {
		c(&n)
	}
	return n
}

func unasked(n *flow.NewRequest) { n.Terms.SkipThreeDS = true }
func cvn(n *flow.NewRequest)     { n.Fields = types("737") }
func pays(number string) func(*flow.NewRequest) {
	return func(n *flow.NewRequest) { n.Token, n.Fields = "", typesCard(number, "737") }
}
func saves(n *flow.NewRequest) { n.Terms.Type = payment.PayAndSave }
func merelySaves(n *flow.NewRequest) {
	n.Terms.Type, n.Terms.CaptureMethod, n.Amount.Minor = payment.Save, "", 0
}

// absent is a payment that the merchant makes alone, on an agreement.
func absent(n *flow.NewRequest) {
	n.Terms.SkipThreeDS = true
	n.Terms.OnFile = payment.CardOnFile{Type: payment.MerchantUnscheduled, Sequence: payment.Subsequent, NetworkTransactionID: "network-1"}
}

// cardDetails is a scene in which the shop may handle card numbers.
func cardDetails(t *testing.T) *scene {
	s := newScene(t)
	m := s.memory.merchants[shop]
	m.AllowCardDetails = true
	s.memory.merchants[shop] = m
	return s
}

// create asks for a payment request.
func (s *scene) create(n flow.NewRequest) ticket {
	s.t.Helper()
	k, err := s.tryCreate(n)
	if err != nil {
		s.t.Fatalf("not created: %v", err)
	}
	return k
}

// TestCreateRequest goes through the ways in which a payment is asked for without a session.
func TestCreateRequest(t *testing.T) {
	type sent struct {
		mti, cvn string
		absent   bool
		sequence payment.Sequence
	}
	for name, test := range map[string]struct {
		order flow.NewRequest
		state payment.State
		card  payment.TokenStatus
		sent  *sent // what went to the acquirer at once
		share bool  // a CVN waits for the payer's authentication
	}{
		"stored card, CVN":           {order(cvn), payment.Submitted, payment.TokenActive, nil, true},
		"stored card, no CVN":        {order(), payment.Submitted, payment.TokenActive, nil, false},
		"stored card, CVN, skipped":  {order(cvn, unasked), payment.Succeeded, payment.TokenActive, &sent{"0200", "737", false, payment.Subsequent}, false},
		"stored card, skipped":       {order(unasked), payment.Succeeded, payment.TokenActive, &sent{"0200", "", false, payment.Subsequent}, false},
		"the merchant alone":         {order(absent), payment.Succeeded, payment.TokenActive, &sent{"0200", "", true, payment.Subsequent}, false},
		"the merchant, with CVN":     {order(absent, cvn), payment.Succeeded, payment.TokenActive, &sent{"0200", "737", false, payment.Subsequent}, false},
		"card":                       {order(pays(mastercard)), payment.Submitted, payment.TokenOneOff, nil, true},
		"card, skipped":              {order(pays(mastercard), unasked), payment.Succeeded, payment.TokenOneOff, &sent{"0200", "737", false, ""}, false},
		"card, saved":                {order(pays(mastercard), saves), payment.Submitted, payment.TokenPending, nil, true},
		"card, saved, skipped":       {order(pays(mastercard), saves, unasked), payment.Succeeded, payment.TokenActive, &sent{"0200", "737", false, payment.Initial}, false},
		"card, only saved":           {order(pays(mastercard), merelySaves), payment.Submitted, payment.TokenPending, nil, true},
		"card, only saved, unasked":  {order(pays(mastercard), merelySaves, unasked), payment.Succeeded, payment.TokenActive, &sent{"0100", "737", false, payment.Initial}, false},
		"held, stored card, skipped": {order(cvn, unasked, held), payment.Authorized, payment.TokenActive, &sent{"0100", "737", false, payment.Subsequent}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := cardDetails(t)
			k := s.create(test.order)
			r := s.at(k)
			if r.State != test.state || r.Session != "" || (k.share != nil) != test.share || (k.page != "") != (r.State == payment.Submitted) {
				t.Errorf("%s of session %q, share %v, page %q", r.State, r.Session, k.share != nil, k.page)
			}
			if r.Type != payment.Save && r.ReferenceID != "order-2" {
				t.Errorf("reference %q", r.ReferenceID)
			}
			if got := s.memory.tokens[r.Token]; got.Status != test.card || (got.ID != visa) != (got.Request == r.ID) {
				t.Errorf("%s of %q", got.Status, got.Request)
			}
			if len(s.memory.escrow[r.ID]) != once(test.share) {
				t.Errorf("%d CVNs", len(s.memory.escrow[r.ID]))
			}
			if test.sent == nil {
				if len(s.host.purchases) != 0 {
					t.Error("sent before the payer was asked")
				}
				return
			}
			p := s.host.purchases[0]
			if got := (sent{p.Trace.MTI, p.cvn, p.Absent, p.OnFile.Sequence}); got != *test.sent || p.Proof != nil {
				t.Errorf("sent %+v with proof %v, want %+v", got, p.Proof, *test.sent)
			}
		})
	}
}

func held(n *flow.NewRequest) { n.Terms.CaptureMethod = payment.CaptureManual }

func TestCreateRequestIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*scene)
		order  flow.NewRequest
		code   string
	}{
		"no such card":         {nil, order(func(n *flow.NewRequest) { n.Token = "pt-none" }), "INVALID_TOKEN"},
		"another's card":       {nil, order(func(n *flow.NewRequest) { n.Business = stranger }), "INVALID_TOKEN"},
		"cancelled card":       {func(s *scene) { s.amendToken(func(t *payment.Token) { t.Status = payment.TokenCanceled }) }, order(), "INVALID_TOKEN"},
		"expired card":         {func(s *scene) { s.amendToken(func(t *payment.Token) { t.ExpiryYear = 2025 }) }, order(), "INVALID_TOKEN"},
		"stopped card":         {func(s *scene) { s.amendToken(func(t *payment.Token) { t.Stopped = true }) }, order(), "ACCOUNT_ACCESS_BLOCKED"},
		"card numbers":         {func(s *scene) { s.forbid() }, order(pays(mastercard)), "REQUEST_FORBIDDEN_ERROR"},
		"CVNs":                 {func(s *scene) { s.forbid() }, order(cvn), "REQUEST_FORBIDDEN_ERROR"},
		"no 3DS":               {func(s *scene) { s.forbid() }, order(unasked), "SKIP_3DS_FORBIDDEN"},
		"unknown account":      {nil, order(func(n *flow.NewRequest) { n.Terms.MIDLabel = "none" }), "INVALID_MERCHANT_SETTINGS"},
		"no first use":         {nil, order(absent, func(n *flow.NewRequest) { n.Terms.OnFile.NetworkTransactionID = "" }), "INVALID_VALUE_ERROR"},
		"no such customer":     {nil, order(func(n *flow.NewRequest) { n.Buyer.ID = "cust-none" }), "DATA_NOT_FOUND"},
		"another's stored one": {nil, order(func(n *flow.NewRequest) { n.Buyer.ID = bob }), "INVALID_TOKEN"},
		"expired number": {nil, order(func(n *flow.NewRequest) {
			n.Token, n.Fields = "", cut(map[string]string{"card_number": mastercard, "expiry_month": "02", "expiry_year": "2026", "cvn": "737"})
		}), "CARD_EXPIRED"},
		"too many declines": {func(s *scene) {
			s.memory.counts[counted{"decline", payment.CardDay{Card: "fingerprint of pt-visa", Day: "2026-03-01"}}] = payment.MaxDeclines
		}, order(unasked), "PAYMENT_REQUEST_RATE_LIMITED"},
		"too many guesses": {func(s *scene) {
			s.memory.counts[counted{"try", payment.CardDay{Card: "fingerprint of pt-visa", Day: "2026-03-14"}}] = payment.MaxCVNTries
		}, order(cvn), "PAYMENT_REQUEST_RATE_LIMITED"},
	} {
		t.Run(name, func(t *testing.T) {
			s := cardDetails(t)
			if test.before != nil {
				test.before(s)
			}
			if _, err := s.tryCreate(test.order); coded(err) != test.code {
				t.Errorf("%v, want %s", err, test.code)
			}
			if len(s.memory.requests) != 0 || len(s.memory.tokens) != 2 || s.memory.kept != 0 || len(s.host.purchases) != 0 {
				t.Error("something was kept, or sent")
			}
		})
	}
	s := cardDetails(t)
	for name, n := range map[string]flow.NewRequest{
		"a number for a stored card": order(func(n *flow.NewRequest) { n.Fields = typesCard(mastercard, "737") }),
		"a number that is none":      order(pays("4000000000001092")),
		"a CVN that is none":         order(func(n *flow.NewRequest) { n.Fields = types("73") }),
		"no card at all":             order(func(n *flow.NewRequest) { n.Token = "" }),
	} {
		var field *card.FieldError
		if _, err := s.tryCreate(n); !errors.As(err, &field) || len(s.memory.requests) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// amendToken changes the stored card.
func (s *scene) amendToken(change func(*payment.Token)) {
	k := s.memory.tokens[visa]
	change(&k)
	s.memory.tokens[visa] = k
}

// forbid takes all permissions from the shop.
func (s *scene) forbid() {
	m := s.memory.merchants[shop]
	m.AllowCardDetails, m.AllowSkipThreeDS = false, false
	s.memory.merchants[shop] = m
}

// TestReferenceIsUsedOnce: of two payment requests with one reference there is one, also when they come together,
// and the other leaves nothing.
func TestReferenceIsUsedOnce(t *testing.T) {
	for name, n := range map[string]flow.NewRequest{"asked": order(cvn), "skipped": order(unasked)} {
		s := cardDetails(t)
		s.memory.between = meet(2)
		create := func() error { return second(s.tryCreate(n)) }
		codes := []string{}
		for _, err := range append(together(create, create), create()) {
			codes = append(codes, coded(err))
		}
		slices.Sort(codes)
		if !slices.Equal(codes, []string{"", "DUPLICATE_ERROR", "DUPLICATE_ERROR"}) || len(s.memory.requests) != 1 {
			t.Errorf("%s: %q, %d requests", name, codes, len(s.memory.requests))
		}
		if len(s.host.purchases) != once(name == "skipped") || s.memory.kept != once(name == "asked") {
			t.Errorf("%s: %d purchases, %d CVNs", name, len(s.host.purchases), s.memory.kept)
		}
	}
	s := cardDetails(t)
	s.create(order(pays(mastercard), merelySaves))
	s.create(order(pays(mastercard), merelySaves)) // a payment token's reference need not be unique
	s.create(order(cvn))
}

// TestRequestsOfOneNewCustomer: two requests that bring the same customer at once find one.
func TestRequestsOfOneNewCustomer(t *testing.T) {
	for _, skipped := range []bool{false, true} {
		s := cardDetails(t)
		s.memory.between = meet(2)
		create := func(reference string) func() error {
			return func() error {
				n := order(pays(mastercard), func(n *flow.NewRequest) {
					n.ReferenceID, n.Terms.SkipThreeDS = reference, skipped
					n.Buyer.New = &flow.NewCustomer{ReferenceID: "eve", Type: payment.IndividualCustomer}
				})
				return second(s.tryCreate(n))
			}
		}
		for _, err := range together(create("one"), create("two")) {
			if err != nil {
				t.Error(err)
			}
		}
		owners := map[payment.CustomerID]bool{}
		for _, r := range s.memory.requests {
			owners[r.Customer] = true
			if owner := s.memory.tokens[r.Token].Customer; owner != r.Customer {
				t.Errorf("the card is %s's, the request %s's", owner, r.Customer)
			}
		}
		if len(s.memory.requests) != 2 || len(owners) != 1 || len(s.memory.customers) != 3 || len(s.host.purchases) != 2*once(skipped) {
			t.Errorf("%d requests, customers %v, %d purchases", len(s.memory.requests), owners, len(s.host.purchases))
		}
	}
}

// TestAmendRequest: with another amount the CVN that was typed for the first one is gone, and the payer types it
// again, for what is now asked.
func TestAmendRequest(t *testing.T) {
	s := cardDetails(t)
	k := s.create(order(cvn))
	text, amount := "two coffees", payment.Money{Minor: 7000, Currency: "IDR"}
	c, err := s.AmendRequest(ctx, shop, k.id, flow.Amendment{Description: &text, Metadata: json.RawMessage(`{"a":1}`)})
	if err != nil || string(c.Request.Echo) != `{"description":"two coffees","metadata":{"a":1}}` || len(s.memory.escrow[k.id]) != 1 {
		t.Errorf("%s, %v", c.Request.Echo, err)
	}
	c, err = s.AmendRequest(ctx, shop, k.id, flow.Amendment{Amount: &amount, Metadata: json.RawMessage(`null`)})
	if err != nil || string(c.Request.Echo) != `{"description":"two coffees"}` || len(s.memory.escrow[k.id]) != 0 || c.Request.Amount != amount {
		t.Errorf("%+v, %v", c.Request, err)
	}
	s.prove(k)
	if _, err := s.Pay(ctx, k.page, k.share); !errors.Is(err, flow.ErrShare) {
		t.Errorf("the old CVN pays: %v", err)
	}
	if _, err := s.AmendRequest(ctx, shop, k.id, flow.Amendment{Amount: &payment.Money{Minor: 1, Currency: "IDR"}}); coded(err) != notEligible {
		t.Errorf("another amount than was authenticated: %v", err)
	}
	if _, err := s.AmendRequest(ctx, shop, k.id, flow.Amendment{Amount: &amount, Description: &text}); err != nil {
		t.Errorf("the same amount: %v", err)
	}
	c, err = s.Retype(ctx, k.page, s.types("737"))
	if err != nil || c.Request.State != payment.Succeeded || minor(s.host.purchases[0].Trace.Amount) != 7000 {
		t.Errorf("%v", err)
	}
	if _, err := s.AmendRequest(ctx, shop, k.id, flow.Amendment{Description: &text}); coded(err) != "INACTIVE_PAYMENT_REQUEST" {
		t.Errorf("amended after the end: %v", err)
	}
	if _, err := s.AmendRequest(ctx, stranger, k.id, flow.Amendment{Description: &text}); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("amended by another: %v", err)
	}
	of := s.submit(s.session())
	if _, err := s.AmendRequest(ctx, shop, of.id, flow.Amendment{Amount: &amount}); coded(err) != notEligible {
		t.Errorf("another amount than the session's: %v", err)
	}
}

// TestAmendMeetsThePayer: the amount changes while the payer opens the page, or before; never between what was
// authenticated and what is paid.
func TestAmendMeetsThePayer(t *testing.T) {
	amount := payment.Money{Minor: 7000, Currency: "IDR"}
	for range 10 {
		s := cardDetails(t)
		k := s.create(order(cvn))
		s.memory.between = meet(2)
		errs := together(
			func() error { return second(s.AmendRequest(ctx, shop, k.id, flow.Amendment{Amount: &amount})) },
			func() error { return second(s.Open(ctx, k.page)) },
		)
		r := s.at(k)
		if errs[1] != nil || r.State != payment.Opened || r.Authentication.Amount != r.Amount {
			t.Fatalf("%s %+v, %v", r.State, r.Authentication, errs)
		}
		if amended := r.Amount == amount; amended != (errs[0] == nil) || amended == (len(s.memory.escrow[k.id]) == 1) {
			t.Fatalf("amount %v, %v, %d CVNs", r.Amount, errs[0], len(s.memory.escrow[k.id]))
		}
	}
}

func TestCancelRequest(t *testing.T) {
	for _, test := range []struct {
		order flow.NewRequest
		card  payment.TokenStatus
	}{
		{order(cvn), payment.TokenActive}, {order(pays(mastercard)), payment.TokenOneOff}, {order(pays(mastercard), saves), payment.TokenCanceled},
	} {
		s := cardDetails(t)
		k := s.create(test.order)
		s.prove(k)
		c, err := s.CancelRequest(ctx, shop, k.id, nil)
		if err != nil || c.Request.State != payment.Canceled || len(s.memory.escrow) != 0 || c.Token.Status != test.card {
			t.Errorf("%s, %v", c.Token.Status, err)
		}
		if _, err := s.CancelRequest(ctx, shop, k.id, nil); coded(err) != "INACTIVE_PAYMENT_REQUEST" {
			t.Errorf("again: %v", err)
		}
		if c, err := s.Retype(ctx, k.page, s.types("737")); err != nil || c.Request.State != payment.Canceled || len(s.host.purchases) != 0 {
			t.Errorf("paid: %v", err)
		}
		s.pass(49 * time.Hour)
		if got := s.memory.tokens[c.Token.ID]; (got.SealedPAN == nil) != (test.card != payment.TokenActive) || len(s.told()) != 0 {
			t.Errorf("%s keeps its number: %v; told %v", got.Status, got.SealedPAN != nil, s.told())
		}
	}
	s := cardDetails(t)
	s.host.answer, s.host.acknowledge = says(unknown), silent
	k := s.create(order(unasked))
	if _, err := s.CancelRequest(ctx, shop, k.id, nil); coded(err) != notEligible {
		t.Errorf("with the acquirer: %v", err)
	}
	if _, err := s.CancelRequest(ctx, shop, s.create(order(pays(mastercard), merelySaves)).id, nil); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a payment token's own attempt: %v", err)
	}
}

func TestSimulate(t *testing.T) {
	s := cardDetails(t)
	k := s.create(order(cvn))
	if _, err := s.Simulate(ctx, shop, k.id, nil, nil); coded(err) != "REQUEST_FORBIDDEN_ERROR" {
		t.Errorf("where payers are real: %v", err)
	}
	s.simulates()
	amount := s.at(k).Amount
	less := payment.Money{Minor: amount.Minor - 1, Currency: amount.Currency}
	if _, err := s.Simulate(ctx, shop, k.id, &less, nil); coded(err) != "INVALID_VALUE_ERROR" || len(s.host.purchases) != 0 {
		t.Errorf("another amount: %v", err)
	}
	c, err := s.Simulate(ctx, shop, k.id, &amount, nil)
	if err != nil || c.Request.State != payment.Succeeded || len(s.memory.escrow) != 0 {
		t.Fatalf("%v, %d CVNs", err, len(s.memory.escrow))
	}
	if p := s.host.purchases[0]; p.Proof != nil || p.cvn != "" {
		t.Errorf("sent %+v", p)
	}
	if _, err := s.Simulate(ctx, shop, k.id, nil, nil); coded(err) != notEligible || len(s.host.purchases) != 1 {
		t.Errorf("again: %v", err)
	}
	other := order(cvn, func(n *flow.NewRequest) { n.ReferenceID = "order-3" })
	k = s.create(other)
	s.memory.between = meet(2)
	simulate := func() error { return second(s.Simulate(ctx, shop, k.id, nil, nil)) }
	won := 0
	for _, err := range together(simulate, simulate) {
		if err == nil {
			won++
		} else if coded(err) != notEligible {
			t.Errorf("the other: %v", err)
		}
	}
	if won != 1 || len(s.host.purchases) != 2 || s.at(k).State != payment.Succeeded {
		t.Errorf("%d won, %d purchases, %s", won, len(s.host.purchases), s.at(k).State)
	}
}

// TestRequestExpires: without a session there is no other attempt to come, so it expires, whoever notices.
func TestRequestExpires(t *testing.T) {
	for name, test := range map[string]struct {
		order flow.NewRequest
		told  []payment.NoticeKind
	}{
		"stored card": {order(cvn), []payment.NoticeKind{payment.NoticeRequestExpired}},
		"card, saved": {order(pays(mastercard), saves), []payment.NoticeKind{payment.NoticeRequestExpired, payment.NoticeTokenFailed}},
		"only saved":  {order(pays(mastercard), merelySaves), []payment.NoticeKind{payment.NoticeTokenFailed}},
	} {
		for _, notice := range []string{"the deadline", "the payer"} {
			s := cardDetails(t)
			k := s.create(test.order)
			s.prove(k)
			if notice == "the payer" {
				s.clock.pass(payment.AttemptLife)
				if _, err := s.Retype(ctx, k.page, s.types("737")); err != nil {
					t.Error(err)
				}
			} else {
				s.pass(payment.AttemptLife)
			}
			if r := s.at(k); r.State != payment.Expired || r.Failure != "" || !slices.Equal(s.told(), test.told) || len(s.memory.escrow) != 0 {
				t.Errorf("%s, %s: %s %s, told %v", name, notice, r.State, r.Failure, s.told())
			}
			if s.at(k).HasPayment() {
				t.Errorf("%s: a payment that never was", name)
			}
		}
	}
}

// TestPaysWithoutCVN: where none was given, none is asked for once the payer is authenticated, and none is taken: a
// guess would not be counted.
func TestPaysWithoutCVN(t *testing.T) {
	s := cardDetails(t)
	k := s.create(order())
	s.prove(k)
	if c, err := s.Retype(ctx, k.page, s.types("737")); err != nil || c.Request.State != payment.Authenticated || len(s.host.purchases) != 0 {
		t.Errorf("typed anew: %s, %v", c.Request.State, err)
	}
	c, err := s.Pay(ctx, k.page, nil)
	if err != nil || c.Request.State != payment.Succeeded || s.host.purchases[0].cvn != "" || s.host.purchases[0].Proof == nil {
		t.Errorf("%v", err)
	}
}

func TestListRequests(t *testing.T) {
	s := cardDetails(t)
	var made []payment.RequestID
	for _, reference := range []string{"a", "b", "c"} {
		made = append([]payment.RequestID{s.create(order(func(n *flow.NewRequest) { n.ReferenceID = reference })).id}, made...)
		s.clock.pass(time.Millisecond)
	}
	s.create(order(pays(mastercard), merelySaves))
	list := func(reference string, before payment.RequestID, limit int) (ids []payment.RequestID, more bool) {
		cases, more, err := s.Requests(ctx, shop, reference, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			ids = append(ids, c.Request.ID)
		}
		return ids, more
	}
	if ids, more := list("", "", 2); !slices.Equal(ids, made[:2]) || !more {
		t.Errorf("%v, more: %v", ids, more)
	}
	if ids, more := list("", made[1], 2); !slices.Equal(ids, made[2:]) || more {
		t.Errorf("%v, more: %v", ids, more)
	}
	if ids, more := list("b", "", 2); !slices.Equal(ids, made[1:2]) || more {
		t.Errorf("%v, more: %v", ids, more)
	}
}
