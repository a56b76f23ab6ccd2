package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// gap is a time in which no payment was completed.
type gap struct{ from, to time.Time }

func (g gap) lasted() time.Duration { return g.to.Sub(g.from) }

// within is the part of a gap that lies in a time.
func (g gap) within(from, to time.Time) time.Duration {
	if g.from.Before(from) {
		g.from = from
	}
	if g.to.After(to) {
		g.to = to
	}
	return max(g.lasted(), 0)
}

// gaps are the longest of all, and the longest by kind of fault: from its beginning until 5 s after its end, in which
// customers get over it, or another fault begins.
func gaps(incidents []incident, paid []time.Time, began, over time.Time) (longest gap, byKind map[string]time.Duration) {
	paid = slices.SortedFunc(slices.Values(paid), time.Time.Compare)
	byKind = map[string]time.Duration{}
	before := began
	for _, at := range append(paid, over) {
		g := gap{before, at}
		if g.lasted() > longest.lasted() {
			longest = g
		}
		for _, i := range incidents {
			byKind[i.kind] = max(byKind[i.kind], g.within(i.from, i.to.Add(5*time.Second)))
		}
		before = at
	}
	return longest, byKind
}

// report is what a run says in the end.
type report struct {
	seed               uint64
	began              time.Time
	lasted             time.Duration
	orders, deliveries int
	states             map[string]int // of payment requests
	refunds, purchases int
	untraced, noTrace  int
	resent             int
	repeats            int64
	incidents          []incident
	longest            gap
	gaps               map[string]time.Duration
	pickUps            []pickUp
	ready              time.Duration
	complaints, retold int
	completed          int
	searched           int // bytes
}

func (r report) String() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("seed %d, %s of load", r.seed, r.lasted.Round(time.Second))
	attempts := 0
	var states []string
	for _, state := range slices.Sorted(maps.Keys(r.states)) {
		attempts += r.states[state]
		states = append(states, fmt.Sprint(r.states[state], " ", state))
	}
	say("%d orders, %d attempts to pay (%s), %d purchases and holds at the bank, %d refunds", r.orders, attempts, strings.Join(states, ", "), r.purchases, r.refunds)
	say("%d requests were sent again; %d webhooks came, %d of them again, %d were sent again by hand", r.repeats, r.deliveries, r.retold, r.resent)
	say("%d payments wait for the bank to say a third time that it knows nothing of them; of %d it has", r.untraced, r.noTrace)
	say("%d payments were completed; %d MB were searched for card numbers and CVNs", r.completed, r.searched>>20)
	kinds := map[string]int{}
	for _, i := range r.incidents {
		kinds[i.kind]++
	}
	kills := kinds["node killed"] + 2*kinds["two nodes killed"]
	say("%d faults, among them %d kills of nodes and %d losses of the primary; the slowest node was ready %s after its start",
		len(r.incidents), kills, kinds["primary lost"]+kinds["standby swallowed, then primary lost"], r.ready.Round(10*time.Millisecond))
	for _, i := range r.incidents {
		say("  %6.1f s to %5.1f s: %s", i.from.Sub(r.began).Seconds(), i.to.Sub(r.began).Seconds(), i.fault)
	}
	say("the longest gap without a completed payment was %.1f s, from %.1f s on; by faults:", r.longest.lasted().Seconds(), r.longest.from.Sub(r.began).Seconds())
	for _, kind := range slices.SortedFunc(maps.Keys(r.gaps), func(a, b string) int { return int(r.gaps[b] - r.gaps[a]) }) {
		say("  %2d × %-38s %5.1f s", kinds[kind], kind, r.gaps[kind].Seconds())
	}
	slowest := pickUp{}
	for _, p := range r.pickUps {
		if p.after > slowest.after {
			slowest = p
		}
	}
	say("%d pieces of work of dead nodes were taken up, the last %.1f s after the node died (at most %s)", len(r.pickUps), slowest.after.Seconds(), pickUpLimit)
	return b.String()
}
