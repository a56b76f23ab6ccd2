package store

import (
	"context"
	"errors"
	"fmt"

	"reprise/internal/payment"
)

// races is how many races a change may lose. Each one lost is a change that someone else made to a row
// of the same case, and nobody loses to the same one twice.
const races = 24

// Change reads a case, lets fn decide, and commits what it decided, from the start again when another won
// the race. fn may be called several times and has no effects of its own. It returns the case after the
// changes. With no changes at all nothing is written.
//
// payment.ErrRepeated: the key of once was used before. payment.ErrTaken: the escrow no longer holds the
// CVN, the authentication value or the transaction's id was used, or the new customer's reference is another's. payment.ErrDuplicate: the
// new attempt's reference is another's. Nothing has changed in either case. Errors of fn are returned
// as they are. payment.ErrUnsure: the database was lost at that moment, and a look at the rows did not tell
// whether the change was made. After any other error, payment.ErrUnavailable among them, it was not.
func (s *Store) Change(ctx context.Context, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	c, err := s.Case(ctx, l)
	if err != nil {
		return payment.Case{}, err
	}
	return s.change(ctx, c, l, once, fn)
}

// ChangeFrom is Change of a case that the caller has read or written itself just now: the first decision is about that,
// and only where it loses a race the case is read. The merchant is looked up all the same.
func (s *Store) ChangeFrom(ctx context.Context, c payment.Case, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	var err error
	if c.Merchant, err = s.merchant(ctx, c.Merchant.ID); err != nil {
		return payment.Case{}, err
	}
	return s.change(ctx, c, l, once, fn)
}

func (s *Store) change(ctx context.Context, c payment.Case, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	var before *payment.Case // as it was when the last race was lost
	for lost := range races {
		if err := s.stepBack(ctx, lost); err != nil {
			return payment.Case{}, err
		}
		if lost > 0 {
			var err error
			if c, err = s.Case(ctx, l); err != nil {
				return payment.Case{}, err
			}
		}
		if before != nil && unchanged(*before, c) {
			return payment.Case{}, payment.ErrTaken
		}
		ch, err := fn(c)
		if err != nil {
			return payment.Case{}, err
		}
		if ch.Empty() {
			return c, nil
		}
		d := s.newDraft()
		if err := d.write(c, ch, once); err != nil {
			return payment.Case{}, err
		}
		err = d.commit(ctx)
		switch {
		case err == nil:
			return d.after, nil
		case errors.Is(err, errLost) && ch.Rows():
			return s.readBack(ctx, d.after, ch, err)
		case !errors.Is(err, errConflict):
			return payment.Case{}, err
		}
		lastSeen := c
		before = &lastSeen
	}
	return payment.Case{}, fmt.Errorf("store: %d races lost for one case: %w", races, payment.ErrUnavailable)
}

// stepBack waits a little after several lost races.
func (s *Store) stepBack(ctx context.Context, lost int) error {
	if lost < 3 {
		return ctx.Err()
	}
	return s.pause(ctx, lost)
}

// unchanged says whether nobody won the race: then a guard other than the version refused.
func unchanged(before, now payment.Case) bool {
	return versions(before) == versions(now)
}

// versioned is what a case may change, with the versions that were read.
type versioned struct {
	counts                                                      payment.Counts // a guard too
	session, token, attempt, refund                             string
	sessionVersion, tokenVersion, attemptVersion, refundVersion int64
}

func versions(c payment.Case) versioned {
	v := versioned{
		counts:  c.Counts,
		session: string(c.Session.ID), sessionVersion: c.Session.Version,
		token: string(c.Token.ID), tokenVersion: c.Token.Version,
	}
	if c.Request != nil {
		v.attempt, v.attemptVersion = string(c.Request.ID), c.Request.Version
	}
	if c.Refund != nil {
		v.refund, v.refundVersion = string(c.Refund.ID), c.Refund.Version
	}
	return v
}

// readBack finds out whether a commit whose answer was lost was made: then its rows stand as it wrote them,
// to the last field, since another's commit may have the same version and the same time. Otherwise the error
// stays. The decision is not made anew, because the lost commit may still arrive.
func (s *Store) readBack(ctx context.Context, after payment.Case, ch payment.Changes, lost error) (payment.Case, error) {
	var l payment.Lookup
	switch {
	case after.Refund != nil:
		l.Refund = after.Refund.ID
	case after.Request != nil: // which need not be the session's any more
		l.Request = after.Request.ID
	case after.Session.ID != "":
		l.Session = after.Session.ID
	default:
		l.Token = after.Token.ID
	}
	now, err := s.Case(context.WithoutCancel(ctx), l)
	if err != nil { // it says nothing about the commit, so nobody is to ask which one it is
		return payment.Case{}, fmt.Errorf("%w; and then: %v", lost, err)
	}
	same, err := sameRows(now, after, ch)
	if err != nil || !same {
		return payment.Case{}, errors.Join(lost, err)
	}
	return after, nil
}

// sameRows says whether two readings of a case have the same objects, of those that change, versions included.
func sameRows(a, b payment.Case, ch payment.Changes) (bool, error) {
	var rows [2]string
	for i, c := range []payment.Case{a, b} {
		if ch.Session == nil {
			c.Session = payment.Session{}
		}
		if len(ch.Tokens) == 0 {
			c.Token = payment.Token{}
		}
		if len(ch.Requests) == 0 {
			c.Request = nil
		}
		row, err := encode(struct {
			Session payment.Session
			Token   payment.Token
			Request *payment.Request
			Refund  *payment.Refund
		}{c.Session, c.Token, c.Request, c.Refund})
		if err != nil {
			return false, err
		}
		rows[i] = row
	}
	return rows[0] == rows[1], nil
}
