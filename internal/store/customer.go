package store

import (
	"context"
	"encoding/json"

	"reprise/internal/payment"
)

// Customer reads a customer of a business.
func (s *Store) Customer(ctx context.Context, b payment.BusinessID, id payment.CustomerID) (payment.Customer, error) {
	return s.customer(ctx, `id = $2`, b, string(id))
}

// CustomerByReference reads a customer by the merchant's own name for them.
func (s *Store) CustomerByReference(ctx context.Context, b payment.BusinessID, reference string) (payment.Customer, error) {
	return s.customer(ctx, `reference = $2`, b, reference)
}

func (s *Store) customer(ctx context.Context, by string, b payment.BusinessID, key string) (payment.Customer, error) {
	c := payment.Customer{Business: b}
	var profile string
	var created int64
	err := s.one(ctx, `SELECT id, reference, profile, created FROM customer WHERE business = $1 AND `+by,
		[]any{string(b), key}, &c.ID, &c.ReferenceID, &profile, &created)
	if err != nil {
		return payment.Customer{}, err
	}
	if profile != "" {
		c.Profile = json.RawMessage(profile)
	}
	c.Created = fromMicros(created)
	return c, nil
}

// SaveCustomer writes a customer, new or known by its id. payment.ErrTaken: the reference is another's.
func (s *Store) SaveCustomer(ctx context.Context, c payment.Customer) error {
	return s.commit(ctx, stmt{
		sql: `
INSERT INTO customer (id, business, reference, profile, created) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET reference = excluded.reference, profile = excluded.profile`,
		args: customerArgs(c),
		used: payment.ErrTaken,
	})
}

func customerArgs(c payment.Customer) []any {
	return []any{string(c.ID), string(c.Business), c.ReferenceID, string(c.Profile), micros(c.Created)}
}
