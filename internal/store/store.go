// Package store is the memory: it keeps what the gateway knows, in SQLite or in PostgreSQL, with one SQL
// text for both. A change is one commit: the new state, everything that must happen because of it, and the
// work that will do it. Nobody can remember the one and forget the other.
//
// One rule holds everywhere: a conflict must be an SQL error. No commit looks inside itself, so it can be
// handed to the database as one list of statements, in one round trip.
package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reprise/internal/payment"
)

// Options of a Store.
type Options struct {
	// URL is "postgres://…", or the path of an SQLite file, bare or after "file:". The file is made when it
	// is missing, readable to its owner only.
	URL string

	// NoMigrate refuses a database that lacks a migration with ErrBehind, instead of bringing it up to date:
	// a node that is started must not change what others stand on.
	NoMigrate bool

	// Render makes the JSON of a notice's data from the case as it stands after the change.
	Render func(kind payment.NoticeKind, c payment.Case, at time.Time) ([]byte, error)

	Now   func() time.Time
	Rand  io.Reader // ids of notices, where claims are counted from, and how long to wait before a commit is tried again
	Timer func(d time.Duration) (<-chan time.Time, func() bool)
	// Within is a context that ends after d.
	Within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	Go     func(func())
	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // to PostgreSQL; nil: its own
	Log    *slog.Logger

	// Watch, when not nil, stands between the store and its database. It is told of each commit and each read
	// before it is made, and makes it by calling do, or not; what it returns is what became of it. A test lets
	// nodes die there, or takes the answer of a commit away with payment.ErrUnsure. what names the statements by verb
	// and table, each once: "UPDATE request, INSERT work"; args are what they are given.
	Watch func(what string, args []any, do func() error) error

	// Lease is how long a piece of work belongs to who claimed it; a try ends a little before. Zero: 12 s.
	Lease time.Duration
	// Poll is how often due work is looked for that nobody handed over. Zero: 1 s.
	Poll time.Duration
	// MaxSkew is how far Now may be off the clock of a database that is elsewhere: the constant, for a gateway. Open
	// refuses more, and what comes later is logged as an error. Zero: nobody looks.
	MaxSkew time.Duration
	// Workers is how much work is done at once, at most. Zero: 64.
	Workers int
}

// Store keeps everything. It implements what flow asks of a memory.
type Store struct {
	Options
	engine     engine
	dialect    dialect
	slots      *slots
	handlers   map[payment.WorkKind]Handler
	courier    Courier
	claims     atomic.Int64 // the number of the last claim
	looked     time.Time    // when it was last looked for whom there is work; whoever claims has it
	outcomes   outcomes
	insertions insertions

	recentKeys      recent[[32]byte, payment.Key] // by hash
	recentMerchants recent[payment.BusinessID, payment.Merchant]

	halt    sync.Once
	halted  chan struct{}      // closed when no more work is to be begun
	polled  sync.WaitGroup     // the loops of StartWork
	poke    chan struct{}      // there is room for work that found none
	cut     context.CancelFunc // ends what workers are doing
	working context.Context
}

// Open opens a database, brings its tables up to date unless told not to, and returns the memory that is in it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Lease == 0 {
		o.Lease = 12 * time.Second
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Workers == 0 {
		o.Workers = 64
	}
	s := &Store{Options: o, slots: newSlots(o.Workers), halted: make(chan struct{}), poke: make(chan struct{}, 1)}
	s.working, s.cut = context.WithCancel(context.Background())

	var first [8]byte
	_, err := io.ReadFull(o.Rand, first[:])
	if err != nil {
		return nil, fmt.Errorf("store: no randomness: %w", err)
	}
	s.claims.Store(int64(binary.BigEndian.Uint64(first[:]) >> 1))
	if onPostgres(o.URL) {
		s.dialect = postgresDialect
		s.engine, err = openPostgres(ctx, o)
	} else {
		s.dialect = sqliteDialect
		s.engine, err = openSQLite(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	if o.Watch != nil {
		s.engine = watched{s.engine, o.Watch}
	}
	if err := s.checkClock(ctx); err != nil {
		s.engine.close()
		return nil, err
	}
	return s, nil
}

func onPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Close ends the connections, after the commits under way. Work must have been stopped.
func (s *Store) Close(ctx context.Context) error {
	closed := make(chan struct{})
	s.Go(func() {
		s.engine.close()
		close(closed)
	})
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ErrReadOnly reports a database that can be read only: a standby, or one that its administrator has closed.
var ErrReadOnly = fmt.Errorf("store: the database takes no writes: %w", payment.ErrUnavailable)

// Ping says whether the database answers and takes writes, within the time that a commit may take. Nothing is written.
func (s *Store) Ping(ctx context.Context) error {
	readOnly := "on"
	err := s.engine.commit(ctx, []stmt{{
		sql: s.dialect.readOnly, each: func(r row) error { return r.Scan(&readOnly) },
	}})
	if err == nil && readOnly != "off" {
		return ErrReadOnly
	}
	return err
}

// one reads one row by its key, or payment.ErrNotFound.
func (s *Store) one(ctx context.Context, sql string, args []any, into ...any) error {
	found := false
	err := s.engine.find(ctx, stmt{sql: sql, args: args, each: func(r row) error {
		found = true
		return r.Scan(into...)
	}})
	if err == nil && !found {
		return payment.ErrNotFound
	}
	return err
}

// micros is a time as the tables hold it.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

var errClosed = fmt.Errorf("store: closed: %w", payment.ErrUnavailable)
