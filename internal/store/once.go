package store

import (
	"context"

	"reprise/internal/payment"
)

// Answered reads the answer that was given to a command under an idempotency key, with the fingerprint of
// the request it was given to. payment.ErrNotFound: the key was not used.
func (s *Store) Answered(ctx context.Context, b payment.BusinessID, endpoint, key string) (fingerprint []byte, status int, body []byte, err error) {
	err = s.one(ctx, `SELECT fingerprint, status, body FROM idempotency WHERE business = $1 AND endpoint = $2 AND key = $3`,
		[]any{string(b), endpoint, key}, &fingerprint, &status, &body)
	return fingerprint, status, body, err
}

// KeepAnswer lays down the answer to a command that changes nothing else here. payment.ErrRepeated: the key
// was used before. Without a key there is nothing to keep.
func (s *Store) KeepAnswer(ctx context.Context, once *payment.Once) error {
	if once == nil {
		return nil
	}
	d := s.newDraft()
	if err := d.once(once); err != nil {
		return err
	}
	return d.commit(ctx)
}
