package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"reprise/internal/store"
)

// Office is where the operator keeps merchants and keys: a database, without doors, lines or workers. A
// gateway may run on the same database meanwhile; what is changed here it knows with its next request.
type Office struct {
	store   *store.Store
	outside Outside
}

// OpenOffice opens the office of a database: postgres://… or the path of an SQLite file. A file that is not
// there is not made: who mistyped a path would otherwise be told that all is well.
func OpenOffice(ctx context.Context, o Outside, database string, log *slog.Logger) (*Office, error) {
	if !strings.HasPrefix(database, "postgres://") && !strings.HasPrefix(database, "postgresql://") {
		if _, err := os.Stat(strings.TrimPrefix(database, "file:")); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no database at %s: a gateway makes it when it starts; name another with --database", database)
		}
	}
	memory, err := store.Open(ctx, store.Options{
		URL: database, Now: o.Now, Rand: o.Rand, Timer: o.Timer, Go: o.Go, Dial: o.Dial, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return &Office{store: memory, outside: o}, nil
}

// Close ends the connections.
func (o *Office) Close(ctx context.Context) error { return o.store.Close(ctx) }
