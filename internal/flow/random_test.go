package flow_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

// ledger is what a host does with money: what it approved, and what of that was reversed. Some of its
// answers get lost, some of what it is sent arrives late.
type ledger struct {
	t        *rapid.T
	scene    *scene
	standing map[string]bool // approved and not reversed, by trace
	lost     map[string]bool // approved, and nobody heard it
	coming   []string        // not arrived yet
}

func (l *ledger) purchase(p flow.Authorisation) payment.Answer {
	key := p.Trace.Key()
	switch rapid.SampledFrom([]string{"yes", "yes", "no", "mistyped", "unwanted", "lost answer", "lost", "late", "unsent"}).Draw(l.t, "host") {
	case "yes":
		l.standing[key] = true
		return approved
	case "unwanted":
		l.standing[key] = true
		return unwanted
	case "lost answer":
		l.standing[key], l.lost[key] = true, true
		return unknown
	case "late":
		l.coming = append(l.coming, key)
		return unknown
	case "lost":
		return unknown
	case "no":
		return declined
	case "mistyped":
		return mistyped
	}
	return unsent
}

func (l *ledger) reverse(r payment.Advice) payment.Answer {
	known := l.standing[r.Original.Key()]
	switch answered := rapid.SampledFrom([]string{"answered", "answered", "answer lost", "lost", "busy"}).Draw(l.t, "reversal"); answered {
	case "lost":
		return unknown
	case "busy":
		return acknowledged("96")
	default:
		delete(l.standing, r.Original.Key())
		switch {
		case answered != "answered":
			return unknown
		case !known:
			return acknowledged("25")
		}
		return acknowledged("00")
	}
}

// arrive lets late purchases arrive, and late answers be heard.
func (l *ledger) arrive() {
	for _, key := range l.coming {
		l.standing[key], l.lost[key] = true, true
	}
	l.coming = nil
	for _, key := range slices.Sorted(maps.Keys(l.lost)) {
		if err := l.scene.Late(ctx, key, judged(approved)); err != nil {
			l.t.Fatalf("a late approval: %v", err)
		}
		delete(l.lost, key)
	}
}

// payer is one who does anything at any time.
type payer struct {
	*scene
	t       *rapid.T
	ledger  *ledger
	session payment.SessionID
	tickets []ticket
}

func (p *payer) ticket() ticket {
	if len(p.tickets) == 0 {
		return ticket{session: p.session, page: "nowhere"}
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
	if err == nil || errors.As(err, &refusal) {
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
			k, err := p.trySubmit(flow.Submission{Business: shop, Session: p.session, Fields: types("737")})
			if p.may(err); err == nil && k.page != "" {
				p.tickets = append(p.tickets, k)
			}
		}),
		"submit again": act(func() {
			if k := p.ticket(); k.id != "" {
				again, err := p.trySubmit(flow.Submission{Business: shop, Session: p.session, Fields: types("737"), Repeats: &flow.Earlier{Request: k.id}})
				if p.may(err); again.share != nil {
					p.tickets = append(p.tickets, again)
				}
			}
		}),
		"open": act(func() { p.may(second(p.Open(ctx, p.ticket().page))) }),
		"authenticate": act(func() {
			p.may(second(p.Authenticate(ctx, p.ticket().page, flow.Browser{}, "Y")))
		}),
		"result": act(func() {
			if r := p.request(p.ticket()); r != nil && r.Authentication != nil {
				status := rapid.SampledFrom([]string{"Y", "Y", "N"}).Draw(p.t, "status")
				p.may(p.Result(ctx, p.bank.result(*r.Authentication, status)))
			}
		}),
		"restart": act(func() { p.may(second(p.Restart(ctx, p.ticket().page, rapid.IntRange(0, 2).Draw(p.t, "round")))) }),
		"pay":     act(func() { k := p.ticket(); p.may(second(p.Pay(ctx, k.page, k.share))) }),
		"pay with another share": act(func() {
			p.may(second(p.Pay(ctx, p.ticket().page, p.ticket().share)))
		}),
		"retype": act(func() { p.may(second(p.Retype(ctx, p.ticket().page, p.types("737")))) }),
		"all in a row": act(func() { // the way of most
			k, err := p.trySubmit(flow.Submission{Business: shop, Session: p.session, Fields: types("737")})
			if p.may(err); k.page == "" {
				return
			}
			p.tickets = append(p.tickets, k)
			p.may(second(p.Open(ctx, k.page)))
			p.may(second(p.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
			if r := p.request(k); r.Authentication != nil {
				p.may(p.Result(ctx, p.bank.result(*r.Authentication, "Y")))
			}
			p.may(second(p.Pay(ctx, k.page, k.share)))
		}),
		"cancel": act(func() {
			if rapid.IntRange(0, 5).Draw(p.t, "sure") == 5 {
				p.may(second(p.CancelSession(ctx, shop, p.session, nil)))
			}
		}),
		"time passes": act(func() {
			lengths := []time.Duration{time.Second, 12 * time.Second, time.Minute, 5 * time.Minute, 14 * time.Minute}
			p.clock.pass(rapid.SampledFrom(lengths).Draw(p.t, "time"))
		}),
		"work":   act(func() { p.may(p.workOnce()) }),
		"arrive": act(p.ledger.arrive),
		"fail": act(func() {
			how := rapid.SampledFrom([]failure{notWritten, answerLost}).Draw(p.t, "failure")
			p.memory.fail = func(payment.Changes) failure {
				p.memory.fail = nil
				return how
			}
			p.may(second(p.Pay(ctx, p.ticket().page, p.ticket().share)))
			p.memory.fail = nil
		}),
		"the answer is lost": act(func() {
			how := rapid.SampledFrom([]failure{notWritten, answerLost}).Draw(p.t, "failure")
			state := rapid.SampledFrom([]payment.State{payment.Authorizing, payment.Succeeded, payment.Failed, payment.Reversing}).Draw(p.t, "entering")
			p.memory.fail = entering(how, state)
			k := p.ticket()
			p.may(second(p.Pay(ctx, k.page, k.share)))
			p.may(p.workOnce())
			p.memory.fail = nil
		}),
		"": func(t *rapid.T) {
			for _, wrong := range append(p.memory.wrong, p.host.wrong...) {
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

// TestAnythingAtAnyTime lets payer, merchant, bank, host, clock and failures do anything in any order with
// one session. Whatever happens, every promise holds after every commit, and when all is over the host holds
// money for exactly the payment that succeeded, if one did.
func TestAnythingAtAnyTime(t *testing.T) {
	ends := map[payment.SessionStatus]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := setScene(t)
		l := &ledger{t: t, scene: s, standing: map[string]bool{}, lost: map[string]bool{}}
		s.host.answer, s.host.acknowledge = l.purchase, l.reverse
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
		p := &payer{scene: s, t: t, ledger: l, session: s.session(func(n *flow.NewSession) {
			n.SkipThreeDS = rapid.IntRange(0, 4).Draw(t, "skip 3DS") == 0
			if rapid.Bool().Draw(t, "short") {
				n.Expires = noon.Add(payment.SessionLifeMin)
			}
		})}
		t.Repeat(p.actions())

		for range 200 { // until nothing is left to do
			l.arrive()
			if p.may(p.workOnce()); len(s.memory.work) == 0 {
				break
			}
			s.clock.pass(time.Minute)
		}
		s.verify()
		if len(s.memory.work) != 0 || len(s.memory.escrow) != 0 {
			t.Fatalf("left: %v, %d CVNs", s.memory.work, len(s.memory.escrow))
		}
		got := s.memory.sessions[p.session]
		ends[got.Status]++
		var want []string
		if got.Status == payment.SessionCompleted {
			want = []string{s.memory.requests[got.Request].Trace.Key()}
		}
		standing := slices.Sorted(maps.Keys(l.standing))
		if got.Status == payment.SessionActive || !slices.Equal(standing, want) {
			t.Fatalf("the session is %s, and the host holds money for %v, not for %v", got.Status, standing, want)
		}
	})
	t.Logf("ended %v", ends)
}
