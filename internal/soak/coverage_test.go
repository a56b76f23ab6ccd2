package soak

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"reprise/internal/payment"
)

// unreachable are faults that cannot happen while an attempt is in a state, and why.
var unreachable = map[string]string{}

// enough is how often a place must have been met for it to count that no node died there: in one story of ten.
const enough = 1000

// covered holds what happened against what could: each fault while attempts were in each state, and deaths of nodes
// before and after each commit.
func (r *report) covered(t *testing.T) {
	var states []string
	for _, s := range payment.States() {
		states = append(states, string(s))
	}
	cells, missed := 0, 0
	for _, f := range allFaults() {
		for _, state := range states {
			cells++
			cell := string(f) + " / " + state
			switch why, listed := unreachable[cell]; {
			case r.Reached[cell] == 0 && !listed:
				missed++
				t.Errorf("never happened: %s", cell)
			case r.Reached[cell] > 0 && listed:
				t.Errorf("%s happened, though it is listed as unreachable: %s", cell, why)
			}
		}
	}
	places := 0
	for _, place := range slices.Sorted(maps.Keys(r.Met)) {
		places++
		switch {
		case r.Deaths[place] > 0:
		case r.Met[place] >= enough:
			t.Errorf("met %d times, and no node ever died there: %s", r.Met[place], place)
		default:
			t.Logf("met %d times only, and no node died there: %s", r.Met[place], place)
		}
	}
	t.Logf("%d faults in %d states: %d of %d reached, %d listed as unreachable; nodes died at %d of %d commits",
		len(allFaults()), len(states), cells-missed-len(unreachable), cells, len(unreachable), died(r.Deaths), places)
}

func died(deaths map[string]int) (n int) {
	for place := range deaths {
		if strings.HasPrefix(place, "before ") || strings.HasPrefix(place, "after ") {
			n++
		}
	}
	return n
}
