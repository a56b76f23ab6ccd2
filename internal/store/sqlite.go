package store

import (
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

// sqlite has one writer, who puts the commits that are waiting into one transaction and answers none before the
// transaction is on disk. So many commits share one fsync, and each is as durable
// as if it had one of its own. Reads go to connections that cannot write.
type sqlite struct {
	write, read *sql.DB
	wake        chan struct{} // there is something waiting
	done        chan struct{} // the writer has left

	mu      sync.Mutex
	waiting []*waiting
	scrubs  []*waiting // who waits for a scrub, behind the commits
	closed  bool
	queries map[string]*sql.Stmt // prepared on the read connections

	// The writer's own.
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	dirty    bool // the journal may hold what was overwritten
}

// waiting is a commit and where its answer goes.
type waiting struct {
	list   []stmt
	err    error
	answer chan struct{}
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
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		queries: map[string]*sql.Stmt{}, prepared: map[string]*sql.Stmt{},
		dirty: true, // by whoever wrote before us
	}
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
	o.Go(q.serve)
	return q, nil
}

func sqlitePath(url string) string { return strings.TrimPrefix(strings.TrimPrefix(url, "file:"), "//") }

// location is a file's name as SQLite wants it with parameters.
func location(path string, parameters url.Values) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + parameters.Encode()
}

// commit waits for the writer whatever becomes of the caller: a statement that is interrupted would roll
// the whole group back.
func (q *sqlite) commit(ctx context.Context, list []stmt) error {
	return q.await(ctx, &q.waiting, &waiting{list: list, answer: make(chan struct{})})
}

// await puts something into a queue of the writer's and waits for its answer.
func (q *sqlite) await(ctx context.Context, queue *[]*waiting, w *waiting) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errClosed
	}
	*queue = append(*queue, w)
	q.mu.Unlock()
	q.signal()
	<-w.answer
	return w.err
}

func (q *sqlite) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // the writer knows already
	}
}

// serve is the writer.
func (q *sqlite) serve() {
	defer close(q.done)
	for range q.wake {
		for {
			group, scrubs, closed := q.next()
			if len(group) == 0 && len(scrubs) == 0 {
				if !closed {
					break
				}
				_ = q.scrubNow() // what is left of it, the next who opens the file does
				return
			}
			if len(group) > 0 {
				q.answerGroup(group)
			}
			for _, w := range scrubs {
				w.err = q.scrubNow()
				close(w.answer)
			}
		}
	}
}

// answerGroup writes a group and tells each what became of it.
func (q *sqlite) answerGroup(group []*waiting) {
	if err := q.writeGroup(group); err != nil {
		for _, w := range group {
			w.err = err
		}
		q.hangUp()
	}
	for _, w := range group {
		close(w.answer)
	}
}

// next takes a group, and who waits for a scrub once no commit stands before them.
func (q *sqlite) next() (group, scrubs []*waiting, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), groupSize)
	group, q.waiting = q.waiting[:n:n], q.waiting[n:]
	if len(q.waiting) == 0 {
		scrubs, q.scrubs = q.scrubs, nil
	}
	return group, scrubs, q.closed
}

// writeGroup commits a group. An error of a single commit is a constraint and that commit's own; any other
// is returned, and everyone's.
//
// A savepoint has SQLite copy every page that is written after it, and is needed only where a constraint refuses one
// of several. That is rare, so it is tried without, and if need be once more with a savepoint each. A commit that reads
// what comes back is told once: beside others it has a savepoint, and comes last. Nobody was answered yet, so any order is as
// good.
func (q *sqlite) writeGroup(group []*waiting) error {
	if err := q.connect(); err != nil {
		return trouble(err)
	}
	q.dirty = true
	slices.SortStableFunc(group, func(a, b *waiting) int {
		switch {
		case a.reads() == b.reads():
			return 0
		case a.reads():
			return 1
		}
		return -1
	})
	refused, err := q.writeWhole(group)
	if err != nil || !refused || len(group) == 1 {
		return err
	}
	return q.writeEach(group)
}

// reads says whether anything comes back from a commit.
func (w *waiting) reads() bool {
	return slices.ContainsFunc(w.list, func(st stmt) bool { return st.each != nil })
}

// writeWhole commits a group as one. Where a constraint refuses a commit that reads nothing, nothing is written.
func (q *sqlite) writeWhole(group []*waiting) (refused bool, err error) {
	if err := q.exec(stmt{sql: `BEGIN IMMEDIATE`}); err != nil {
		return false, trouble(err)
	}
	for _, w := range group {
		if len(group) > 1 && w.reads() {
			err = q.writeApart(w)
		} else {
			refused, err = q.writeOne(w)
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
func (q *sqlite) writeEach(group []*waiting) error {
	if err := q.exec(stmt{sql: `BEGIN IMMEDIATE`}); err != nil {
		return trouble(err)
	}
	for _, w := range group {
		if err := q.writeApart(w); err != nil {
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
func (q *sqlite) writeApart(w *waiting) error {
	if err := q.exec(stmt{sql: `SAVEPOINT one`}); err != nil {
		return err
	}
	refused, err := q.writeOne(w)
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
func (q *sqlite) writeOne(w *waiting) (refused bool, err error) {
	w.err = nil
	for _, st := range w.list {
		if err := q.exec(st); err != nil {
			if w.err, refused = refusal(err, st); !refused {
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

// close lets the writer finish what is waiting.
func (q *sqlite) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	<-q.done
	for _, p := range q.prepared { // else SQLite keeps the connection, and the file, for them
		_ = p.Close()
	}
	if q.conn != nil {
		_ = q.conn.Close()
	}
	_ = q.read.Close()
	_ = q.write.Close()
}
