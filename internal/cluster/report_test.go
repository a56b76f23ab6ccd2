package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// gaps are, by kind of fault, the longest times in which no payment was completed and that had to do with it:
// they overlap it, or begin before those who wait have got over it.
func gaps(incidents []incident, paid []time.Time, end time.Time) map[string]time.Duration {
	paid = slices.SortedFunc(slices.Values(paid), time.Time.Compare)
	longest := map[string]time.Duration{}
	for _, i := range incidents {
		longest[i.kind] = max(longest[i.kind], 0)
		before := i.from
		for _, at := range append(slices.Clone(paid), end) {
			if at.After(i.from) && before.Before(i.to.Add(5*time.Second)) {
				longest[i.kind] = max(longest[i.kind], at.Sub(before))
			}
			before = at
		}
	}
	return longest
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
	for _, kind := range slices.SortedFunc(maps.Keys(r.gaps), func(a, b string) int { return int(r.gaps[b] - r.gaps[a]) }) {
		say("  %2d × %-38s longest gap %5.1f s", kinds[kind], kind, r.gaps[kind].Seconds())
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
