package store

import (
	"context"

	"reprise/internal/payment"
)

// The escrow holds sealed CVNs in a table of their own: never in the JSON of anything, never in a log
// (PCI DSS 3.3.1; docs/card-data.md). A row lives until its attempt takes or forgets it, and no longer than
// its expiry.

func (d *draft) keepCVN(c payment.SealedCVN) {
	d.add(rankEscrow, `
INSERT INTO cvn_escrow (request, verifier, ciphertext, nonce, master_key, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
		string(c.Request), full(c.Verifier), full(c.Ciphertext), full(c.Nonce), c.MasterKey, micros(c.Expires))
}

// forgetCVN deletes every row of an attempt. Whether the one that was asked for was there is the guard of
// the attempt's own row: see request.
func (d *draft) forgetCVN(r payment.RequestID) {
	d.add(rankEscrow, `DELETE FROM cvn_escrow WHERE request = $1`, string(r))
}

// Escrow reads the row of an attempt that a verifier names. A row past its expiry is not found, even where
// it has not been swept yet.
func (s *Store) Escrow(ctx context.Context, r payment.RequestID, verifier []byte) (payment.SealedCVN, error) {
	c := payment.SealedCVN{Request: r, Verifier: verifier}
	var expires int64
	err := s.one(ctx, `
SELECT ciphertext, nonce, master_key, expires FROM cvn_escrow WHERE request = $1 AND verifier = $2 AND expires > $3`,
		[]any{string(r), full(verifier), micros(s.Now())}, &c.Ciphertext, &c.Nonce, &c.MasterKey, &expires)
	if err != nil {
		return payment.SealedCVN{}, err
	}
	c.Expires = fromMicros(expires)
	return c, nil
}
