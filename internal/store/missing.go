package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
)

// ErrBehind reports a database that lacks migrations which this version stands on. One that has more than
// this version knows is not behind: another node is newer.
var ErrBehind = errors.New("store: the database lacks migrations")

// prepare makes the tables fit, or says that they do not. Most nodes start on tables that fit, and then it costs two reads.
func (d dialect) prepare(ctx context.Context, db *sql.DB, o Options) error {
	missing, err := d.missing(ctx, db)
	switch {
	case err != nil || len(missing) == 0:
		return err
	case o.NoMigrate:
		return fmt.Errorf("%w: %s", ErrBehind, strings.Join(missing, ", "))
	}
	return d.migrate(ctx, db)
}

// Missing names the migrations that a database lacks, in the order in which they would be made. Nothing is
// changed. Of the options only URL and Dial count.
func Missing(ctx context.Context, o Options) (names []string, err error) {
	d := sqliteDialect
	var db *sql.DB
	if onPostgres(o.URL) {
		config, err := postgresConfig(o)
		if err != nil {
			return nil, err
		}
		d, db = postgresDialect, stdlib.OpenDB(*config.ConnConfig)
	} else if db, err = sql.Open("sqlite", location(sqlitePath(o.URL), url.Values{"mode": {"ro"}})); err != nil {
		return nil, err
	}
	names, err = d.missing(ctx, db)
	return names, errors.Join(err, db.Close())
}

func (d dialect) missing(ctx context.Context, db *sql.DB) ([]string, error) {
	provider, err := d.provider(db)
	if err != nil {
		return nil, err
	}
	made, err := d.made(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	var names []string
	for _, source := range provider.ListSources() {
		if made[source.Version] {
			continue
		}
		name := fmt.Sprintf("%05d", source.Version) // one that is written in Go
		if source.Path != "" {
			name = strings.TrimSuffix(path.Base(source.Path), ".sql")
		}
		names = append(names, name)
	}
	return names, nil
}

// made are the versions of the migrations that were made. goose would make its table to find out.
func (d dialect) made(ctx context.Context, db *sql.DB) (map[int64]bool, error) {
	var table int
	if err := db.QueryRowContext(ctx, d.versioned).Scan(&table); err != nil || table == 0 {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `SELECT version_id, is_applied FROM goose_db_version ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	made := map[int64]bool{}
	for rows.Next() {
		var version int64
		var applied bool
		if err := rows.Scan(&version, &applied); err != nil {
			return nil, err
		}
		made[version] = applied // one that was taken back has a row behind that of its making
	}
	return made, rows.Err()
}
