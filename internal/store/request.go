package store

import (
	"context"
	"time"

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

// NumberNeeded says until when attempts with a card may need its number; forever is true while one is not over
// or waits for an advice to be acknowledged.
func (s *Store) NumberNeeded(ctx context.Context, id payment.TokenID) (until time.Time, forever bool, err error) {
	var last, open int64
	err = s.one(ctx, `
SELECT COALESCE(MAX(r.kept_until), 0),
       (SELECT COUNT(*) FROM request o WHERE o.token = $1 AND o.kept_until = 0) +
       (SELECT COUNT(*) FROM request o JOIN advice a ON a.request = o.id WHERE o.token = $1 AND a.status = 'OPEN')
FROM request r WHERE r.token = $1`, []any{string(id)}, &last, &open)
	if err != nil {
		return time.Time{}, false, err
	}
	return fromMicros(last), open > 0, nil
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
