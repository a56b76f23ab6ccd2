package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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

// patient lets nobody overtake a group.
func patient(o *Options) {
	timer := o.Timer
	o.Timer = func(d time.Duration) (<-chan time.Time, func() bool) {
		if d == groupPatience {
			return nil, func() bool { return true }
		}
		return timer(d)
	}
}

// inOneGroup has commits made at the same time, in this order: as if a trip had been under way when they came. The store
// is patient.
func inOneGroup(t *testing.T, s *Store, commits ...[]stmt) []error {
	t.Helper()
	g := groupsOf(s.engine)
	before := newMember()
	g.mu.Lock()
	g.appoint(before)
	g.mu.Unlock()
	waiting := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting)
	}
	answers := make([]chan error, len(commits))
	for i, list := range commits {
		answers[i] = make(chan error, 1)
		n := waiting()
		go func() { answers[i] <- s.engine.commit(t.Context(), list) }()
		if !newMember(list...).reads() || s.dialect.skipLocked == "" {
			eventually(t, "the commit waits", func() bool { return waiting() > n })
		}
	}
	g.handOver(before)
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
			s := db.open(t, patient)
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
	s := db.open(t, patient)
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

func insertLane(name string) stmt {
	return stmt{sql: `INSERT INTO lane (name, period, next) VALUES ($1, 0, 0)`, args: []any{name}}
}

// testPanicInGroup: a commit in which something panics leaves nobody in the belief that theirs was made, and the next goes its
// way.
func testPanicInGroup(t *testing.T, db *database) {
	s := db.open(t, patient)
	g := groupsOf(s.engine)
	read := []stmt{{sql: `INSERT INTO lane (name, period, next) VALUES ('r', 0, 0) RETURNING name`, each: func(row) error { panic("while it is read") }}}
	paid := newMember(insertLane("paid"))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nothing has panicked")
			}
		}()
		reads := newMember(read...)
		g.mu.Lock()
		g.waiting = append(g.waiting, reads, paid)
		g.appoint(reads)
		g.mu.Unlock()
		g.travel(t.Context(), reads)
	}()
	<-paid.done
	if !errors.Is(paid.err, payment.ErrUnsure) {
		t.Errorf("a commit on the same trip came to %v", paid.err)
	}
	must(t, s.commit(t.Context(), insertLane("next")))
}

// scripted are groups whose trips a test makes.
type scripted struct {
	groups
	opens chan struct{} // a way to the database
	trips chan []*member
	done  chan struct{}
	over  chan time.Time // the patience of the first who waits
	asked atomic.Int64   // how many have asked for theirs
}

func newScripted(most int) *scripted {
	s := &scripted{opens: make(chan struct{}, 100), trips: make(chan []*member), done: make(chan struct{}), over: make(chan time.Time)}
	trip := func(group []*member) {
		s.trips <- group
		<-s.done
		for _, m := range group {
			m.err = nil
		}
	}
	s.groups = groups{most: most, lost: errLost, open: func(ctx context.Context) (func([]*member), func(), error) {
		select {
		case <-s.opens:
			return trip, func() { s.opens <- struct{}{} }, nil
		case <-ctx.Done():
			return nil, nil, unreached(ctx.Err())
		}
	}, patience: func() (<-chan time.Time, func() bool) {
		var over <-chan time.Time
		if s.asked.Add(1) == 1 {
			over = s.over
		}
		return over, func() bool { return true }
	}}
	return s
}

// come has members join, one after the other, of which each waits.
func (s *scripted) come(t *testing.T, ctx context.Context, members ...*member) <-chan error {
	t.Helper()
	errs := make(chan error, len(members))
	for _, m := range members {
		before := s.asked.Load()
		go func() { errs <- s.join(ctx, m) }()
		eventually(t, "it waits", func() bool { return s.asked.Load() > before })
	}
	return errs
}

func someMembers(n int) (list []*member) {
	for range n {
		list = append(list, newMember())
	}
	return list
}

// under makes the first trip, and leaves it under way.
func (s *scripted) under(t *testing.T) <-chan error {
	t.Helper()
	s.opens <- struct{}{}
	alone, came := newMember(), make(chan error, 1)
	go func() { came <- s.join(t.Context(), alone) }()
	if trip := <-s.trips; len(trip) != 1 || trip[0] != alone {
		t.Fatalf("the first trip is of %d", len(trip))
	}
	return came
}

// settled says that nothing is left of what was.
func (s *scripted) settled(t *testing.T) {
	t.Helper()
	s.close()
	if s.leaders != 0 || len(s.waiting) != 0 {
		t.Errorf("%d lead and %d wait when all is over", s.leaders, len(s.waiting))
	}
	if err := s.join(t.Context(), newMember()); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestTrips: who comes alone goes alone, and who comes meanwhile goes together, in the order in which they came, no more at once
// than may.
func TestTrips(t *testing.T) {
	s := newScripted(3)
	first := s.under(t)
	m := someMembers(4)
	errs := s.come(t, t.Context(), m...)
	s.done <- struct{}{}
	must(t, <-first)
	for _, want := range [][]*member{m[:3], m[3:]} {
		if trip := <-s.trips; !slices.Equal(trip, want) {
			t.Errorf("a trip of %d, or in another order, instead of %d", len(trip), len(want))
		}
		s.done <- struct{}{}
	}
	for range m {
		must(t, <-errs)
	}
	s.settled(t)
}

// TestOvertaking: who has waited long goes beside a trip that is stuck, as soon as there is a way, and takes along who waits by
// then. Nobody goes beside it for that reason alone.
func TestOvertaking(t *testing.T) {
	s := newScripted(3)
	first := s.under(t)
	m := someMembers(5)
	errs := s.come(t, t.Context(), m...)
	s.over <- time.Time{} // and there is no way yet
	s.opens <- struct{}{}
	if trip := <-s.trips; !slices.Equal(trip, m[:3]) {
		t.Errorf("beside a stuck trip goes one of %d", len(trip))
	}
	s.done <- struct{}{} // one of the two trips is over, and the other goes on
	select {
	case trip := <-s.trips:
		t.Errorf("a trip of %d beside another, and nobody has waited long", len(trip))
	case <-time.After(10 * time.Millisecond):
	}
	s.done <- struct{}{}
	if trip := <-s.trips; !slices.Equal(trip, m[3:]) {
		t.Errorf("after the stuck trip comes one of %d", len(trip))
	}
	s.done <- struct{}{}
	for range m {
		must(t, <-errs)
	}
	must(t, <-first)
	s.settled(t)
}

// TestLeaving: who leaves while waiting is on no trip, and nobody waits for it.
func TestLeaving(t *testing.T) {
	s := newScripted(3)
	first := s.under(t)
	ctx, leave := context.WithCancel(t.Context())
	left := s.come(t, ctx, someMembers(2)...)
	s.over <- time.Time{} // the first of the two waits for a way now
	stays := newMember()
	errs := s.come(t, t.Context(), stays)
	leave()
	for range 2 {
		if err := <-left; !errors.Is(err, payment.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("who left was told %v", err)
		}
	}
	s.done <- struct{}{}
	must(t, <-first)
	if trip := <-s.trips; !slices.Equal(trip, []*member{stays}) {
		t.Errorf("the next trip is of %d", len(trip))
	}
	s.done <- struct{}{}
	must(t, <-errs)
	s.settled(t)
}

// TestPanicBeforeATrip: where the way itself panics, who was to lead is told, and the next has its turn.
func TestPanicBeforeATrip(t *testing.T) {
	s := newScripted(3)
	first := s.under(t)
	m := someMembers(2)
	open, opened := s.groups.open, 0
	s.groups.open = func(ctx context.Context) (func([]*member), func(), error) {
		if opened++; opened == 1 {
			panic("no way")
		}
		return open(ctx)
	}
	panicked := make(chan any, 1)
	go func() {
		defer func() { panicked <- recover() }()
		_ = s.join(t.Context(), m[0])
	}()
	eventually(t, "it waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Contains(s.waiting, m[0])
	})
	errs := s.come(t, t.Context(), m[1])
	s.done <- struct{}{}
	must(t, <-first)
	if <-panicked == nil {
		t.Error("nothing has panicked")
	}
	if trip := <-s.trips; !slices.Equal(trip, m[1:]) {
		t.Errorf("the next trip is of %d", len(trip))
	}
	s.done <- struct{}{}
	must(t, <-errs)
	s.settled(t)
}

// TestManyAtOnce: whoever comes, overtakes, leaves or panics, all are answered, and each trip has who was answered.
func TestManyAtOnce(t *testing.T) {
	var trips, lost, left atomic.Int64
	ways := make(chan struct{}, 3)
	g := groups{most: 4, lost: errLost, open: func(ctx context.Context) (func([]*member), func(), error) {
		select {
		case ways <- struct{}{}:
		case <-ctx.Done():
			return nil, nil, unreached(ctx.Err())
		}
		return func(group []*member) {
			time.Sleep(time.Duration(trips.Add(1)%5) * 100 * time.Microsecond)
			if trips.Load()%50 == 0 {
				panic("on the way")
			}
			for _, m := range group {
				m.err = nil
			}
		}, func() { <-ways }, nil
	}, patience: func() (<-chan time.Time, func() bool) {
		timer := time.NewTimer(200 * time.Microsecond)
		return timer.C, timer.Stop
	}}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for n := range 200 {
				func() {
					defer func() { _ = recover() }()
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(i+n)%7)*300*time.Microsecond)
					defer cancel()
					switch err := g.join(ctx, newMember()); {
					case errors.Is(err, errLost):
						lost.Add(1)
					case errors.Is(err, payment.ErrUnavailable):
						left.Add(1)
					case err != nil:
						t.Error(err)
					}
				}()
			}
		})
	}
	all.Wait()
	g.close()
	if g.leaders != 0 || len(g.waiting) != 0 || len(ways) != 0 {
		t.Errorf("%d lead, %d wait and %d are on their way when all is over", g.leaders, len(g.waiting), len(ways))
	}
	if lost.Load() == 0 || left.Load() == 0 {
		t.Errorf("%d were lost and %d left: the test shows too little", lost.Load(), left.Load())
	}
}
