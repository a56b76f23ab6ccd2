package store

import (
	"context"

	"reprise/internal/payment"
)

// request writes an attempt: a new one at version 0, else over the version that was read, and, where a CVN
// is taken, only if the escrow still holds the row with that verifier. The guards stand in one CASE, so of
// two who take the same CVN one divides by zero (PostgreSQL) or sets NULL (SQLite).
func (d *draft) request(r payment.Request, verifier []byte) error {
	version := r.Version
	r.Version = 0 // the column has it
	data, err := encode(r)
	if err != nil {
		return err
	}
	switch {
	case version == 0:
		d.add(rankRequest, `
INSERT INTO request (id, session, payment, page, version, state, data) VALUES ($1, $2, $3, $4, 1, $5, $6)`,
			string(r.ID), string(r.Session), string(r.Payment), r.Page, string(r.State), data)
	case verifier == nil:
		d.add(rankRequest, `
UPDATE request SET version = CASE WHEN version = $2 THEN version + 1 ELSE 1 / (version - version) END,
       state = $3, data = $4
WHERE id = $1`,
			string(r.ID), version, string(r.State), data)
	default:
		d.add(rankRequest, `
UPDATE request SET version = CASE WHEN version = $2 AND EXISTS (
           SELECT 1 FROM cvn_escrow WHERE request = $1 AND verifier = $5 AND expires > $6
       ) THEN version + 1 ELSE 1 / (version - version) END,
       state = $3, data = $4
WHERE id = $1`,
			string(r.ID), version, string(r.State), data, verifier, micros(d.at))
	}
	return nil
}

// reversal writes a reversal as it now stands. Who may change it is settled by its piece of work, which one
// node at a time has.
func (d *draft) reversal(r payment.Reversal) error {
	data, err := encode(r)
	if err != nil {
		return err
	}
	d.add(rankReversal, `
INSERT INTO reversal (id, request, status, data) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, data = excluded.data`,
		string(r.ID), string(r.Request), string(r.Status), data)
	return nil
}

// Reversal reads a reversal.
func (s *Store) Reversal(ctx context.Context, id payment.ReversalID) (r payment.Reversal, err error) {
	var data []byte
	if err := s.one(ctx, `SELECT data FROM reversal WHERE id = $1`, []any{string(id)}, &data); err != nil {
		return r, err
	}
	return r, decode(data, &r)
}
