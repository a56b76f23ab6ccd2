package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"reprise/internal/payment"
	"reprise/internal/store"
)

// keyFileName is what the key file is called in its folder.
const keyFileName = "keys.json"

// Office is where the operator keeps merchants and keys: a database, without doors, lines or workers. A
// gateway may run on the same database meanwhile; what is changed here it knows within a second. Each change is audited.
type Office struct {
	store    *store.Store
	outside  Outside
	database string // as it was named
	by       payment.Actor
}

// OpenOffice opens the office of a database: postgres://… or the path of an SQLite file. A file that is not
// there is not made: who mistyped a path would otherwise be told that all is well. account is who works in it,
// by the operating system.
func OpenOffice(ctx context.Context, o Outside, database, account string, log *slog.Logger) (*Office, error) {
	if err := isThere(database); err != nil {
		return nil, err
	}
	memory, err := store.Open(ctx, store.Options{
		URL: database, Now: o.Now, Rand: o.Rand, Timer: o.Timer, Within: o.Within, Go: o.Go, Dial: o.Dial, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return &Office{store: memory, outside: o, database: database, by: payment.Operator(account)}, nil
}

// absent is the error of a database that is not there.
type absent string

func (a absent) Error() string {
	return fmt.Sprintf("there is no database at %s: 'reprise migrate' makes it, or a gateway when it starts; name another with --database", string(a))
}

func (a absent) Unwrap() error { return fs.ErrNotExist }

// isThere refuses an SQLite file that does not exist.
func isThere(database string) error {
	if !onServer(database) {
		if _, err := os.Stat(strings.TrimPrefix(database, "file:")); errors.Is(err, fs.ErrNotExist) {
			return absent(database)
		}
	}
	return nil
}

// onServer says whether a database is PostgreSQL's, and not a file.
func onServer(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// keyFile is where a sandbox on this database has its keys if it was told nothing else: beside the file, or in
// the folder that --data is by default.
func (o *Office) keyFile() string {
	folder := "reprise-data"
	if !onServer(o.database) {
		folder = filepath.Dir(fileOf(o.database))
	}
	return filepath.Join(folder, keyFileName)
}

// Close ends the connections.
func (o *Office) Close(ctx context.Context) error { return o.store.Close(ctx) }

// Audits lists who changed merchants, keys and endpoints from a time on, the oldest first. The zero time is
// the beginning.
func (o *Office) Audits(ctx context.Context, from time.Time) ([]payment.Audit, error) {
	return o.store.Audits(ctx, from)
}
