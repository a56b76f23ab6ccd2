package cluster

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// number reads a setting of the run from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is no number", name)
	}
	return n
}

// TestCluster has customers buy at a gateway of three nodes while everything around them fails, and holds it
// against its promises when everything is well again. REPRISE_CLUSTER_SECONDS is how long things go wrong (each
// fault happens once in any case, and then nothing is left to be asked about), REPRISE_CLUSTER_SEED what goes wrong: the plan, who buys what and when the
// merchant misbehaves follow from it, the rest from what processes do. REPRISE_CLUSTER_FAULTS has only faults of these
// kinds happen, which are set apart by semicolons.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL twice and the gateway three times; run without -short")
	}
	seed := number(t, "REPRISE_CLUSTER_SEED", uint64(time.Now().UnixNano())%1e9)
	seconds := number(t, "REPRISE_CLUSTER_SECONDS", 0)
	faults := plan(seed, 3, time.Duration(seconds)*time.Second)
	if only := os.Getenv("REPRISE_CLUSTER_FAULTS"); only != "" {
		faults = slices.DeleteFunc(faults, func(f fault) bool { return !slices.Contains(strings.Split(only, ";"), f.kind) })
	}
	t.Logf("seed %d: %v", seed, faults)
	s := openSite(t, seed, 3)
	sh := s.openShop(seed)
	began := time.Now()
	stop := sh.open(t.Context(), s.hook)

	trouble := &trouble{site: s}
	for _, f := range faults {
		trouble.strike(f)
	}
	trouble.heal()
	time.Sleep(3 * time.Second) // with everything well, customers are served as ever
	over := time.Now()
	stop()

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	db := s.pair.open(database)
	defer db.Close()
	settle(ctx, t, sh, db, 90*time.Second, seconds > 0)
	r := report{seed: seed, began: began, lasted: over.Sub(began), incidents: trouble.incidents, pickUps: trouble.pickUps, ready: trouble.longest}
	r.resent = deliver(ctx, t, sh, s.hook, db, began)
	books := readBooks(t, db)
	tr := hold(t, sh, books, s.world.ledger(), s.hook.deliveries(), s.logs())
	tr.keptOnce(ctx)
	r.untraced = tr.ended()
	r.noTrace = tr.settled()
	tr.toldOnce()
	tr.taken()
	tr.keepsItsWord(ctx)
	tr.behaved(trouble)
	tr.reconciled(s, r.untraced)
	r.searched = tr.residue(s)
	tr.count(&r)
	r.longest, r.gaps = gaps(trouble.incidents, sh.paid, began, over)
	t.Logf("\n%s", r)
}

// open lets customers in, eight a second, until it is stopped: then it waits for those who are inside.
func (s *shop) open(ctx context.Context, hook *sink) (stop func()) {
	hook.mood(true)
	closed := make(chan struct{})
	var inside sync.WaitGroup
	inside.Go(func() {
		beat := time.NewTicker(125 * time.Millisecond)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				inside.Go(func() { s.one(ctx) })
			case <-closed:
				return
			}
		}
	})
	return func() {
		close(closed)
		inside.Wait()
		hook.mood(false)
	}
}
