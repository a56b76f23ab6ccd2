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
	if c.Request.State == payment.Authorizing {
		if due := c.Request.Updated.Add(f.AnswerTimeout + settleMargin); now.Before(due) {
			return f.wake(ctx, id, due) // in flight, here or on another node
		}
		_, err := f.conclude(ctx, c, payment.Answer{Outcome: payment.Unknown})
		return err
	}
	if now.Before(c.Request.Expires) {
		return f.wake(ctx, id, c.Request.Expires)
	}
	_, err = f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		return payment.Apply(c, payment.Event{Kind: payment.Lapse, At: now})
	})
	return err
}

func (f *Flow) wake(ctx context.Context, id payment.RequestID, at time.Time) error {
	work := payment.Work{Kind: payment.WorkAttempt, Ref: string(id)}
	_, err := f.Store.Change(ctx, payment.Lookup{Request: id}, nil, func(payment.Case) (payment.Changes, error) {
		return payment.Changes{Effects: []payment.Effect{payment.Wake{Work: work, At: at}}}, nil
	})
	return err
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
		_, err = f.conclude(ctx, c, answer)
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
