package cluster

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// What customers do, each with a weight: how often of a hundred.
func (s *shop) scenarios() []scenario {
	return []scenario{
		{14, "frictionless", s.frictionless}, {16, "challenged", s.challenged}, {4, "wrong codes", s.wrongCodes},
		{4, "cancelled at the bank", s.cancelledAtBank}, {3, "left at the bank", s.left}, {18, "without 3-D Secure", s.skipped},
		{4, "declined", s.declined}, {4, "wrong CVN", s.mismatched}, {13, "held", s.held}, {10, "refunded", s.refunded},
		{6, "without a session", s.requested}, {4, "card saved", s.saved},
	}
}

type scenario struct {
	weight int
	kind   string
	play   func(context.Context, *order)
}

// patience is how long a customer and the shop go on trying. It is longer than any fault.
const patience = 75 * time.Second

// one plays one order to its end.
func (s *shop) one(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all := s.scenarios()
	lot := s.lot(100)
	for _, sc := range all {
		if lot -= sc.weight; lot < 0 {
			sc.play(ctx, s.order(sc.kind))
			return
		}
	}
}

func (s *shop) frictionless(ctx context.Context, o *order) {
	if s.opened(ctx, o, s.sessionFor(o, s.card(false))) {
		s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{})
	}
}

func (s *shop) challenged(ctx context.Context, o *order) {
	if s.opened(ctx, o, s.sessionFor(o, s.card(true))) {
		codes := []string{rightCode}
		if s.lot(5) == 0 {
			codes = []string{"000000", rightCode}
		}
		s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{codes: codes})
	}
}

func (s *shop) wrongCodes(ctx context.Context, o *order) {
	if !s.opened(ctx, o, s.sessionFor(o, s.card(true))) {
		return
	}
	if s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{codes: []string{"000000", "111111", "222222"}}) == "failed" {
		s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{codes: []string{rightCode}})
	}
}

func (s *shop) cancelledAtBank(ctx context.Context, o *order) {
	if s.opened(ctx, o, s.sessionFor(o, s.card(true))) {
		s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{codes: []string{""}})
		s.cancelSession(ctx, o)
	}
}

func (s *shop) left(ctx context.Context, o *order) {
	if s.opened(ctx, o, s.sessionFor(o, s.card(true))) {
		s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{leaves: true})
		s.cancelSession(ctx, o)
	}
}

func (s *shop) skipped(ctx context.Context, o *order) {
	body := s.sessionFor(o, s.card(false))
	skipping(body)
	if s.opened(ctx, o, body) {
		s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{})
	}
}

// declined by the amount, which is that of the scenario; nothing of it is ever kept.
func (s *shop) declined(ctx context.Context, o *order) {
	o.amount = 10054
	body := s.sessionFor(o, "")
	body["allow_save_payment_method"] = "DISABLED"
	skipping(body)
	if s.opened(ctx, o, body) {
		s.submit(ctx, o, typedCard(o.session, s.number(), s.cvn()), &payer{})
		s.cancelSession(ctx, o)
	}
}

// mismatched: the bank declines a wrong CVN, or approves in spite of it, which is refused and reversed.
func (s *shop) mismatched(ctx context.Context, o *order) {
	body := s.sessionFor(o, "")
	body["allow_save_payment_method"] = "DISABLED"
	skipping(body)
	if !s.opened(ctx, o, body) {
		return
	}
	number, wrong := s.number(), []string{"998", "999"}[s.lot(2)]
	if s.submit(ctx, o, typedCard(o.session, number, wrong), &payer{}) == "failed" {
		s.submit(ctx, o, typedCard(o.session, number, s.cvn()), &payer{})
	}
}

func (s *shop) held(ctx context.Context, o *order) {
	body := s.sessionFor(o, s.card(false))
	body["capture_method"] = "MANUAL"
	if s.lot(3) > 0 {
		skipping(body)
	}
	if !s.opened(ctx, o, body) || s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{}) != "succeeded" {
		return
	}
	switch lot := s.lot(10); {
	case lot < 5:
		s.capture(ctx, o, o.amount)
	case lot < 7:
		s.capture(ctx, o, o.amount/2)
	case lot < 9:
		s.void(ctx, o)
	default: // of two at once one wins
		var both sync.WaitGroup
		both.Go(func() { s.capture(ctx, o, o.amount) })
		both.Go(func() { s.void(ctx, o) })
		both.Wait()
	}
}

// paymentOf asks which payment an order has come to.
func (s *shop) paymentOf(ctx context.Context, o *order) string {
	if o.payment == "" && len(o.requests) > 0 {
		a, err := s.insist(ctx, http.MethodGet, "/v3/payment_requests/"+o.requests[len(o.requests)-1], s.secret, "", nil)
		if err == nil {
			o.payment = text(a.body, "latest_payment_id")
		}
	}
	return o.payment
}

// raced are refusals of a capture, cancel or refund that came after another one.
var raced = []string{"INELIGIBLE_TRANSACTION_STATUS", "REFUND_AMOUNT_EXCEEDED"}

// capped are refusals of a card about which too little is known: its purchases were not answered.
var capped = []string{"PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "PAYMENT_REQUEST_RATE_LIMITED"}

func (s *shop) capture(ctx context.Context, o *order, amount int64) {
	id := s.paymentOf(ctx, o)
	if id == "" {
		return
	}
	s.command(ctx, o, "/v3/payments/"+id+"/capture", object{"capture_amount": amount}, func(a answer) {
		switch {
		case a.good() && text(a.body, "status") == "SUCCEEDED":
			o.promise("payment " + id + " SUCCEEDED")
		case !a.good() && !slices.Contains(raced, a.code()):
			s.wonder(o, "capture", a)
		}
	})
}

func (s *shop) void(ctx context.Context, o *order) {
	id := s.paymentOf(ctx, o)
	if id == "" {
		return
	}
	s.command(ctx, o, "/v3/payments/"+id+"/cancel", nil, func(a answer) {
		switch {
		case a.good():
			o.promise("payment " + id + " CANCELED")
		case !slices.Contains(raced, a.code()):
			s.wonder(o, "cancel of a hold", a)
		}
	})
}

func (s *shop) refunded(ctx context.Context, o *order) {
	body := s.sessionFor(o, s.card(false))
	skipping(body)
	if !s.opened(ctx, o, body) || s.submit(ctx, o, typedCVN(o.session, s.cvn()), &payer{}) != "succeeded" {
		return
	}
	var all sync.WaitGroup
	switch s.lot(3) {
	case 0:
		s.refund(ctx, o, o.amount)
	case 1:
		s.refund(ctx, o, o.amount/3)
		s.refund(ctx, o, o.amount/3)
	case 2: // together too much: one is refused
		for range 2 {
			all.Go(func() { s.refund(ctx, o, o.amount*2/3) })
		}
	}
	all.Wait()
}

func (s *shop) refund(ctx context.Context, o *order, amount int64) {
	s.command(ctx, o, "/refunds", object{
		"payment_request_id": o.requests[len(o.requests)-1], "reason": "REQUESTED_BY_CUSTOMER", "amount": amount, "currency": "IDR",
	}, func(a answer) {
		id := text(a.body, "id")
		switch {
		case a.good():
			o.mu.Lock()
			o.refunds = append(o.refunds, id)
			o.mu.Unlock()
			o.promise("refund " + id)
			if text(a.body, "status") == "SUCCEEDED" {
				o.promise("refund " + id + " SUCCEEDED")
			}
		case !slices.Contains(raced, a.code()):
			s.wonder(o, "refund", a)
		}
	})
}

// requested: the merchant's server pays with a stored card, without a session and without the payer.
func (s *shop) requested(ctx context.Context, o *order) {
	s.command(ctx, o, "/v3/payment_requests", object{
		"reference_id": "request-" + time.Now().Format("150405.000000000"), "type": "PAY", "payment_token_id": s.card(false),
		"country": "ID", "currency": "IDR", "request_amount": o.amount, "channel_properties": object{"skip_three_ds": true},
	}, func(a answer) {
		id := text(a.body, "payment_request_id")
		if !a.good() || id == "" {
			if !slices.Contains(capped, a.code()) {
				s.wonder(o, "payment request", a)
			}
			return
		}
		o.mu.Lock()
		o.requests = append(o.requests, id)
		o.mu.Unlock()
		o.promise("payment_request " + id)
		if text(a.body, "status") == "SUCCEEDED" {
			o.promise("payment_request " + id + " paid")
			s.completed()
		}
	})
}

func (s *shop) saved(ctx context.Context, o *order) {
	if s.opened(ctx, o, s.saving(o)) {
		s.submit(ctx, o, typedCard(o.session, s.number(), s.cvn()), &payer{})
	}
}

// saving is a session in which a card is stored and nothing paid.
func (s *shop) saving(o *order) object {
	body := s.sessionFor(o, "")
	body["session_type"], body["amount"] = "SAVE", 0
	return body
}

func (s *shop) cancelSession(ctx context.Context, o *order) {
	s.command(ctx, o, "/sessions/"+o.session+"/cancel", nil, func(a answer) {
		if !a.good() && a.code() != "INVALID_SESSION_STATUS" { // it is over, or at the acquirer
			s.wonder(o, "cancel of a session", a)
		}
	})
}
