package flow_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/payment"
)

// payer is one who does anything at any time, and so does the merchant.
type payer struct {
	*scene
	t       *rapid.T
	ledger  *ledger
	session payment.Session
	tickets []ticket
}

// chance says yes once in n times.
func (p *payer) chance(n int, of string) bool { return rapid.IntRange(1, n).Draw(p.t, of) == n }

// card is what is typed where a card is asked for: the number of the stored one, or another.
func (p *payer) card() card.Fields {
	number := rapid.SampledFrom([]string{"4000000000001091", "4111111111111111", "5555555555554444"}).Draw(p.t, "number")
	if p.chance(6, "without CVN") {
		return typesCard(number, "")
	}
	return typesCard(number, "737")
}

// fields is what the payer types into the session's form.
func (p *payer) fields() card.Fields {
	if p.session.Token == "" {
		return p.card()
	}
	return types("737")
}

// any is an attempt of all that there are, or one that there is not.
func (p *payer) any() payment.Request {
	ids := slices.Sorted(maps.Keys(p.memory.requests))
	if len(ids) == 0 {
		return payment.Request{ID: "pr-none", Payment: "py-none"}
	}
	return p.memory.requests[rapid.SampledFrom(ids).Draw(p.t, "attempt")]
}

func (p *payer) keep(k ticket, err error) {
	if p.may(err); err == nil && k.page != "" {
		p.tickets = append(p.tickets, k)
	}
}

// create is the merchant's server, which asks for a payment or for a card to be saved.
func (p *payer) create() {
	n := flow.NewRequest{
		Business: shop, ReferenceID: rapid.SampledFrom([]string{"r-1", "r-2", "r-3", "r-4", "r-5", "r-6"}).Draw(p.t, "reference"),
		Amount: payment.Money{Minor: 5000, Currency: "IDR"}, Country: "ID",
		Terms: payment.Terms{Type: payment.Pay, CaptureMethod: payment.CaptureAutomatic, SkipThreeDS: p.chance(2, "skip 3DS")},
	}
	if p.chance(2, "manual") {
		n.Terms.CaptureMethod = payment.CaptureManual
	}
	switch n.Terms.Type = rapid.SampledFrom([]payment.RequestType{payment.Pay, payment.PayAndSave, payment.Save}).Draw(p.t, "type"); {
	case n.Terms.Type == payment.Save:
		n.Amount.Minor, n.Terms.CaptureMethod, n.Fields = 0, "", p.card()
	case n.Terms.Type == payment.PayAndSave || p.chance(2, "card"):
		n.Fields = p.card()
	default:
		ids := slices.Sorted(maps.Keys(p.memory.tokens))
		n.Token = rapid.SampledFrom(ids).Draw(p.t, "token")
		if p.chance(2, "CVN") {
			n.Fields = types("737")
		} else if p.chance(2, "absent") {
			n.Terms.OnFile = payment.CardOnFile{Type: payment.MerchantUnscheduled, Sequence: payment.Subsequent}
		}
	}
	switch rapid.IntRange(0, 2).Draw(p.t, "buyer") {
	case 1:
		n.Buyer.ID = ada
	case 2:
		n.Buyer.New = &flow.NewCustomer{ReferenceID: "eve", Type: payment.IndividualCustomer}
	}
	p.keep(p.tryCreate(n))
}

// refund is one of all that there are.
func (p *payer) refund() payment.RefundID {
	ids := slices.Sorted(maps.Keys(p.memory.refunds))
	if len(ids) == 0 {
		return "rfd-none"
	}
	return rapid.SampledFrom(ids).Draw(p.t, "refund")
}

// one is something that moves money or may be in the way of what does.
func (p *payer) one() {
	r := p.any()
	switch rapid.IntRange(0, 11).Draw(p.t, "what") {
	case 0:
		k := p.pick()
		p.may(second(p.Pay(ctx, k.page, k.share)))
	case 1:
		p.create()
	case 2, 3:
		p.may(second(p.Capture(ctx, shop, r.Payment, p.part(r), nil)))
	case 4, 5:
		amount := p.part(r)
		p.may(second(p.CreateRefund(ctx, flow.NewRefund{Business: shop, Request: r.ID, ReferenceID: "refund", Amount: &amount})))
	case 6:
		p.may(second(p.Void(ctx, shop, r.Payment, nil)))
	case 7:
		p.may(second(p.CancelRefund(ctx, shop, p.refund(), nil)))
	case 8:
		p.may(second(p.CancelToken(ctx, shop, r.Token, nil)))
	case 9:
		p.may(second(p.CancelRequest(ctx, shop, r.ID, nil)))
	case 10:
		p.keep(p.trySubmit(flow.Submission{Business: shop, Session: p.session.ID, Fields: p.fields(), Save: true}))
	case 11:
		p.may(p.workOnce())
	}
}

// part is an amount of an attempt's: all of it, or less, or too much.
func (p *payer) part(r payment.Request) payment.Money {
	amount := r.Amount
	switch rapid.IntRange(0, 4).Draw(p.t, "part") {
	case 0, 1:
		amount.Minor = amount.Minor/3 + 1
	case 2:
		amount.Minor++
	}
	return amount
}

func (p *payer) pick() ticket {
	if len(p.tickets) == 0 {
		return ticket{session: p.session.ID, page: "nowhere"}
	}
	return p.tickets[rapid.IntRange(0, len(p.tickets)-1).Draw(p.t, "ticket")]
}

func (p *payer) request(k ticket) *payment.Request {
	c, err := p.memory.Case(ctx, payment.Lookup{Request: k.id})
	if err != nil {
		return nil
	}
	return c.Request
}

// may holds an error against those that there may be, whatever is done when.
func (p *payer) may(err error) {
	var refusal *payment.Error
	var field *card.FieldError
	if err == nil || errors.As(err, &refusal) || errors.As(err, &field) {
		return
	}
	for _, known := range []error{errDown, flow.ErrShare, payment.ErrNotFound} {
		if errors.Is(err, known) {
			return
		}
	}
	p.t.Fatalf("%v", err)
}

func (p *payer) actions() map[string]func(*rapid.T) {
	act := func(do func()) func(*rapid.T) { return func(*rapid.T) { do() } }
	return map[string]func(*rapid.T){
		"submit": act(func() {
			p.keep(p.trySubmit(flow.Submission{Business: shop, Session: p.session.ID, Fields: p.fields(), Save: p.chance(2, "save")}))
		}),
		"submit again": act(func() {
			if k := p.pick(); k.id != "" {
				again, err := p.trySubmit(flow.Submission{Business: shop, Session: p.session.ID, Fields: types("737"), Repeats: &flow.Earlier{Request: k.id}})
				if p.may(err); again.share != nil {
					p.tickets = append(p.tickets, again)
				}
			}
		}),
		"open": act(func() { p.may(second(p.Open(ctx, p.pick().page))) }),
		"authenticate": act(func() {
			p.may(second(p.Authenticate(ctx, p.pick().page, flow.Browser{}, "Y")))
		}),
		"result": act(func() {
			if r := p.request(p.pick()); r != nil && r.Authentication != nil {
				result := p.bank.result(*r.Authentication, rapid.SampledFrom([]string{"Y", "Y", "N"}).Draw(p.t, "status"))
				if result.TransStatus == "N" && p.chance(2, "never begun") {
					result.Cancel = "05"
				}
				p.may(p.Result(ctx, result))
			}
		}),
		"restart": act(func() { p.may(second(p.Restart(ctx, p.pick().page, rapid.IntRange(0, 2).Draw(p.t, "round")))) }),
		"pay":     act(func() { k := p.pick(); p.may(second(p.Pay(ctx, k.page, k.share))) }),
		"pay with another share": act(func() {
			p.may(second(p.Pay(ctx, p.pick().page, p.pick().share)))
		}),
		"retype": act(func() {
			p.may(second(p.Retype(ctx, p.pick().page, func(want int) (card.CVN, error) { return p.types("7373"[:want])(want) })))
		}),
		"all in a row": act(func() { // the way of most
			k, err := p.trySubmit(flow.Submission{Business: shop, Session: p.session.ID, Fields: p.fields(), Save: true})
			if p.keep(k, err); k.page == "" {
				return
			}
			p.may(second(p.Open(ctx, k.page)))
			p.may(second(p.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
			if r := p.request(k); r.Authentication != nil {
				p.may(p.Result(ctx, p.bank.result(*r.Authentication, "Y")))
			}
			p.may(second(p.Pay(ctx, k.page, k.share)))
		}),
		"once more": act(func() { // after a soft decline
			for _, k := range p.tickets {
				if r := p.request(k); r != nil && r.State == payment.SteppingUp {
					p.may(second(p.Open(ctx, k.page)))
					p.may(second(p.Authenticate(ctx, k.page, flow.Browser{}, "N")))
					if r := p.request(k); r.Authentication != nil {
						p.may(p.Result(ctx, p.bank.result(*r.Authentication, "Y")))
					}
					p.may(second(p.Retype(ctx, k.page, func(want int) (card.CVN, error) { return p.types("7373"[:want])(want) })))
				}
			}
		}),
		"give up": act(func() {
			if p.chance(4, "sure") {
				p.may(second(p.GiveUp(ctx, p.pick().page)))
			}
		}),
		"cancel": act(func() {
			if p.chance(6, "sure") {
				p.may(second(p.CancelSession(ctx, shop, p.session.ID, nil)))
			}
		}),
		"time passes": act(func() {
			lengths := []time.Duration{time.Second, 12 * time.Second, time.Minute, 5 * time.Minute, 14 * time.Minute}
			p.clock.pass(rapid.SampledFrom(lengths).Draw(p.t, "time"))
		}),
		"days pass": act(func() {
			if p.chance(3, "days") {
				p.ledger.arrive()
				p.later(time.Duration(rapid.SampledFrom([]int{1, 3, 8, 370}).Draw(p.t, "how many")) * 24 * time.Hour)
			}
		}),
		"create": act(p.create),
		"amend": act(func() {
			r := p.any()
			amount := p.part(r)
			p.may(second(p.AmendRequest(ctx, shop, r.ID, flow.Amendment{Amount: &amount})))
		}),
		"cancel request": act(func() { p.may(second(p.CancelRequest(ctx, shop, p.any().ID, nil))) }),
		"simulate":       act(func() { p.may(second(p.Simulate(ctx, shop, p.any().ID, nil, nil))) }),
		"capture": act(func() {
			r := p.any()
			p.may(second(p.Capture(ctx, shop, r.Payment, p.part(r), nil)))
		}),
		"void": act(func() {
			if p.chance(3, "sure") {
				p.may(second(p.Void(ctx, shop, p.any().Payment, nil)))
			}
		}),
		"refund": act(func() {
			r := p.any()
			n := flow.NewRefund{Business: shop, Request: r.ID, ReferenceID: "refund"}
			if !p.chance(4, "all") {
				amount := p.part(r)
				n.Amount = &amount
			}
			p.may(second(p.CreateRefund(ctx, n)))
		}),
		"cancel refund": act(func() { p.may(second(p.CancelRefund(ctx, shop, p.refund(), nil))) }),
		"cancel token": act(func() {
			if p.chance(3, "sure") {
				p.may(second(p.CancelToken(ctx, shop, rapid.SampledFrom(slices.Sorted(maps.Keys(p.memory.tokens))).Draw(p.t, "token"), nil)))
			}
		}),
		"work":   act(func() { p.may(p.workOnce()) }),
		"arrive": act(p.ledger.arrive),
		"fail": act(func() {
			how := rapid.SampledFrom([]failure{notWritten, answerLost}).Draw(p.t, "failure")
			after := rapid.IntRange(0, 2).Draw(p.t, "commits before")
			p.memory.fail = func(payment.Changes) failure {
				if after--; after >= 0 {
					return none
				}
				p.memory.fail = nil
				return how
			}
			p.one()
			p.memory.fail = nil
		}),
		"in between": act(func() { // another is faster, or comes while the host answers
			begun := false
			other := func() {
				if !begun {
					begun = true
					p.one()
				}
			}
			if p.chance(2, "while the host answers") {
				p.ledger.meanwhile = other
			} else {
				p.memory.between = other
			}
			p.one()
			p.memory.between, p.ledger.meanwhile = nil, nil
		}),
		"the answer is lost": act(func() {
			how := rapid.SampledFrom([]failure{notWritten, answerLost}).Draw(p.t, "failure")
			state := rapid.SampledFrom([]payment.State{payment.Authorizing, payment.Succeeded, payment.Failed, payment.Reversing, payment.Authorized}).Draw(p.t, "entering")
			p.memory.fail = entering(how, state)
			k := p.pick()
			p.may(second(p.Pay(ctx, k.page, k.share)))
			p.may(p.workOnce())
			p.memory.fail = nil
		}),
		"": func(t *rapid.T) {
			for _, wrong := range slices.Concat(p.memory.wrong, p.host.wrong, p.ledger.wrong) {
				t.Fatalf("%s", wrong)
			}
		},
	}
}

// workOnce does what is due now, each piece once.
func (p *payer) workOnce() error {
	var errs []error
	for _, w := range p.memory.due() {
		errs = append(errs, p.memory.try(w, p.do))
	}
	return errors.Join(errs...)
}

// later lets time go by, and has the work done that falls due meanwhile, each at its time.
func (p *payer) later(d time.Duration) {
	for end := p.clock.now().Add(d); p.next(end); {
		p.may(p.workOnce())
	}
	p.may(p.workOnce())
}

// next moves the clock to when something is due, at most to end, and says whether something is.
func (p *payer) next(end time.Time) bool {
	at := end
	for _, due := range p.memory.work {
		if due.Before(at) {
			at = due
		}
	}
	if now := p.clock.now(); at.After(now) {
		p.clock.pass(at.Sub(now))
	}
	return at.Before(end)
}

// TestAnythingAtAnyTime lets payer, merchant, bank, host, clock and failures do anything in any order with one
// session, and with payments, cards and refunds that the merchant asks for without one. Whatever happens, every
// promise holds after every commit, and when all is over the host holds money for exactly the payments that
// succeeded, less what was given back, and no number is left that nothing needs.
func TestAnythingAtAnyTime(t *testing.T) {
	ends := map[any]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := setScene(t)
		s.simulates()
		shopkeeper := s.memory.merchants[shop]
		shopkeeper.AllowCardDetails = true
		s.memory.merchants[shop] = shopkeeper
		stored := s.memory.tokens[visa] // somebody may type the very card that is stored
		stored.Fingerprint = s.safe.Fingerprint(pan("4000000000001091"), shop)
		s.memory.tokens[visa] = stored
		l := newLedger(t, s)
		s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
			switch rapid.SampledFrom([]string{"challenge", "challenge", "frictionless", "no", "down"}).Draw(t, "bank") {
			case "frictionless":
				return s.bank.frictionless(a)
			case "no":
				a.TransStatus = "N"
			case "down":
				return a, errDown
			}
			return a, nil
		}
		p := &payer{scene: s, t: t, ledger: l}
		p.session = s.memory.sessions[s.session(func(n *flow.NewSession) {
			n.SkipThreeDS = p.chance(5, "skip 3DS")
			if p.chance(2, "short") {
				n.Expires = noon.Add(payment.SessionLifeMin)
			}
			switch n.CaptureMethod = payment.CaptureAutomatic; rapid.IntRange(0, 3).Draw(t, "session") {
			case 0:
				n.Type, n.Amount.Minor, n.Token, n.CaptureMethod = payment.SessionSave, 0, "", ""
			case 1:
				n.Token = ""
				n.AllowSave = rapid.SampledFrom([]payment.AllowSave{payment.SaveDisabled, payment.SaveOptional, payment.SaveForced}).Draw(t, "may be saved")
			}
			if n.Type == payment.SessionPay && p.chance(2, "manual") {
				n.CaptureMethod = payment.CaptureManual
			}
		})]
		t.Repeat(p.actions())

		for range 2000 { // until nothing is left to do
			l.arrive()
			if p.may(p.workOnce()); len(s.memory.work) == 0 {
				break
			}
			p.next(s.clock.now().AddDate(10, 0, 0))
		}
		s.verify()
		if len(s.memory.work) != 0 || len(s.memory.escrow) != 0 || len(l.wrong) != 0 {
			t.Fatalf("left: %v, %d CVNs; %v", s.memory.work, len(s.memory.escrow), l.wrong)
		}
		ends[s.memory.sessions[p.session.ID].Status]++
		for id, r := range s.memory.requests {
			if ends[r.State]++; !r.State.Final() {
				t.Fatalf("%s is %s when all is over", id, r.State)
			}
		}
		for id, f := range s.memory.refunds {
			if ends["refund "+f.Status]++; f.Status == payment.RefundPending {
				t.Fatalf("%s is pending when all is over", id)
			}
		}
		for id, k := range s.memory.tokens {
			if ends["card "+k.Status]++; k.SealedPAN != nil && k.Status != payment.TokenActive {
				t.Fatalf("%s is %s when all is over, and has its number", id, k.Status)
			}
		}
		if ids := l.unsettled(); len(ids) > 0 {
			t.Fatalf("the host has too much or too little for %v", ids)
		}
	})
	t.Logf("ended %v", ends)
}
