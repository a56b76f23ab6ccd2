package store

import (
	"context"
	"fmt"
	"strings"
)

// claim takes work that is due and that nobody was handed: retries, timers, what found no slot, and what
// a node that died has left behind. It goes on while there is room and something is due.
func (s *Store) claim(ctx context.Context) error {
	for {
		r := s.slots.room()
		if len(r.kinds) == 0 || r.free == 0 && len(r.shares) == 0 {
			return nil
		}
		jobs, more, err := s.due(ctx, r)
		if err != nil {
			return err
		}
		var back []stmt
		for _, j := range jobs {
			if s.slots.take(j.work, true) {
				s.begin(j)
			} else {
				back = append(back, s.putBack(j))
			}
		}
		if len(back) > 0 {
			if err := s.commit(ctx, back...); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// claimed is the row of a job while it is the job's own. The lease alone does not tell: clocks go back, and two
// nodes may claim in the same microsecond. The number alone does not tell either, while a node of a version that
// knows no numbers moves rows.
const claimed = `kind = $1 AND ref = $2 AND next_at = $3 AND claim = $4`

func (j job) claimedBy() []any { return []any{string(j.work.Kind), j.work.Ref, j.lease, j.claim} }

// newClaim is a number that no other claim has, of this node or of another: each node counts from a number of
// chance. Zero is no claim.
func (s *Store) newClaim() int64 { return s.claims.Add(1) }

// due leases as much due work as there is room for, in one commit: for each peer that is behind its
// share, and for all others together what is left. more says that the others may have more.
func (s *Store) due(ctx context.Context, r room) (jobs []job, more bool, err error) {
	now := s.Now()
	lease := now.Add(s.Options.Lease)
	c := claiming{kinds: r.kinds, now: micros(now), lease: micros(lease), claim: s.newClaim(), skipLocked: s.dialect.skipLocked}

	var list []stmt
	counts := make([]int, len(r.shares)+1)
	take := func(n *int) func(row) error {
		return func(r row) error {
			*n++
			j := job{claim: c.claim, lease: c.lease}
			err := r.Scan(&j.work.Kind, &j.work.Ref, &j.tries, &j.failed)
			jobs = append(jobs, j)
			return err
		}
	}
	for i, share := range r.shares {
		list = append(list, c.stmt(share.n, `IN`, []string{share.peer}, take(&counts[i])))
	}
	if others := &counts[len(r.shares)]; r.free > 0 {
		which, peers := `NOT IN`, r.behind
		if r.alone {
			which, peers = `IN`, []string{""}
		}
		list = append(list, c.stmt(r.free, which, peers, take(others)))
	}
	if err := s.engine.commit(ctx, list); err != nil {
		return nil, false, err // what was leased all the same is claimed again when the lease is over
	}
	for i, share := range r.shares {
		if counts[i] < share.n {
			s.slots.caughtUp(share.peer)
		}
	}
	return jobs, r.free > 0 && counts[len(r.shares)] == r.free, nil
}

// claiming is what all statements of a claim have in common.
type claiming struct {
	kinds             []string
	now, lease, claim int64
	skipLocked        string
}

// stmt leases at most n pieces of work, the oldest first, whose peer is IN these or NOT IN these.
func (c claiming) stmt(n int, which string, peers []string, each func(row) error) stmt {
	args := []any{c.lease, c.now, int64(n), c.claim}
	where := `next_at <= $2 AND kind IN (` + places(&args, c.kinds) + `)`
	if len(peers) > 0 {
		where += ` AND peer ` + which + ` (` + places(&args, peers) + `)`
	}
	return stmt{
		sql: `
WITH due AS MATERIALIZED (
    SELECT kind, ref FROM work WHERE ` + where + ` ORDER BY next_at LIMIT $3 ` + c.skipLocked + `
)
UPDATE work SET next_at = $1, claim = $4 FROM due WHERE work.kind = due.kind AND work.ref = due.ref
RETURNING work.kind, work.ref, work.attempt, work.failed`,
		args: args,
		each: each,
	}
}

// putBack makes claimed work due again.
func (s *Store) putBack(j job) stmt {
	return stmt{
		sql:  `UPDATE work SET next_at = $5, claim = 0 WHERE ` + claimed,
		args: append(j.claimedBy(), micros(s.Now())),
	}
}

// places adds values to the arguments and says where they are: "$4, $5".
func places(args *[]any, values []string) string {
	at := make([]string, len(values))
	for i, v := range values {
		*args = append(*args, v)
		at[i] = fmt.Sprintf("$%d", len(*args))
	}
	return strings.Join(at, ", ")
}
