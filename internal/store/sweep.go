package store

import (
	"context"
	"time"
)

const (
	sweepEvery = 20 * time.Second
	sweepBatch = 500
	// answersKept is how long the answer to a command can be given again.
	answersKept = 24 * time.Hour
)

// Sweep deletes what has had its time: sealed CVNs past their expiry, and answers kept for repeated
// commands. It goes in small steps that hold nobody up, and two nodes may do it at once.
func (s *Store) Sweep(ctx context.Context) error {
	now := s.Now()
	err := s.sweep(ctx, micros(now), `
DELETE FROM cvn_escrow WHERE (request, verifier) IN (
    SELECT request, verifier FROM cvn_escrow WHERE expires <= $1 ORDER BY expires LIMIT $2 `+s.dialect.skipLocked+`
) RETURNING 1`)
	if err != nil {
		return err
	}
	return s.sweep(ctx, micros(now.Add(-answersKept)), `
DELETE FROM idempotency WHERE (business, endpoint, key) IN (
    SELECT business, endpoint, key FROM idempotency WHERE created <= $1 ORDER BY created LIMIT $2 `+s.dialect.skipLocked+`
) RETURNING 1`)
}

func (s *Store) sweep(ctx context.Context, before int64, sql string) error {
	for {
		deleted := 0
		err := s.commit(ctx, stmt{
			sql: sql, args: []any{before, int64(sweepBatch)},
			each: func(row) error { deleted++; return nil },
		})
		if err != nil || deleted < sweepBatch {
			return err
		}
	}
}
