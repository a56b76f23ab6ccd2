package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"time"

	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"reprise/internal/payment"
)

// ErrInUse reports a database that somebody has open.
var ErrInUse = errors.New("store: the database is in use")

// Restored says what a restored database holds, and what of it others know better by now.
type Restored struct {
	Copied
	Newest   time.Time           // of what is in it that has a time; zero: there is nothing
	Sent     []payment.RequestID // attempts that were with the acquirer
	Advices  int                 // that were not acknowledged
	Replaced string              // what the database that was there is called now; empty: there was none
}

// Restore makes the database of a gateway from a backup. No gateway may have it open (ErrInUse), and none can open it
// meanwhile. Where there is one it stays (fs.ErrExist), or, with aside, is renamed by that suffix.
//
// What is renamed loses its sealed CVNs before: nobody would delete them any more (PCI DSS 3.3.1). Only a file that is
// damaged keeps them.
//
// It is brought up to date. Counters go on where beyond says of those of the backup, for any number may have been given
// out since, or where the database that was there had them, if that is later.
func Restore(ctx context.Context, from, database, aside string, beyond func(lane string, at Place) Place) (r Restored, err error) {
	beside := []string{"", "-wal", "-shm"} // SQLite would read a journal into a database that it is not of
	for _, end := range beside {
		if _, err := os.Lstat(database + end); err == nil && aside == "" {
			return r, fmt.Errorf("%s: %w", database+end, fs.ErrExist)
		}
	}
	old, err := alone(ctx, database)
	if err != nil {
		return r, err
	}
	if old != nil {
		defer func() { _ = old.Close() }()
	}
	copied, err := place(database, func(partial string) (Copied, error) {
		c, err := duplicate(ctx, from, partial)
		if err == nil {
			err = r.adjust(ctx, partial, old, beyond)
		}
		return c, err
	}, func(partial string) error {
		if err := forgetCVNs(ctx, database, old); err != nil {
			return err
		}
		for _, end := range beside {
			err := os.Rename(database+end, database+aside+end)
			if err == nil && end == "" {
				r.Replaced = database + aside
			} else if err := ignoreMissing(err); err != nil {
				return err
			}
		}
		return os.Rename(partial, database)
	})
	r.Copied = copied
	return r, err
}

// forgetCVNs deletes the sealed CVNs of a database that alone has opened, which nobody opens before it is closed.
func forgetCVNs(ctx context.Context, database string, old *sql.DB) error {
	if old == nil {
		return nil
	}
	var tables int
	if err := old.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'cvn_escrow'`).Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return nil
	}
	if _, err := old.ExecContext(ctx, `DELETE FROM cvn_escrow`); err != nil {
		return err
	}
	if _, err := old.ExecContext(ctx, `COMMIT`); err != nil {
		return err
	}
	return ignoreMissing(os.Remove(database + "-journal")) // it is empty by now
}

// Place is where a lane stands: the next number, in a period.
type Place struct{ Period, Next int64 }

func (p Place) after(other Place) bool {
	return p.Period > other.Period || p.Period == other.Period && p.Next > other.Next
}

// adjust makes the copy fit for a gateway, and looks for what the acquirer knows better by now. old is the database
// that was there; nil: none, or none that can be read.
func (r *Restored) adjust(ctx context.Context, partial string, old *sql.DB, beyond func(lane string, at Place) Place) (err error) {
	db, err := sql.Open("sqlite", location(partial, url.Values{"_pragma": {"journal_mode(MEMORY)", "secure_delete(ON)"}}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if err := sqliteDialect.migrate(ctx, db); err != nil {
		return err
	}
	if err := r.moveOn(ctx, db, old, beyond); err != nil {
		return err
	}
	return r.look(ctx, db)
}

// moveOn has counters go on where beyond says, or where old had them, if that is later. None goes back.
func (r *Restored) moveOn(ctx context.Context, db queried, old *sql.DB, beyond func(lane string, at Place) Place) error {
	places := map[string]Place{}
	if err := lanes(ctx, db, places); err != nil {
		return err
	}
	for lane, at := range places {
		if on := beyond(lane, at); on.after(at) {
			places[lane] = on
		}
	}
	if old != nil {
		_ = lanes(ctx, old, places) // what is damaged, or of an older version, may not say
	}
	for _, lane := range slices.Sorted(maps.Keys(places)) {
		at := places[lane]
		if _, err := db.ExecContext(ctx, `
INSERT INTO lane (name, period, next) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET period = excluded.period, next = excluded.next`, lane, at.Period, at.Next); err != nil {
			return err
		}
	}
	return nil
}

// look says what of a database the acquirer knows better by now.
func (r *Restored) look(ctx context.Context, db queried) error {
	sent, err := texts(ctx, db, `SELECT id FROM request WHERE state = '`+string(payment.Authorizing)+`' ORDER BY id`)
	if err != nil {
		return err
	}
	for _, id := range sent {
		r.Sent = append(r.Sent, payment.RequestID(id))
	}
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM advice WHERE status = $1`, string(payment.AdviceOpen)).Scan(&r.Advices); err != nil {
		return err
	}
	var newest sql.NullInt64
	err = db.QueryRowContext(ctx, `
SELECT MAX(at) FROM (
    SELECT MAX(created) AS at FROM notice UNION ALL SELECT MAX(created) FROM idempotency UNION ALL SELECT MAX(at) FROM audit
) AS latest`).Scan(&newest)
	if newest.Valid {
		r.Newest = fromMicros(newest.Int64)
	}
	return err
}

// queried is a database, a connection to one, or a transaction in one.
type queried interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// lanes reads where the counters of a database stand, and keeps for each lane the later place.
func lanes(ctx context.Context, of queried, places map[string]Place) error {
	rows, err := of.QueryContext(ctx, `SELECT name, period, next FROM lane`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var lane string
		var at Place
		if err := rows.Scan(&lane, &at.Period, &at.Next); err != nil {
			return err
		}
		if at.after(places[lane]) {
			places[lane] = at
		}
	}
	return rows.Err()
}

// alone keeps everybody from a database until it is closed, or says that somebody has it open: SQLite leaves the
// write-ahead mode only for who is alone, and then puts the journal into the file. The lock outlasts what is committed,
// and what is deleted is overwritten. Of a database that is not there, or damaged, it is nil.
func alone(ctx context.Context, database string) (*sql.DB, error) {
	if _, err := os.Stat(database); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := sql.Open("sqlite", location(database, url.Values{"mode": {"rw"}, "_pragma": {"secure_delete(ON)"}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // the one that has the lock
	var mode string
	if err = db.QueryRowContext(ctx, `PRAGMA journal_mode = TRUNCATE`).Scan(&mode); err == nil && mode == "wal" {
		err = ErrInUse
	}
	for _, take := range []string{`PRAGMA locking_mode = EXCLUSIVE`, `BEGIN EXCLUSIVE`} {
		if err == nil {
			_, err = db.ExecContext(ctx, take)
		}
	}
	if err == nil {
		return db, nil
	}
	_ = db.Close()
	var e *sqlite3.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
			err = ErrInUse
		case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
			return nil, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", database, err)
}
