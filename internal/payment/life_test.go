package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// life is a merchant's session, or a payment request of its own, with all that becomes of it. It keeps what
// decisions lead to as the memory does, one commit after another, and holds each against what is always true.
type life struct {
	t   *rapid.T
	now time.Time
	ids int // drawn so far

	merchant Merchant
	terms    Terms
	stored   TokenID // the card that is paid with; empty: each attempt has a card that was typed for it

	session  Session
	attempts []RequestID // in the order in which they were begun
	requests map[RequestID]Request
	tokens   map[TokenID]Token
	refunds  map[RefundID]Refund
	advices  map[AdviceID]Advice
	escrow   map[RequestID][]string // verifiers
	work     map[Work]time.Time
	tries    map[CardDay]int
	wrong    map[CardDay]int // CVNs that issuers found wrong
	declines int
	approved map[RequestID]int
	out      map[RequestID]bool // the issuer may hold or have given money for it
	proofs   map[string]bool    // authentication values that went out

	made    map[string]int // moves of the table, over all lives: "lose in "AUTHORIZING""
	history []string       // one line for each thing that happened
}

func (l *life) id(prefix string) string {
	l.ids++
	return fmt.Sprint(prefix, "-", l.ids)
}

// fail prints what happened, from the beginning.
func (l *life) fail(format string, args ...any) {
	l.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(l.history, "\n"))
}

func (l *life) must(holds bool, format string, args ...any) {
	if !holds {
		l.fail(format, args...)
	}
}

// makes notes a move of the table.
func (l *life) makes(from State, kind EventKind) { l.made[fmt.Sprintf("%s in %q", kind, from)]++ }

// of is the case of an attempt.
func (l *life) of(id RequestID) Case {
	r := l.requests[id]
	c := Case{Merchant: l.merchant, Token: l.tokens[r.Token], Request: &r}
	if r.Session != "" {
		c.Session = l.session
	}
	c.Counts = Counts{l.tries[CardDay{c.Token.Fingerprint, l.now.UTC().Format(time.DateOnly)}], l.declines}
	return c
}

// ofSession is the case of the session, with its open attempt.
func (l *life) ofSession() Case {
	if l.session.Open != "" {
		return l.of(l.session.Open)
	}
	return Case{Merchant: l.merchant, Session: l.session, Token: l.tokens[l.stored]}
}

// text is all of a value, to see whether it was changed.
func text(value any) string {
	written, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(written)
}

// change lets a decision be taken about a case, twice, and keeps what it leads to. It says whether it was taken.
func (l *life) change(what string, c Case, decide func(Case) (Changes, error)) bool {
	before := text(c)
	ch, err := decide(c)
	again, errAgain := decide(c)
	state := None
	if c.Request != nil {
		state = c.Request.State
	}
	line := fmt.Sprintf("%s  %s", l.now.Format(time.DateTime), what)
	if c.Request != nil {
		line += fmt.Sprintf(", %s is %q", c.Request.ID, state)
	}
	if err != nil {
		l.history = append(l.history, line+": refused, "+err.Error())
	} else {
		l.history = append(l.history, line+": "+told(c, ch))
	}
	l.must(text(c) == before, "the decision changed the case that it looked at\nfrom %s\nto   %s", before, text(c))
	l.must(reflect.DeepEqual(ch, again) && reflect.DeepEqual(err, errAgain), "the same case was decided in two ways:\n%s %v\n%s %v", text(ch), err, text(again), errAgain)
	if err != nil {
		var notNow *ErrNotNow
		var refusal *Error
		l.must(ch.Empty(), "what was refused leads to %s", text(ch))
		l.must(errors.As(err, &notNow) || errors.As(err, &refusal), "refused by an error that nobody may read: %v", err)
		return false
	}
	l.commit(c, ch)
	return true
}

// told is a line about changes.
func told(c Case, ch Changes) string {
	var parts []string
	for _, r := range ch.Requests {
		parts = append(parts, fmt.Sprintf("%s becomes %q", r.ID, r.State))
	}
	if s := ch.Session; s != nil {
		parts = append(parts, fmt.Sprintf("session %s, open %q", s.Status, s.Open))
	}
	for _, t := range ch.Tokens {
		parts = append(parts, fmt.Sprintf("card %s %s", t.ID, t.Status))
	}
	if f := ch.Refund; f != nil {
		parts = append(parts, fmt.Sprintf("refund %s %s", f.ID, f.Status))
	}
	for _, e := range ch.Effects {
		switch e := e.(type) {
		case Tell:
			parts = append(parts, "tell "+string(e.Kind))
		case SaveAdvice:
			parts = append(parts, fmt.Sprintf("advice %s %s %s", e.Advice.ID, e.Advice.Kind, e.Advice.Status))
		case Wake:
			parts = append(parts, fmt.Sprintf("wake %s %s at %s", e.Work.Kind, e.Work.Ref, e.At.Format(time.DateTime)))
		case Rest:
			parts = append(parts, fmt.Sprintf("rest %s %s", e.Work.Kind, e.Work.Ref))
		default:
			parts = append(parts, strings.TrimPrefix(fmt.Sprintf("%T", e), "payment."))
		}
	}
	return strings.Join(parts, "; ")
}

// commit keeps changes.
func (l *life) commit(c Case, ch Changes) {
	l.compareTells(c, ch)
	written := map[string]bool{} // of several states of one row the last counts
	next := func(id string, read, known int64) int64 {
		l.must(read == known, "%s is written over version %d, and it is version %d", id, read, known)
		l.must(id != "", "a row without an id")
		written[id] = true
		return read + 1
	}
	if s := ch.Session; s != nil {
		l.session = *s
		l.session.Version = next(string(s.ID), s.Version, c.Session.Version)
	}
	for _, t := range slices.Backward(ch.Tokens) {
		if !written[string(t.ID)] {
			t.Version = next(string(t.ID), t.Version, l.tokens[t.ID].Version)
			if until, forever := l.needed(t.ID); len(t.SealedPAN) == 0 {
				l.must(!forever && !until.After(l.now), "the number of %s is erased, and needed until %s, or for ever: %t", t.ID, until, forever)
			}
			l.tokens[t.ID] = t
		}
	}
	for _, r := range slices.Backward(ch.Requests) {
		if !written[string(r.ID)] {
			known := l.requests[r.ID]
			l.must(!r.Updated.Before(known.Updated), "%s was updated at %s, and before that at %s", r.ID, r.Updated, known.Updated)
			r.Version = next(string(r.ID), r.Version, known.Version)
			l.requests[r.ID] = r
			for kind, m := range table[known.State] { // what an advice leads to
				if m.to == r.State && (known.State == Reversing || known.State == Capturing) {
					l.makes(known.State, kind)
				}
			}
			if known.Version == 0 {
				l.attempts = append(l.attempts, r.ID)
			}
		}
	}
	if f := ch.Refund; f != nil {
		given := *f
		given.Version = next(string(f.ID), f.Version, l.refunds[f.ID].Version)
		l.refunds[f.ID] = given
	}
	for _, e := range ch.Effects {
		l.carry(e)
	}
	l.look()
}

// carry does what an effect says.
func (l *life) carry(e Effect) {
	switch e := e.(type) {
	case KeepCVN:
		l.escrow[e.Sealed.Request] = append(l.escrow[e.Sealed.Request], string(e.Sealed.Verifier))
	case TakeCVN:
		l.must(slices.Contains(l.escrow[e.Request], string(e.Verifier)), "a CVN of %s is taken that is not there", e.Request)
		delete(l.escrow, e.Request)
	case ForgetCVN:
		delete(l.escrow, e.Request)
	case NoteTrace:
		l.must(e.AuthenticationValue == "" || !l.proofs[e.AuthenticationValue], "one proof pays twice")
		l.proofs[e.AuthenticationValue] = true
	case SaveAdvice:
		l.advices[e.Advice.ID] = e.Advice
	case TakeTry:
		l.tries[e.CardDay]++
		l.must(l.tries[e.CardDay] <= MaxCVNTries, "%d tries of a CVN are on their way", l.tries[e.CardDay])
	case GiveTryBack:
		l.tries[e.CardDay]--
		l.must(l.tries[e.CardDay] >= 0, "a try is given back that was never taken")
	case CountDecline:
		l.declines++
	case Wake:
		l.must(e.Work.Ref != "" && !e.At.IsZero(), "nobody is woken, or at no time: %+v", e)
		l.work[e.Work] = e.At
	case Rest:
		delete(l.work, e.Work)
	case Tell, NoteAuthentication:
	default:
		l.fail("nobody carries out %T", e)
	}
}

// compareTells holds what the merchant is told against what it sees change: of each change there is one notice,
// and of nothing else.
func (l *life) compareTells(c Case, ch Changes) {
	var want, got []string
	one := func(changed bool, kind NoticeKind) {
		if changed {
			want = append(want, string(kind))
		}
	}
	last := map[RequestID]Request{}
	for _, r := range ch.Requests {
		last[r.ID] = r
	}
	for id, r := range last {
		from := l.requests[id].State
		if from == r.State || r.Type == Save {
			continue
		}
		one(r.State == Succeeded, NoticeCapture)
		one(r.State == Authorized, NoticeAuthorization)
		one(r.State == Failed, NoticeFailure)
		one(r.State == Expired && from == Authorized, NoticeExpired)
		one(r.State == Expired && from != Authorized, NoticeRequestExpired)
	}
	if s := ch.Session; s != nil && s.Status != c.Session.Status {
		one(s.Status == SessionCompleted, NoticeSessionCompleted)
		one(s.Status == SessionExpired, NoticeSessionExpired)
	}
	for _, t := range ch.Tokens {
		if from := l.tokens[t.ID].Status; from != t.Status {
			one(t.Status == TokenActive, NoticeTokenActivated)
			one(t.Status == TokenFailed, NoticeTokenFailed)
			one(t.Status == TokenExpired, NoticeTokenExpired)
		}
	}
	if f := ch.Refund; f != nil && f.Status != l.refunds[f.ID].Status {
		one(f.Status == RefundSucceeded, NoticeRefundSucceeded)
		one(f.Status == RefundFailed, NoticeRefundFailed)
	}
	for _, e := range ch.Effects {
		if tell, ok := e.(Tell); ok {
			got = append(got, string(tell.Kind))
			if _, _, err := tell.Kind.Subject(c.After(ch)); err != nil {
				l.fail("%v", err)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	l.must(slices.Equal(want, got), "the merchant sees %v happen and is told %v", want, got)
}

// look holds everything as it now stands against what is always true.
func (l *life) look() {
	l.must(l.session.ID == "" || l.session.Attempts == len(l.attempts), "%d attempts were begun, and the session counts %d", len(l.attempts), l.session.Attempts)
	for _, id := range l.attempts {
		r := l.requests[id]
		l.lookAtMoney(r)
		l.lookAtDeadline(r)
		l.must(len(l.escrow[id]) == 0 || slices.Contains(escrowed, r.State), "the CVN of %s is kept although it is %s (PCI DSS 3.3.1)", id, r.State)
		if soft := r.SoftDecline; soft != nil && r.Trace != nil {
			l.must(r.Authentication != nil && r.Authentication.TransStatus == "Y" && r.Trace.STAN != soft.Trace.STAN, "%s was declined until the payer is authenticated, and was sent again without: %+v", id, r.Authentication)
		}
		l.must(l.approved[id] <= 1, "%s was approved %d times", id, l.approved[id])
		held := r.Session != "" && !r.State.Final() && r.State != Authorized && r.State != Capturing
		l.must(held == (l.session.Open == id), "%s is %s, and the session is open for %q", id, r.State, l.session.Open)
		l.must(r.State != Authorized || r.Deadline.Equal(r.Updated.Add(HoldLife)), "%s is held since %s until %s", id, r.Updated, r.Deadline)
		l.lookAtNumber(r)
		l.must((r.State == Failed) == (r.Failure != ""), "%s is %s because of %q", id, r.State, r.Failure)
	}
}

// lookAtMoney: never more is captured than was asked for, nor given back than was captured.
func (l *life) lookAtMoney(r Request) {
	captured, given := int64(0), int64(0)
	if r.Capture != nil {
		captured = r.Capture.Amount.Minor
		l.must(captured > 0 && captured <= r.Amount.Minor && r.Capture.Amount.Currency == r.Amount.Currency, "%+v is captured of %+v", r.Capture.Amount, r.Amount)
	}
	for _, f := range l.refunds {
		if f.Request == r.ID && (f.Status == RefundPending || f.Status == RefundSucceeded) {
			given += f.Amount.Minor
		}
	}
	l.must(given == r.Refunded, "%d of %s is given back, and %d of refunds", r.Refunded, r.ID, given)
	l.must(given <= captured, "%d of %d is given back", given, captured)
	if r.Type != Save {
		l.must((r.State == Succeeded || r.State == Capturing) == (r.Capture != nil), "%s is %s, and its capture is %+v", r.ID, r.State, r.Capture)
	}
	if l.out[r.ID] && (r.State == Failed || r.State == Canceled || r.State == Expired) {
		l.must(l.advices[r.Reversal].Kind == Reversal, "%s is %s, and nobody gives its money back", r.ID, r.State)
	}
	if r.State == Succeeded && captured < r.Amount.Minor {
		l.must(l.has(Release, r.ID), "%d of %d is captured, and nobody lets go of the rest", captured, r.Amount.Minor)
	}
	stands := r.State == Authorized || r.State == Capturing || r.State == Succeeded
	l.must(!stands || l.approved[r.ID] == 1, "%s is %s, and nobody approved it", r.ID, r.State)
}

// lookAtNumber: the number of a card that was typed for one payment is looked at again when the payment needs it no
// longer, or within a day where something was open then.
func (l *life) lookAtNumber(r Request) {
	t := l.tokens[r.Token]
	_, forever := l.needed(t.ID)
	if t.Status != TokenOneOff || len(t.SealedPAN) == 0 || forever || !r.State.Final() {
		return
	}
	due, scheduled := l.work[tokenWork(t)]
	soon := slices.MaxFunc([]time.Time{l.now, r.NeedsNumberUntil()}, time.Time.Compare).Add(numberLater)
	l.must(scheduled && !due.After(soon), "the number of %s is needed until %s, and looked at %s", t.ID, r.NeedsNumberUntil(), due)
}

// lookAtDeadline: something will happen to what is not over, and nothing any more to what is.
func (l *life) lookAtDeadline(r Request) {
	due, scheduled := l.work[attemptWork(r)]
	waits := map[State]AdviceID{Reversing: r.Reversal, Capturing: r.CaptureAdvice}[r.State]
	switch {
	case r.State.Final():
		l.must(!scheduled && r.Deadline.IsZero(), "%s is %s and still has a deadline", r.ID, r.State)
	case r.State == Reversing || r.State == Capturing:
		_, tried := l.work[Work{WorkAdvice, string(waits)}]
		l.must(!scheduled && l.advices[waits].Status == AdviceOpen && tried, "%s is %s, and its advice %q is %s, to be sent: %t", r.ID, r.State, waits, l.advices[waits].Status, tried)
	default:
		l.must(scheduled && due.Equal(r.Deadline), "%s is %s until %s, and is looked at %s", r.ID, r.State, r.Deadline, due)
	}
	if r.State.BeforeAcquirer() {
		l.must(r.Deadline.Equal(r.Expires), "%s is %s until %s, and expires at %s", r.ID, r.State, r.Deadline, r.Expires)
	}
}

// has says whether there is an advice of a kind about an attempt.
func (l *life) has(kind AdviceKind, id RequestID) bool {
	for _, a := range l.advices {
		if a.Kind == kind && a.Request == id {
			return true
		}
	}
	return false
}

// open lists the advices that are not acknowledged, in the order of their ids.
func (l *life) open() (ids []AdviceID) {
	for _, id := range slices.Sorted(maps.Keys(l.advices)) {
		if l.advices[id].Status == AdviceOpen {
			ids = append(ids, id)
		}
	}
	return ids
}
