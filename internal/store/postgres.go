package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"reprise/internal/payment"
)

const (
	// commitLimit ends a commit on a database that has stopped answering, and the making of a connection to
	// it where the URL does not say (connect_timeout).
	commitLimit = 5 * time.Second
	// lockLimit is how long a migration waits for a table that somebody reads, a backup for instance. Everybody who
	// comes after it waits behind it, so it gives up and is tried again later.
	lockLimit = 2 * time.Second
	// acquireLimit is how long a commit waits for a connection, and pingLimit how long one that was idle may take to
	// show that it still leads somewhere.
	acquireLimit = 3 * time.Second
	pingLimit    = time.Second
	// connections of one node, where the URL does not say (pool_max_conns).
	connections = 24
	// groupMost is how many commits or reads share a trip, at most.
	groupMost = 16
	// groupPatience is how long the first of those who wait for a trip that is under way does so before it goes beside it.
	groupPatience = 10 * time.Millisecond
	// groupLockLimit is how long a group waits for a row that somebody else has; apartLimit how long it may have been under
	// way for its members to go each for itself when it is refused, and how long each then waits for a connection.
	groupLockLimit = 100 * time.Millisecond
	apartLimit     = time.Second
	// readOnlyTransaction is the SQLSTATE of a standby that is asked to write.
	readOnlyTransaction = "25006"
)

// errCutOff: a connection was lost while it was read from.
var errCutOff = fmt.Errorf("store: a read was cut off: %w", payment.ErrUnavailable)

// postgres hands a commit over as one batch: one implicit transaction, one round trip, which it shares with those that
// come at the same time. So do reads by keys.
type postgres struct {
	pool    *pgxpool.Pool
	commits groups
	finds   groups
	within  func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// postgresConfig is how connections are made.
func postgresConfig(o Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, err // it leaves the password out
	}
	if !strings.Contains(o.URL, "pool_max_conns=") {
		config.MaxConns = connections
	}
	if !strings.Contains(o.URL, "connect_timeout=") {
		config.ConnConfig.ConnectTimeout = commitLimit
	}
	if o.Dial != nil {
		config.ConnConfig.DialFunc = o.Dial
	}
	config.PingTimeout = pingLimit
	parameters := config.ConnConfig.RuntimeParams
	parameters["application_name"] = gatewayName
	// The guards read a row again after waiting for it. Under a stricter level they would fail instead.
	parameters["default_transaction_isolation"] = "read committed"
	return config, nil
}

func openPostgres(ctx context.Context, o Options) (*postgres, error) {
	config, err := postgresConfig(o)
	if err != nil {
		return nil, err
	}
	migrating := config.ConnConfig.Copy()
	migrating.RuntimeParams["lock_timeout"] = fmt.Sprint(lockLimit.Milliseconds())
	db := stdlib.OpenDB(*migrating)
	err = errors.Join(postgresDialect.prepare(ctx, db, o), db.Close())
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["statement_timeout"] = fmt.Sprint(commitLimit.Milliseconds())
	config.BeforeConnect = neverCancel
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	p := &postgres{pool: pool, within: o.Within}
	patience := func() (<-chan time.Time, func() bool) { return o.Timer(groupPatience) }
	p.commits = groups{open: p.on(p.commitGroup), most: groupMost, lost: errLost, patience: patience}
	p.finds = groups{open: p.on(p.findGroup), most: groupMost, lost: errCutOff, patience: patience}
	return p, nil
}

// on has trips made on a connection.
func (p *postgres) on(trip func(*pgxpool.Conn, []*member)) func(context.Context) (func([]*member), func(), error) {
	return func(ctx context.Context) (func([]*member), func(), error) {
		conn, err := p.acquire(ctx)
		if err != nil {
			return nil, nil, err
		}
		return func(group []*member) { trip(conn, group) }, conn.Release, nil
	}
}

// neverCancel keeps a connection from dialling a second time, which it does when it is given up: to have the
// server cancel what it is doing. A commit that waits for a synchronous standby is done for everybody to see when
// that wait is cancelled, though the standby does not have it: an answer would be given, or a message sent, that
// is forgotten when the standby takes over. What waits goes on until the standby has it, or the server is gone;
// statement_timeout ends everything else.
func neverCancel(_ context.Context, config *pgx.ConnConfig) error {
	var connected atomic.Bool
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected.Load() {
			return nil, errors.New("store: nothing is cancelled")
		}
		return dial(ctx, network, address)
	}
	config.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		connected.Store(true)
		return nil
	}
	return nil
}

// commit goes with others unless something comes back from it. It waits for a connection as long as the caller does, within
// bounds, but once it is on its way it is seen through: a caller who leaves must not make the outcome uncertain.
func (p *postgres) commit(ctx context.Context, list []stmt) error {
	m, limit := newMember(list...), acquireLimit
	if !m.reads() {
		waiting, done := p.within(ctx, acquireLimit)
		err := p.commits.join(waiting, m)
		done()
		if err != errApart {
			return err
		}
		limit = apartLimit
	}
	waiting, done := p.within(ctx, limit)
	defer done()
	conn, err := p.acquire(waiting)
	if err != nil {
		return err
	}
	defer conn.Release()
	return p.write(conn, list)
}

// errApart: the database refused what a member of a group wants, or somebody else was in the way. Nothing was written for
// any, and each is to go for itself.
var errApart = errors.New("store: each for itself")

// commitGroup writes a group as one commit.
func (p *postgres) commitGroup(conn *pgxpool.Conn, group []*member) {
	if len(group) == 1 {
		group[0].err = p.write(conn, group[0].list)
		return
	}
	early, done := p.within(context.Background(), apartLimit)
	defer done()
	atMost := stmt{sql: postgresDialect.lockLimit, args: []any{fmt.Sprint(groupLockLimit.Milliseconds())}}
	err := p.write(conn, append([]stmt{atMost}, slices.Concat(lists(group)...)...))
	if err != nil && !errors.Is(err, payment.ErrUnavailable) && !errors.Is(err, payment.ErrUnsure) {
		refused := err
		if err = errApart; early.Err() != nil {
			err = fmt.Errorf("store: refused too late for another try: %w: %v", payment.ErrUnavailable, refused)
		}
	}
	for _, m := range group {
		m.err = err
	}
}

// write makes a commit.
func (p *postgres) write(conn *pgxpool.Conn, list []stmt) error {
	ctx, cancel := p.within(context.Background(), commitLimit)
	defer cancel()
	_, err := p.send(ctx, conn, list)
	return err
}

// send makes one trip with a list, and says how many of it were answered.
func (p *postgres) send(ctx context.Context, conn *pgxpool.Conn, list []stmt) (answered int, err error) {
	var batch pgx.Batch
	for _, st := range list {
		batch.Queue(st.sql, st.args...)
	}
	results := conn.SendBatch(ctx, &batch)
	for i, st := range list {
		if err := drain(results, st); err != nil {
			_ = results.Close() // tells of the same error
			return i, p.fault(err, st, conn)
		}
	}
	return len(list), p.fault(results.Close(), stmt{}, conn) // the commit itself
}

// acquire takes a connection from the pool, or makes one.
func (p *postgres) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, unreached(err)
	}
	return conn, nil
}

// fault says what an error means, and leaves a server that is going or only repeats what another has written: what
// else is in the pool leads there too, and the next connection is made to whoever is the primary by then.
func (p *postgres) fault(err error, st stmt, conn *pgxpool.Conn) error {
	if err == nil {
		return nil
	}
	var refused *pgconn.PgError
	if conn.Conn().IsClosed() || errors.As(err, &refused) && refused.Code == readOnlyTransaction {
		p.pool.Reset()
	}
	return fault(err, st)
}

func drain(results pgx.BatchResults, st stmt) error {
	if st.each == nil {
		_, err := results.Exec()
		return err
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	return each(rows, st)
}

func each(rows pgx.Rows, st stmt) error {
	defer rows.Close()
	for rows.Next() {
		if err := st.each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// find goes with others. Where one of them fails, those that have no answer yet go each for itself.
func (p *postgres) find(ctx context.Context, q stmt) error {
	waiting, done := p.within(ctx, acquireLimit)
	err := p.finds.join(waiting, newMember(q))
	done()
	if err == errApart {
		return p.query(ctx, q)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// findGroup makes the reads of a group in one trip.
func (p *postgres) findGroup(conn *pgxpool.Conn, group []*member) {
	ctx, done := p.within(context.Background(), commitLimit)
	defer done()
	answered, err := p.send(ctx, conn, slices.Concat(lists(group)...))
	for i, m := range group {
		switch {
		case err == nil || i < answered:
			m.err = nil
		case ctx.Err() == nil:
			m.err = errApart
		}
	}
}

// query reads, once more where the connection was lost before the first row: a read changes nothing.
func (p *postgres) query(ctx context.Context, q stmt) error {
	limited, done := p.within(ctx, commitLimit)
	defer done()
	rows := 0
	read := func() error {
		return p.read(limited, stmt{sql: q.sql, args: q.args, each: func(r row) error {
			rows++
			return q.each(r)
		}})
	}
	err := read()
	if errors.Is(err, errCutOff) && rows == 0 && limited.Err() == nil {
		err = read()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (p *postgres) read(ctx context.Context, q stmt) error {
	conn, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, q.sql, q.args...)
	if err == nil {
		err = each(rows, q)
	}
	if err == nil {
		return nil
	}
	told := p.fault(err, q, conn)
	var refused *pgconn.PgError
	switch {
	case conn.Conn().IsClosed(), ctx.Err() != nil: // by whatever became of it or of the server; or there was no time to send it
		return fmt.Errorf("%w: %w", errCutOff, quiet(err))
	case errors.As(err, &refused):
		return told
	}
	return err
}

func (p *postgres) close() {
	p.commits.close()
	p.finds.close()
	p.pool.Close()
}

// fault says what an error of the database means. Its texts are dropped, the detail above all, because
// they quote values.
func fault(err error, st stmt) error {
	if err == nil {
		return nil
	}
	var refused *pgconn.PgError
	if pgconn.SafeToRetry(err) { // not a byte of it has left
		return errUndone
	}
	if !errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", errLost, quiet(err))
	}
	switch {
	case refused.SeverityUnlocalized != "ERROR": // the server is going down; the commit may have come first
		return fmt.Errorf("%w: SQLSTATE %s", errLost, refused.Code)
	case refused.Code == "22012": // division by zero: a guard
		return errConflict
	case refused.Code == "23505" && st.used != nil: // unique violation
		return st.used
	case refused.Code == "23505":
		return errConflict
	case refused.Code == "40001", refused.Code == "40P01": // serialisation failure, deadlock
		return errUndone
	case strings.HasPrefix(refused.Code, "53"), refused.Code == "57014", refused.Code == readOnlyTransaction:
		// no room, no memory; out of time; a standby, now that the primary has moved
		return fmt.Errorf("store: %w: SQLSTATE %s", payment.ErrUnavailable, refused.Code)
	}
	return fmt.Errorf("store: PostgreSQL refused a statement: SQLSTATE %s %s", refused.Code, refused.ConstraintName)
}

// quiet keeps the text of errors of the network and hides that of all others: an argument that cannot be
// encoded is quoted in it.
func quiet(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%T", err)
}
