package flow

import (
	"context"
	"encoding/json"
	"errors"
	"time"

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

// numberLater is when the number of a card that is still needed is looked at again.
const numberLater = 24 * time.Hour

// KeepToken is the work at a stored card's dates: it expires with its last month, and once it is over and no
// open payment, reversal, capture or refund needs its number, the number is erased (PCI DSS 3.2.1).
func (f *Flow) KeepToken(ctx context.Context, id payment.TokenID) error {
	l := payment.Lookup{Token: id}
	until, forever, err := f.o.Store.NumberNeeded(ctx, id)
	if err != nil {
		return err
	}
	now := f.o.Now()
	_, err = f.o.Store.Change(ctx, l, nil, func(c payment.Case) (payment.Changes, error) {
		work := payment.Work{Kind: payment.WorkToken, Ref: string(id)}
		switch {
		case c.Token.Status == payment.TokenActive && !c.Token.Expired(now):
			return payment.Changes{Effects: []payment.Effect{payment.Wake{Work: work, At: c.Token.Ends()}}}, nil
		case c.Token.Status == payment.TokenActive:
			return payment.ExpireToken(c, now), nil
		case len(c.Token.SealedPAN) == 0:
			return payment.Changes{Effects: []payment.Effect{payment.Rest{Work: work}}}, nil
		case forever || c.Token.Status == payment.TokenPending:
			return payment.Changes{Effects: []payment.Effect{payment.Wake{Work: work, At: now.Add(numberLater)}}}, nil
		case until.After(now):
			return payment.Changes{Effects: []payment.Effect{payment.Wake{Work: work, At: until}}}, nil
		}
		return payment.EraseNumber(c, now), nil
	})
	if errors.Is(err, payment.ErrNotFound) {
		return nil
	}
	return err
}
