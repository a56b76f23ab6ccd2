package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// testRanges: one node writes a set, all read it from one moment on, and what it took the place of is gone.
func testRanges(t *testing.T, db *database) {
	ctx := t.Context()
	writer, reader := db.open(t), db.open(t)
	none, err := reader.RangeSet(ctx, "visa", "https://ds.example")
	must(t, err)
	if diff := cmp.Diff(RangeSet{Directory: "visa", URL: "https://ds.example"}, none); diff != "" {
		t.Fatalf("of nothing: -want +got:\n%s", diff)
	}
	write := func(was RangeSet, serial string, loaded time.Time, pieces ...string) (RangeSet, error) {
		t.Helper()
		set, ok, err := writer.LeaseRanges(ctx, was, loaded.Add(time.Minute))
		if err != nil || !ok {
			t.Fatalf("no lease: %v %v", ok, err)
		}
		now := RangeSet{Directory: was.Directory, URL: was.URL, Set: set, Serial: serial, Loaded: loaded}
		for i, data := range pieces {
			must(t, writer.WriteRanges(ctx, now, i, data))
		}
		return now, writer.SwapRanges(ctx, now, was.Set)
	}
	read := func(r RangeSet) (all []string) {
		t.Helper()
		must(t, reader.ReadRanges(ctx, r, func(data string) error { all = append(all, data); return nil }))
		return all
	}
	kept := func(directory, url string, want RangeSet, pieces ...string) RangeSet {
		t.Helper()
		got, err := reader.RangeSet(ctx, directory, url)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(pieces, read(got)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return got
	}
	one, err := write(none, "7", moment, "a", "b", "c")
	must(t, err)
	kept("visa", "https://ds.example", one, "a", "b", "c")
	two, err := write(one, "8", moment.Add(time.Hour), "d")
	must(t, err)
	kept("visa", "https://ds.example", two, "d")
	if gone := read(one); gone != nil {
		t.Errorf("the set before is still there: %v", gone)
	}
	// Another directory server has its own, as has one by another URL.
	for _, of := range []RangeSet{{Directory: "mastercard", URL: "https://ds.example"}, {Directory: "visa", URL: "https://test.ds.example"}} {
		other, err := write(of, "1", moment, "x")
		must(t, err)
		kept(of.Directory, of.URL, other, "x")
	}
	// Nothing new: the same set, said again later.
	same := two
	same.Loaded = moment.Add(2 * time.Hour)
	must(t, writer.SwapRanges(ctx, same, two.Set))
	kept("visa", "https://ds.example", same, "d")
	// Whoever began from a set that no longer holds is too late, and its pieces go with the next that is not.
	if _, err := write(one, "9", moment.Add(3*time.Hour), "late"); !errors.Is(err, payment.ErrTaken) {
		t.Errorf("a set was swapped for one that does not hold: %v", err)
	}
	leased := same
	leased.Until = moment.Add(3*time.Hour + time.Minute)
	kept("visa", "https://ds.example", leased, "d")
	rested := leased
	rested.Until, rested.Tries = moment.Add(4*time.Hour), 3
	must(t, writer.RestRanges(ctx, rested))
	kept("visa", "https://ds.example", rested, "d")
	three, err := write(rested, "10", moment.Add(5*time.Hour), "e")
	must(t, err)
	kept("visa", "https://ds.example", three, "e")
	if n := rows(t, writer, "card_range_piece", `1 = 1`); n != 3 {
		t.Errorf("%d pieces, want 3", n)
	}
	// A month later nobody asks the others any more.
	four, err := write(three, "11", moment.Add(rangesKept+4*time.Hour), "f")
	must(t, err)
	kept("visa", "https://ds.example", four, "f")
	if heads, pieces := rows(t, writer, "card_range", `1 = 1`), rows(t, writer, "card_range_piece", `1 = 1`); heads != 1 || pieces != 1 {
		t.Errorf("%d directory servers and %d pieces are kept", heads, pieces)
	}
	if err := writer.SwapRanges(ctx, RangeSet{Directory: "unheard", URL: "of", Set: 1}, 0); !errors.Is(err, payment.ErrTaken) {
		t.Errorf("a set of nobody: %v", err)
	}
}

// testRangesBesideOthers: of two that write beyond their lease, one that lets the same set go on takes nothing from the
// other's, which then holds whole; one that swaps in a set of its own leaves nothing behind.
func testRangesBesideOthers(t *testing.T, db *database) {
	ctx := t.Context()
	slow, fast := db.open(t), db.open(t)
	none := RangeSet{Directory: "visa", URL: "https://ds.example"}
	until := moment
	begin := func(s *Store, was RangeSet, serial string) RangeSet {
		t.Helper()
		until = until.Add(time.Minute)
		set, ok, err := s.LeaseRanges(ctx, was, until)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		return RangeSet{Directory: was.Directory, URL: was.URL, Set: set, Serial: serial, Loaded: moment}
	}
	one := begin(slow, none, "1")
	must(t, slow.WriteRanges(ctx, one, 0, "a"))
	must(t, slow.SwapRanges(ctx, one, 0))
	begin(slow, one, "")
	leased, err := fast.RangeSet(ctx, one.Directory, one.URL)
	must(t, err)
	two := begin(fast, leased, "2")
	must(t, fast.WriteRanges(ctx, two, 0, "b"))
	must(t, slow.SwapRanges(ctx, one, one.Set)) // nothing new
	must(t, fast.WriteRanges(ctx, two, 1, "c"))
	must(t, fast.SwapRanges(ctx, two, one.Set))
	var all []string
	must(t, slow.ReadRanges(ctx, two, func(data string) error { all = append(all, data); return nil }))
	if diff := cmp.Diff([]string{"b", "c"}, all); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := rows(t, slow, "card_range_piece", `1 = 1`); n != 2 {
		t.Errorf("%d pieces are kept, want 2", n)
	}
}

// testRangesLeased: of many nodes that find it time to ask, one does, and again when its lease is over.
func testRangesLeased(t *testing.T, db *database) {
	nodes := []*Store{db.open(t), db.open(t), db.open(t)}
	seen := RangeSet{Directory: "visa", URL: "https://ds.example"}
	sets := map[int64]bool{}
	for round := range 4 {
		until := moment.Add(time.Duration(round) * time.Minute)
		var mu sync.Mutex
		var let atomic.Int64
		for i, err := range together(12, func(i int) error {
			set, ok, err := nodes[i%3].LeaseRanges(context.Background(), seen, until)
			if ok {
				let.Add(1)
				mu.Lock()
				defer mu.Unlock()
				sets[set] = true
			}
			return err
		}) {
			if err != nil {
				t.Errorf("task %d: %v", i, err)
			}
		}
		if n := let.Load(); n != 1 {
			t.Errorf("round %d: %d were let", round, n)
		}
		var err error
		seen, err = nodes[0].RangeSet(t.Context(), seen.Directory, seen.URL)
		must(t, err)
		if !seen.Until.Equal(until) {
			t.Errorf("round %d: leased until %v, want %v", round, seen.Until, until)
		}
	}
	if len(sets) != 4 {
		t.Errorf("%d names for four sets", len(sets))
	}
}

// testRangesHoldNobodyUp: others commit while a large set is written, and swapped for another.
func testRangesHoldNobodyUp(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	const pieces = 75 // 150,000 ranges
	data := strings.Repeat("[16,4000000000000000,4000009999999999,17],", 2000)
	var most atomic.Int64
	beside, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() {
		for i := 0; beside.Err() == nil; i++ {
			start := time.Now()
			if _, _, err := s.Lease(context.Background(), fmt.Sprint("lane ", i%10), 1, 1); err != nil {
				t.Errorf("another's commit: %v", err)
			}
			most.Store(max(most.Load(), int64(time.Since(start))))
		}
	})
	end := func() {
		stop()
		others.Wait()
	}
	defer end()
	was, start := RangeSet{Directory: "visa", URL: "https://ds.example"}, time.Now()
	for range 2 {
		set, ok, err := s.LeaseRanges(ctx, was, moment)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		now := RangeSet{Directory: was.Directory, URL: was.URL, Set: set, Loaded: moment}
		for i := range pieces {
			must(t, s.WriteRanges(ctx, now, i, data))
		}
		must(t, s.SwapRanges(ctx, now, was.Set))
		was = now
	}
	took := time.Since(start)
	end()
	start = time.Now()
	n := 0
	must(t, s.ReadRanges(ctx, was, func(data string) error { n += len(data); return nil }))
	if n != pieces*len(data) {
		t.Errorf("%d bytes were read, want %d", n, pieces*len(data))
	}
	worst := time.Duration(most.Load())
	t.Logf("twice %d pieces of %d bytes: written in %v, read in %v; a commit beside them took at most %v", pieces, len(data), took, time.Since(start), worst)
	if worst > 2*time.Second {
		t.Errorf("a commit waited for %v", worst)
	}
}
