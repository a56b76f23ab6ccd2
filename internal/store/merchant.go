package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"reprise/internal/payment"
)

// Merchant reads a merchant with its endpoints.
func (s *Store) Merchant(ctx context.Context, b payment.BusinessID) (payment.Merchant, error) {
	var data []byte
	var endpoints *string
	err := s.one(ctx, `
SELECT m.data, (SELECT string_agg(e.id || ' ' || e.url, ' ' ORDER BY e.id) FROM endpoint e WHERE e.business = m.id)
FROM merchant m WHERE m.id = $1`, []any{string(b)}, &data, &endpoints)
	if err != nil {
		return payment.Merchant{}, err
	}
	return decodeMerchant(data, endpoints)
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

// SaveMerchant writes a merchant, new or known. Its endpoints are left as they are: SaveEndpoints.
func (s *Store) SaveMerchant(ctx context.Context, m payment.Merchant) error {
	m.Endpoints = nil
	data, err := encode(m)
	if err != nil {
		return err
	}
	return s.commit(ctx, stmt{
		sql:  `INSERT INTO merchant (id, data) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data`,
		args: []any{string(m.ID), data},
	})
}

// SaveEndpoints makes these the endpoints of a merchant, and no others. What is still to be delivered to
// one that is gone is dropped when its turn comes.
func (s *Store) SaveEndpoints(ctx context.Context, b payment.BusinessID, endpoints ...payment.Endpoint) error {
	list := []stmt{{sql: `DELETE FROM endpoint WHERE business = $1`, args: []any{string(b)}}}
	for _, e := range endpoints {
		if strings.ContainsAny(string(e.ID)+e.URL, " \t\r\n") || e.ID == "" || e.URL == "" {
			return fmt.Errorf("store: endpoint %s has no id, no URL, or spaces in them", e.ID)
		}
		list = append(list, stmt{
			sql:  `INSERT INTO endpoint (id, business, url) VALUES ($1, $2, $3)`,
			args: []any{string(e.ID), string(b), e.URL},
		})
	}
	return s.commit(ctx, list...)
}
