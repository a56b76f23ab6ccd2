package flow

import (
	"context"

	"reprise/internal/payment"
)

// Capture takes money that an authorisation holds: all of it, or, once, a part, and then the rest is let go. The
// first try is waited for; where the acquirer does not answer in it, the capture is repeated until it does, and
// the payment is pending.
func (f *Flow) Capture(ctx context.Context, b payment.BusinessID, id payment.PaymentID, amount payment.Money, once *payment.Once) (payment.Case, error) {
	ctx, done := f.through(ctx)
	defer done()
	l := payment.Lookup{Business: b, Payment: id}
	c, err := f.existing(ctx, l)
	if err != nil {
		return c, err
	}
	if err := payment.Capturable(c, amount); err != nil {
		return c, err
	}
	advice, err := f.newAdvice(ctx, c, payment.CaptureAdvice, amount, c.Request.Authorization.AuthorizationCode)
	if err != nil {
		return c, err
	}
	c, err = f.o.Store.Change(ctx, l, once, func(c payment.Case) (payment.Changes, error) {
		if err := payment.Capturable(c, amount); err != nil {
			return payment.Changes{}, err
		}
		now := f.o.Now()
		return payment.Apply(c, payment.Event{
			Kind: payment.Claim, At: now, Deadline: now.Add(firstTryLead), Advice: &advice,
			Capture: &payment.Capture{ID: f.newCaptureID(), Amount: amount, At: now},
		})
	})
	if err != nil {
		return c, err
	}
	return f.firstTry(ctx, c, advice.ID, once)
}

// firstTry sends an advice that was just written. What came of it is the advice's to tell: an error here only
// means that a worker tries again.
func (f *Flow) firstTry(ctx context.Context, written payment.Case, id payment.AdviceID, once *payment.Once) (payment.Case, error) {
	c, err := f.advise(ctx, id, once.Amended())
	if err != nil {
		f.o.Log.Warn("advice not sent at once: it is tried again", "advice", id, "payment_request", written.Request.ID, "error", err)
		return written, nil
	}
	return c, nil
}

// Void gives an authorisation up, and has the hold released.
func (f *Flow) Void(ctx context.Context, b payment.BusinessID, id payment.PaymentID, once *payment.Once) (payment.Case, error) {
	ctx, done := f.through(ctx)
	defer done()
	l := payment.Lookup{Business: b, Payment: id}
	c, err := f.existing(ctx, l)
	if err != nil {
		return c, err
	}
	return f.letGo(ctx, c, l, once, payment.Void)
}

// expireHold is the work at the end of a hold that nobody captured.
func (f *Flow) expireHold(ctx context.Context, c payment.Case) error {
	_, err := f.letGo(ctx, c, payment.Lookup{Request: c.Request.ID}, nil, payment.Expire)
	if notNow(err) {
		err = nil // it was captured or given up at the last moment
	}
	return err
}

// letGo ends a hold with the reversal that releases it, which then runs on its own.
func (f *Flow) letGo(ctx context.Context, c payment.Case, l payment.Lookup, once *payment.Once, why payment.EventKind) (payment.Case, error) {
	if err := payment.MustBeHeld(c); err != nil {
		return c, err
	}
	reversal, err := f.newAdvice(ctx, c, payment.Reversal, payment.Money{}, c.Request.Authorization.AuthorizationCode)
	if err != nil {
		return c, err
	}
	return f.o.Store.Change(ctx, l, once, func(c payment.Case) (payment.Changes, error) {
		if err := payment.MustBeHeld(c); err != nil && why == payment.Void {
			return payment.Changes{}, err
		}
		return payment.Apply(c, payment.Event{Kind: why, At: f.o.Now(), Reversal: &reversal})
	})
}

// existing reads a payment, once there is one.
func (f *Flow) existing(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	c, err := f.o.Store.Case(ctx, l)
	if err == nil && !c.Request.HasPayment() {
		err = payment.ErrNotFound
	}
	return c, err
}
