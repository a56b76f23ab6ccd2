package bench

import (
	"fmt"
	"testing"
)

// TestRatios: of each round by itself, and only of what belongs together.
func TestRatios(t *testing.T) {
	var results []Result
	add := func(name, database string, round int, rate float64, more ...func(*Result)) {
		r := Result{Name: name, Database: database, Round: round, Rate: rate * 2, Full: rate}
		for _, change := range more {
			change(&r)
		}
		results = append(results, r)
	}
	stored := func(n int, p99 float64) func(*Result) {
		return func(r *Result) { r.Stored, r.Latency.P99 = n, p99 }
	}
	// A machine that is twice as slow in the second round: its ratios are not.
	add("session", "PostgreSQL", 1, 800)
	add(limitInsert, "PostgreSQL", 1, 1000)
	add("session", "PostgreSQL", 2, 360)
	add(limitInsert, "PostgreSQL", 2, 500)
	add("session", "PostgreSQL", 3, 700)
	add(limitInsert, "PostgreSQL", 3, 1000)
	add("session", "PostgreSQL", 4, 700) // of this round there is no limit
	add(limitInsert, "SQLite", 4, 1)
	add("session", "PostgreSQL", 1, 1, func(r *Result) { r.Asked = 1 }) // an open loop is no rate that could be had
	add("oneclick", "SQLite", 1, 50)
	add(limitCommits, "SQLite", 1, 100)
	add("oneclick", "SQLite", 2, 40)
	add(limitCommits, "SQLite", 2, 100)
	add(limitTold, "SQLite", 1, 60)
	add("oneclick", "PostgreSQL", 0, 90, stored(1000, 12))
	add("oneclick", "PostgreSQL", 0, 100, stored(10, 10))

	want := []string{
		"ratio session_pg 0.72 0.70 0.80", "ratio oneclick_sqlite 0.45 0.40 0.50", "ratio told_sqlite 0.60 0.60 0.60",
		"ratio growth_rate_pg 0.90 0.90 0.90", "ratio growth_p99_pg 1.20 1.20 1.20",
	}
	if got := ratios(results); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
