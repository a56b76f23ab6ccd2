package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

func testMigrations(t *testing.T, db *database) {
	for range 2 { // the second finds nothing to do
		s := db.open(t)
		must(t, s.Ping(t.Context()))
		for _, table := range []string{"merchant", "session", "request", "cvn_escrow", "work"} {
			if n := rows(t, s, table, `1 = 1`); n != 0 {
				t.Errorf("%d rows in %s of a new database", n, table)
			}
		}
		if db.kind == "PostgreSQL" {
			if n := rows(t, s, "pg_class", `relname = 'cvn_escrow' AND relpersistence = 'u'`); n != 1 {
				t.Error("the escrow is in the write-ahead log")
			}
		}
	}
}

// Nodes that start together on an empty database take turns.
func TestMigrateTogether(t *testing.T) {
	needPostgres(t)
	db := newDatabase(t, "PostgreSQL")
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() { db.open(t) })
	}
	group.Wait()
}

func testSeededRows(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	m, card := merchant(), storedCard()
	budi := customer()
	for i := range 2 { // seeded at every start
		must(t, s.SaveMerchant(ctx, payment.Merchant{}, m, actor))
		seedEndpoints(t, s, endpoints...)
		must(t, s.SaveToken(ctx, card))
		if err := s.CreateCustomer(ctx, budi, nil); i == 0 && err != nil || i > 0 && !errors.Is(err, payment.ErrTaken) {
			t.Errorf("customer, start %d: %v", i, err)
		}
		m.Name, card.Masked = "Teh & Co", "520000XXXXXX2151"
		must(t, s.SaveMerchant(ctx, payment.Merchant{}, m, actor))
		must(t, s.SaveToken(ctx, card))
	}
	must(t, s.RemoveEndpoint(ctx, business, endpoints[0].ID, actor))
	m.Endpoints = endpoints[1:]

	another := payment.Merchant{ID: "5f27a14a9bf05c73dd040bc7", Name: "Sate"}
	must(t, s.SaveMerchant(ctx, payment.Merchant{}, another, actor))
	unhooked := m
	unhooked.Endpoints = nil
	list, err := s.Merchants(ctx)
	if diff := cmp.Diff([]payment.Merchant{another, unhooked}, list); err != nil || diff != "" {
		t.Errorf("merchants: %v (-want +got):\n%s", err, diff)
	}
	gotMerchant, err := s.Merchant(ctx, business)
	if diff := cmp.Diff(m, gotMerchant); err != nil || diff != "" {
		t.Errorf("merchant: %v (-want +got):\n%s", err, diff)
	}
	card.Version = 4 // one more with each write
	gotCard, err := s.Token(ctx, business, cardID)
	if diff := cmp.Diff(card, gotCard); err != nil || diff != "" {
		t.Errorf("card: %v (-want +got):\n%s", err, diff)
	}
	gotCustomer, err := s.Customer(ctx, business, "cust-1")
	if diff := cmp.Diff(budi, gotCustomer); err != nil || diff != "" {
		t.Errorf("customer: %v (-want +got):\n%s", err, diff)
	}
	_, noMerchant := s.Merchant(ctx, "other")
	_, noCard := s.Token(ctx, "other", cardID)
	_, noCustomer := s.Customer(ctx, "other", "cust-1")
	for _, err := range []error{noMerchant, noCard, noCustomer} {
		if !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("of another business: %v, want not found", err)
		}
	}
}

func testKeys(t *testing.T, db *database) {
	now := moment
	s := db.open(t, func(o *Options) { o.Now = func() time.Time { return now } })
	ctx := t.Context()
	key := func(text string, k payment.Key) payment.Key {
		k.Hash, k.Business, k.Created = sha256.Sum256([]byte(text)), business, moment
		return k
	}
	found := func(k payment.Key) {
		t.Helper()
		got, err := s.Key(ctx, k.Hash)
		if diff := cmp.Diff(k, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	gone := func(what string, k payment.Key) {
		t.Helper()
		if _, err := s.Key(ctx, k.Hash); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	k := key("xnd_development_x", payment.Key{Kind: payment.Secret, Name: "till", Permissions: payment.Permissions{"sessions": payment.AccessRead}})
	gone("unknown", k)
	must(t, s.SaveKey(ctx, k, actor))
	must(t, s.SaveKey(ctx, k, actor))
	found(k)
	for name, p := range map[string]payment.Permissions{"everything": nil, "nothing": {}} {
		k := key(name, payment.Key{Kind: payment.Secret, Permissions: p})
		must(t, s.SaveKey(ctx, k, actor))
		found(k)
	}

	first := key("xnd_public_development_1", payment.Key{Kind: payment.Public, Production: true})
	second, third := key("xnd_public_development_2", first), key("xnd_public_development_3", first)
	must(t, s.SaveKey(ctx, first, actor))
	must(t, s.ReplaceKey(ctx, first, now.Add(time.Hour), second, actor))
	first.Ends = moment.Add(time.Hour)
	found(first)
	found(second)
	must(t, s.ReplaceKey(ctx, first, now.Add(2*time.Hour), third, actor)) // no time is gained
	found(first)
	now = moment.Add(time.Hour)
	gone("its time is over", first)
	found(second)
	if err := s.ReplaceKey(ctx, first, now.Add(time.Hour), key("xnd_public_development_4", first), actor); err == nil {
		t.Error("a key that had ended was replaced")
	}
	gone("ended and not replaced", first)
	gone("whose place was refused", key("xnd_public_development_4", first))

	must(t, s.EndKey(ctx, k, actor))
	k.Ends = now
	now = now.Add(time.Minute)
	must(t, s.EndKey(ctx, k, actor))
	must(t, s.SaveKey(ctx, k, actor))
	gone("revoked", k)
	got, err := s.KeyByID(ctx, k.ID())
	if diff := cmp.Diff(k, got); err != nil || diff != "" {
		t.Errorf("a revoked key by its id: %v (-want +got):\n%s", err, diff)
	}
	for _, id := range []string{"", "000000000000", k.ID() + "00", "x"} {
		if _, err := s.KeyByID(ctx, id); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	for b, want := range map[payment.BusinessID]int{business: 6, "": 6, "5f27a14a9bf05c73dd040bc9": 0} {
		if keys, err := s.Keys(ctx, b); err != nil || len(keys) != want {
			t.Errorf("business %q: %d keys, want %d, %v", b, len(keys), want, err)
		}
	}
}

// Of commits that are made together, one that is refused leaves nothing, and the others stand.
func testCommitsOfOthers(t *testing.T, db *database) {
	s := db.open(t)
	ctx := context.Background()
	insert := func(name string) stmt {
		return stmt{sql: `INSERT INTO lane (name, next) VALUES ($1, 0)`, args: []any{name}, used: payment.ErrTaken}
	}
	must(t, s.commit(ctx, insert("there")))
	for i, err := range together(32, func(i int) error {
		if i%4 == 0 {
			return s.commit(ctx, insert(fmt.Sprint("refused ", i)), insert("there"))
		}
		return s.commit(ctx, insert(fmt.Sprint("good ", i)))
	}) {
		if i%4 == 0 && !errors.Is(err, payment.ErrTaken) {
			t.Errorf("commit %d: %v, want it refused", i, err)
		}
		if i%4 != 0 && err != nil {
			t.Errorf("commit %d: %v", i, err)
		}
	}
	if good, bad := rows(t, s, "lane", `name LIKE 'good %'`), rows(t, s, "lane", `name LIKE 'refused %'`); good != 24 || bad != 0 {
		t.Errorf("%d rows of good commits and %d of refused ones, want 24 and 0", good, bad)
	}

	// What is no constraint is an error of its own, and the next commit is made.
	if err := s.commit(ctx, insert("lost"), stmt{sql: `INSERT INTO no_such_table VALUES (1)`}); err == nil {
		t.Error("a statement without a table was taken")
	}
	must(t, s.commit(ctx, insert("after")))
	if n := rows(t, s, "lane", `name = 'lost'`); n != 0 {
		t.Error("half of a commit is there")
	}
}

func testCallerLeaves(t *testing.T, db *database) {
	s := db.open(t)
	gone, leave := context.WithCancel(context.Background())
	count := stmt{sql: `INSERT INTO lane (name, next) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET next = lane.next + 1`, args: []any{"n"}}
	var mu sync.Mutex
	stayed, made := 0, 0
	for i, err := range together(64, func(i int) error {
		if i == 20 {
			leave()
		}
		ctx := context.Background()
		if i%2 == 0 {
			ctx = gone
		}
		err := s.commit(ctx, count)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			made++
			stayed += i % 2
		}
		return err
	}) {
		if err != nil && (i%2 == 1 || !errors.Is(err, context.Canceled)) {
			t.Errorf("commit %d: %v", i, err)
		}
	}
	if n := rows(t, s, "lane", fmt.Sprintf(`name = 'n' AND next = %d`, made)); n != 1 || stayed != 32 {
		t.Errorf("%d commits were answered, and the row says another number; %d of 32 stayed", made, stayed)
	}
}

// What was answered is there when the store is opened anew, even if the one before was never closed.
func testReopen(t *testing.T, db *database) {
	a := db.open(t)
	seed(t, a)
	_, err := a.Change(t.Context(), bySession, nil, submit(1, "v"))
	must(t, err)
	want, err := a.Case(t.Context(), bySession)
	must(t, err)

	if db.kind == "SQLite" { // as a crash leaves it: the file and its journal, without a word of farewell
		crashed := filepath.Join(t.TempDir(), "crashed.db")
		for _, journal := range []string{"", "-wal"} {
			content, err := os.ReadFile(db.url + journal)
			must(t, err)
			must(t, os.WriteFile(crashed+journal, content, 0o600))
		}
		db = &database{kind: db.kind, url: "file:" + crashed}
	}
	b := db.open(t)
	got, err := b.Case(t.Context(), bySession)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("opened anew: %v (-want +got):\n%s", err, diff)
	}
	if _, err := b.Escrow(t.Context(), "pr-1", []byte("v")); err != nil {
		t.Errorf("the CVN: %v", err)
	}
}

func TestSQLiteFile(t *testing.T) {
	for _, url := range []string{"", "file:", ":memory:", "file::memory:"} {
		if s, err := Open(t.Context(), Options{URL: url, Rand: rand.Reader}); err == nil {
			t.Errorf("%q was opened: %v", url, s)
		}
	}
	db := newDatabase(t, "SQLite")
	s := db.open(t)
	info, err := os.Stat(db.url)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %o", info.Mode().Perm())
	}
	for pragma, want := range map[string]int{"synchronous": 2, "secure_delete": 1} {
		var got int
		must(t, s.engine.commit(t.Context(), []stmt{{sql: "PRAGMA " + pragma, each: func(r row) error { return r.Scan(&got) }}}))
		if got != want {
			t.Errorf("%s is %d, want %d", pragma, got, want)
		}
	}
	var mode string
	must(t, s.one(t.Context(), `PRAGMA journal_mode`, nil, &mode))
	if mode != "wal" {
		t.Errorf("the journal is %s", mode)
	}
	if err := s.one(t.Context(), `INSERT INTO lane (name, next) VALUES ('x', 1) RETURNING next`, nil, new(int)); err == nil {
		t.Error("a read connection wrote")
	}
}

func TestClosed(t *testing.T) {
	db := newDatabase(t, "SQLite")
	s := db.open(t)
	must(t, s.Close(t.Context()))
	if _, _, err := s.Lease(t.Context(), "n", 0, 1); !errors.Is(err, errClosed) || !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("a commit after Close: %v", err)
	}
}

// No error of PostgreSQL quotes a value: the detail names the row.
func TestQuietErrors(t *testing.T) {
	needPostgres(t)
	s := newDatabase(t, "PostgreSQL").open(t)
	lane := stmt{sql: `INSERT INTO lane (name, next) VALUES ($1, $2)`, args: []any{"canary", int64(1)}}
	must(t, s.commit(t.Context(), lane))
	for name, st := range map[string]stmt{
		"duplicate": lane,
		"null":      {sql: `INSERT INTO lane (name, next) VALUES ($1, NULL)`, args: []any{"canary 2"}},
		"cast":      {sql: `INSERT INTO lane (name, next) VALUES ('x', CAST($1 AS TEXT)::BIGINT)`, args: []any{"canary"}},
		"encoding":  {sql: `INSERT INTO lane (name, next) VALUES ('x', $1)`, args: []any{"canary"}},
	} {
		err := s.commit(t.Context(), st)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := s.one(t.Context(), `SELECT CAST($1 AS TEXT)::BIGINT`, []any{"canary"}, new(int64))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("read: %v", err)
	}
}

// impatient gives a commit up that has been at the server for a moment.
func impatient(o *Options) {
	o.Within = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		if d == commitLimit {
			d = 300 * time.Millisecond
		}
		return context.WithTimeout(ctx, d)
	}
}

// A commit that waits for a database which has stopped answering ends.
func TestCommitLimit(t *testing.T) {
	needPostgres(t)
	s := newDatabase(t, "PostgreSQL").open(t, impatient)
	err := s.engine.commit(t.Context(), []stmt{{sql: `SELECT pg_sleep(30)`}})
	if !errors.Is(err, payment.ErrUnsure) {
		t.Errorf("%v, want it lost", err)
	}
}

// A commit that was given up goes on at the server: cancelling one that waits for a standby would make it seem done.
func TestNothingIsCancelled(t *testing.T) {
	needPostgres(t)
	db := newDatabase(t, "PostgreSQL")
	hasty := db.open(t, impatient)
	must(t, hasty.Ping(t.Context()))
	err := hasty.engine.commit(t.Context(), []stmt{{sql: `INSERT INTO lane (name, next) SELECT 'n', 1 FROM pg_sleep(1)`}})
	if !errors.Is(err, payment.ErrUnsure) {
		t.Fatalf("%v, want it lost", err)
	}
	other := db.open(t)
	eventually(t, "the commit is made", func() bool { return rows(t, other, "lane", `name = 'n'`) == 1 })
}

// A commit that is on its way is seen through when its caller leaves: the caller gets the outcome.
func TestCallerLeavesInFlight(t *testing.T) {
	needPostgres(t)
	s := newDatabase(t, "PostgreSQL").open(t)
	ctx, leave := context.WithCancel(context.Background())
	answer := make(chan error)
	go func() {
		answer <- s.commit(ctx, stmt{sql: `INSERT INTO lane (name, next) SELECT 'n', 1 FROM pg_sleep(0.3)`})
	}()
	eventually(t, "the commit on its way", func() bool {
		return rows(t, s, "pg_stat_activity", `query LIKE '%pg_sleep(0.3)' AND state = 'active' AND datname = current_database()`) == 1
	})
	leave()
	must(t, <-answer)
	if n := rows(t, s, "lane", `name = 'n'`); n != 1 {
		t.Error("answered, and not there")
	}
}

// A database that cannot be reached is told from one that refuses: nothing has changed, and it comes back.
func TestUnreachable(t *testing.T) {
	needPostgres(t)
	var down atomic.Bool
	s := newDatabase(t, "PostgreSQL").open(t, func(o *Options) {
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if down.Load() {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	down.Store(true)
	s.engine.(*postgres).pool.Reset()
	if _, _, err := s.Lease(t.Context(), "n", 0, 1); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("a commit: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("a read: %v", err)
	}
	down.Store(false)
	if from, _, err := s.Lease(t.Context(), "n", 0, 1); err != nil || from != 0 {
		t.Errorf("when it is back: from %d, %v", from, err)
	}
}

// Connections that the server ends: a read has changed nothing, a commit may have been made.
func TestCutOff(t *testing.T) {
	needPostgres(t)
	s := newDatabase(t, "PostgreSQL").open(t)
	end := `SELECT 1 FROM pg_terminate_backend(pg_backend_pid())`
	if err := s.engine.commit(t.Context(), []stmt{{sql: end}}); !errors.Is(err, payment.ErrUnsure) {
		t.Errorf("a commit: %v", err)
	}
	if err := s.one(t.Context(), end, nil, new(int)); !errors.Is(err, payment.ErrUnavailable) || errors.Is(err, payment.ErrUnsure) {
		t.Errorf("a read: %v", err)
	}
	if err := s.engine.commit(t.Context(), []stmt{{sql: `SET LOCAL statement_timeout = 1`}, {sql: `SELECT pg_sleep(10)`}}); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("a commit that took too long: %v", err)
	}
}

// Another process that holds the file for long is waited for, and then told of. Nothing has changed.
func TestBusyFile(t *testing.T) {
	db := newDatabase(t, "SQLite")
	s := db.open(t)
	var patient int
	must(t, s.commit(t.Context(), stmt{sql: `PRAGMA busy_timeout = 1`, each: func(r row) error { return r.Scan(&patient) }}))
	other, err := sql.Open("sqlite", location(db.url, nil))
	must(t, err)
	defer other.Close()
	lock, err := other.Conn(t.Context())
	must(t, err)
	_, err = lock.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	must(t, err)
	if _, _, err := s.Lease(t.Context(), "n", 0, 1); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("while another writes: %v", err)
	}
	_, err = lock.ExecContext(t.Context(), `ROLLBACK`)
	must(t, err)
	if from, _, err := s.Lease(t.Context(), "n", 0, 1); err != nil || from != 0 {
		t.Errorf("after that: from %d, %v", from, err)
	}
}
