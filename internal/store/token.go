package store

import (
	"context"

	"reprise/internal/payment"
)

const tokenColumns = `t.id, t.business, t.customer, t.status, t.sealed_pan, t.fingerprint, t.masked, t.brand,
       t.cvn_digits, t.expiry_month, t.expiry_year, t.cardholder, t.created`

// tokenFields is where the columns of a stored card go.
func tokenFields(t *payment.Token, created *int64) []any {
	return []any{
		&t.ID, &t.Business, &t.Customer, &t.Status, &t.SealedPAN, &t.Fingerprint, &t.Masked, &t.Brand,
		&t.CVNDigits, &t.ExpiryMonth, &t.ExpiryYear, &t.Cardholder, created,
	}
}

// Token reads a stored card of a business.
func (s *Store) Token(ctx context.Context, b payment.BusinessID, id payment.TokenID) (payment.Token, error) {
	var t payment.Token
	var created int64
	err := s.one(ctx, `SELECT `+tokenColumns+` FROM token t WHERE t.id = $1 AND t.business = $2`,
		[]any{string(id), string(b)}, tokenFields(&t, &created)...)
	if err != nil {
		return payment.Token{}, err
	}
	t.Created = fromMicros(created)
	return t, nil
}

// SaveToken writes a stored card, new or known.
func (s *Store) SaveToken(ctx context.Context, t payment.Token) error {
	return s.commit(ctx, stmt{
		sql: `
INSERT INTO token (id, business, customer, status, sealed_pan, fingerprint, masked, brand,
                   cvn_digits, expiry_month, expiry_year, cardholder, created)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO UPDATE SET business = excluded.business, customer = excluded.customer,
    status = excluded.status, sealed_pan = excluded.sealed_pan, fingerprint = excluded.fingerprint,
    masked = excluded.masked, brand = excluded.brand, cvn_digits = excluded.cvn_digits,
    expiry_month = excluded.expiry_month, expiry_year = excluded.expiry_year, cardholder = excluded.cardholder`,
		args: []any{
			string(t.ID), string(t.Business), string(t.Customer), string(t.Status), full(t.SealedPAN),
			t.Fingerprint, t.Masked, t.Brand, int64(t.CVNDigits), int64(t.ExpiryMonth), int64(t.ExpiryYear),
			t.Cardholder, micros(t.Created),
		},
	})
}
