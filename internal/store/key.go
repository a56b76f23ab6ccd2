package store

import (
	"context"

	"reprise/internal/payment"
)

// Key reads an API key by its hash. A revoked one is not found.
func (s *Store) Key(ctx context.Context, hash [32]byte) (payment.Key, error) {
	k := payment.Key{Hash: hash}
	err := s.one(ctx, `SELECT business, permission FROM api_key WHERE hash = $1 AND revoked = 0`,
		[]any{hash[:]}, &k.Business, &k.Permission)
	if err != nil {
		return payment.Key{}, err
	}
	return k, nil
}

// SaveKey writes a key, new or known. A revoked key stays revoked.
func (s *Store) SaveKey(ctx context.Context, k payment.Key) error {
	return s.commit(ctx, stmt{
		sql: `
INSERT INTO api_key (hash, business, permission) VALUES ($1, $2, $3)
ON CONFLICT (hash) DO UPDATE SET business = excluded.business, permission = excluded.permission`,
		args: []any{k.Hash[:], string(k.Business), string(k.Permission)},
	})
}
