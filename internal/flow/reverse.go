package flow

import (
	"context"
	"time"

	"reprise/internal/payment"
)

// When a reversal that the host did not acknowledge is sent again.
const (
	reverseSoon   = 10 * time.Second // in the first minute
	reverseLater  = 60 * time.Second
	noTraceLimit  = 3 // answers of 25 (unable to locate the original) until it is closed
	codeNoTrace   = "25"
	soonTriesSpan = time.Minute
	reverseLimit  = 24 * time.Hour // what the host has not acknowledged by then is the operator's to settle
)

// newReversal draws the trace of a reversal; it is committed before anything is sent.
func (f *Flow) newReversal(ctx context.Context, c payment.Case, code string) (payment.Advice, error) {
	r := c.Request
	trace, err := f.o.Acquirer.ReserveAdvice(ctx, c.Merchant, payment.Reversal, *r.Trace, payment.Money{})
	if err != nil {
		return payment.Advice{}, err
	}
	return payment.Advice{
		ID: payment.AdviceID(f.newUUID()), Kind: payment.Reversal, Request: r.ID, Original: *r.Trace, Code: code, Trace: trace,
		Opened: f.o.Now(), Status: payment.AdviceOpen,
	}, nil
}

// Reverse is the work of one try: the 0420, or its 0421, until the host acknowledges it.
func (f *Flow) Reverse(ctx context.Context, id payment.AdviceID) error {
	ctx, done := f.through(ctx)
	defer done()
	r, err := f.o.Store.Advice(ctx, id)
	if err != nil || r.Status != payment.AdviceOpen {
		return err
	}
	l := payment.Lookup{Request: r.Request}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil {
		return err
	}
	pan, err := f.o.Vault.OpenPAN(c.Token.SealedPAN, c.Token.Business, c.Token.ID)
	if err != nil {
		return err
	}
	answer := f.o.Acquirer.Advise(ctx, r, pan)

	now := f.o.Now()
	r.Tries++
	work := payment.Work{Kind: payment.WorkAdvice, Ref: string(r.ID)}
	next := now.Add(reverseLater)
	switch {
	case answer.Outcome == payment.Approved:
		r.Status = payment.AdviceDone
	case answer.Authorization.ResponseCode == codeNoTrace:
		if r.NoTrace++; r.NoTrace >= noTraceLimit {
			r.Status = payment.AdviceNoTrace
		}
	case now.Sub(r.Opened) >= reverseLimit:
		r.Status = payment.AdviceGivenUp
	case now.Sub(r.Opened) < soonTriesSpan:
		next = now.Add(reverseSoon)
	}
	if r.Status != payment.AdviceOpen && r.Status != payment.AdviceDone {
		f.o.Log.Error("reversal not confirmed", "reversal", r.ID, "payment_request", r.Request, "status", r.Status)
	}
	_, err = f.o.Store.Change(ctx, l, nil, func(c payment.Case) (payment.Changes, error) {
		if r.Status == payment.AdviceOpen {
			return payment.Changes{Effects: []payment.Effect{payment.SaveAdvice{Advice: r}, payment.Wake{Work: work, At: next}}}, nil
		}
		ch := payment.Changes{Effects: []payment.Effect{payment.SaveAdvice{Advice: r}, payment.Rest{Work: work}}}
		if c.Request.State != payment.Reversing {
			return ch, nil // it failed before and was only waiting for its money to be let go
		}
		settled, err := payment.Apply(c, payment.Event{Kind: payment.Settle, At: now})
		return ch.Then(settled), err
	})
	return err
}
