package payment

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// newLife begins one: a session or none, any kind of payment, a stored card or cards that are typed.
func newLife(t *rapid.T, made map[string]int) *life {
	l := &life{
		t: t, now: noon, made: made, merchant: Merchant{ID: "62440e322008e87fb29c1fd0"},
		requests: map[RequestID]Request{}, tokens: map[TokenID]Token{}, refunds: map[RefundID]Refund{}, advices: map[AdviceID]Advice{},
		escrow: map[RequestID][]string{}, work: map[Work]time.Time{}, tries: map[CardDay]int{}, wrong: map[CardDay]int{},
		approved: map[RequestID]int{}, out: map[RequestID]bool{}, proofs: map[string]bool{},
	}
	l.terms.Type = rapid.SampledFrom([]RequestType{Pay, Pay, PayAndSave, Save}).Draw(t, "type")
	if l.terms.Type != Save {
		l.terms.CaptureMethod = rapid.SampledFrom([]CaptureMethod{CaptureAutomatic, CaptureManual}).Draw(t, "capture")
	}
	l.terms.WithoutCVN = rapid.IntRange(1, 4).Draw(t, "CVN") == 4
	amount := Money{rapid.SampledFrom([]int64{1, 100, 1000000}).Draw(t, "amount"), "IDR"}
	if l.terms.Type == Save {
		amount.Minor = 0
	}
	if l.terms.Type == Pay && rapid.Bool().Draw(t, "stored") {
		l.stored = "pt-stored"
		l.tokens[l.stored] = Token{
			ID: l.stored, Version: 1, Status: TokenActive, SealedPAN: []byte("sealed"), Fingerprint: "stored", Brand: "MASTERCARD",
			ExpiryMonth: 4, ExpiryYear: 2026, Created: noon,
		}
		l.work[tokenWork(l.tokens[l.stored])] = l.tokens[l.stored].Ends()
	}
	if !rapid.Bool().Draw(t, "session") {
		l.begin(Case{Merchant: l.merchant, Token: l.tokens[l.stored]}, amount)
		return l
	}
	kind := SessionPay
	if l.terms.Type == Save {
		kind = SessionSave
	}
	l.session = Session{ID: "ps-1", Status: SessionActive, Type: kind, Amount: amount, Token: l.stored, Created: noon, Expires: noon.Add(SessionLife)}
	l.change("session", Case{Merchant: l.merchant}, func(Case) (Changes, error) { return NewSession(l.session, nil), nil })
	l.begin(l.ofSession(), amount)
	return l
}

// begin makes an attempt, in place of the open one, and lets a CVN rest, or the payer be sent to the bank without,
// or the purchase leave at once.
func (l *life) begin(c Case, amount Money) {
	r := Request{
		ID: RequestID(l.id("pr")), Payment: PaymentID(l.id("py")), Session: c.Session.ID, Terms: l.terms, Amount: amount,
		Created: l.now, Updated: l.now, Expires: l.now.Add(AttemptLife),
	}
	token := l.tokens[l.stored]
	var typed Changes
	if l.stored == "" {
		token = Token{
			ID: TokenID(l.id("pt")), Status: TokenOneOff, SealedPAN: []byte("sealed"), Fingerprint: l.id("card"), Brand: "MASTERCARD",
			ExpiryMonth: 4, ExpiryYear: 2026, Request: r.ID, Created: l.now,
		}
		if r.Stores() {
			token.Status = TokenPending
		}
		typed.Tokens = []Token{token}
	}
	r.Token = token.ID
	how := rapid.SampledFrom([]EventKind{Submit, Submit, Submit, Authorize}).Draw(l.t, "begins")
	if how == Submit && r.WithoutCVN {
		how = Begin
	}
	e := l.complete(how, Case{Request: &r, Token: token})
	l.makes(None, how)
	l.change("begin, "+string(how), c, func(c Case) (Changes, error) {
		var dropped Changes
		if c.Request != nil {
			var err error
			if dropped, err = Apply(c, Event{Kind: Drop, At: l.now}); err != nil {
				return Changes{}, err
			}
			c = c.After(dropped)
		}
		attempt := r
		c.Request, c.Token = &attempt, token
		ch, err := Apply(c, e)
		return dropped.Then(typed).Then(ch), err
	})
}

// happen lets an event come to an attempt.
func (l *life) happen(kind EventKind, id RequestID) {
	c := l.of(id)
	e := l.complete(kind, c)
	if kind == Approve || kind == Hold || kind == Verify {
		l.approved[id]++
	}
	l.out[id] = l.out[id] || slices.Contains([]EventKind{Approve, Hold, Unwant, Lose}, kind)
	l.makes(c.Request.State, kind)
	if !l.change(string(kind), c, func(c Case) (Changes, error) { return Apply(c, e) }) {
		l.fail("%s cannot happen, and the table has it", kind)
	}
	if kind == Decline || kind == Unwant {
		if day := c.Request.Tried; day != "" && e.Answer.Mismatch() {
			l.wrong[CardDay{c.Token.Fingerprint, day}]++
		}
	}
}

// about is the case of an advice.
func (l *life) about(a Advice) Case {
	c := l.of(a.Request)
	if a.Kind == RefundAdvice {
		given := l.refunds[a.Refund]
		c.Refund = &given
	}
	return c
}

// leave lets an advice begin a try.
func (l *life) leave(id AdviceID) {
	a := l.advices[id]
	a.Tries++
	l.change(fmt.Sprintf("try %d of %s", a.Tries, id), l.about(a), func(c Case) (Changes, error) { return Leaves(c, a) })
}

// acknowledge lets a try of an advice end. One that had ended before is acknowledged once more, as where two nodes
// hear it.
func (l *life) acknowledge(id AdviceID, status AdviceStatus) {
	a := l.advices[id]
	c := l.about(a)
	e := Event{At: l.now, Answer: &Answer{Failure: DeclinedByProcessor, Authorization: Authorization{ResponseCode: "51"}}}
	if a.Status != AdviceOpen {
		l.change("once more "+string(id), c, func(c Case) (Changes, error) {
			ch, err := Acknowledged(c, a, e)
			l.must(!ch.Rows(), "%s is acknowledged twice, and that leads to %s", id, text(ch))
			return ch, err
		})
		return
	}
	a.Status = status
	if a.Kind == CaptureAdvice {
		switch {
		case status == AdviceDone && c.Request.Capture.Amount != c.Request.Amount:
			e.Reversal = l.advice(Release, c.Request)
		case status != AdviceDone:
			e.Reversal = l.advice(Reversal, c.Request)
		}
	}
	l.change(fmt.Sprintf("%s %s is %s", a.Kind, id, status), c, func(c Case) (Changes, error) {
		work := Work{WorkAdvice, string(id)}
		if status == AdviceOpen {
			ch := Changes{Effects: []Effect{SaveAdvice{a}, Wake{work, l.now.Add(10 * time.Second)}}}
			return ch.Then(Waits(c, a)), nil
		}
		after, err := Acknowledged(c, a, e)
		return Changes{Effects: []Effect{SaveAdvice{a}, Rest{work}}}.Then(after), err
	})
}

// statuses are how an advice may end: what undoes is never refused, and money that was promised never given up.
func statuses(kind AdviceKind) []AdviceStatus {
	if kind == Reversal || kind == Release {
		return []AdviceStatus{AdviceOpen, AdviceDone, AdviceDone, AdviceNoTrace, AdviceGivenUp}
	}
	return []AdviceStatus{AdviceOpen, AdviceDone, AdviceDone, AdviceRefused, AdviceNoTrace}
}

// due carries out a piece of work, as flow does.
func (l *life) due(w Work) {
	switch w.Kind {
	case WorkSession:
		open := l.session.Open
		l.change("session's time", l.ofSession(), func(c Case) (Changes, error) { return ExpireSession(c, l.now) })
		l.must(l.session.Open == open, "the session expires under %q", open)
	case WorkAdvice:
		l.leave(AdviceID(w.Ref))
		l.acknowledge(AdviceID(w.Ref), AdviceDone)
	case WorkToken:
		l.lookAtCard(TokenID(w.Ref))
	case WorkAttempt:
		id := RequestID(w.Ref)
		for _, kind := range []EventKind{Lose, Miss, Expire, Lapse} {
			if l.comes(kind, l.of(id)) {
				l.happen(kind, id)
				return
			}
		}
		l.fail("%s is %s at its deadline, and has no way out", id, l.requests[id].State)
	}
}

// lookAtCard is the work at a card's dates, which may also come when nothing is due.
func (l *life) lookAtCard(id TokenID) {
	until, forever := l.needed(id)
	l.change("card's date", Case{Merchant: l.merchant, Token: l.tokens[id]}, func(c Case) (Changes, error) {
		return TokenDue(c, until, forever, l.now), nil
	})
}

// needed says how long the number of a card is.
func (l *life) needed(id TokenID) (until time.Time, forever bool) {
	for _, r := range l.requests {
		if r.Token != id {
			continue
		}
		if r.NeedsNumberUntil().IsZero() {
			forever = true
		} else if r.NeedsNumberUntil().After(until) {
			until = r.NeedsNumberUntil()
		}
		for _, a := range l.advices {
			forever = forever || a.Request == r.ID && a.Status == AdviceOpen
		}
	}
	return until, forever
}

// byName is an order of work that is the same in every run.
func byName(a, b Work) int {
	return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Ref, b.Ref))
}

// end lets time pass until nothing is left to be done.
func (l *life) end() {
	for range 300 {
		if len(l.work) == 0 {
			break
		}
		next := slices.MinFunc(slices.Collect(maps.Keys(l.work)), func(a, b Work) int {
			return cmp.Or(l.work[a].Compare(l.work[b]), byName(a, b))
		})
		if l.work[next].After(l.now) {
			l.now = l.work[next]
		}
		l.due(next)
	}
	l.must(len(l.work) == 0, "there is always something left to do: %v", l.work)
	for id, r := range l.requests {
		l.must(r.State.Final(), "%s is %s for ever", id, r.State)
	}
	for id, t := range l.tokens {
		l.must(len(t.SealedPAN) == 0 && t.Status != TokenPending, "the number of %s, which is %s, stays for ever (PCI DSS 3.2.1)", id, t.Status)
	}
	for id, f := range l.refunds {
		l.must(f.Status != RefundPending, "%s is pending for ever", id)
	}
	l.must(l.session.ID == "" || l.session.Status != SessionActive, "the session is %s for ever", l.session.Status)
	l.must(len(l.escrow) == 0, "CVNs are kept for ever: %v", l.escrow)
	for day, n := range l.tries {
		l.must(n == l.wrong[day], "%d tries of a CVN are counted, and %d were wrong", n, l.wrong[day])
	}
}

// anything lets an event come to an attempt that may be in any state.
func (l *life) anything() {
	id, kind := l.pick(), rapid.SampledFrom(kinds).Draw(l.t, "event")
	c := l.of(id)
	if l.comes(kind, c) {
		l.happen(kind, id)
		return
	}
	if _, ok := table[c.Request.State][kind]; ok {
		return // flow would not bring it now
	}
	l.change(string(kind), c, func(c Case) (Changes, error) {
		ch, err := Apply(c, Event{Kind: kind, At: l.now})
		if notNow := (*ErrNotNow)(nil); !errors.As(err, &notNow) {
			l.fail("%s happened to an attempt that is %q", kind, c.Request.State)
		}
		return ch, err
	})
}

// pick is any attempt.
func (l *life) pick() RequestID { return rapid.SampledFrom(l.attempts).Draw(l.t, "attempt") }

// actions are what may happen, by name; a name that stands there several times happens more often.
func (l *life) actions() map[string]func() {
	return map[string]func(){
		"next":       l.next,
		"then":       l.next,
		"and then":   l.next,
		"after that": l.next,
		"anything":   l.anything,
		"submit": func() {
			if c := l.ofSession(); l.session.ID != "" && c.AcceptsSubmit(l.now) == nil && l.session.AcceptsAttempt() == nil {
				l.begin(c, l.session.Amount)
			}
		},
		"acknowledge": func() {
			if len(l.advices) > 0 {
				id := rapid.SampledFrom(slices.Sorted(maps.Keys(l.advices))).Draw(l.t, "advice")
				l.acknowledge(id, rapid.SampledFrom(statuses(l.advices[id].Kind)).Draw(l.t, "status"))
			}
		},
		"an advice leaves": func() {
			if open := l.open(); len(open) > 0 {
				l.leave(rapid.SampledFrom(open).Draw(l.t, "advice"))
			}
		},
		"nothing left": func() { // the line is down
			if open := l.open(); len(open) > 0 {
				id := rapid.SampledFrom(open).Draw(l.t, "advice")
				a := l.advices[id]
				if a.Tries == 1 {
					a.Tries = 0
					l.advices[id] = a
					l.acknowledge(id, AdviceOpen)
				}
			}
		},
		"a late approval": func() {
			r := l.requests[l.pick()]
			before := l.advices[r.Reversal].Status
			if r.State == Failed && r.Trace != nil && r.Type != Save && before != AdviceOpen && (before != AdviceDone || r.Authorization == nil) {
				a := l.advice(Reversal, &r)
				l.out[r.ID] = true
				l.change("a late approval", l.of(r.ID), func(c Case) (Changes, error) {
					return UndoLate(c, *a, Authorization{ResponseCode: "00"}, l.now), nil
				})
			}
		},
		"refund": l.refund, "and refund": l.refund,
		"call a refund off": func() {
			if len(l.refunds) == 0 {
				return
			}
			f := l.refunds[rapid.SampledFrom(slices.Sorted(maps.Keys(l.refunds))).Draw(l.t, "refund")]
			c := l.of(f.Request)
			c.Refund = &f
			a := l.advices[f.Advice]
			if l.change("call a refund off", c, func(c Case) (Changes, error) { return CancelRefund(c, a, l.now) }) && a.Tries > 0 {
				l.fail("%s is called off, and had left", f.ID)
			}
		},
		"amend": func() {
			c := l.of(l.pick())
			amount := Money{rapid.SampledFrom([]int64{c.Request.Amount.Minor, 7, 2000000}).Draw(l.t, "amount"), "IDR"}
			if Amendable(c) == nil && c.Request.Type != Save {
				l.change("amend", c, func(c Case) (Changes, error) { return AmendRequest(c, amount, nil, l.now) })
			}
		},
		"cancel the session": func() {
			if l.session.ID != "" && rapid.IntRange(1, 5).Draw(l.t, "really") == 5 {
				l.change("cancel the session", l.ofSession(), func(c Case) (Changes, error) { return CancelSession(c, l.now) })
			}
		},
		"a card's date": func() {
			l.lookAtCard(rapid.SampledFrom(slices.Sorted(maps.Keys(l.tokens))).Draw(l.t, "card"))
		},
		"cancel the card": func() {
			id := rapid.SampledFrom(slices.Sorted(maps.Keys(l.tokens))).Draw(l.t, "card")
			if l.tokens[id].Visible() && rapid.IntRange(1, 3).Draw(l.t, "really") == 3 {
				l.change("cancel the card", Case{Merchant: l.merchant, Token: l.tokens[id]}, func(c Case) (Changes, error) { return CancelToken(c, l.now) })
			}
		},
		"time passes": func() {
			l.now = l.now.Add(rapid.SampledFrom([]time.Duration{
				time.Second, time.Second, 10 * time.Second, time.Minute, 16 * time.Minute, 8 * 24 * time.Hour,
			}).Draw(l.t, "time"))
		},
		"the payer stays away": func() {
			if r := l.requests[l.attempts[len(l.attempts)-1]]; r.State.BeforeAcquirer() && rapid.IntRange(1, 4).Draw(l.t, "really") == 4 {
				if l.now.Before(r.Deadline) {
					l.now = r.Deadline
				}
				l.due(attemptWork(r))
			}
		},
		"work is done": func() {
			var due []Work
			for w, at := range l.work {
				if !at.After(l.now) {
					due = append(due, w)
				}
			}
			if len(due) > 0 {
				slices.SortFunc(due, byName)
				l.due(rapid.SampledFrom(due).Draw(l.t, "work"))
			}
		},
	}
}

// next lets an event come that moves the last attempt on; of those that end it fewer.
func (l *life) next() {
	c := l.of(l.attempts[len(l.attempts)-1])
	ends := rapid.IntRange(1, 4).Draw(l.t, "ends") == 4
	coming := slices.DeleteFunc(slices.Clone(kinds), func(kind EventKind) bool {
		return !l.comes(kind, c) || !ends && slices.Contains([]EventKind{Drop, GiveUp, Void, Disprove, Unsend, Miss, Lose, Lapse, Expire}, kind)
	})
	if len(coming) > 0 {
		l.happen(rapid.SampledFrom(coming).Draw(l.t, "event"), c.Request.ID)
	}
}

func (l *life) refund() {
	c := l.of(l.pick())
	f := Refund{ID: RefundID(l.id("rfd")), Request: c.Request.ID, Created: l.now, Updated: l.now}
	left := c.Request.Amount.Minor - c.Request.Refunded
	f.Amount = Money{max(0, rapid.SampledFrom([]int64{0, 1, left / 2, left - 1, left, left + 1}).Draw(l.t, "asked")), "IDR"}
	a := l.advice(RefundAdvice, c.Request)
	l.change("refund", c, func(c Case) (Changes, error) { return NewRefund(c, f, *a, l.now.Add(12*time.Second)) })
}

// TestAnyLife lets anything happen to a payment, in any order. Whatever it is, what is always true stays true, and
// in the end everything is over. It goes on until every move of the machine's table was made.
func TestAnyLife(t *testing.T) {
	made := map[string]int{}
	never := func() (never []string) {
		for from, moves := range table {
			for kind := range moves {
				if move := fmt.Sprintf("%s in %q", kind, from); made[move] == 0 {
					never = append(never, move)
				}
			}
		}
		return never
	}
	for round := 0; round == 0 || len(never()) > 0; round++ {
		if round == 200 {
			t.Fatalf("in %d rounds there never came: %s", round, strings.Join(never(), ", "))
		}
		rapid.Check(t, func(t *rapid.T) {
			l := newLife(t, made)
			actions := l.actions()
			for range rapid.IntRange(20, 80).Draw(t, "steps") {
				actions[rapid.SampledFrom(slices.Sorted(maps.Keys(actions))).Draw(t, "action")]()
			}
			l.end()
		})
	}
}
