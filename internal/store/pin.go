package store

import "context"

// Pin keeps a value under a name for good, and returns what is kept: the caller's, where it is the first.
func (s *Store) Pin(ctx context.Context, name string, value []byte) (kept []byte, err error) {
	err = s.commit(ctx, stmt{
		sql:  `INSERT INTO pin (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
		args: []any{name, full(value)},
	})
	if err != nil {
		return nil, err
	}
	return kept, s.one(ctx, `SELECT value FROM pin WHERE name = $1`, []any{name}, &kept)
}
