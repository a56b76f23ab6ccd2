package store

import (
	"context"
	"time"

	"reprise/internal/payment"
)

const tokenColumns = `t.id, t.business, t.customer, t.status, t.sealed_pan, t.fingerprint, t.version, t.created, t.data`

// tokenRow is a stored card as its columns hold it. All are null where a case has no card.
type tokenRow struct {
	id, business, customer, status, fingerprint *string
	sealedPAN, data                             []byte
	version, created                            *int64
}

// into is where the columns go.
func (r *tokenRow) into() []any {
	return []any{&r.id, &r.business, &r.customer, &r.status, &r.sealedPAN, &r.fingerprint, &r.version, &r.created, &r.data}
}

// token is the stored card, the zero one where there is none.
func (r *tokenRow) token() (t payment.Token, err error) {
	if r.id == nil {
		return t, nil
	}
	if err := decodeRow(r.data, &t, &t.Unread); err != nil {
		return t, err
	}
	t.ID, t.Business, t.Customer = payment.TokenID(*r.id), payment.BusinessID(*r.business), payment.CustomerID(*r.customer)
	t.Status, t.SealedPAN, t.Fingerprint = payment.TokenStatus(*r.status), r.sealedPAN, *r.fingerprint
	t.Version, t.Created = *r.version, fromMicros(*r.created)
	return t, nil
}

// tokenArgs are the values of a card's row: id, business, customer, status, sealed_pan, fingerprint, created,
// data. What has a column is not in data.
func tokenArgs(t payment.Token) ([]any, error) {
	rest := t
	rest.ID, rest.Business, rest.Customer, rest.Status = "", "", "", ""
	rest.SealedPAN, rest.Fingerprint, rest.Version = nil, "", 0
	data, err := encodeRow(rest, t.Unread)
	return []any{
		string(t.ID), string(t.Business), string(t.Customer), string(t.Status), full(t.SealedPAN),
		t.Fingerprint, micros(t.Created), data,
	}, err
}

// token writes a stored card: a new one at version 0, else over the version that was read.
func (d *draft) token(t payment.Token) error {
	args, err := tokenArgs(t)
	if err != nil {
		return err
	}
	if t.Version == 0 {
		d.add(rankToken, `
INSERT INTO token (id, business, customer, status, sealed_pan, fingerprint, created, data, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)`, args...)
		return nil
	}
	d.add(rankToken, `
UPDATE token SET version = CASE WHEN version = $2 THEN version + 1 ELSE 1 / (version - version) END,
       status = $3, sealed_pan = $4, fingerprint = $5, data = $6
WHERE id = $1`, string(t.ID), t.Version, string(t.Status), full(t.SealedPAN), t.Fingerprint, args[len(args)-1])
	return nil
}

// Token reads a stored card of a business.
func (s *Store) Token(ctx context.Context, b payment.BusinessID, id payment.TokenID) (payment.Token, error) {
	var r tokenRow
	err := s.one(ctx, `SELECT `+tokenColumns+` FROM token t WHERE t.id = $1 AND t.business = $2`,
		[]any{string(id), string(b)}, r.into()...)
	if err != nil {
		return payment.Token{}, err
	}
	return r.token()
}

// SaveToken writes a stored card, new or known.
func (s *Store) SaveToken(ctx context.Context, t payment.Token) error {
	args, err := tokenArgs(t)
	if err != nil {
		return err
	}
	return s.commit(ctx, stmt{
		sql: `
INSERT INTO token (id, business, customer, status, sealed_pan, fingerprint, created, data, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
ON CONFLICT (id) DO UPDATE SET business = excluded.business, customer = excluded.customer,
    status = excluded.status, sealed_pan = excluded.sealed_pan, fingerprint = excluded.fingerprint,
    data = excluded.data, version = token.version + 1`,
		args: args,
	})
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
