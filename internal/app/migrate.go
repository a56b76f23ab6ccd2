package app

import (
	"context"
	"log/slog"

	"reprise/internal/store"
	"reprise/internal/vault"
)

// Missing names the migrations that a database lacks which this version stands on, in their order. Nothing is
// changed.
func Missing(ctx context.Context, o Outside, database string) ([]string, error) {
	if err := isThere(database); err != nil {
		return nil, err
	}
	return store.Missing(ctx, store.Options{URL: database, Dial: o.Dial})
}

// Migrate brings a database up to date, beside gateways that run on it: nodes of the version before this one
// go on working (docs/operations.md).
func Migrate(ctx context.Context, o Outside, database string, log *slog.Logger) error {
	memory, err := store.Open(ctx, store.Options{
		URL: database, Now: o.Now, Rand: o.Rand, Timer: o.Timer, Within: o.Within, Go: o.Go, Dial: o.Dial, Log: log,
	})
	if err != nil {
		return err
	}
	return memory.Close(ctx)
}

// CreateKeyFile makes the key file of a gateway. One that is there is never replaced (fs.ErrExist).
func CreateKeyFile(o Outside, path string) error {
	_, err := vault.CreateKeys(path, o.Rand)
	return err
}
