package bench

import (
	"cmp"
	"fmt"
	"slices"
)

// Ratio is how a rate of ours compares with a limit that was measured beside it, over all rounds. Rounds of a noisy
// machine differ; what was measured within one differs less, so a ratio is worked out for each round, and not of medians.
type Ratio struct {
	Name   string    `json:"name"`
	Of     string    `json:"of"` // in words
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
}

// String is the line that others read: ratio NAME MEDIAN MIN MAX.
func (r Ratio) String() string {
	return fmt.Sprintf("ratio %s %.2f %.2f %.2f", r.Name, r.Median, r.Min, r.Max)
}

// compared says which rate is held against which limit.
type compared struct{ name, workload, limit, database string }

func comparisons() []compared {
	return []compared{
		{"session_pg", "session", limitInsert, "PostgreSQL"},
		{"session_sqlite", "session", limitInsert, "SQLite"},
		{"oneclick_pg", "oneclick", limitCommits, "PostgreSQL"},
		{"oneclick_sqlite", "oneclick", limitCommits, "SQLite"},
		{"told_pg", limitTold, limitCommits, "PostgreSQL"},
		{"told_sqlite", limitTold, limitCommits, "SQLite"},
	}
}

// ratios are all that can be made of results. A round that lacks one side of a ratio is not in it.
func ratios(results []Result) []Ratio {
	var all []Ratio
	for _, c := range comparisons() {
		rate, limit := map[int]float64{}, map[int]float64{}
		for _, r := range results {
			switch {
			case r.Database != c.database || r.Stored != 0 || r.Asked != 0:
			case r.Name == c.workload:
				rate[r.Round] = r.Full
			case r.Name == c.limit:
				limit[r.Round] = r.Full
			}
		}
		ratio := Ratio{Name: c.name, Of: fmt.Sprintf("%s on %s, webhooks included, by %s", c.workload, c.database, c.limit)}
		for round, ours := range rate {
			if theirs := limit[round]; theirs > 0 {
				ratio.Rounds = append(ratio.Rounds, ours/theirs)
			}
		}
		if len(ratio.Rounds) == 0 {
			continue
		}
		slices.Sort(ratio.Rounds)
		ratio.Median, ratio.Min, ratio.Max = median(ratio.Rounds), ratio.Rounds[0], ratio.Rounds[len(ratio.Rounds)-1]
		all = append(all, ratio)
	}
	// What growth costs: the largest database by the smallest.
	for _, database := range []string{"PostgreSQL", "SQLite"} {
		grown := slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Stored == 0 || r.Database != database })
		if len(grown) < 2 {
			continue
		}
		bySize := func(a, b Result) int { return cmp.Compare(a.Stored, b.Stored) }
		least, most := slices.MinFunc(grown, bySize), slices.MaxFunc(grown, bySize)
		for _, c := range []struct {
			name        string
			small, much float64
		}{{"growth_rate_", least.Full, most.Full}, {"growth_p99_", least.Latency.P99, most.Latency.P99}} {
			if r := c.much / c.small; c.small > 0 {
				all = append(all, Ratio{
					Name:   c.name + map[string]string{"PostgreSQL": "pg", "SQLite": "sqlite"}[database],
					Of:     fmt.Sprintf("oneclick on %s with %d stored payments, by that with %d", database, most.Stored, least.Stored),
					Median: r, Min: r, Max: r, Rounds: []float64{r},
				})
			}
		}
	}
	return all
}

// median of values in order.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[n/2]
}
