package store

import "context"

// Lease takes the next size numbers of a lane for the caller alone, on whatever node: from, from+1, … In each period
// a lane begins at 0 again. Periods only go on: where another has begun a later one already, the numbers are of that,
// and at says so. Numbers that are not used are lost.
func (s *Store) Lease(ctx context.Context, lane string, period, size int64) (from, at int64, err error) {
	err = s.commit(ctx, stmt{
		sql: `
INSERT INTO lane (name, period, next) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET
    next = CASE WHEN lane.period < excluded.period THEN excluded.next ELSE lane.next + excluded.next END,
    period = CASE WHEN lane.period < excluded.period THEN excluded.period ELSE lane.period END
RETURNING next - $3, period`,
		args: []any{lane, period, size},
		each: func(r row) error { return r.Scan(&from, &at) },
	})
	return from, at, err
}
