package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"reprise/internal/payment"
)

const (
	// gatewayName is what the connections of gateways, and of most commands, are called at the server; restoredName what
	// the one is called that looks for them.
	gatewayName  = "reprise"
	restoredName = "reprise restored"
	// restoredLimit ends what is done to a database that was brought back, on a server that has stopped answering.
	restoredLimit = 10 * time.Minute
)

// BroughtBack makes a PostgreSQL database fit for a gateway that the server's own tools have brought back from a
// backup, as Restore does with a file: brought up to date, counters moved on, and that audited as by. It refuses while
// anybody of ours is connected (ErrInUse), for a gateway holds numbers of before. Of the options URL, Dial, Now and
// Rand count.
func BroughtBack(ctx context.Context, o Options, by payment.Audit, beyond func(lane string, at Place) Place) (r Restored, err error) {
	if !onPostgres(o.URL) {
		return r, errors.New("store: a file is brought back with Restore")
	}
	config, err := postgresConfig(o)
	if err != nil {
		return r, err
	}
	connection := config.ConnConfig
	connection.RuntimeParams["application_name"] = restoredName
	connection.RuntimeParams["lock_timeout"] = fmt.Sprint(lockLimit.Milliseconds())
	connection.RuntimeParams["statement_timeout"] = fmt.Sprint(restoredLimit.Milliseconds())
	db := stdlib.OpenDB(*connection)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := alonePostgres(ctx, db); err != nil { // before anything is changed
		return r, err
	}
	if made, err := postgresDialect.made(ctx, db); err != nil {
		return r, err
	} else if len(made) == 0 { // a name mistyped, or before the backup is in it
		return r, errors.New("store: it is not the database of a gateway")
	}
	if err := postgresDialect.migrate(ctx, db); err != nil {
		return r, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return r, err
	}
	defer func() { _ = tx.Rollback() }()
	// A gateway that starts from here on waits for its first numbers until the counters are moved.
	if _, err := tx.ExecContext(ctx, `LOCK TABLE lane IN EXCLUSIVE MODE`); err != nil {
		return r, err
	}
	if err := alonePostgres(ctx, tx); err != nil {
		return r, err
	}
	if err := r.look(ctx, tx); err != nil {
		return r, err
	}
	if err := r.moveOn(ctx, tx, nil, beyond); err != nil {
		return r, err
	}
	list, err := (&Store{Options: o}).audited(nil, by)
	if err != nil {
		return r, err
	}
	for _, st := range list {
		if _, err := tx.ExecContext(ctx, st.sql, st.args...); err != nil {
			return r, err
		}
	}
	return r, tx.Commit()
}

// alonePostgres says whether a gateway, or a command, is connected to the database.
func alonePostgres(ctx context.Context, db queried) error {
	others := 0
	err := db.QueryRowContext(ctx, `
SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, gatewayName).Scan(&others)
	if err == nil && others > 0 {
		err = ErrInUse
	}
	return err
}
