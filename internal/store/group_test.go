package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"reprise/internal/payment"
)

// groupsOf are those in which commits go.
func groupsOf(e engine) *groups {
	switch e := e.(type) {
	case noting:
		return groupsOf(e.engine)
	case *postgres:
		return &e.commits
	case *sqlite:
		return &e.commits
	}
	panic("an engine without groups")
}

// inOneGroup has commits made at the same time, in this order: as if a trip had been under way when they came.
func inOneGroup(t *testing.T, s *Store, commits ...[]stmt) []error {
	t.Helper()
	g := groupsOf(s.engine)
	g.mu.Lock()
	g.leaders++
	g.patience = nil
	g.mu.Unlock()
	waiting := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting)
	}
	answers := make([]chan error, len(commits))
	for i, list := range commits {
		answers[i] = make(chan error, 1)
		before := waiting()
		go func() { answers[i] <- s.engine.commit(t.Context(), list) }()
		if !slices.ContainsFunc(list, func(st stmt) bool { return st.each != nil }) || s.dialect.skipLocked == "" {
			eventually(t, "the commit waits", func() bool { return waiting() > before })
		}
	}
	g.handOver()
	errs := make([]error, len(commits))
	for i := range commits {
		errs[i] = <-answers[i]
	}
	return errs
}

// testGroup: of commits that share a trip one that the database refuses is refused alone, and what comes back from a commit is
// told once.
func testGroup(t *testing.T, db *database) {
	insert := func(name string, each func(row) error) stmt {
		return stmt{sql: `INSERT INTO lane (name, period, next) VALUES ($1, 0, 0) RETURNING name`, args: []any{name}, each: each}
	}
	for _, test := range []struct {
		name  string
		names []string // of the lane that each commit inserts; one that is there already is refused
		reads bool     // the first commit
		kept  []string
	}{
		{"one", []string{"a"}, false, []string{"a"}},
		{"one that reads", []string{"a"}, true, []string{"a"}},
		{"one that is refused", []string{"was"}, false, nil},
		{"several", []string{"a", "b", "c"}, false, []string{"a", "b", "c"}},
		{"several, one refused", []string{"a", "was", "c"}, false, []string{"a", "c"}},
		{"several, all refused", []string{"was", "was", "was"}, false, nil},
		{"several, one reads", []string{"a", "b", "c"}, true, []string{"a", "b", "c"}},
		{"several, one reads and is refused", []string{"was", "b", "c"}, true, []string{"b", "c"}},
		{"several, one reads and one is refused", []string{"a", "was", "c"}, true, []string{"a", "c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := db.open(t)
			must(t, s.commit(t.Context(), stmt{sql: `DELETE FROM lane`}, insert("was", nil)))
			told := 0
			var commits [][]stmt
			for i, name := range test.names {
				// The statement before it goes with what is refused.
				first := insert(fmt.Sprint("before-", i), nil)
				if i == 0 && test.reads {
					first.each = func(row) error { told++; return nil }
				}
				commits = append(commits, []stmt{first, insert(name, nil)})
			}
			var kept, want []string
			for i, err := range inOneGroup(t, s, commits...) {
				switch {
				case err == nil:
					kept = append(kept, test.names[i])
					want = append(want, fmt.Sprint("before-", i), test.names[i])
				case !errors.Is(err, errConflict):
					t.Errorf("commit %d: %v", i, err)
				}
			}
			if !slices.Equal(kept, test.kept) {
				t.Errorf("kept %v, want %v", kept, test.kept)
			}
			var rows []string
			must(t, s.engine.query(t.Context(), stmt{sql: `SELECT name FROM lane WHERE name <> 'was'`, each: func(r row) error {
				rows = append(rows, "")
				return r.Scan(&rows[len(rows)-1])
			}}))
			slices.Sort(rows)
			slices.Sort(want)
			if !slices.Equal(rows, want) {
				t.Errorf("in the table are %v, want %v", rows, want)
			}
			if test.reads && told != 1 {
				t.Errorf("what came back was told %d times", told)
			}
		})
	}
}

// testGroupOfTwins: of two commits in a group that are each other's conflict one is made, and its twin is told.
func testGroupOfTwins(t *testing.T, db *database) {
	s := db.open(t)
	twin := func(mark string) []stmt {
		return []stmt{
			{sql: `INSERT INTO pin (name, value) VALUES ('p', $1)`, args: []any{[]byte(mark)}, used: payment.ErrRepeated},
			{sql: `INSERT INTO lane (name, period, next) VALUES ($1, 0, 0)`, args: []any{mark}},
		}
	}
	errs := inOneGroup(t, s, twin("a"), twin("b"))
	slices.SortFunc(errs, func(a, b error) int { return len(fmt.Sprint(b)) - len(fmt.Sprint(a)) })
	if !errors.Is(errs[0], payment.ErrRepeated) || errs[1] != nil {
		t.Errorf("twins came to %v", errs)
	}
	if n := rows(t, s, "lane", `name IN ('a', 'b')`); n != 1 {
		t.Errorf("%d of two twins were written", n)
	}
}

// onPostgresOnly opens a store on PostgreSQL, or skips.
func onPostgresOnly(t *testing.T) *Store {
	t.Helper()
	if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
		t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
	}
	return newDatabase(t, "PostgreSQL").open(t)
}

func insertLane(name string) stmt {
	return stmt{sql: `INSERT INTO lane (name, period, next) VALUES ($1, 0, 0)`, args: []any{name}}
}

// A row that somebody holds on to is in the way of who wants it, and of nobody else, though they go together.
func TestHeldUp(t *testing.T) {
	s := onPostgresOnly(t)
	must(t, s.commit(t.Context(), insertLane("held")))
	tx, err := s.engine.(*postgres).pool.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `UPDATE lane SET next = 1 WHERE name = 'held'`)
	must(t, err)

	held := []stmt{{sql: `UPDATE lane SET next = next + 1 WHERE name = 'held'`}}
	alone, together := make(chan error, 1), make(chan []error, 1)
	go func() { alone <- s.engine.commit(t.Context(), held) }()
	eventually(t, "it waits for the row", func() bool { return rows(t, s, "pg_locks", `NOT granted`) == 1 })
	go func() {
		together <- inOneGroup(t, s, append(held, insertLane("with it")), []stmt{insertLane("other")})
	}()
	eventually(t, "the other is made", func() bool { return rows(t, s, "lane", `name = 'other'`) == 1 })
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

// A trip that is stuck holds up nobody who comes after it.
func TestBesideAStuckTrip(t *testing.T) {
	s := onPostgresOnly(t)
	stuck := make(chan error, 2)
	go func() { stuck <- s.engine.commit(t.Context(), []stmt{{sql: `SELECT pg_sleep(2)`}}) }()
	go func() {
		stuck <- s.engine.find(t.Context(), stmt{sql: `SELECT 1 FROM pg_sleep(2)`, each: func(row) error { return nil }})
	}()
	eventually(t, "both are stuck", func() bool {
		n := 0
		must(t, s.engine.query(t.Context(), stmt{
			sql:  `SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'SELECT%pg_sleep(2)' AND state = 'active' AND datname = current_database()`,
			each: func(r row) error { return r.Scan(&n) },
		}))
		return n == 2
	})
	began := time.Now()
	must(t, s.engine.commit(t.Context(), []stmt{insertLane("beside")}))
	if n := rows(t, s, "lane", `name = 'beside'`); n != 1 {
		t.Error("answered, and not there")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("a commit and a read beside those that were stuck took %v", took)
	}
	must(t, errors.Join(<-stuck, <-stuck))
}

// Where a trip is lost, all that were on it may have been made; and nobody knows.
func TestLostTogether(t *testing.T) {
	s := onPostgresOnly(t)
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
	p.findGroup(group)
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

// scripted are groups whose trips a test makes.
type scripted struct {
	groups
	trips chan []*member
	done  chan struct{}
}

func newScripted(most int) *scripted {
	s := &scripted{trips: make(chan []*member), done: make(chan struct{})}
	s.groups = groups{most: most, lead: func(group []*member) {
		s.trips <- group
		<-s.done
		for _, m := range group {
			m.err = nil
		}
	}}
	return s
}

// come has so many members join, one after the other, of which all but the first of all wait.
func (s *scripted) come(t *testing.T, members ...*member) <-chan error {
	t.Helper()
	errs := make(chan error, len(members))
	for _, m := range members {
		go func() { errs <- s.join(m) }()
		eventually(t, "it waits", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Contains(s.waiting, m)
		})
	}
	return errs
}

// TestTrips: who comes alone goes alone, and who comes meanwhile goes together, in the order in which they came, no more at once
// than may; who is in a hurry does not wait for a trip that is stuck, and takes along who waits.
func TestTrips(t *testing.T) {
	s := newScripted(3)
	alone := newMember()
	first := make(chan error, 1)
	go func() { first <- s.join(alone) }()
	if trip := <-s.trips; len(trip) != 1 || trip[0] != alone {
		t.Fatalf("the first trip is of %d", len(trip))
	}
	m := []*member{newMember(), newMember(), newMember(), newMember()}
	errs := s.come(t, m...)
	s.done <- struct{}{}
	must(t, <-first)
	if trip := <-s.trips; !slices.Equal(trip, m[:3]) {
		t.Errorf("the second trip is of %d, or in another order", len(trip))
	}

	over := make(chan time.Time)
	s.mu.Lock()
	s.patience = func() (<-chan time.Time, func() bool) { return over, func() bool { return true } }
	s.mu.Unlock()
	hasty := newMember()
	hurried := s.come(t, hasty)
	over <- time.Time{}
	if trip := <-s.trips; !slices.Equal(trip, []*member{m[3], hasty}) {
		t.Errorf("beside the second trip goes one of %d", len(trip))
	}
	s.done <- struct{}{}
	s.done <- struct{}{}
	for range m {
		must(t, <-errs)
	}
	must(t, <-hurried)
	s.close()
	if err := s.join(newMember()); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// Who waits is led, and told that nobody knows, where a trip ends in a panic.
func TestPanicOnTheWay(t *testing.T) {
	s := newScripted(3)
	s.lead = func(group []*member) {
		s.trips <- group
		<-s.done
		panic("on the way")
	}
	join := func(m *member) <-chan error {
		err := make(chan error, 1)
		go func() {
			defer func() {
				if recover() != nil {
					err <- errLost
				}
			}()
			err <- s.join(m)
		}()
		return err
	}
	first := join(newMember())
	<-s.trips
	m := []*member{newMember(), newMember()}
	var errs []<-chan error
	for _, m := range m {
		errs = append(errs, join(m))
		eventually(t, "it waits", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Contains(s.waiting, m)
		})
	}
	s.done <- struct{}{}
	<-s.trips
	s.done <- struct{}{}
	for _, err := range append(errs, first) {
		if err := <-err; !errors.Is(err, payment.ErrUnsure) {
			t.Errorf("it came to %v", err)
		}
	}
	s.close()
}
