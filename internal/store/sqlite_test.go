package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestGroup: of commits that share a transaction one that a constraint refuses is refused alone, and what comes back from a
// commit is told once.
func TestGroup(t *testing.T) {
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
		{"several, the last refused by one of them", []string{"a", "b", "a"}, false, []string{"a", "b"}},
		{"several, one reads", []string{"a", "b", "c"}, true, []string{"a", "b", "c"}},
		{"several, one reads and is refused", []string{"was", "b", "c"}, true, []string{"b", "c"}},
		{"several, one reads and one is refused", []string{"a", "was", "c"}, true, []string{"a", "c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newDatabase(t, "SQLite").open(t)
			must(t, s.commit(t.Context(), insert("was", nil)))
			told := 0
			var group []*waiting
			for i, name := range test.names {
				// The statement before it goes with what is refused.
				first := insert(fmt.Sprint("before-", i), nil)
				if i == 0 && test.reads {
					first.each = func(row) error { told++; return nil }
				}
				group = append(group, &waiting{list: []stmt{first, insert(name, nil)}, answer: make(chan struct{})})
			}
			q := s.engine.(*sqlite)
			q.mu.Lock() // so that the writer finds them all at once
			q.waiting = append(q.waiting, group...)
			q.mu.Unlock()
			q.signal()
			var kept, want []string
			for i, w := range group {
				<-w.answer
				switch {
				case w.err == nil:
					kept = append(kept, test.names[i])
					want = append(want, fmt.Sprint("before-", i), test.names[i])
				case !errors.Is(w.err, errConflict):
					t.Errorf("commit %d: %v", i, w.err)
				}
			}
			if !slices.Equal(kept, test.kept) {
				t.Errorf("kept %v, want %v", kept, test.kept)
			}
			var rows []string
			must(t, q.query(t.Context(), stmt{sql: `SELECT name FROM lane WHERE name <> 'was'`, each: func(r row) error {
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
