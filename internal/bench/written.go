package bench

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// written is what a PostgreSQL server has done so far.
type written struct {
	transactions int64 // of the database; a read is one, too
	wal          int64 // bytes, of the whole server
}

// written asks the server. It is told of transactions with up to a second's delay by each connection, so what was done
// within a few seconds is not known better than that.
func (s *site) written(ctx context.Context) (w written, err error) {
	if s.admin == "" {
		return w, nil
	}
	conn, err := pgx.Connect(ctx, s.server)
	if err != nil {
		return w, quietly(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return w, conn.QueryRow(ctx, `
SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::BIGINT FROM pg_stat_database WHERE datname = current_database()`,
	).Scan(&w.transactions, &w.wal)
}
