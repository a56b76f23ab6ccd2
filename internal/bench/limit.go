package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// The limits, by which what we measure is divided. They are a fixed reference: whoever changes what they write changes
// what all ratios mean, and must say so in docs/performance.md.
const (
	// limitInsert is a bare net/http handler in a process of its own, with one insert for each request: the least that a
	// session could cost.
	limitInsert = "limit: bare handler with one insert"
	// limitCommits is the fewest commits and rows of a one-click payment with its two events, through the bare driver and
	// without anything else: no HTTP, no acquirer, nobody told.
	limitCommits = "limit: four commits by the bare driver"
	// limitPgbench is the same in a script of pgbench, in pipeline mode.
	limitPgbench = "limit: four commits by pgbench"
	// limitTold is the four commits asked for over HTTP in a process of its own, and a merchant told of them: what would be
	// left of a gateway that looks at nothing and knows no acquirer.
	limitTold = "limit: four commits over HTTP, and two webhooks"
)

// statement is one of a commit. The same text does for both databases, as in the gateway.
type statement struct {
	sql  string
	args []any
}

// engine is a database by its bare driver: a commit is durable once it returns.
type engine interface {
	commit(ctx context.Context, list ...statement) error
	close()
}

// limitTables are the least that a gateway would need, with the indexes that it could not do without: the primary keys,
// and when work is due.
func limitTables() []string {
	return []string{
		`CREATE TABLE limit_session (id TEXT NOT NULL PRIMARY KEY, status TEXT NOT NULL, data TEXT NOT NULL)`,
		`CREATE TABLE limit_request (id TEXT NOT NULL PRIMARY KEY, session TEXT NOT NULL, state TEXT NOT NULL, data TEXT NOT NULL)`,
		`CREATE TABLE limit_trace (key TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL)`,
		`CREATE TABLE limit_notice (id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL)`,
		`CREATE TABLE limit_work (ref TEXT NOT NULL PRIMARY KEY, next_at BIGINT NOT NULL)`,
		`CREATE INDEX limit_work_next_at ON limit_work (next_at)`,
		`CREATE TABLE limit_attempt (notice TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, status BIGINT NOT NULL)`,
	}
}

// Sizes of what the gateway keeps as JSON, in bytes, rounded; oneclick.pgbench has the same.
const (
	sessionSize = 900
	requestSize = 1500 // when the purchase is sent
	paidSize    = 1900
	captureSize = 1000 // the notice payment.capture
	sessionOver = 800  // the notice payment_session.completed
)

// insertSession is the first commit.
func insertSession(n int64) statement {
	return statement{`INSERT INTO limit_session (id, status, data) VALUES ($1, $2, $3)`,
		[]any{fmt.Sprintf("ps-%024d", n), "ACTIVE", filled('s', sessionSize)}}
}

func filled(with byte, size int) string { return strings.Repeat(string(with), size) }

// commits is a whole payment: the session; the attempt and the trace of its purchase; the outcome with two notices and
// who is to deliver them; what came of the deliveries. Every row here is one without which a payment could be lost, or
// made twice, or not be told.
func commits(n int64) [][]statement {
	session, request, now := fmt.Sprintf("ps-%024d", n), fmt.Sprintf("pr-%036d", n), time.Now().UnixMicro()
	one, two := fmt.Sprintf("1%035d", n), fmt.Sprintf("2%035d", n)
	return [][]statement{
		{insertSession(n)},
		{
			{`INSERT INTO limit_request (id, session, state, data) VALUES ($1, $2, $3, $4)`, []any{request, session, "AUTHORIZING", filled('r', requestSize)}},
			{`INSERT INTO limit_trace (key, request) VALUES ($1, $2)`, []any{fmt.Sprintf("02|400551|TOKO0001|%022d", n), request}},
		},
		{
			{`UPDATE limit_session SET status = $2 WHERE id = $1`, []any{session, "COMPLETED"}},
			{`UPDATE limit_request SET state = $2, data = $3 WHERE id = $1`, []any{request, "SUCCEEDED", filled('r', paidSize)}},
			{`INSERT INTO limit_notice (id, data) VALUES ($1, $2), ($3, $4)`, []any{one, filled('n', captureSize), two, filled('n', sessionOver)}},
			{`INSERT INTO limit_work (ref, next_at) VALUES ($1, $2), ($3, $2)`, []any{one, now, two}},
		},
		{
			{`INSERT INTO limit_attempt (notice, at, status) VALUES ($1, $2, $3), ($4, $2, $3)`, []any{one, now, int64(204), two}},
			{`DELETE FROM limit_work WHERE ref IN ($1, $2)`, []any{one, two}},
		},
	}
}

// openEngine makes a new database of the kind and the tables in it. dir is for the file of SQLite. at is how another
// process reaches it.
func openEngine(ctx context.Context, database, dir string) (e engine, at string, err error) {
	if database == sqliteFile {
		at = filepath.Join(dir, "limit.db")
	} else if at, err = newDatabase(ctx, database); err != nil {
		return nil, "", err
	}
	e, err = connect(ctx, at)
	if err != nil {
		return nil, at, err
	}
	for _, table := range limitTables() {
		if err := e.commit(ctx, statement{sql: table}); err != nil {
			e.close()
			return nil, at, err
		}
	}
	return e, at, nil
}

// limitDatabase makes a database with the tables of the limits for another process.
func limitDatabase(ctx context.Context, database, dir string) (at string, err error) {
	e, at, err := openEngine(ctx, database, dir)
	if err != nil {
		forget(database, at)
		return "", err
	}
	e.close()
	return at, nil
}

// connect opens a database by its bare driver.
func connect(ctx context.Context, at string) (engine, error) {
	if strings.HasPrefix(at, "postgres") {
		return openPool(ctx, at)
	}
	return openWriter(at)
}

// limits measures all limits of a database, one after the other, each on tables of its own.
func limits(ctx context.Context, program, database string, l load) (results []Result, err error) {
	l.rate = 0 // a limit is what can be had at most
	for _, limit := range []func(context.Context, string, string, load) (Result, error){
		func(ctx context.Context, database, dir string, l load) (Result, error) {
			return bareHandler(ctx, program, database, dir, l)
		},
		bareCommits, pgbench,
		func(ctx context.Context, database, dir string, l load) (Result, error) {
			return bareTelling(ctx, program, database, dir, l)
		},
	} {
		r, err := withFolder(func(dir string) (Result, error) { return limit(ctx, database, dir, l) })
		switch {
		case errors.Is(err, errNotHere):
			continue
		case err != nil:
			return nil, err
		}
		r.Clients, r.Database = l.clients, kindOf(database)
		results = append(results, r)
	}
	return results, nil
}

// errNotHere: a limit that cannot be measured on this machine or this database.
var errNotHere = errors.New("not to be had here")

func withFolder(do func(dir string) (Result, error)) (Result, error) {
	dir, err := os.MkdirTemp("", "reprise-bench-limit")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	return do(dir)
}

func kindOf(database string) string {
	if database == sqliteFile {
		return "SQLite"
	}
	return "PostgreSQL"
}

// bareCommits measures whole payments by the bare driver, in this process.
func bareCommits(ctx context.Context, database, dir string, l load) (Result, error) {
	e, at, err := openEngine(ctx, database, dir)
	defer forget(database, at)
	if err != nil {
		return Result{}, err
	}
	defer e.close()
	var n atomic.Int64
	m, err := l.run(ctx, func() int64 { return n.Add(1) }, func(ctx context.Context, n int64) error {
		for _, list := range commits(n) {
			if err := e.commit(ctx, list...); err != nil {
				return err
			}
		}
		return nil
	}, func() error { return nil })
	if err != nil {
		return Result{}, fmt.Errorf("%s on %s: %w", limitCommits, kindOf(database), err)
	}
	return limited(limitCommits, m), nil
}

// forget takes away what openEngine made on a server.
func forget(database, at string) {
	if database != sqliteFile && at != "" {
		dropDatabase(database, at)
	}
}

func limited(name string, m measured) Result {
	return Result{Name: name, Count: m.count, Rate: m.perSecond(), Full: m.perSecond(), Latency: m.histogram.latency()}
}
