package store

import (
	"context"
	"slices"

	"reprise/internal/payment"
)

// refund writes a refund: a new one at version 0, else over the version that was read.
func (d *draft) refund(r payment.Refund) error {
	version := r.Version
	r.Version = 0 // the column has it
	data, err := encodeRow(r, r.Unread)
	if err != nil {
		return err
	}
	if version == 0 {
		d.add(rankRefund, `
INSERT INTO refund (id, business, request, version, status, data) VALUES ($1, $2, $3, 1, $4, $5)`,
			string(r.ID), string(r.Business), string(r.Request), string(r.Status), data)
		return nil
	}
	d.add(rankRefund, `
UPDATE refund SET version = CASE WHEN version = $2 THEN version + 1 ELSE 1 / (version - version) END,
       status = $3, data = $4
WHERE id = $1`, string(r.ID), version, string(r.Status), data)
	return nil
}

const refundsOfPage = `
SELECT version, data FROM refund
WHERE business = $1 AND ($2 = '' OR request = $2) AND ($3 = '' OR id < $3) AND ($4 = '' OR id > $4)
`

// Refunds lists refunds of a business, the newest first, as a page says.
func (s *Store) Refunds(ctx context.Context, b payment.BusinessID, p payment.RefundPage) (list []payment.Refund, err error) {
	query, upwards := refundsOfPage+`ORDER BY id DESC LIMIT $5`, p.Before != "" && p.After == ""
	if upwards {
		query = refundsOfPage + `ORDER BY id LIMIT $5`
	}
	err = s.engine.query(ctx, stmt{
		sql:  query,
		args: []any{string(b), string(p.Request), string(p.After), string(p.Before), int64(p.Limit)},
		each: func(row row) error {
			var r payment.Refund
			var version int64
			var data []byte
			if err := row.Scan(&version, &data); err != nil {
				return err
			}
			err := decodeRow(data, &r, &r.Unread)
			r.Version = version
			list = append(list, r)
			return err
		},
	})
	if upwards {
		slices.Reverse(list)
	}
	return list, err
}
