package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"reprise/internal/payment"
)

// TestConformance runs every test of the store on every database: what one does, the other does. SQLite is
// always there; PostgreSQL where REPRISE_TEST_POSTGRES is the URL of a cluster in which databases may be
// made.
func TestConformance(t *testing.T) {
	suite := []struct {
		name string
		test func(*testing.T, *database)
	}{
		{"migrations", testMigrations},
		{"older rows", testOlderRows},
		{"later migrations", testLaterMigrations},
		{"behind", testBehind},
		{"case", testCase},
		{"case with a customer", testCaseWithCustomer},
		{"create session", testCreateSession},
		{"seeded rows", testSeededRows},
		{"keys", testKeys},
		{"remembered", testRemembered},
		{"change", testChange},
		{"lost race", testLostRace},
		{"opened by many", testOpenedByMany},
		{"supersede", testSupersede},
		{"two submits", testTwoSubmits},
		{"several steps in one commit", testSeveralSteps},
		{"without session", testWithoutSession},
		{"reference used once", testReferenceOnce},
		{"requests listed", testRequestsListed},
		{"link", testLink},
		{"answer amended", testAmends},
		{"typed card", testTypedCard},
		{"card changed by many", testCardByMany},
		{"card counts", testCardCounts},
		{"number needed", testNumberNeeded},
		{"customer", testCustomer},
		{"customer read back", testCustomerReadBack},
		{"customer changed by many", testCustomerByMany},
		{"once", testOnce},
		{"once by many", testOnceByMany},
		{"proof used once", testProofOnce},
		{"transaction used once", testTransactionOnce},
		{"mismatches", testMismatches},
		{"reversal", testReversal},
		{"advice settled", testAdviceSettled},
		{"refund", testRefund},
		{"refunds by many", testRefundsByMany},
		{"refunds crowded out", testRefundsCrowdedOut},
		{"refund read back", testRefundReadBack},
		{"refunds listed", testRefundsListed},
		{"records", testRecords},
		{"pin", testPin},
		{"card ranges", testRanges},
		{"card ranges leased", testRangesLeased},
		{"card ranges beside others", testRangesBesideOthers},
		{"card ranges hold nobody up", testRangesHoldNobodyUp},
		{"figures", testFigures},
		{"ping", testPing},
		{"CVN kept and taken", testEscrow},
		{"CVN taken by many", testTakenByMany},
		{"CVN forgotten", testForgotten},
		{"CVN expired", testEscrowExpiry},
		{"notices", testNotices},
		{"notices by many", testNoticesByMany},
		{"notices of nothing", testNoticesOfNothing},
		{"endpoints", testEndpoints},
		{"endpoints choose", testEndpointsChoose},
		{"deliveries listed", testDeliveries},
		{"deliveries resent", testResend},
		{"delivery late", testLateTry},
		{"deliveries of before", testOldDeliveries},
		{"errands", testErrands},
		{"settled together", testSettledTogether},
		{"delivery cut short", testCutShort},
		{"backlog of one peer", testBacklog},
		{"lanes", testLanes},
		{"brought back", testBroughtBack},
		{"commits of others", testCommitsOfOthers},
		{"caller leaves", testCallerLeaves},
		{"what a later version keeps", testUnread},
		{"read back", testReadBack},
		{"read back a rival's", testReadBackRival},
		{"commit taken back", testTakenBack},
		{"reopen", testReopen},
		{"work handed over", testHandOver},
		{"work retried", testRetry},
		{"work panics", testPanic},
		{"work moved by itself", testMovedByItself},
		{"work of a dead node", testDeadNode},
		{"work taken up in time", testTakenUpInTime},
		{"a group", testGroup},
		{"a group of twins", testGroupOfTwins},
		{"a panic in a group", testPanicInGroup},
		{"work claimed twice in a moment", testClaims},
		{"work put back", testPutBack},
		{"work of others", testForeignKinds},
		{"told of what is lost", testToldOfWhatIsLost},
		{"settled beside trouble", testSettledBesideTrouble},
		{"unsettled", testUnsettled},
		{"turned off", testTurnedOff},
		{"late claim", testLateClaim},
		{"slow peer", testSlowPeer},
		{"slow peers", testSlowPeers},
		{"stop", testStop},
		{"stop unheeded", testStopUnheeded},
		{"clocks differ", testSkew},
		{"sweep", testSweep},
		{"sweep counts", testSweepCounts},
		{"audit", testAudit},
	}
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		asked := &noted{all: map[string]stmt{}}
		var ran atomic.Int64
		t.Run(kind, func(t *testing.T) {
			if kind == "PostgreSQL" {
				needPostgres(t)
			}
			for _, s := range suite {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					ran.Add(1)
					db := newDatabase(t, kind)
					db.asked = asked
					s.test(t, db)
				})
			}
		})
		if int(ran.Load()) == len(suite) { // else some statements were not made
			t.Run(kind+" when it has grown", func(t *testing.T) { asked.explained(t, newDatabase(t, kind)) })
		}
	}
}

// database is one that is new and empty. Any number of stores may be opened on it, as nodes are.
type database struct {
	kind, url string
	asked     *noted // what nodes on it ask it for; nil: nobody notes it
}

var databases atomic.Int64

func newDatabase(t testing.TB, kind string) *database {
	if kind == "SQLite" {
		return &database{kind: kind, url: filepath.Join(t.TempDir(), "reprise #1?.db")}
	}
	u, err := url.Parse(os.Getenv("REPRISE_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("reprise_store_%d_%d", os.Getpid(), databases.Add(1))
	admin := func(sql string) {
		conn, err := pgx.Connect(context.Background(), u.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	admin(`CREATE DATABASE ` + name)
	t.Cleanup(func() { admin(`DROP DATABASE ` + name + ` WITH (FORCE)`) })
	own := *u
	own.Path = "/" + name
	return &database{kind: kind, url: own.String()}
}

// clock is real time, moved by hand.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// options are those of a node on the database that polls often.
func (d *database) options(set ...func(*Options)) Options {
	o := Options{
		URL: d.url, Now: time.Now, Rand: rand.Reader, Poll: 5 * time.Millisecond,
		Timer: func(d time.Duration) (<-chan time.Time, func() bool) {
			timer := time.NewTimer(d)
			return timer.C, timer.Stop
		},
		Within: context.WithTimeout,
		Go:     func(task func()) { go task() },
		Log:    slog.New(slog.DiscardHandler),
		Render: func(kind payment.NoticeKind, c payment.Case, _ time.Time) ([]byte, error) {
			return json.Marshal(map[string]any{"kind": kind, "session": c.Session.Status, "version": c.Session.Version})
		},
	}
	for _, f := range set {
		f(&o)
	}
	return o
}

// open starts a node on the database.
func (d *database) open(t testing.TB, set ...func(*Options)) *Store {
	t.Helper()
	s, err := Open(context.Background(), d.options(set...))
	if err != nil {
		t.Fatal(err)
	}
	if d.asked != nil {
		s.engine = noting{s.engine, d.asked}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.StopWork(ctx)
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// logged is what a node logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) to(o *Options) { o.Log = slog.New(slog.NewTextHandler(l, nil)) }

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// at opens a node that goes by a clock of the test's.
func at(c *clock) func(*Options) { return func(o *Options) { o.Now = c.now } }

// rows counts the rows of a table that meet a condition.
func rows(t *testing.T, s *Store, table, where string) int {
	t.Helper()
	var n int
	if err := s.one(t.Context(), `SELECT COUNT(*) FROM `+table+` WHERE `+where, nil, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits for something that another task does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// together runs n tasks that begin at the same moment and returns what each came to.
func together(n int, task func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = task(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
