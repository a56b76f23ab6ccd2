package flow

import (
	"context"
	"errors"
	"time"

	"reprise/internal/payment"
)

// When an advice that the host did not acknowledge is sent again.
const (
	adviseSoon    = 10 * time.Second // in the first minute
	adviseLater   = 60 * time.Second
	adviseRarely  = time.Hour // once a reversal would be given up
	noTraceLimit  = 3         // answers of 25 (unable to locate the original) until it is closed
	codeNoTrace   = "25"
	soonTriesSpan = time.Minute
	reverseLimit  = 24 * time.Hour // what the host has not acknowledged by then is the operator's to settle
	// firstTryLead is how long whoever wrote an advice has for the first try, before a worker takes it up. It is
	// longer than a try may take.
	firstTryLead = 12 * time.Second
)

// newAdvice draws the trace of an advice; it is committed before anything is sent.
func (f *Flow) newAdvice(ctx context.Context, c payment.Case, kind payment.AdviceKind, amount payment.Money, code string) (payment.Advice, error) {
	original := c.Request.Trace                                      // of the authorisation, also for what is about its capture
	merchant, _ := c.Merchant.For(c.Token.Brand, c.Request.MIDLabel) // the original says under which ids it went
	trace, err := f.o.Acquirer.ReserveAdvice(ctx, merchant, kind, *original, amount)
	if err != nil {
		return payment.Advice{}, err
	}
	return payment.Advice{
		ID: payment.AdviceID(f.newUUID()), Kind: kind, Request: c.Request.ID, Original: *original, Code: code, Trace: trace,
		Opened: f.o.Now(), Status: payment.AdviceOpen,
	}, nil
}

// Advise is the work of one try: the message, or its repeat, until the host acknowledges it.
func (f *Flow) Advise(ctx context.Context, id payment.AdviceID) error {
	_, err := f.advise(ctx, id, nil)
	return err
}

// errOvertaken reports a try that was not made, because another was begun meanwhile.
var errOvertaken = errors.New("flow: another try of the advice has overtaken this one")

// advise makes one try and returns the case as it then stands. once is that of the command whose first try it is.
func (f *Flow) advise(ctx context.Context, id payment.AdviceID, once *payment.Once) (payment.Case, error) {
	ctx, done := f.through(ctx)
	defer done()
	a, err := f.o.Store.Advice(ctx, id)
	if err != nil {
		return payment.Case{}, err
	}
	l := payment.Lookup{Request: a.Request}
	if a.Refund != "" {
		l = payment.Lookup{Refund: a.Refund}
	}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil || a.Status != payment.AdviceOpen {
		return c, err
	}
	pan, err := f.o.Vault.OpenPAN(c.Token.SealedPAN, c.Token.Business, c.Token.ID)
	if err != nil {
		return c, err
	}
	// From here on it may have left, also when this process dies: then the next try is a repeat. Of a refund each
	// try is written down: whether it can be called off must not be told by one that another has overtaken.
	sent := a
	// Whoever stood still has been overtaken by another's try, and has nothing to send any more. While that one has not
	// heard an answer the work stays: it may come to nothing.
	if a.Tries++; sent.Tries == 0 || a.Kind == payment.RefundAdvice {
		overtaken := false
		if c, err = f.o.Store.Change(ctx, l, nil, func(c payment.Case) (payment.Changes, error) {
			stands, err := f.o.Store.Advice(ctx, id)
			overtaken = stands.Status != payment.AdviceOpen || stands.Tries != sent.Tries
			if err == nil && overtaken && stands.Status == payment.AdviceOpen {
				err = errOvertaken
			}
			if err != nil || overtaken {
				return payment.Changes{}, err
			}
			return payment.Leaves(c, a)
		}); err != nil || overtaken || c.Refund != nil && c.Refund.Status != payment.RefundPending {
			return c, err
		}
	}
	answer := f.o.Acquirer.Advise(ctx, sent, pan)
	if answer.Outcome == payment.Unsent && sent.Tries == 0 {
		a.Tries = 0
	}
	return f.acknowledge(ctx, l, once, c, a, answer)
}

// acknowledge writes down what came of a try: the advice, when it is sent again, and what an acknowledged one
// means for the attempt or the refund. left is the case as it stood when it was sent.
func (f *Flow) acknowledge(ctx context.Context, l payment.Lookup, once *payment.Once, left payment.Case, a payment.Advice, answer payment.Answer) (payment.Case, error) {
	now := f.o.Now()
	judged, usual := judgeTry(a, answer, now)
	pause := usual
	e, err := f.follow(ctx, l, judged, payment.Event{At: now, Answer: &answer})
	if err != nil {
		return payment.Case{}, err
	}
	done, err := f.o.Store.Change(ctx, l, once, func(c payment.Case) (payment.Changes, error) {
		a, pause = judged, usual
		// Whoever stood still for longer than a piece of work is one's own has been overtaken. What the other has
		// heard stands; the attempt is written in any case, so that of two who write at once one looks again.
		stands, err := f.o.Store.Advice(ctx, a.ID)
		later := stands.Tries > max(a.Tries, 1) // a first try that did not leave counts for none afterwards
		if err != nil || stands.Status != payment.AdviceOpen || a.Status == payment.AdviceOpen && later {
			return payment.Changes{}, err
		}
		if later {
			a.Tries = stands.Tries
		}
		if payment.Outrun(left, c, a) && (a.Status == payment.AdviceDone || now.Sub(a.Opened) < reverseLimit) {
			a.Status, a.NoTrace, pause = payment.AdviceOpen, 0, adviseSoon
		}
		work := payment.Work{Kind: payment.WorkAdvice, Ref: string(a.ID)}
		ch := payment.Changes{
			Requests: []payment.Request{*c.Request},
			Effects:  []payment.Effect{payment.SaveAdvice{Advice: a}, payment.Rest{Work: work}},
		}
		if a.Status == payment.AdviceOpen {
			if c.Refund != nil && c.Refund.Version != left.Refund.Version {
				return payment.Changes{}, nil // overtaken: the other try tells what came of it
			}
			ch.Effects[1] = payment.Wake{Work: work, At: now.Add(pause)}
			return ch.Then(payment.Waits(c, a)), nil
		}
		after, err := payment.Acknowledged(c, a, e)
		return ch.Then(after), err
	})
	switch {
	case err != nil:
	case a.Status == payment.AdviceNoTrace || a.Status == payment.AdviceGivenUp:
		f.o.Log.Error("advice not confirmed", "advice", a.ID, "kind", a.Kind, "payment_request", a.Request, "status", a.Status)
	case pause == adviseRarely:
		f.o.Log.Error("advice not confirmed for a day", "advice", a.ID, "kind", a.Kind, "payment_request", a.Request)
	}
	return done, err
}

// judgeTry says what an advice is after a try, and how long it pauses where it is still open.
func judgeTry(a payment.Advice, answer payment.Answer, now time.Time) (judged payment.Advice, pause time.Duration) {
	undoes := a.Kind == payment.Reversal || a.Kind == payment.Release
	old := now.Sub(a.Opened)
	switch {
	case answer.Outcome == payment.Approved:
		a.Status = payment.AdviceDone
	case answer.Outcome == payment.Declined && answer.Authorization.ResponseCode == codeNoTrace:
		if a.NoTrace++; a.NoTrace >= noTraceLimit {
			a.Status = payment.AdviceNoTrace
		}
	case answer.Outcome == payment.Declined && !undoes:
		a.Status = payment.AdviceRefused
	case old >= reverseLimit && undoes:
		a.Status = payment.AdviceGivenUp
	case old >= reverseLimit:
		return a, adviseRarely // money that was promised is never given up
	case old < soonTriesSpan:
		return a, adviseSoon
	}
	return a, adviseLater
}

// follow draws what an acknowledged capture is followed by: a part that was captured has the rest released, and
// a hold whose capture was refused is given back.
func (f *Flow) follow(ctx context.Context, l payment.Lookup, a payment.Advice, e payment.Event) (payment.Event, error) {
	if a.Kind != payment.CaptureAdvice || a.Status == payment.AdviceOpen {
		return e, nil
	}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil || c.Request.State != payment.Capturing { // another try has ended it
		return e, err
	}
	kind := payment.Reversal
	if a.Status == payment.AdviceDone {
		if kind = payment.Release; c.Request.Capture.Amount == c.Request.Amount {
			return e, nil
		}
	}
	undo, err := f.newAdvice(ctx, c, kind, payment.Money{}, c.Request.Authorization.AuthorizationCode)
	if kind == payment.Release {
		undo.Retained = a.Trace.Amount
	}
	e.Reversal = &undo
	return e, err
}
