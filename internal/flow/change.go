package flow

import (
	"context"
	"errors"
	"time"

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

// freshFor is how long a decision may be about a case that the command has read. What decides about money is in it:
// whether the card may be used, and how often it was tried. Whoever asked a line meanwhile that was slow reads it again.
const freshFor = 100 * time.Millisecond

// sight is a case that a command has read, and when it asked for it. The zero value is none.
type sight struct {
	c  payment.Case
	at time.Time
}

// changeSeen is Store.Change, which does without reading what the command has just read.
func (f *Flow) changeSeen(ctx context.Context, seen sight, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	if age := f.o.Now().Sub(seen.at); seen.c.Merchant.ID == "" || age < 0 || age > freshFor {
		return f.o.Store.Change(ctx, l, once, fn)
	}
	return f.o.Store.ChangeFrom(ctx, seen.c, l, once, fn)
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
