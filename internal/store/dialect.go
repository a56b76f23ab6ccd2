package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// dialect is all in which the SQL of the two databases differs.
type dialect struct {
	goose goose.Dialect
	// skipLocked lets a claim pass over rows that another node is claiming. SQLite has one writer.
	skipLocked string
	// unlogged keeps the escrow out of the write-ahead log, and so out of standbys and base backups. SQLite
	// has no such thing; there the promise rests on the browser's share alone (docs/card-data.md).
	unlogged string
	// readOnly says on or off. On SQLite a commit that reads is answered at all only where a lock to write was had.
	readOnly string
	// besides makes an index while others write.
	besides string
	// versioned counts the table in which migrations are noted.
	versioned string
	// lockLimit says for the rest of a commit how many milliseconds a statement waits for a row that somebody else has.
	lockLimit string
	// clock is the database's time in microseconds, where the database may be on another machine than we are.
	clock string
}

var (
	postgresDialect = dialect{
		goose:      goose.DialectPostgres,
		skipLocked: `FOR UPDATE SKIP LOCKED`,
		unlogged:   `ALTER TABLE cvn_escrow SET UNLOGGED`,
		readOnly:   `SELECT current_setting('transaction_read_only')`,
		besides:    `CONCURRENTLY`,
		versioned:  `SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('goose_db_version')`,
		lockLimit:  `SELECT set_config('lock_timeout', $1, TRUE)`,
		clock:      `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`,
	}
	sqliteDialect = dialect{
		goose:     goose.DialectSQLite3,
		readOnly:  `SELECT 'off'`,
		versioned: `SELECT COUNT(*) FROM sqlite_master WHERE name = 'goose_db_version'`,
	}
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables up to date. Nodes that start together take turns.
func (d dialect) migrate(ctx context.Context, db *sql.DB) error {
	provider, err := d.provider(db)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	return nil
}

// provider knows all migrations. It asks the database nothing yet.
func (d dialect) provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(
		goose.NewGoMigration(2, &goose.GoFunc{RunTx: d.unlog}, nil),
		goose.NewGoMigration(40, &goose.GoFunc{RunTx: complete}, nil),
		goose.NewGoMigration(100, &goose.GoFunc{RunDB: d.indexUndelivered}, nil),
		goose.NewGoMigration(110, &goose.GoFunc{RunDB: d.indexPeers}, nil),
		goose.NewGoMigration(111, &goose.GoFunc{RunDB: d.dropIndexOfTimes}, nil),
	)}
	if d.goose == goose.DialectPostgres {
		turns, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(turns))
	}
	return goose.NewProvider(d.goose, db, files, options...)
}

func (d dialect) unlog(ctx context.Context, tx *sql.Tx) error {
	if d.unlogged == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, d.unlogged)
	return err
}

// indexUndelivered finds what was not delivered among millions that were. An index that was begun and not finished is no
// good, and is made anew.
func (d dialect) indexUndelivered(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, `DROP INDEX `+d.besides+` IF EXISTS delivery_undelivered`)
	if err == nil {
		_, err = db.ExecContext(ctx, `
CREATE INDEX `+d.besides+` delivery_undelivered ON delivery (business, notice, endpoint) WHERE status <> 'DELIVERED'`)
	}
	return err
}

// indexPeers has work found by who it waits for: however much waits for one, nobody else's is looked for among it.
// Stored cards have work, too, so the table may be long. What is left of an index whose making was cut short has to go
// first.
func (d dialect) indexPeers(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `DROP INDEX `+d.besides+` IF EXISTS work_peer`); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, `CREATE INDEX `+d.besides+` work_peer ON work (peer, next_at)`)
	return err
}

// dropIndexOfTimes takes away what all work was found by before, whoever it waits for: as long as it is there, PostgreSQL may
// prefer it, and read through one peer's backlog for another's work.
func (d dialect) dropIndexOfTimes(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, `DROP INDEX `+d.besides+` IF EXISTS work_next_at`)
	return err
}
