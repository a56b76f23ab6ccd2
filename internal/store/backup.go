package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// A copy of an SQLite database is written row by row, from one moment of the original, and not page by page: what
// must not be in it never comes near it, and nothing that was deleted lingers in free pages.

// leftOut is not copied: sealed CVNs, which are in no backup (docs/card-data.md). The table is there, and empty.
const leftOut = "cvn_escrow"

// Copied is what a copy of a database holds.
type Copied struct {
	Rows  int64 // of all tables
	Bytes int64
}

// Backup copies the SQLite database of a gateway, which may run meanwhile, into a new file. What is committed when it
// begins is in it and nothing later, and no row of the escrow. The copy is checked, and on disk, before it has its
// name; a file that has that name already stays (fs.ErrExist). After an error there is nothing.
func Backup(ctx context.Context, from, to string) (Copied, error) {
	if _, err := os.Lstat(to); err == nil {
		return Copied{}, fmt.Errorf("%s: %w", to, fs.ErrExist)
	}
	return place(to, func(partial string) (Copied, error) {
		return duplicate(ctx, from, partial)
	}, func(partial string) error {
		return os.Link(partial, to) // a rename would overwrite what came there meanwhile
	})
}

// place has a file made beside the place where it belongs, and called by its name when it is whole and on disk.
func place(to string, fill func(partial string) (Copied, error), call func(partial string) error) (c Copied, err error) {
	folder, name := filepath.Split(to)
	file, err := os.CreateTemp(filepath.Clean(folder), "."+name+".partial-*") // readable to its owner only
	if err != nil {
		return c, err
	}
	partial := file.Name()
	defer func() { err = errors.Join(err, ignoreMissing(os.Remove(partial))) }()
	if err := file.Close(); err != nil {
		return c, err
	}
	if c, err = fill(partial); err != nil {
		return c, err
	}
	if c.Bytes, err = toDisk(partial); err != nil {
		return c, err
	}
	if err := call(partial); err != nil {
		return c, err
	}
	_, err = toDisk(filepath.Clean(folder))
	return c, err
}

// toDisk waits until a file, or the names in a folder, would survive a power cut.
func toDisk(path string) (size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), file.Sync()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// duplicate writes what is in one database into an empty file, and checks it there.
func duplicate(ctx context.Context, from, to string) (c Copied, err error) {
	if _, err := os.Stat(from); err != nil {
		return c, err // SQLite would make it
	}
	db, err := sql.Open("sqlite", location(to, url.Values{"_pragma": {"journal_mode(OFF)", "secure_delete(ON)"}}))
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return c, err
	}
	defer func() { _ = conn.Close() }()
	source := location(from, url.Values{"mode": {"ro"}})
	if _, err := conn.ExecContext(ctx, `ATTACH DATABASE $1 AS source`, source); err != nil {
		return c, fmt.Errorf("%s: %w", from, err)
	}
	if err := inOne(ctx, conn, func() error {
		c.Rows, err = copyTables(ctx, conn)
		return err
	}); err != nil {
		return c, fmt.Errorf("%s: %w", from, err)
	}
	if _, err := conn.ExecContext(ctx, `DETACH DATABASE source`); err != nil {
		return c, err
	}
	return c, sound(ctx, conn)
}

// inOne does something in one transaction, and so from one moment of the source.
func inOne(ctx context.Context, conn *sql.Conn, do func() error) error {
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err // the file is thrown away
	}
	_, err := conn.ExecContext(ctx, `COMMIT`)
	return err
}

// copyTables makes every table and index of the source here, and copies the rows. It refuses what is not a
// gateway's, or of a version that may keep secrets where this one does not look for them.
func copyTables(ctx context.Context, conn *sql.Conn) (rows int64, err error) {
	if err := known(ctx, conn); err != nil {
		return 0, err
	}
	made, err := texts(ctx, conn, `
SELECT sql FROM source.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY type = 'table' DESC, rowid`)
	if err != nil {
		return 0, err
	}
	for _, text := range made {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return 0, err
		}
	}
	// The counters of keys that count by themselves are in a table of SQLite's own, which those above have made.
	tables, err := texts(ctx, conn, `
SELECT name FROM source.sqlite_master WHERE type = 'table' AND (name NOT LIKE 'sqlite~_%' ESCAPE '~' OR name = 'sqlite_sequence') ORDER BY rowid`)
	if err != nil {
		return 0, err
	}
	for _, table := range tables {
		if table == leftOut {
			continue
		}
		name := `"` + strings.ReplaceAll(table, `"`, `""`) + `"`
		if _, err := conn.ExecContext(ctx, `DELETE FROM main.`+name); err != nil { // of those counters
			return 0, err
		}
		if _, err := conn.ExecContext(ctx, `INSERT INTO main.`+name+` SELECT * FROM source.`+name); err != nil {
			return 0, err
		}
		var here, there int64
		err := conn.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM main.`+name+`), (SELECT COUNT(*) FROM source.`+name+`)`).Scan(&here, &there)
		if err != nil {
			return 0, err
		}
		if here != there {
			return 0, fmt.Errorf("store: of table %s %d of %d rows were copied", table, here, there)
		}
		rows += here
	}
	return rows, nil
}

// known says whether the source is a gateway's database, of this version or one before.
func known(ctx context.Context, conn *sql.Conn) error {
	var tables int
	err := conn.QueryRowContext(ctx, `
SELECT COUNT(*) FROM source.sqlite_master WHERE type = 'table' AND name IN ('goose_db_version', 'cvn_escrow', 'lane')`).Scan(&tables)
	if err != nil {
		return err
	}
	if tables != 3 {
		return errors.New("store: it is not the database of a gateway")
	}
	provider, err := sqliteDialect.provider(&sql.DB{}) // it only says what there is
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	var version int64
	err = conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM source.goose_db_version WHERE is_applied`).Scan(&version)
	if newest := sources[len(sources)-1].Version; err == nil && version > newest {
		err = fmt.Errorf("store: it is of a newer version of reprise (its tables are %d, this one knows %d): use that", version, newest)
	}
	return err
}

// sound has SQLite check every page and index.
func sound(ctx context.Context, conn *sql.Conn) error {
	found, err := texts(ctx, conn, `PRAGMA integrity_check(1)`)
	if err == nil && (len(found) != 1 || found[0] != "ok") {
		err = errors.New("store: the copy is damaged") // the finding may quote a row
	}
	return err
}

func texts(ctx context.Context, conn queried, query string) (list []string, err error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
