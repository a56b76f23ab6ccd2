package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"reprise/internal/payment"
)

// Merchant reads a merchant with the endpoints that are told.
func (s *Store) Merchant(ctx context.Context, b payment.BusinessID) (payment.Merchant, error) {
	var data []byte
	var endpoints *string
	err := s.one(ctx, `
SELECT m.data, `+endpointsOfMerchant+` FROM merchant m WHERE m.id = $1`, []any{string(b)}, &data, &endpoints)
	if err != nil {
		return payment.Merchant{}, err
	}
	return decodeMerchant(data, endpoints)
}

func decodeMerchant(data []byte, endpoints *string) (m payment.Merchant, err error) {
	if err := decodeRow(data, &m, &m.Unread); err != nil {
		return m, err
	}
	m.Endpoints, err = decodeEndpoints(endpoints)
	return m, err
}

// Merchants reads all merchants, by name, without their endpoints.
func (s *Store) Merchants(ctx context.Context) ([]payment.Merchant, error) {
	var merchants []payment.Merchant
	err := s.engine.query(ctx, stmt{
		sql: `SELECT data FROM merchant`,
		each: func(r row) error {
			var data []byte
			if err := r.Scan(&data); err != nil {
				return err
			}
			var m payment.Merchant
			err := decode(data, &m)
			merchants = append(merchants, m)
			return err
		},
	})
	slices.SortFunc(merchants, func(a, b payment.Merchant) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.ID), string(b.ID)))
	})
	return merchants, err
}

// SaveMerchant writes a merchant, new or known; was is what it was, the zero one for a new one. Its endpoints
// are left as they are: SaveEndpoint.
func (s *Store) SaveMerchant(ctx context.Context, was, m payment.Merchant, by payment.Actor) error {
	was.Endpoints, m.Endpoints = nil, nil
	change, err := changed(was, m)
	if err != nil {
		return err
	}
	data, err := encodeRow(m, was.Unread) // m may be made of what an operator wrote
	if err != nil {
		return err
	}
	a := payment.Audit{Actor: by, Business: m.ID, Act: "merchant.save", Object: string(m.ID), Change: change}
	return s.commitAudited(ctx, a, stmt{
		sql:  `INSERT INTO merchant (id, data) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data`,
		args: []any{string(m.ID), data},
	})
}
