package store

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"reprise/internal/payment"
)

// testTakenUpInTime: a node dies at the moment at which it began, and the rest go on as they always do, with a lease of
// 12 s and a look once a second. Its work is begun anew within 15 s, by clocks that differ as much as they may: 12 s of
// lease, 1 s until somebody looks, and twice the second that a clock may be off. A bubble of synctest makes the
// seconds short; nothing else is as it would not be.
func testTakenUpInTime(t *testing.T, db *database) {
	for name, test := range map[string]struct {
		dying, living   time.Duration // how far their clocks are ahead
		soonest, latest time.Duration
	}{
		"clocks agree":     {0, 0, 12 * time.Second, 13 * time.Second},
		"the dead's ahead": {MaxSkew, -MaxSkew, 14 * time.Second, 15 * time.Second},
		// Here both may be at it for a moment, which a try must bear: it ends within 11 s by the one clock.
		"the dead's behind": {-MaxSkew, MaxSkew, 10 * time.Second, 11 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			node := func(ahead time.Duration, handler Handler) *Store {
				s := db.open(t, func(o *Options) {
					o.Poll, o.Now = 0, func() time.Time { return time.Now().Add(ahead) }
				})
				s.Work(map[payment.WorkKind]Handler{payment.WorkAttempt: handler})
				s.StartWork()
				return s
			}
			began, end := make(chan time.Time, 1), make(chan struct{})
			dying := node(test.dying, func(context.Context, string, int) (time.Time, error) {
				began <- time.Now()
				<-end
				return time.Time{}, nil
			})
			taken := make(chan time.Time, 1)
			node(test.living, func(_ context.Context, _ string, tries int) (time.Time, error) {
				if tries != 0 {
					t.Errorf("%d tries came to an end", tries)
				}
				taken <- time.Now()
				return time.Time{}, nil
			})
			time.Sleep(300 * time.Millisecond) // between two looks
			must(t, wake(dying, payment.WorkAttempt, "pr-1", dying.Now()))
			died := <-began
			dying.halt.Do(func() { close(dying.halted) }) // it looks no more
			if took := (<-taken).Sub(died); took < test.soonest || took > test.latest {
				t.Errorf("%s: taken up after %v, want %v to %v", name, took, test.soonest, test.latest)
			}
			close(end)
		})
	}
}
