package bench

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool hands a commit to PostgreSQL as one batch: one implicit transaction, one round trip.
type pool struct{ *pgxpool.Pool }

// connections are as many as the gateway has (docs/operations.md).
const connections = 24

func openPool(ctx context.Context, url string) (engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, quietly(err)
	}
	if !strings.Contains(url, "pool_max_conns=") {
		config.MaxConns = connections
	}
	p, err := pgxpool.NewWithConfig(ctx, config)
	return pool{p}, err
}

func (p pool) close() { p.Close() }

func (p pool) commit(ctx context.Context, list ...statement) error {
	var batch pgx.Batch
	for _, s := range list {
		batch.Queue(s.sql, s.args...)
	}
	return p.SendBatch(ctx, &batch).Close() // the first error of all, the commit's too
}
