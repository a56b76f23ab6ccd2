package flow

import (
	"context"
	"errors"
	"time"

	"reprise/internal/payment"
)

// Deadline is the work at an attempt's deadline: a payer who never came back, or a purchase whose answer
// nobody saw, because it never came or because the node that waited for it is gone.
func (f *Flow) Deadline(ctx context.Context, id payment.RequestID) error {
	l := payment.Lookup{Request: id}
	c, err := f.Store.Case(ctx, l)
	if err != nil {
		return err
	}
	now := f.Now()
	if c.Request.State == payment.Authorizing && !now.Before(f.deadline(*c.Request)) {
		_, err := f.conclude(ctx, c, payment.Answer{Outcome: payment.Unknown})
		if notNow(err) {
			err = nil // the answer came at the last moment
		}
		return err
	}
	_, err = f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		if due := f.deadline(*c.Request); now.Before(due) {
			// The attempt is written as it is: this must not put off the deadline of a purchase that
			// begins at the same moment.
			work := payment.Work{Kind: payment.WorkAttempt, Ref: string(id)}
			return payment.Changes{
				Requests: []payment.Request{*c.Request}, Effects: []payment.Effect{payment.Wake{Work: work, At: due}},
			}, nil
		}
		return payment.Apply(c, payment.Event{Kind: payment.Lapse, At: now})
	})
	return err
}

// deadline is when an attempt's time is over as it stands; zero where it is over, or waits for its reversal.
func (f *Flow) deadline(r payment.Request) time.Time {
	switch {
	case r.State == payment.Authorizing: // the answer may still come, here or to another node
		return r.Updated.Add(f.AnswerTimeout + settleMargin)
	case r.State == payment.Reversing || r.State.Final():
		return time.Time{}
	}
	return r.Expires
}

// Late takes an approval that nobody waited for any more. Money that no payment stands for is given back.
func (f *Flow) Late(ctx context.Context, traceKey string, answer payment.Answer) error {
	l := payment.Lookup{Trace: traceKey}
	c, err := f.Store.Case(ctx, l)
	if errors.Is(err, payment.ErrNotFound) {
		f.Log.Error("approval for a message that was never committed")
		return nil
	} else if err != nil {
		return err
	}
	switch c.Request.State {
	case payment.Authorizing: // waited for on another node, or by one that died
		if _, err = f.conclude(ctx, c, answer); notNow(err) {
			return f.Late(ctx, traceKey, answer) // somebody concluded it meanwhile, perhaps otherwise
		}
		return err
	case payment.Failed, payment.Canceled:
	default:
		return nil // a second copy of an answer we have, or a reversal is on its way already
	}
	reversal, err := f.newReversal(ctx, *c.Request, answer.Authorization.AuthorizationCode)
	if err != nil {
		return err
	}
	_, err = f.Store.Change(ctx, l, nil, func(payment.Case) (payment.Changes, error) {
		return payment.Changes{Effects: []payment.Effect{
			payment.SaveReversal{Reversal: reversal},
			payment.Wake{Work: payment.Work{Kind: payment.WorkReversal, Ref: string(reversal.ID)}, At: f.Now()},
		}}, nil
	})
	return err
}
