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

// advice writes an advice as it now stands. Who may change it is settled by its piece of work, which one
// node at a time has.
func (d *draft) advice(a payment.Advice) error {
	data, err := encode(a)
	if err != nil {
		return err
	}
	d.add(rankAdvice, `
INSERT INTO advice (id, request, status, data) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, data = excluded.data`,
		string(a.ID), string(a.Request), string(a.Status), data)
	return nil
}

// Advice reads an advice.
func (s *Store) Advice(ctx context.Context, id payment.AdviceID) (a payment.Advice, err error) {
	var data []byte
	if err := s.one(ctx, `SELECT data FROM advice WHERE id = $1`, []any{string(id)}, &data); err != nil {
		return a, err
	}
	return a, decode(data, &a)
}
