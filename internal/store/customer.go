package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/internal/payment"
)

const (
	customerColumns = `u.id, u.version, u.reference, u.type, u.profile, u.created, u.updated`

	customerFrom        = `SELECT ` + customerColumns + ` FROM customer u WHERE u.business = $1 AND `
	customerByID        = customerFrom + `u.id = $2`
	customerByReference = customerFrom + `u.reference = $2`
)

// customerRow is a customer as its columns hold it. All are null where a case has none.
type customerRow struct {
	id, reference, kind, profile *string
	version, created, updated    *int64
}

// into is where the columns go.
func (r *customerRow) into() []any {
	return []any{&r.id, &r.version, &r.reference, &r.kind, &r.profile, &r.created, &r.updated}
}

// customer is the customer of a business, nil where there is none.
func (r *customerRow) customer(b payment.BusinessID) *payment.Customer {
	if r.id == nil {
		return nil
	}
	c := &payment.Customer{
		ID: payment.CustomerID(*r.id), Business: b, Version: *r.version, ReferenceID: *r.reference,
		Type: payment.CustomerType(*r.kind), Created: fromMicros(*r.created), Updated: fromMicros(*r.updated),
	}
	if *r.profile != "" {
		c.Profile = json.RawMessage(*r.profile)
	}
	return c
}

// customerOf is the customer whom a lookup asks for beside its case, nil where there is no such.
func (s *Store) customerOf(ctx context.Context, l payment.Lookup) (*payment.Customer, error) {
	query, key := customerByReference, l.Reference
	if l.Customer != "" {
		query, key = customerByID, string(l.Customer)
	}
	c, err := s.customer(ctx, query, l.Business, key)
	if errors.Is(err, payment.ErrNotFound) {
		return nil, nil
	}
	return &c, err
}

// Customer reads a customer of a business.
func (s *Store) Customer(ctx context.Context, b payment.BusinessID, id payment.CustomerID) (payment.Customer, error) {
	return s.customer(ctx, customerByID, b, string(id))
}

// CustomerByReference reads a customer by the merchant's own name for them.
func (s *Store) CustomerByReference(ctx context.Context, b payment.BusinessID, reference string) (payment.Customer, error) {
	return s.customer(ctx, customerByReference, b, reference)
}

func (s *Store) customer(ctx context.Context, query string, b payment.BusinessID, key string) (payment.Customer, error) {
	var r customerRow
	if err := s.one(ctx, query, []any{string(b), key}, r.into()...); err != nil {
		return payment.Customer{}, err
	}
	return *r.customer(b), nil
}

// CreateCustomer writes a new customer. payment.ErrRepeated: the key of once was used before.
// payment.ErrTaken: the reference is another's, or the id is known. Nothing is written then.
func (s *Store) CreateCustomer(ctx context.Context, c payment.Customer, once *payment.Once) error {
	d := s.newDraft()
	d.newCustomer(c)
	if err := d.once(once); err != nil {
		return err
	}
	err := d.commit(ctx)
	if errors.Is(err, errLost) {
		if _, absent := s.Customer(context.WithoutCancel(ctx), c.Business, c.ID); absent == nil {
			return nil
		}
	}
	return err
}

// newCustomer writes a customer whose reference nobody may have taken.
func (d *draft) newCustomer(c payment.Customer) {
	d.rows[rankCustomer] = append(d.rows[rankCustomer], stmt{
		sql: `
INSERT INTO customer (id, business, reference, type, profile, created, updated, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1)`,
		args: []any{
			string(c.ID), string(c.Business), c.ReferenceID, string(c.Type), string(c.Profile),
			micros(c.Created), micros(c.Updated),
		},
		used: payment.ErrTaken,
	})
}

// ChangeCustomer reads a customer, lets fn say what becomes of it, and writes that over the version that was
// read, from the start again when another was faster. fn may be called several times and has no effects of
// its own; its errors are returned as they are. It returns the customer as it now stands.
func (s *Store) ChangeCustomer(ctx context.Context, b payment.BusinessID, id payment.CustomerID, fn func(payment.Customer) (payment.Customer, error)) (payment.Customer, error) {
	for lost := range races {
		if err := s.stepBack(ctx, lost); err != nil {
			return payment.Customer{}, err
		}
		before, err := s.Customer(ctx, b, id)
		if err != nil {
			return payment.Customer{}, err
		}
		c, err := fn(before)
		if err != nil {
			return payment.Customer{}, err
		}
		err = s.commit(ctx, stmt{
			sql: `
UPDATE customer SET version = CASE WHEN version = $2 THEN version + 1 ELSE 1 / (version - version) END,
       profile = $3, updated = $4
WHERE id = $1`,
			args: []any{string(id), before.Version, string(c.Profile), micros(c.Updated)},
		})
		c.Version, c.Updated = before.Version+1, fromMicros(micros(c.Updated))
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, errLost):
			return s.readCustomerBack(ctx, c, err)
		case !errors.Is(err, errConflict):
			return payment.Customer{}, err
		}
	}
	return payment.Customer{}, fmt.Errorf("store: %d races lost for one customer", races)
}

// readCustomerBack finds out whether a change was made whose answer was lost, as readBack does for a case.
func (s *Store) readCustomerBack(ctx context.Context, after payment.Customer, lost error) (payment.Customer, error) {
	now, err := s.Customer(context.WithoutCancel(ctx), after.Business, after.ID)
	if err != nil {
		return payment.Customer{}, fmt.Errorf("%w; and then: %v", lost, err)
	}
	if now.Version != after.Version || string(now.Profile) != string(after.Profile) || !now.Updated.Equal(after.Updated) {
		return payment.Customer{}, lost
	}
	return after, nil
}
