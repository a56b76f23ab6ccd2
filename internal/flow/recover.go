package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/internal/payment"
)

// Deadline is the work at an attempt's deadline: a payer who never came back, or a purchase whose answer
// nobody saw, because it never came or because the node that waited for it is gone.
func (f *Flow) Deadline(ctx context.Context, id payment.RequestID) error {
	l := payment.Lookup{Request: id}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil {
		return err
	}
	if !slices.Contains(payment.States(), c.Request.State) {
		return fmt.Errorf("flow: attempt %s is in a state that only a newer version knows", id)
	}
	now := f.o.Now()
	if c.Request.State == payment.Authorizing && !now.Before(c.Request.Deadline) {
		_, err := f.conclude(ctx, c, payment.Answer{Outcome: payment.Unknown}, nil)
		if notNow(err) {
			err = nil // the answer came at the last moment
		}
		return err
	}
	if c.Request.State == payment.Authorized && !now.Before(c.Request.Deadline) {
		return f.expireHold(ctx, c)
	}
	_, err = f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		if due := c.Request.Deadline; now.Before(due) {
			// The attempt is written as it is: this must not put off the deadline of a purchase that
			// begins at the same moment.
			work := payment.Work{Kind: payment.WorkAttempt, Ref: string(id)}
			return payment.Changes{
				Requests: []payment.Request{*c.Request}, Effects: []payment.Effect{payment.Wake{Work: work, At: due}},
			}, nil
		}
		return payment.Apply(c, payment.Event{Kind: over(c), At: now})
	})
	return err
}

// over is what becomes of an attempt whose payer did not come in time: a session's has failed, and another may
// follow; without a session it was the only one.
func over(c payment.Case) payment.EventKind {
	if c.Session.ID == "" {
		return payment.Expire
	}
	return payment.Lapse
}

// Late takes an answer that nobody waited for any more; judge says what it means for the message that was
// committed. Money that no payment stands for is given back.
func (f *Flow) Late(ctx context.Context, traceKey string, judge func(sent payment.Trace) payment.Answer) error {
	ctx, done := f.through(ctx)
	defer done()
	l := payment.Lookup{Trace: traceKey}
	c, err := f.o.Store.Case(ctx, l)
	if errors.Is(err, payment.ErrNotFound) {
		f.o.Log.Error("answer to a message that was never committed")
		return nil
	} else if err != nil {
		return err
	}
	if soft := c.Request.SoftDecline; soft != nil && soft.Trace.Key() == traceKey {
		return f.undoSoft(ctx, c, judge(soft.Trace))
	}
	answer := judge(*c.Request.Trace)
	if c.Request.State == payment.Authorizing { // waited for on another node, or by one that died
		if _, err = f.conclude(ctx, c, answer, nil); notNow(err) {
			return f.Late(ctx, traceKey, judge) // somebody concluded it meanwhile, perhaps otherwise
		}
		return err
	}
	if c.Request.Purpose() == payment.Verification {
		return nil // nothing was moved
	}
	switch state := c.Request.State; {
	case answer.Outcome != payment.Approved && answer.Outcome != payment.Unwanted:
		return nil
	case state == payment.Reversing:
		return f.noteLate(ctx, c, traceKey, judge, answer)
	case state == payment.Failed:
		return f.undoLate(ctx, c, answer)
	}
	return nil // a second copy of an answer we have
}

// noteLate writes down that what is being reversed was approved. The reversal may have been answered before the
// purchase reached the issuer, and so be about nothing: what it ends with is judged by this, see acknowledge.
func (f *Flow) noteLate(ctx context.Context, c payment.Case, traceKey string, judge func(payment.Trace) payment.Answer, answer payment.Answer) error {
	settled := false
	_, err := f.o.Store.Change(ctx, payment.Lookup{Request: c.Request.ID}, nil, func(c payment.Case) (payment.Changes, error) {
		if settled = c.Request.State != payment.Reversing; settled || c.Request.Authorization != nil {
			return payment.Changes{}, nil
		}
		return payment.ApprovedLate(c, answer.Authorization), nil
	})
	if err == nil && settled {
		return f.Late(ctx, traceKey, judge) // the reversal ended meanwhile, and did not know of the approval
	}
	return err
}

// undoLate reverses an approval of an attempt that has failed, unless that is being done. A reversal that is
// done covers further copies of an answer that we had, but not the first answer of all: it may have been
// acknowledged before the purchase arrived.
func (f *Flow) undoLate(ctx context.Context, c payment.Case, answer payment.Answer) error {
	known, seen := c.Request.Reversal, c.Request.Authorization != nil
	if known != "" {
		before, err := f.o.Store.Advice(ctx, known)
		if err != nil || before.Status == payment.AdviceOpen || seen && before.Status == payment.AdviceDone {
			return err
		}
	}
	if len(c.Token.SealedPAN) == 0 {
		return f.unnamed(c, *c.Request.Trace)
	}
	reversal, err := f.newAdvice(ctx, c, payment.Reversal, payment.Money{}, answer.Authorization.AuthorizationCode)
	if err != nil {
		return err
	}
	_, err = f.o.Store.Change(ctx, payment.Lookup{Request: c.Request.ID}, nil, func(c payment.Case) (payment.Changes, error) {
		if c.Request.Reversal != known {
			return payment.Changes{}, nil // another copy was first
		}
		return payment.UndoLate(c, reversal, answer.Authorization, f.o.Now()), nil
	})
	return err
}

// undoSoft reverses an approval of what the issuer had declined until the payer was authenticated: another
// authorisation has taken its place.
func (f *Flow) undoSoft(ctx context.Context, c payment.Case, answer payment.Answer) error {
	soft := c.Request.SoftDecline
	switch {
	case answer.Outcome != payment.Approved && answer.Outcome != payment.Unwanted, c.Request.Purpose() == payment.Verification, soft.Reversal != "":
		return nil // a copy of the answer that we have, nothing was moved, or it is being given back
	case len(c.Token.SealedPAN) == 0:
		return f.unnamed(c, soft.Trace)
	}
	about := *c.Request
	about.Trace = &soft.Trace
	of := c
	of.Request = &about
	reversal, err := f.newAdvice(ctx, of, payment.Reversal, payment.Money{}, answer.Authorization.AuthorizationCode)
	if err != nil {
		return err
	}
	_, err = f.o.Store.Change(ctx, payment.Lookup{Request: c.Request.ID}, nil, func(c payment.Case) (payment.Changes, error) {
		if c.Request.SoftDecline.Reversal != "" {
			return payment.Changes{}, nil // another copy was first
		}
		return payment.UndoSoft(c, reversal, f.o.Now()), nil
	})
	return err
}

// unnamed logs an approval that comes days later: nothing can name its card to the host any more.
func (f *Flow) unnamed(c payment.Case, sent payment.Trace) error {
	f.o.Log.Error("late approval of a card that is erased: reconcile it by hand",
		"payment_request", c.Request.ID, "rrn", sent.RRN, "stan", sent.STAN)
	return nil
}
