package cluster

import (
	"context"
	"database/sql"
	"time"

	"fmt"
)

// pickUp is how long a piece of work of a dead node lay about.
type pickUp struct {
	work  string
	died  time.Time     // the node
	after time.Duration // since then
}

// delayed is how much of a pick-up's time nobody could write anything in, for the database was in trouble itself.
func (p pickUp) delayed(by []incident) (all time.Duration) {
	for _, i := range by {
		switch i.kind {
		case "standby swallowed", "standby swallowed, then primary lost", "primary lost", "primary restarted":
			all += gap{p.died, p.died.Add(p.after)}.within(i.from, i.to)
		}
	}
	return all
}

// lease is how long work belongs to who claimed it, and pickUpLimit when the work of a dead node must have been
// taken up.
const (
	lease       = 12 * time.Second
	pickUpLimit = 15 * time.Second
)

// watch sees to the work that was under way when a node was killed: what is still as it was when its lease is
// over was a dead node's, and is to be taken up by another.
func (t *trouble) watch(killed time.Time) {
	db := t.pair.open(database)
	before, err := underWay(db, killed)
	if err != nil {
		_ = db.Close()
		return // the database is away as well: another time
	}
	t.rest.Go(func() {
		defer db.Close()
		for len(before) > 0 && time.Since(killed) < lease+10*time.Second {
			now, err := underWay(db, killed)
			if err != nil {
				return
			}
			for work, due := range before {
				if now[work] == due {
					continue
				}
				if delete(before, work); time.Since(due) > 0 {
					t.mu.Lock()
					t.pickUps = append(t.pickUps, pickUp{work, killed, time.Since(killed)})
					t.mu.Unlock()
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		for work := range before {
			t.mu.Lock()
			t.pickUps = append(t.pickUps, pickUp{work, killed, time.Since(killed)})
			t.mu.Unlock()
		}
	})
}

// underWay is the work that somebody has claimed, with the end of its lease.
func underWay(db *sql.DB, killed time.Time) (map[string]time.Time, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	rows, err := db.QueryContext(ctx, `SELECT kind, ref, next_at FROM work WHERE next_at <= $1`, killed.Add(lease).UnixMicro())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]time.Time{}
	for rows.Next() {
		var kind, ref string
		var next int64
		if err := rows.Scan(&kind, &ref, &next); err != nil {
			return nil, err
		}
		all[fmt.Sprint(kind, " ", ref)] = time.UnixMicro(next)
	}
	return all, rows.Err()
}
