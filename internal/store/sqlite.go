package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"reprise/internal/payment"
)

const (
	readers   = 4
	groupSize = 256 // commits that share one fsync, at most
	// busyTimeout is how long a statement waits for a lock that another process has.
	busyTimeout = 5 * time.Second
)

// sqlite writes the commits that are waiting in one transaction and answers none before the transaction is on disk. So many
// commits share one fsync, and each is as durable as if it had one of its own. Reads go to connections that cannot
// write.
type sqlite struct {
	write, read *sql.DB
	commits     groups

	mu      sync.Mutex
	closed  bool
	queries map[string]*sql.Stmt // prepared on the read connections

	// Those of whoever leads a group.
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	dirty    bool // the journal may hold what was overwritten
}

func openSQLite(ctx context.Context, o Options) (*sqlite, error) {
	path := sqlitePath(o.URL)
	if path == "" || path == ":memory:" {
		return nil, errors.New("store: the database needs a file")
	}
	mode := os.O_RDWR | os.O_CREATE
	if o.NoMigrate {
		mode = os.O_RDWR
	}
	file, err := os.OpenFile(path, mode, 0o600) // its journals get the same mode
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}

	q := &sqlite{
		queries: map[string]*sql.Stmt{}, prepared: map[string]*sql.Stmt{},
		dirty: true, // by whoever wrote before us
	}
	q.commits = groups{open: q.open, most: groupSize, lost: errLost}
	busy := fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())
	// synchronous FULL: an answered commit survives a power cut. secure_delete: what is deleted from the
	// escrow is overwritten in the page it was on.
	q.write, err = sql.Open("sqlite", location(path, url.Values{"_pragma": {
		busy, "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)",
	}}))
	if err != nil {
		return nil, err
	}
	if err := sqliteDialect.prepare(ctx, q.write, o); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), q.write.Close())
	}
	q.write.SetMaxOpenConns(1)
	q.read, err = sql.Open("sqlite", location(path, url.Values{"mode": {"ro"}, "_pragma": {busy, "query_only(ON)"}}))
	if err != nil {
		return nil, errors.Join(err, q.write.Close())
	}
	q.read.SetMaxOpenConns(readers)
	q.read.SetMaxIdleConns(readers)
	return q, nil
}

func sqlitePath(url string) string { return strings.TrimPrefix(strings.TrimPrefix(url, "file:"), "//") }

// location is a file's name as SQLite wants it with parameters.
func location(path string, parameters url.Values) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + parameters.Encode()
}

// commit goes on whatever becomes of the caller: a statement that is interrupted would roll the whole group back.
func (q *sqlite) commit(ctx context.Context, list []stmt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return q.commits.join(context.WithoutCancel(ctx), newMember(list...))
}

func (q *sqlite) open(context.Context) (trip func(group []*member), giveBack func(), err error) {
	return q.trip, func() {}, nil
}

// trip writes a group and tells each what became of it. A scrub comes when what was waiting is written.
func (q *sqlite) trip(group []*member) {
	told := false
	defer func() {
		if told {
			return
		}
		for _, m := range group { // in a panic: what was written goes with the connection
			m.err = errLost
		}
		q.hangUp()
	}()
	slices.SortStableFunc(group, func(a, b *member) int { return cmp.Compare(a.place(), b.place()) })
	commits := slices.IndexFunc(group, func(m *member) bool { return m.place() == toScrub })
	if commits < 0 {
		commits = len(group)
	}
	if commits > 0 {
		if err := q.writeGroup(group[:commits]); err != nil {
			for _, m := range group[:commits] {
				m.err = err
			}
			q.hangUp()
		}
	}
	for _, m := range group[commits:] {
		m.err = q.scrubNow()
	}
	told = true
}

// The places of members in a group. Nobody was answered yet, so any order is as good.
const (
	toWrite = iota
	toRead  // a commit from which something comes back
	toScrub // there is nothing to commit
)

func (m *member) place() int {
	switch {
	case len(m.list) == 0:
		return toScrub
	case m.reads():
		return toRead
	}
	return toWrite
}

// writeGroup commits a group. An error of a single commit is a constraint and that commit's own; any other
// is returned, and everyone's.
//
// A savepoint has SQLite copy every page that is written after it, and is needed only where a constraint refuses one
// of several. That is rare, so it is tried without, and if need be once more with a savepoint each. A commit that reads
// what comes back is told once: beside others it has a savepoint, and comes last.
func (q *sqlite) writeGroup(group []*member) error {
	if err := q.connect(); err != nil {
		return trouble(err)
	}
	q.dirty = true
	refused, err := q.writeWhole(group)
	if err != nil || !refused || len(group) == 1 {
		return err
	}
	return q.writeEach(group)
}

// writeWhole commits a group as one. Where a constraint refuses a commit that reads nothing, nothing is written.
func (q *sqlite) writeWhole(group []*member) (refused bool, err error) {
	if err := q.exec(stmt{sql: `BEGIN IMMEDIATE`}); err != nil {
		return false, trouble(err)
	}
	for _, m := range group {
		if len(group) > 1 && m.reads() {
			err = q.writeApart(m)
		} else {
			refused, err = q.writeOne(m)
		}
		if err != nil {
			return false, trouble(err)
		}
		if refused {
			return true, trouble(q.exec(stmt{sql: `ROLLBACK`}))
		}
	}
	return false, q.written()
}

// writeEach commits those of a group that no constraint refuses.
func (q *sqlite) writeEach(group []*member) error {
	if err := q.exec(stmt{sql: `BEGIN IMMEDIATE`}); err != nil {
		return trouble(err)
	}
	for _, m := range group {
		if err := q.writeApart(m); err != nil {
			return trouble(err)
		}
	}
	return q.written()
}

// written ends a transaction that is to be kept.
func (q *sqlite) written() error {
	if err := q.exec(stmt{sql: `COMMIT`}); err != nil { // the last of it may be in the journal all the same
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
}

// connect makes the writer's connection where there is none.
func (q *sqlite) connect() (err error) {
	if q.conn == nil {
		q.conn, err = q.write.Conn(context.Background())
	}
	return err
}

// trouble marks the errors that are the file's or the machine's and that pass: another process has the
// lock, the disk is full or fails, memory is short.
func trouble(err error) error {
	var e *sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case codes.SQLITE_BUSY, codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN, codes.SQLITE_NOMEM:
		return fmt.Errorf("store: %w: %w", payment.ErrUnavailable, err)
	}
	return err
}

// writeApart writes a commit within a savepoint, and takes back what a constraint refuses.
func (q *sqlite) writeApart(m *member) error {
	if err := q.exec(stmt{sql: `SAVEPOINT one`}); err != nil {
		return err
	}
	refused, err := q.writeOne(m)
	if err != nil {
		return err
	}
	if refused {
		if err := q.exec(stmt{sql: `ROLLBACK TO one`}); err != nil {
			return err
		}
	}
	return q.exec(stmt{sql: `RELEASE one`})
}

// writeOne writes the statements of a commit, up to one that a constraint refuses. That is the commit's own error; any
// other is returned.
func (q *sqlite) writeOne(m *member) (refused bool, err error) {
	m.err = nil
	for _, st := range m.list {
		if err := q.exec(st); err != nil {
			if m.err, refused = refusal(err, st); !refused {
				return false, err
			}
			return true, nil
		}
	}
	return false, nil
}

// refusal says what a constraint means that refused a statement; ok is false for any other error.
func refusal(err error, st stmt) (meaning error, ok bool) {
	var e *sqlite3.Error
	if !errors.As(err, &e) || e.Code()&0xff != codes.SQLITE_CONSTRAINT {
		return err, false
	}
	switch e.Code() {
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
		if st.used != nil {
			return st.used, true
		}
		return errConflict, true
	case codes.SQLITE_CONSTRAINT_NOTNULL:
		// Division by zero is NULL here, so this is how a guard refuses.
		for _, guard := range []string{".version", "card_count.n ", "advice.status", "notice.sequence"} {
			if strings.Contains(e.Error(), guard) {
				return errConflict, true
			}
		}
	}
	return fmt.Errorf("store: SQLite refused a statement: %w", err), true // it names columns, not values
}

// exec runs one statement on the writer's connection.
func (q *sqlite) exec(st stmt) error {
	ctx := context.Background()
	p := q.prepared[st.sql]
	if p == nil {
		var err error
		if p, err = q.conn.PrepareContext(ctx, st.sql); err != nil {
			return err
		}
		q.prepared[st.sql] = p
	}
	if st.each == nil {
		_, err := p.ExecContext(ctx, st.args...)
		return err
	}
	rows, err := p.QueryContext(ctx, st.args...)
	if err != nil {
		return err
	}
	return scan(rows, st)
}

func scan(rows *sql.Rows, st stmt) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := st.each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// hangUp leaves a connection on which something went wrong, and its transaction with it; the next group
// gets a new one.
func (q *sqlite) hangUp() {
	if q.conn == nil {
		return
	}
	for _, p := range q.prepared {
		_ = p.Close()
	}
	clear(q.prepared)
	_ = q.conn.Raw(func(any) error { return driver.ErrBadConn })
	q.conn = nil
}

// query goes on whatever becomes of the caller, as a commit does: to interrupt it, the driver and database/sql would keep a
// task each beside every query, and most take less time than that.
func (q *sqlite) query(ctx context.Context, st stmt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	p, err := q.reader(ctx, st.sql)
	var rows *sql.Rows
	if err == nil {
		rows, err = p.QueryContext(ctx, st.args...)
	}
	if err == nil {
		err = scan(rows, st)
	}
	if err != nil && q.isClosed() { // whoever was still at it when the house closed
		return errClosed
	}
	return trouble(err)
}

func (q *sqlite) find(ctx context.Context, st stmt) error { return q.query(ctx, st) }

func (q *sqlite) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

func (q *sqlite) reader(ctx context.Context, text string) (*sql.Stmt, error) {
	q.mu.Lock()
	p := q.queries[text]
	q.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := q.read.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if other := q.queries[text]; other != nil {
		return other, p.Close()
	}
	q.queries[text] = p
	return p, nil
}

// close lets who is waiting finish.
func (q *sqlite) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.commits.close()
	_ = q.scrubNow()               // what is left of it, the next who opens the file does
	for _, p := range q.prepared { // else SQLite keeps the connection, and the file, for them
		_ = p.Close()
	}
	if q.conn != nil {
		_ = q.conn.Close()
	}
	_ = q.read.Close()
	_ = q.write.Close()
}
