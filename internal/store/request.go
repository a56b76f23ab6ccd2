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
	data, err := encodeRow(r, r.Unread)
	if err != nil {
		return err
	}
	var kept int64
	if until := r.NeedsNumberUntil(); !until.IsZero() {
		kept = micros(until)
	}
	switch {
	case version == 0:
		d.rows[rankRequest] = append(d.rows[rankRequest], stmt{
			sql: `
INSERT INTO request (id, business, session, token, reference, payment, page, version, state, kept_until, data, kind)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11)`,
			args: []any{
				string(r.ID), string(r.Business), string(r.Session), string(r.Token), r.ReferenceID, string(r.Payment),
				r.Page, string(r.State), kept, data, string(r.Type),
			},
			used: payment.ErrDuplicate, // ids and pages are drawn, references are not
		})
	case verifier == nil:
		d.add(rankRequest, `
UPDATE request SET version = CASE WHEN version = $2 THEN version + 1 ELSE 1 / (version - version) END,
       state = $3, kept_until = $4, data = $5
WHERE id = $1`,
			string(r.ID), version, string(r.State), kept, data)
	default:
		d.add(rankRequest, `
UPDATE request SET version = CASE WHEN version = $2 AND EXISTS (
           SELECT 1 FROM cvn_escrow WHERE request = $1 AND verifier = $6 AND expires > $7
       ) THEN version + 1 ELSE 1 / (version - version) END,
       state = $3, kept_until = $4, data = $5
WHERE id = $1`,
			string(r.ID), version, string(r.State), kept, data, verifier, micros(d.at))
	}
	return nil
}

// Requests lists payment requests of a business, the newest first, at most limit of those that were made before
// one of them; before may be empty. Where a reference is given, only the one that has it.
func (s *Store) Requests(ctx context.Context, b payment.BusinessID, reference string, before payment.RequestID, limit int) (ids []payment.RequestID, err error) {
	err = s.engine.query(ctx, stmt{
		sql: `
SELECT id FROM request
WHERE business = $1 AND ($2 = '' OR reference = $2) AND ($3 = '' OR id < $3) AND kind <> 'SAVE'
ORDER BY id DESC LIMIT $4`,
		args: []any{string(b), reference, string(before), int64(limit)},
		each: func(r row) error {
			var id payment.RequestID
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		},
	})
	return ids, err
}
