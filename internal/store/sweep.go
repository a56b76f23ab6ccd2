package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	sweepEvery = 20 * time.Second
	sweepBatch = 500
	// answersKept is how long the answer to a command can be given again.
	answersKept = 24 * time.Hour
	// countsKept is a day longer than the longest time over which anything is counted against a card.
	countsKept = 31 * 24 * time.Hour
)

// Sweep deletes what has had its time: sealed CVNs past their expiry, answers kept for repeated commands, and
// what was counted against cards. It goes in small steps that hold nobody up, and two nodes may do it at once.
// Then it scrubs, so that what was erased since the last sweep, here or elsewhere, is gone.
func (s *Store) Sweep(ctx context.Context) error {
	now := s.Now()
	// The number is in the text: a database that is told it only when it has made its plan allows for a tenth of the
	// table, and reads all of it.
	few := fmt.Sprintf(`LIMIT %d %s`, sweepBatch, s.dialect.skipLocked)
	return errors.Join(
		s.sweep(ctx, micros(now), `
DELETE FROM cvn_escrow WHERE (request, verifier) IN (
    SELECT request, verifier FROM cvn_escrow WHERE expires <= $1 ORDER BY expires `+few+`
) RETURNING 1`),
		s.sweep(ctx, micros(now.Add(-answersKept)), `
DELETE FROM idempotency WHERE (business, endpoint, key) IN (
    SELECT business, endpoint, key FROM idempotency WHERE created <= $1 ORDER BY created `+few+`
) RETURNING 1`),
		s.sweep(ctx, now.Add(-countsKept).UTC().Format(time.DateOnly), `
DELETE FROM card_count WHERE (card, what, day) IN (
    SELECT card, what, day FROM card_count WHERE day < $1 ORDER BY day `+few+`
) RETURNING 1`),
		s.engine.scrub(ctx),
	)
}

func (s *Store) sweep(ctx context.Context, before any, sql string) error {
	for {
		deleted := 0
		err := s.commit(ctx, stmt{
			sql: sql, args: []any{before},
			each: func(row) error { deleted++; return nil },
		})
		if err != nil || deleted < sweepBatch {
			return err
		}
	}
}
