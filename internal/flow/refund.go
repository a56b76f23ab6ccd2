package flow

import (
	"context"
	"encoding/json"
	"errors"

	"reprise/internal/payment"
)

// NewRefund is what a merchant asks to be given back.
type NewRefund struct {
	Business    payment.BusinessID
	Request     payment.RequestID
	ReferenceID string
	Amount      *payment.Money // nil: all that is left
	Reason      string
	Echo        json.RawMessage
	Once        *payment.Once
}

// CreateRefund gives captured money back. The first try is waited for; where the acquirer does not answer in it,
// the refund is repeated until it does, and is pending.
func (f *Flow) CreateRefund(ctx context.Context, n NewRefund) (payment.Case, error) {
	ctx, done := f.through(ctx)
	defer done()
	l := payment.Lookup{Business: n.Business, Request: n.Request}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil {
		return c, err
	}
	if c.Request.Type == payment.Save {
		return c, payment.ErrNotFound
	}
	now := f.o.Now()
	r := payment.Refund{
		ID: payment.RefundID("rfd-" + f.newUUID()), Business: n.Business, Request: n.Request, ReferenceID: n.ReferenceID,
		Reason: n.Reason, Echo: n.Echo, Created: now, Updated: now,
	}
	if r.Amount, err = payment.Refundable(c, n.Amount); err != nil {
		return c, err
	}
	advice, err := f.newAdvice(ctx, c, payment.RefundAdvice, r.Amount, c.Request.Authorization.AuthorizationCode)
	if err != nil {
		return c, err
	}
	c, err = f.o.Store.Change(ctx, l, n.Once, func(c payment.Case) (payment.Changes, error) {
		return payment.NewRefund(c, r, advice, now.Add(firstTry))
	})
	if err != nil {
		return c, err
	}
	return f.firstTry(ctx, c, advice.ID, n.Once)
}

// Refund reads a refund of a business.
func (f *Flow) Refund(ctx context.Context, b payment.BusinessID, id payment.RefundID) (payment.Case, error) {
	return f.o.Store.Case(ctx, payment.Lookup{Business: b, Refund: id})
}

// CancelRefund calls off a refund that has not left yet.
func (f *Flow) CancelRefund(ctx context.Context, b payment.BusinessID, id payment.RefundID, once *payment.Once) (payment.Case, error) {
	l := payment.Lookup{Business: b, Refund: id}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil {
		return c, err
	}
	advice, err := f.o.Store.Advice(ctx, c.Refund.Advice)
	if errors.Is(err, payment.ErrNotFound) {
		return c, errors.New("flow: a refund without its advice")
	} else if err != nil {
		return c, err
	}
	return f.o.Store.Change(ctx, l, once, func(c payment.Case) (payment.Changes, error) {
		return payment.CancelRefund(c, advice, f.o.Now())
	})
}
