package store

import "reprise/internal/payment"

// refund writes a refund: a new one at version 0, else over the version that was read.
func (d *draft) refund(r payment.Refund) error {
	version := r.Version
	r.Version = 0 // the column has it
	data, err := encode(r)
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
