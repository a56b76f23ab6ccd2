package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/payment"
)

// needPostgres skips a test where there is none.
func needPostgres(t testing.TB) {
	t.Helper()
	if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
		t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
	}
}

// onPostgresOnly opens a store on PostgreSQL, or skips.
func onPostgresOnly(t *testing.T, options ...func(*Options)) *Store {
	t.Helper()
	needPostgres(t)
	return newDatabase(t, "PostgreSQL").open(t, options...)
}

// A row that somebody holds on to is in the way of who wants it, and of nobody else, though they go together.
func TestHeldUp(t *testing.T) {
	s := onPostgresOnly(t, patient)
	must(t, s.commit(t.Context(), insertLane("held")))
	tx, err := s.engine.(*postgres).pool.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `UPDATE lane SET next = 1 WHERE name = 'held'`)
	must(t, err)

	held := []stmt{{sql: `UPDATE lane SET next = next + 1 WHERE name = 'held'`}}
	together := make(chan []error, 1)
	go func() {
		together <- inOneGroup(t, s, append(held, insertLane("with it")), []stmt{insertLane("other")})
	}()
	eventually(t, "the other is made", func() bool { return rows(t, s, "lane", `name = 'other'`) == 1 })
	alone := make(chan error, 1)
	go func() { alone <- s.engine.commit(t.Context(), held) }()
	time.Sleep(2 * groupLockLimit)
	select {
	case err := <-alone:
		t.Fatalf("the row was held, and its commit came to %v", err)
	case errs := <-together:
		t.Fatalf("the row was held, and its commits came to %v", errs)
	default:
	}
	must(t, tx.Commit(t.Context()))
	must(t, <-alone)
	must(t, errors.Join(<-together...))
	if n := rows(t, s, "lane", `name = 'held' AND next = 3 OR name = 'with it'`); n != 2 {
		t.Error("what had to wait was not made when it could be")
	}
}

// Trips that are stuck, more of them than a few, hold up nobody who comes after them.
func TestBesideStuckTrips(t *testing.T) {
	s := onPostgresOnly(t)
	stuck := make(chan error, 2*8)
	for i := range 8 {
		go func() { stuck <- s.engine.commit(t.Context(), []stmt{{sql: `SELECT pg_sleep(4)`}}) }()
		go func() {
			stuck <- s.engine.find(t.Context(), stmt{sql: `SELECT 1 FROM pg_sleep(4)`, each: func(row) error { return nil }})
		}()
		eventually(t, "both are on their way, and nobody can go with them", func() bool {
			var n int
			must(t, s.engine.(*postgres).pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
				AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep(4)'`).Scan(&n))
			return n == 2*(i+1)
		})
	}
	began := time.Now()
	must(t, s.engine.commit(t.Context(), []stmt{insertLane("beside")}))
	if n := rows(t, s, "lane", `name = 'beside'`); n != 1 {
		t.Error("answered, and not there")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("a commit and a read beside those that were stuck took %v", took)
	}
	for range cap(stuck) {
		must(t, <-stuck)
	}
}

// slowConn is a connection over which it takes a while until anything is there.
type slowConn struct {
	net.Conn
	slow *atomic.Bool
}

func (c slowConn) Write(b []byte) (int, error) {
	if c.slow.Load() {
		time.Sleep(100 * time.Millisecond)
	}
	return c.Conn.Write(b)
}

// A database that is far away is asked by as many at once as there are connections, and what does not find one goes
// with the next that is free.
func TestFarDatabase(t *testing.T) {
	var slow atomic.Bool
	s := onPostgresOnly(t, func(o *Options) {
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return slowConn{c, &slow}, err
		}
	})
	slow.Store(true)
	const n = 600
	began := time.Now()
	answers := make(chan error, n)
	for i := range n {
		go func() { answers <- s.engine.commit(t.Context(), []stmt{insertLane(fmt.Sprint("far-", i))}) }()
		time.Sleep(2 * time.Millisecond)
	}
	failed := 0
	for range n {
		if err := <-answers; err != nil {
			failed++
			t.Log(err)
		}
	}
	if took := time.Since(began); failed > 0 || took > 3*time.Second {
		t.Errorf("%d of %d commits failed, and all together took %v", failed, n, took)
	}
	if made := rows(t, s, "lane", `name LIKE 'far-%'`); made != n {
		t.Errorf("%d of %d commits are there", made, n)
	}
}

// Where a trip is lost, all that were on it may have been made; and nobody knows.
func TestLostTogether(t *testing.T) {
	s := onPostgresOnly(t, patient)
	errs := inOneGroup(t, s, []stmt{insertLane("a")}, []stmt{{sql: `SELECT 1 FROM pg_terminate_backend(pg_backend_pid())`}}, []stmt{insertLane("b")})
	for i, err := range errs {
		if !errors.Is(err, payment.ErrUnsure) {
			t.Errorf("commit %d: %v", i, err)
		}
	}
	if n := rows(t, s, "lane", `name IN ('a', 'b')`); n != 0 {
		t.Errorf("%d commits were made on a trip that was ended", n)
	}
}

// Who was long on the way with others is told that nothing was written, and not sent on another way as long.
func TestRefusedLate(t *testing.T) {
	s := onPostgresOnly(t, patient)
	must(t, s.commit(t.Context(), insertLane("was")))
	errs := inOneGroup(t, s, []stmt{{sql: `SELECT pg_sleep(1.1)`}}, []stmt{insertLane("was")}, []stmt{insertLane("new")})
	for i, err := range errs {
		if !errors.Is(err, payment.ErrUnavailable) || errors.Is(err, payment.ErrUnsure) {
			t.Errorf("commit %d: %v", i, err)
		}
	}
	if n := rows(t, s, "lane", `name = 'new'`); n != 0 {
		t.Error("what is told to be not written is there")
	}
}

// Of reads that share a trip each has its answer, whatever another's is.
func TestFoundTogether(t *testing.T) {
	s := onPostgresOnly(t)
	p := s.engine.(*postgres)
	got := make([]string, 4)
	find := func(i int, sql string) *member {
		return newMember(stmt{sql: sql, args: []any{fmt.Sprint("n", i)}, each: func(r row) error { return r.Scan(&got[i]) }})
	}
	group := []*member{
		find(0, `SELECT CAST($1 AS TEXT)`),
		find(1, `SELECT CAST($1 AS TEXT) WHERE FALSE`),
		find(2, `SELECT CAST(1 / length(substr($1, 9)) AS TEXT)`),
		find(3, `SELECT CAST($1 AS TEXT)`),
	}
	conn, err := p.acquire(t.Context())
	must(t, err)
	defer conn.Release()
	p.findGroup(conn, group)
	for i, want := range []error{nil, nil, errApart, errApart} {
		if group[i].err != want {
			t.Errorf("read %d: %v, want %v", i, group[i].err, want)
		}
	}
	if !slices.Equal(got, []string{"n0", "", "", ""}) {
		t.Errorf("read %q", got)
	}
	if err := s.one(t.Context(), `SELECT CAST(1 / length(substr($1, 9)) AS TEXT)`, []any{"n"}, new(string)); !errors.Is(err, errConflict) {
		t.Errorf("what fails alone: %v", err)
	}
}
