package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"reprise/internal/payment"
)

// claim takes work that is due and that nobody was handed: retries, timers, what found no slot, and what
// a node that died has left behind. It goes on while there is room and something is due.
func (s *Store) claim(ctx context.Context) error {
	for {
		r := s.slots.room(s.overdue())
		if r.own == 0 && len(r.shares) == 0 {
			return nil
		}
		jobs, more, err := s.due(ctx, r)
		var spare []job
		for _, j := range jobs {
			if s.slots.take(j.work, true) {
				s.begin(j)
			} else {
				spare = append(spare, j)
			}
		}
		s.slots.claimed()
		if err != nil {
			return err
		}
		slices.SortFunc(spare, func(a, b job) int { return inOrder(a.work, b.work) })
		var back []stmt
		for _, j := range spare {
			back = append(back, s.putBack(j))
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

// overdue says whether a poll's time has passed since it was last looked for whom there is work. While one peer is
// behind and has its work claimed all the time, no poll comes to it.
func (s *Store) overdue() bool {
	ago := s.Now().Sub(s.looked)
	return ago >= s.Poll || ago < 0 // a clock that was set back
}

// claimed is the row of a job while it is the job's own. The lease alone does not tell: clocks go back, and two
// nodes may claim in the same microsecond. The number alone does not tell either, while a node of a version that
// knows no numbers moves rows.
const claimed = `kind = $1 AND ref = $2 AND next_at = $3 AND claim = $4`

func (j job) claimedBy() []any { return []any{string(j.work.Kind), j.work.Ref, j.lease, j.claim} }

// newClaim is a number that no other claim has, of this node or of another: each node counts from a number of
// chance. Zero is no claim.
func (s *Store) newClaim() int64 { return s.claims.Add(1) }

// due leases as much due work as there is room for, in one commit: for each peer that is behind its share, and, where
// it is to be looked, the gateway's own. Looking also finds out which other peers are behind. more says that there may
// be more to claim at once.
func (s *Store) due(ctx context.Context, r room) (jobs []job, more bool, err error) {
	now := s.Now()
	lease := now.Add(s.Options.Lease)
	c := claiming{now: micros(now), lease: micros(lease), claim: s.newClaim(), skipLocked: s.dialect.skipLocked}

	var list []stmt
	counts := make([]int, len(r.shares))
	for i, share := range r.shares {
		list = append(list, c.lend([]string{string(payment.WorkWebhook)}, share.peer, share.n), c.readErrands(share.peer, func(j job) error {
			counts[i]++
			jobs = append(jobs, j)
			return nil
		}))
	}
	own, late := 0, []string(nil)
	if r.own > 0 {
		st := c.lend(r.kinds, "", r.own)
		st.sql += ` RETURNING work.kind, work.ref, work.attempt, work.failed`
		st.each = func(r row) error {
			own++
			j := job{claim: c.claim, lease: c.lease}
			err := r.Scan(&j.work.Kind, &j.work.Ref, &j.tries, &j.failed)
			jobs = append(jobs, j)
			return err
		}
		list = append(list, st)
	}
	if r.look {
		list = append(list, c.latePeers(func(peer string) { late = append(late, peer) }))
	}
	if err := s.engine.commit(ctx, list); err != nil {
		return nil, false, err // what was leased all the same is claimed again when the lease is over
	}
	for i, share := range r.shares {
		if counts[i] < share.n {
			s.slots.caughtUp(share)
		}
	}
	if r.look {
		s.looked = now
	}
	return jobs, s.slots.found(late, r.own > 0 && own == r.own), nil
}

// claiming is what all statements of a claim have in common.
type claiming struct {
	now, lease, claim int64
	skipLocked        string
}

// lend leases at most n pieces of work of some kinds that wait for a peer, or for none, the oldest first. The index of
// what waits for whom holds just these, in this order: however much there is for others, nobody reads it.
func (c claiming) lend(kinds []string, peer string, n int) stmt {
	args := []any{c.lease, c.claim, peer, c.now, int64(n)}
	return stmt{
		sql: `
WITH due AS MATERIALIZED (
    SELECT kind, ref FROM work WHERE peer = $3 AND next_at <= $4 AND kind IN (` + places(&args, kinds) + `)
    ORDER BY next_at LIMIT $5 ` + c.skipLocked + `
)
UPDATE work SET next_at = $1, claim = $2 FROM due WHERE work.kind = due.kind AND work.ref = due.ref`,
		args: args,
	}
}

// knownPeers are, in a query, those that any work waits for, due or not, and nobody, "", among them. From each it goes
// straight to the next, whatever each has waiting.
const knownPeers = `known (peer) AS (
    SELECT CAST('' AS TEXT)
    UNION ALL
    SELECT (SELECT MIN(w.peer) FROM work w WHERE w.peer > known.peer) FROM known WHERE known.peer IS NOT NULL
)`

// latePeers finds the peers that have work due, whose oldest is the oldest first.
func (c claiming) latePeers(each func(peer string)) stmt {
	return stmt{
		sql: `
WITH RECURSIVE ` + knownPeers + `, late AS MATERIALIZED (
    SELECT known.peer AS peer, (SELECT MIN(w.next_at) FROM work w WHERE w.peer = known.peer) AS oldest FROM known WHERE known.peer > ''
)
SELECT peer FROM late WHERE oldest <= $1 ORDER BY oldest, peer`,
		args: []any{c.now},
		each: func(r row) error {
			var peer string
			err := r.Scan(&peer)
			each(peer)
			return err
		},
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
