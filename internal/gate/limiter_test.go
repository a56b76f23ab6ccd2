package gate

import (
	"strconv"
	"testing"
	"time"
)

// TestLimiterMemory: however many ask, what is remembered is bounded, those it has no room for are counted as
// one, and two minutes later all is forgotten.
func TestLimiterMemory(t *testing.T) {
	l, at := newLimiter(), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	take := func(i int) bool { return l.take(subject{"address", strconv.Itoa(i)}, 3, at).wait == 0 }
	const more = 5_000
	refused := 0
	for i := range maxSubjects + more {
		if !take(i) {
			refused++
		}
	}
	if len(l.now) != maxSubjects+1 || refused != more-3 {
		t.Errorf("%d are remembered, %d of those without room were refused", len(l.now), refused)
	}
	if !take(1) || take(maxSubjects+1) {
		t.Error("who is remembered is counted with the others")
	}
	at = at.Add(2 * time.Minute)
	if !take(maxSubjects+1) || len(l.now)+len(l.before) != 1 {
		t.Errorf("two minutes later %d are remembered", len(l.now)+len(l.before))
	}
}
