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

// ask has the customer read with a case, where one is named.
func (b Buyer) ask(l *payment.Lookup) {
	switch {
	case b.ID != "":
		l.Customer = b.ID
	case b.New != nil:
		l.Reference = b.New.ReferenceID
	}
}

// withBuyer has something made for the buyer that was asked for with a case. created is the customer where it is new, to
// be written in the same commit. Where another request brings the same customer in between it is known then, so make is
// called again.
func (f *Flow) withBuyer(ctx context.Context, c payment.Case, b Buyer, now time.Time, make func(id payment.CustomerID, created *payment.Customer) error) error {
	for {
		customer, isNew, err := f.buyer(c, b, now)
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
		known, err := f.o.Store.CustomerByReference(ctx, c.Merchant.ID, b.New.ReferenceID)
		switch {
		case err == nil:
			c.Customer = &known
		case !errors.Is(err, payment.ErrNotFound):
			return err
		}
	}
}

// buyer says whom a case is for. A stored card is refused only where it is asked for, by its id, in the name of
// a customer who does not own it.
func (f *Flow) buyer(c payment.Case, b Buyer, now time.Time) (found payment.Customer, isNew bool, err error) {
	switch known := c.Customer; {
	case b.ID != "" && known == nil:
		return found, false, payment.Refuse("DATA_NOT_FOUND", "The customer ID provided in the request does not exist")
	case b.ID != "" && c.Token.ID != "" && known.ID != c.Token.Customer:
		return *known, false, payment.UnknownToken()
	case b.ID != "":
		return *known, false, nil
	case b.New == nil:
		return payment.Customer{ID: c.Token.Customer}, false, nil
	case known == nil:
		found, err = f.newCustomer(c.Merchant.ID, *b.New, now)
		return found, true, err
	case !c.Merchant.ReuseCustomers:
		return *known, false, payment.Refuse("DUPLICATE_ERROR", "customer: The reference_id entered has been used before. Please enter a unique reference_id")
	default:
		return *known, false, nil
	}
}
