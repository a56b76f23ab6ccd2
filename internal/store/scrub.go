package store

import (
	"context"
	"fmt"
)

// In write-ahead mode a page that was overwritten, a sealed number or CVN on it, stays in the journal until
// that is begun anew, which may be never. So the journal is emptied soon after: what was erased is then in no
// file of the database (PCI DSS 3.2.1, 3.3.1).

// scrub empties the journal if anything was written since it was emptied last. Where a reader is in the
// way, here or in another process, the next scrub does it.
func (q *sqlite) scrub(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return q.commits.join(context.WithoutCancel(ctx), newMember())
}

// scrubNow is the leader's part of it, outside a transaction. It waits for readers only a moment, for
// whoever wants to commit waits with it.
func (q *sqlite) scrubNow() error {
	if !q.dirty {
		return nil
	}
	if err := q.connect(); err != nil {
		return trouble(err)
	}
	var busy int64
	err := q.exec(stmt{sql: `PRAGMA busy_timeout(100)`, each: ignore})
	if err == nil {
		err = q.exec(stmt{sql: `PRAGMA wal_checkpoint(TRUNCATE)`, each: func(r row) error {
			var frames, moved int64
			return r.Scan(&busy, &frames, &moved)
		}})
	}
	if err == nil {
		err = q.exec(stmt{sql: fmt.Sprintf(`PRAGMA busy_timeout(%d)`, busyTimeout.Milliseconds()), each: ignore})
	}
	if err != nil {
		q.hangUp() // the next connection has the long time-out again
		return trouble(err)
	}
	q.dirty = busy != 0
	return nil
}

// ignore is for rows that say nothing.
func ignore(row) error { return nil }

// scrub has nothing to do on PostgreSQL: its dead rows and its journal are the server's (docs/card-data.md).
func (p *postgres) scrub(context.Context) error { return nil }
