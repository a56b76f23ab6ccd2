package flow

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"reprise/internal/payment"
)

// NewCustomer is a customer that a merchant brings, by itself or with a session. Shapes and limits were
// checked against the contract.
type NewCustomer struct {
	ReferenceID string
	Type        payment.CustomerType
	Profile     json.RawMessage // see payment.Customer; nulls in it mean nothing
}

// newCustomer makes the customer, which is not kept yet: one of whom nothing is known, patched.
func (f *Flow) newCustomer(b payment.BusinessID, n NewCustomer, now time.Time) (payment.Customer, error) {
	c := payment.Customer{
		ID: payment.CustomerID("cust-" + f.newUUID()), Business: b, Version: 1,
		ReferenceID: n.ReferenceID, Type: n.Type, Created: now,
	}
	return c.Patch(payment.CustomerPatch{Profile: n.Profile}, now)
}

// CreateCustomer keeps a new customer. answer renders what the door will answer; it is kept with once, which
// may be nil. Errors: DUPLICATE_ERROR where the business has a customer of that reference,
// API_VALIDATION_ERROR where the profile is another type's.
func (f *Flow) CreateCustomer(ctx context.Context, b payment.BusinessID, n NewCustomer, once *payment.Once, answer func(payment.Customer) (status int, body []byte, err error)) (payment.Customer, error) {
	c, err := f.newCustomer(b, n, f.o.Now())
	if err != nil {
		return c, err
	}
	if once != nil {
		once.Answer = func(payment.Case) (int, []byte, error) { return answer(c) }
	}
	err = f.o.Store.CreateCustomer(ctx, c, once)
	if errors.Is(err, payment.ErrTaken) {
		err = payment.Refuse("DUPLICATE_ERROR", "The reference_id entered has been used before. Please enter a unique reference_id")
	}
	return c, err
}

// Customer reads a customer of a business.
func (f *Flow) Customer(ctx context.Context, b payment.BusinessID, id payment.CustomerID) (payment.Customer, error) {
	return f.o.Store.Customer(ctx, b, id)
}

// CustomersByReference lists the customers of a business that have a reference: one, or none.
func (f *Flow) CustomersByReference(ctx context.Context, b payment.BusinessID, reference string) ([]payment.Customer, error) {
	c, err := f.o.Store.CustomerByReference(ctx, b, reference)
	if errors.Is(err, payment.ErrNotFound) {
		return nil, nil
	}
	return []payment.Customer{c}, err
}

// PatchCustomer changes what is known of a customer. Of patches at the same time each finds what the other
// left.
func (f *Flow) PatchCustomer(ctx context.Context, b payment.BusinessID, id payment.CustomerID, p payment.CustomerPatch) (payment.Customer, error) {
	return f.o.Store.ChangeCustomer(ctx, b, id, func(c payment.Customer) (payment.Customer, error) {
		return c.Patch(p, f.o.Now())
	})
}
