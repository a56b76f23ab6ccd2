package flow

import (
	"context"
	"errors"

	"reprise/internal/payment"
)

// change is Store.Change for a page that shows whatever is the case: an event that cannot happen any more
// is no error there.
func (f *Flow) change(ctx context.Context, l payment.Lookup, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	c, err := f.o.Store.Change(ctx, l, nil, fn)
	if notNow(err) {
		return f.o.Store.Case(ctx, l)
	}
	return c, err
}

func notNow(err error) bool {
	var e *payment.ErrNotNow
	return errors.As(err, &e)
}

// applyAll lets several events happen in one commit.
func applyAll(c payment.Case, events ...payment.Event) (payment.Changes, error) {
	var all payment.Changes
	for _, e := range events {
		ch, err := payment.Apply(c, e)
		if err != nil {
			return all, err
		}
		c, all = c.After(ch), all.Then(ch)
	}
	return all, nil
}
