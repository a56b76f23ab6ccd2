package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"reprise/internal/payment"
)

// outcome is what came of a try.
type outcome struct {
	job           job
	next          time.Time // when the work is tried again; zero: it is done
	tries, failed int       // that the row is to tell from now on
	tried         *payment.Tried
}

// outcomes are written together: what comes while a commit is under way goes with the next. So the more there is to do,
// the less each costs, and what comes alone waits for nobody.
type outcomes struct {
	mu        sync.Mutex
	waiting   []outcome
	writing   bool           // somebody is at it, and looks again before he leaves
	unsettled sync.WaitGroup // all that waits or is being written
}

// outcomesMax is how many outcomes share a commit, at most.
const outcomesMax = 128

// settle has an outcome written.
func (s *Store) settle(o outcome) {
	q := &s.outcomes
	q.unsettled.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, o)
	if !q.writing {
		q.writing = true
		s.Go(s.settleAll)
	}
}

func (s *Store) settleAll() {
	for {
		group := s.outcomes.next()
		if len(group) == 0 {
			return
		}
		s.settleGroup(group)
	}
}

// next takes a group. Once there is none left, whoever comes next has to begin anew.
func (q *outcomes) next() []outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), outcomesMax)
	group := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	q.writing = n > 0
	return group
}

// settleGroup writes what came of some tries, in one commit.
func (s *Store) settleGroup(group []outcome) {
	slices.SortFunc(group, func(a, b outcome) int {
		return cmp.Or(strings.Compare(string(a.job.work.Kind), string(b.job.work.Kind)), strings.Compare(a.job.work.Ref, b.job.work.Ref))
	})
	d := s.newDraft()
	for _, o := range group {
		if o.tried != nil {
			d.tried(*o.tried)
		}
		d.settled(o)
	}
	err := d.commit(context.WithoutCancel(s.working))
	for _, o := range group {
		switch {
		case err != nil:
			s.Log.Error("work not settled: it will be done again", "kind", o.job.work.Kind, "ref", o.job.work.Ref, "error", err)
		case o.tried != nil && s.courier.Kept != nil:
			s.courier.Kept(*o.tried)
		}
		s.outcomes.unsettled.Done()
	}
}

// settled writes what becomes of the work, if the row is still this claim's: one that the try itself moved or took away
// stays as it is.
func (d *draft) settled(o outcome) {
	if o.next.IsZero() {
		d.add(rankWork, `DELETE FROM work WHERE `+claimed, o.job.claimedBy()...)
		return
	}
	d.add(rankWork, `UPDATE work SET next_at = $5, claim = 0, attempt = $6, failed = $7 WHERE `+claimed,
		append(o.job.claimedBy(), micros(o.next), int64(o.tries), int64(o.failed))...)
}
