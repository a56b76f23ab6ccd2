package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"reprise/internal/acquirer"
	"reprise/internal/payment"
	"reprise/internal/store"
)

// errOnServer is why PostgreSQL's databases are neither copied nor restored here: its own tools do both, and do not
// hold up anybody.
var errOnServer = errors.New("a PostgreSQL database is copied with pg_dump --no-unlogged-table-data or pg_basebackup, " +
	"which leave sealed CVNs out, and brought back with pg_restore and reprise restored: see docs/operations.md")

// BackedUp says what a backup holds.
type BackedUp struct {
	store.Copied
	Took time.Duration
}

// Backup copies the SQLite database of a gateway, which may run meanwhile, into a new file.
func Backup(ctx context.Context, o Outside, database, to string) (BackedUp, error) {
	if onServer(database) {
		return BackedUp{}, errOnServer
	}
	begun := o.Now()
	copied, err := store.Backup(ctx, fileOf(database), to)
	switch {
	case errors.Is(err, fs.ErrExist):
		err = fmt.Errorf("%s is there already: a backup overwrites nothing", to)
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("there is no database at %s, or no folder for %s", database, to)
	}
	return BackedUp{copied, o.Now().Sub(begun)}, err
}

// Restored says what was restored, and what is to be done about it.
type Restored = store.Restored

// Restore makes the database of a gateway from a backup, instead of one that is there only with replace: that is kept
// under another name.
func Restore(ctx context.Context, o Outside, from, database string, replace bool) (Restored, error) {
	if onServer(database) {
		return Restored{}, errOnServer
	}
	aside := ""
	if replace {
		aside = ".before-" + o.Now().UTC().Format("20060102T150405.000Z")
	}
	r, err := store.Restore(ctx, from, fileOf(database), aside, beyond(o))
	switch {
	case errors.Is(err, store.ErrInUse):
		err = fmt.Errorf("a gateway has %s open: stop it first", database)
	case errors.Is(err, fs.ErrExist):
		err = fmt.Errorf("%w: with --replace it is kept under another name", err)
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("there is no backup at %s, or no folder for %s", from, database)
	}
	return r, err
}

// BroughtBack makes a PostgreSQL database fit for a gateway that was brought back by other means: none may be connected
// to it. account is who does it, by the operating system.
func BroughtBack(ctx context.Context, o Outside, database, account string) (Restored, error) {
	if !onServer(database) {
		return Restored{}, errors.New("an SQLite database is brought back with reprise restore, which does this too")
	}
	by := payment.Audit{Actor: payment.Operator(account), Act: "database.restored"}
	r, err := store.BroughtBack(ctx, store.Options{URL: database, Now: o.Now, Rand: o.Rand, Dial: o.Dial}, by, beyond(o))
	if errors.Is(err, store.ErrInUse) {
		err = errors.New("a gateway, or a command of one, is connected to the database: stop it first")
	}
	return r, err
}

// beyond is where counters go on that a backup has set back.
func beyond(o Outside) func(lane string, at store.Place) store.Place {
	return func(lane string, at store.Place) store.Place {
		period, next := acquirer.Beyond(lane, at.Period, at.Next, o.Now())
		return store.Place{Period: period, Next: next}
	}
}

// fileOf is the path of an SQLite database.
func fileOf(database string) string {
	file, _, _ := strings.Cut(strings.TrimPrefix(database, "file:"), "?")
	return file
}
