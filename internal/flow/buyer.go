package flow

import (
	"context"
	"errors"
	"time"

	"reprise/internal/payment"
)

// Buyer is how a merchant names the customer of a session, a payment request or a payment token: by id, or by
// telling who it is. The zero value names nobody.
type Buyer struct {
	ID  payment.CustomerID // counts where both are given
	New *NewCustomer
}

// withBuyer has something made for a buyer. created is the customer where it is new, to be written in the same
// commit. Where another request brings the same customer in between it is known then, so make is called again.
func (f *Flow) withBuyer(ctx context.Context, c payment.Case, b Buyer, now time.Time, make func(id payment.CustomerID, created *payment.Customer) error) error {
	for {
		customer, isNew, err := f.buyer(ctx, c, b, now)
		if err != nil {
			return err
		}
		var created *payment.Customer
		if isNew {
			created = &customer
		}
		if err = make(customer.ID, created); !isNew || !errors.Is(err, payment.ErrTaken) {
			return err
		}
	}
}

// buyer finds whom a case is for. A stored card is refused only where it is asked for, by its id, in the name of
// a customer who does not own it.
func (f *Flow) buyer(ctx context.Context, c payment.Case, b Buyer, now time.Time) (found payment.Customer, isNew bool, err error) {
	business := c.Merchant.ID
	switch {
	case b.ID != "":
		found, err = f.o.Store.Customer(ctx, business, b.ID)
		if errors.Is(err, payment.ErrNotFound) {
			return found, false, payment.Refuse("DATA_NOT_FOUND", "The customer ID provided in the request does not exist")
		}
		if err == nil && c.Token.ID != "" && found.ID != c.Token.Customer {
			return found, false, payment.UnknownToken()
		}
		return found, false, err
	case b.New == nil:
		return payment.Customer{ID: c.Token.Customer}, false, nil
	}
	found, err = f.o.Store.CustomerByReference(ctx, business, b.New.ReferenceID)
	switch {
	case errors.Is(err, payment.ErrNotFound):
		found, err = f.newCustomer(business, *b.New, now)
		return found, true, err
	case err == nil && !c.Merchant.ReuseCustomers:
		return found, false, payment.Refuse("DUPLICATE_ERROR", "customer: The reference_id entered has been used before. Please enter a unique reference_id")
	}
	return found, false, err
}
