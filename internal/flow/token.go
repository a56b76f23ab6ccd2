package flow

import (
	"context"
	"encoding/json"
	"errors"

	"reprise/internal/payment"
)

// Token reads a stored card of a business, with the attempt that stored it where there was one.
func (f *Flow) Token(ctx context.Context, b payment.BusinessID, id payment.TokenID) (payment.Case, error) {
	c, err := f.o.Store.Case(ctx, payment.Lookup{Business: b, Token: id})
	if err == nil && !c.Token.Visible() {
		err = payment.ErrNotFound
	}
	if err != nil || c.Token.Request == "" {
		return c, err
	}
	return f.o.Store.Case(ctx, payment.Lookup{Business: b, Request: c.Token.Request})
}

// CancelToken ends a stored card. Payments that are under way with it go on.
func (f *Flow) CancelToken(ctx context.Context, b payment.BusinessID, id payment.TokenID, once *payment.Once) (payment.Case, error) {
	return f.changeToken(ctx, b, id, once, func(c payment.Case) (payment.Changes, error) {
		return payment.CancelToken(c, f.o.Now())
	})
}

// AmendToken changes what the merchant wrote beside a stored card.
func (f *Flow) AmendToken(ctx context.Context, b payment.BusinessID, id payment.TokenID, description *string, metadata json.RawMessage) (payment.Case, error) {
	return f.changeToken(ctx, b, id, nil, func(c payment.Case) (payment.Changes, error) {
		t := c.Token
		t.Updated = f.o.Now()
		var err error
		t.Echo, err = amended(t.Echo, description, metadata)
		return payment.Changes{Tokens: []payment.Token{t}}, err
	})
}

func (f *Flow) changeToken(ctx context.Context, b payment.BusinessID, id payment.TokenID, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	c, err := f.Token(ctx, b, id)
	if err != nil {
		return c, err
	}
	l := payment.Lookup{Business: b, Token: id}
	if c.Request != nil {
		l = payment.Lookup{Business: b, Request: c.Request.ID}
	}
	return f.o.Store.Change(ctx, l, once, fn)
}

// TokenDue is the work at a stored card's dates: it expires, and its number is erased once nothing needs it.
func (f *Flow) TokenDue(ctx context.Context, id payment.TokenID) error {
	until, forever, err := f.o.Store.NumberNeeded(ctx, id)
	if err != nil {
		return err
	}
	_, err = f.o.Store.Change(ctx, payment.Lookup{Token: id}, nil, func(c payment.Case) (payment.Changes, error) {
		return payment.TokenDue(c, until, forever, f.o.Now()), nil
	})
	if errors.Is(err, payment.ErrNotFound) {
		return nil
	}
	return err
}
