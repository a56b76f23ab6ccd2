package store

import "context"

// Lease takes the next size numbers of a lane for the caller alone, on whatever node: from, from+1, … The
// first lane begins at 0. Numbers that are not used are lost.
func (s *Store) Lease(ctx context.Context, lane string, size int64) (from int64, err error) {
	err = s.commit(ctx, stmt{
		sql: `
INSERT INTO lane (name, next) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET next = lane.next + excluded.next
RETURNING next - $2`,
		args: []any{lane, size},
		each: func(r row) error { return r.Scan(&from) },
	})
	return from, err
}
