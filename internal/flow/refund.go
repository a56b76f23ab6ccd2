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
	Currency    string         // empty: the payment's
	Amount      *payment.Money // in the payment's currency; nil: all that is left
	Reason      string
	Echo        json.RawMessage
	Once        *payment.Once
}

// CreateRefund gives captured money back. The first try is waited for; where the acquirer does not answer in it,
// the refund is repeated until it does, and is pending.
func (f *Flow) CreateRefund(ctx context.Context, n NewRefund) (payment.Case, error) {
	ctx, done := f.through(ctx)
	defer done()
	c, err := f.Request(ctx, n.Business, n.Request)
	if err != nil {
		return c, err
	}
	l := payment.Lookup{Business: n.Business, Request: n.Request}
	amount, err := payment.Refundable(c, n.Currency, n.Amount, f.o.Now())
	if err != nil {
		return c, err
	}
	advice, err := f.newAdvice(ctx, c, payment.RefundAdvice, amount, c.Request.Authorization.AuthorizationCode)
	if err != nil {
		return c, err
	}
	r := payment.Refund{
		ID: payment.RefundID("rfd-" + f.newUUID()), Business: n.Business, Request: n.Request, ReferenceID: n.ReferenceID,
		Amount: amount, Reason: n.Reason, Echo: n.Echo,
	}
	c, err = f.o.Store.Change(ctx, l, n.Once, func(c payment.Case) (payment.Changes, error) {
		now := f.o.Now()
		r.Created, r.Updated = now, now
		return payment.NewRefund(c, r, advice, now.Add(firstTryLead))
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

// Refunds lists refunds of a business; more says whether there are more of them beyond the page.
func (f *Flow) Refunds(ctx context.Context, b payment.BusinessID, p payment.RefundPage) (list []payment.Refund, more bool, err error) {
	limit := p.Limit
	p.Limit++
	if list, err = f.o.Store.Refunds(ctx, b, p); err != nil || len(list) <= limit {
		return list, false, err
	}
	if p.Before != "" && p.After == "" { // the page ends at Before, so the one too many is its first
		return list[1:], true, nil
	}
	return list[:limit], true, nil
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
