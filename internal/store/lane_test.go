package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// testLanes: many leases race on three nodes, one of which is lost with what it had leased and comes back. No number
// is handed out twice in a period.
func testLanes(t *testing.T, db *database) {
	type number struct{ period, n int64 }
	nodes := []*Store{db.open(t), db.open(t), db.open(t)}
	var mu sync.Mutex
	owner := map[number]int{}
	race := func(period int64) {
		t.Helper()
		for i, err := range together(24, func(i int) error {
			size := int64(1 + i%3)
			from, at, err := nodes[i%3].Lease(context.Background(), "stan/400001", period, size)
			mu.Lock()
			defer mu.Unlock()
			for n := from; n < from+size; n++ {
				if other, used := owner[number{at, n}]; used {
					return fmt.Errorf("%d is also of %d", n, other)
				}
				owner[number{at, n}] = i
			}
			if err == nil && at != period {
				err = fmt.Errorf("is of period %d", at)
			}
			return err
		}) {
			if err != nil {
				t.Errorf("period %d, task %d: %v", period, i, err)
			}
		}
	}
	race(7)
	nodes[2] = db.open(t) // what the one before had left is nobody's
	race(7)
	for n := range int64(len(owner)) {
		if _, ok := owner[number{7, n}]; !ok {
			t.Errorf("%d is nobody's", n)
		}
	}

	// A period begins at 0, once. A node that is behind is given numbers of the later one.
	before := len(owner)
	race(9)
	if owned := len(owner) - before; owned != 48 {
		t.Errorf("%d numbers of the new period", owned)
	}
	for _, late := range []int64{7, 8} {
		from, at, err := nodes[1].Lease(t.Context(), "stan/400001", late, 1)
		if err != nil || at != 9 || from != 48+late-7 {
			t.Errorf("in period %d: from %d of %d, %v", late, from, at, err)
		}
	}
	if from, at, err := nodes[0].Lease(t.Context(), "another", 3, 10); err != nil || from != 0 || at != 3 {
		t.Errorf("another lane begins at %d in %d, %v", from, at, err)
	}
}
