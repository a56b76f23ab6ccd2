package store

import (
	"context"
	"errors"
	"time"

	"reprise/internal/payment"
)

// rangesKept is for how long ranges are kept of a directory server that is in nobody's settings any more.
const rangesKept = 31 * 24 * time.Hour

// RangeSet is what is kept of the card ranges of a directory server. The ranges themselves are in pieces, of whose
// content the memory knows nothing.
type RangeSet struct {
	Directory, URL string

	Set    int64     // names the pieces that hold; 0: none yet
	Serial string    // serialNum of the PRes that they are as of
	Loaded time.Time // when the directory server said so last; zero: never
	Until  time.Time // nobody asks it before; zero: anybody may
	Tries  int       // that failed since the last that did not
}

func (r RangeSet) key(more ...any) []any { return append([]any{r.Directory, r.URL}, more...) }

// RangeSet reads what is kept of a directory server, which may be nothing.
func (s *Store) RangeSet(ctx context.Context, directory, url string) (RangeSet, error) {
	r := RangeSet{Directory: directory, URL: url}
	err := s.engine.query(ctx, stmt{
		sql:  `SELECT version, serial, loaded, until, tries FROM card_range WHERE directory = $1 AND url = $2`,
		args: r.key(),
		each: func(row row) error {
			var loaded, until int64
			err := row.Scan(&r.Set, &r.Serial, &loaded, &until, &r.Tries)
			r.Loaded, r.Until = everMicros(loaded), everMicros(until)
			return err
		},
	})
	return r, err
}

// LeaseRanges lets the caller ask the directory server until a time, and names the set that it may write. ok is false
// where somebody else was let since seen was read. It is a courtesy: who is slower than the lease is not stopped, but
// of two that write only one is taken by SwapRanges.
func (s *Store) LeaseRanges(ctx context.Context, seen RangeSet, until time.Time) (set int64, ok bool, err error) {
	err = s.commit(ctx, stmt{
		sql: `
INSERT INTO card_range (directory, url, version, serial, loaded, until, tries) VALUES ($1, $2, 0, '', 0, $3, 0)
ON CONFLICT (directory, url) DO UPDATE SET until = excluded.until WHERE card_range.until = $4
RETURNING 1`,
		args: seen.key(micros(until), orZero(seen.Until)),
		each: func(row) error { ok = true; return nil },
	})
	return s.newClaim(), ok && err == nil, err
}

// WriteRanges writes a piece of a set that does not hold yet. A piece is a commit of its own, so that a large set
// holds nobody up.
func (s *Store) WriteRanges(ctx context.Context, r RangeSet, piece int, data string) error {
	return s.commit(ctx, stmt{
		sql:  `INSERT INTO card_range_piece (directory, url, version, piece, data) VALUES ($1, $2, $3, $4, $5)`,
		args: r.key(r.Set, int64(piece), data),
	})
}

// SwapRanges lets a set hold in the place of another, for everybody at once, and deletes all others, with what is kept
// of directory servers that nobody asks any more. Whoever writes one of those others began from a set that holds no
// longer and is too late. The set may be the same, when the directory server had nothing new to say: no other is deleted
// then, for one that is being written may still take its place. payment.ErrTaken means that was no longer holds.
func (s *Store) SwapRanges(ctx context.Context, r RangeSet, was int64) error {
	found, long := false, micros(r.Loaded.Add(-rangesKept))
	err := s.commit(ctx,
		stmt{
			sql: `
UPDATE card_range SET version = CASE WHEN version = $3 THEN $4 ELSE 1 / (version - version) END,
    serial = $5, loaded = $6, until = 0, tries = 0
WHERE directory = $1 AND url = $2 RETURNING 1`,
			args: r.key(was, r.Set, r.Serial, micros(r.Loaded)),
			each: func(row) error { found = true; return nil },
		},
		stmt{
			sql:  `DELETE FROM card_range_piece WHERE directory = $1 AND url = $2 AND version <> $3 AND $3 <> $4`,
			args: r.key(r.Set, was),
		},
		stmt{
			sql: `
DELETE FROM card_range_piece WHERE EXISTS (
    SELECT 1 FROM card_range r
    WHERE r.directory = card_range_piece.directory AND r.url = card_range_piece.url AND r.loaded <= $1 AND r.until <= $1
)`,
			args: []any{long},
		},
		stmt{sql: `DELETE FROM card_range WHERE loaded <= $1 AND until <= $1`, args: []any{long}},
	)
	if errors.Is(err, errConflict) || err == nil && !found {
		return payment.ErrTaken
	}
	return err
}

// RestRanges notes that the directory server could not be asked, and until when it is left alone.
func (s *Store) RestRanges(ctx context.Context, r RangeSet) error {
	return s.commit(ctx, stmt{
		sql:  `UPDATE card_range SET until = $3, tries = $4 WHERE directory = $1 AND url = $2`,
		args: r.key(orZero(r.Until), int64(r.Tries)),
	})
}

// ReadRanges hands on the pieces of a set in their order: all of them, or none where the set has been swapped away.
func (s *Store) ReadRanges(ctx context.Context, r RangeSet, each func(data string) error) error {
	return s.engine.query(ctx, stmt{
		sql: `
SELECT data FROM card_range_piece WHERE directory = $1 AND url = $2 AND version = $3 ORDER BY piece`,
		args: r.key(r.Set),
		each: func(row row) error {
			var data string
			if err := row.Scan(&data); err != nil {
				return err
			}
			return each(data)
		},
	})
}

// orZero is a time as the tables hold it where it may be none.
func orZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

// everMicros is the time that orZero wrote.
func everMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return fromMicros(n)
}
