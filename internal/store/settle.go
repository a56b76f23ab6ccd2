package store

import (
	"cmp"
	"context"
	"maps"
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
	kept          chan struct{} // closed once it is written, or could not be; nil: nobody waits for it
}

// outcomes are written together: what comes while a commit is under way goes with the next. So the more there is to do,
// the less each costs, and what comes alone waits for nobody.
type outcomes struct {
	mu        sync.Mutex
	waiting   []outcome
	writing   bool           // somebody is at it, and looks again before he leaves
	unsettled sync.WaitGroup // all that waits or is being written
}

// outcomesMax is how many outcomes share a commit, at most, and how many wait for one before those who come with more
// have to wait themselves: what cannot be written down is not to be done ever more of.
const outcomesMax = 128

// settle has an outcome written. The channel is closed when there is room for another.
func (s *Store) settle(o outcome) (room <-chan struct{}) {
	q := &s.outcomes
	q.unsettled.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := make(chan struct{})
	if len(q.waiting) < outcomesMax {
		close(kept)
	} else {
		o.kept = kept
	}
	q.waiting = append(q.waiting, o)
	if !q.writing {
		q.writing = true
		s.Go(s.settleAll)
	}
	return kept
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

// settleGroup writes what came of some tries, in one commit, or where that fails each for itself: a row that somebody
// else holds on to must not have what is delivered delivered again. One that fails then is in trouble of its own; with a
// second it is the database that is, and the rest is left to the end of the leases.
func (s *Store) settleGroup(group []outcome) {
	slices.SortFunc(group, func(a, b outcome) int { return inOrder(a.job.work, b.job.work) })
	err := s.write(group)
	failed := 0
	for i, o := range group {
		its := err
		if err != nil && len(group) > 1 && failed < 2 {
			if its = s.write(group[i : i+1]); its != nil {
				failed++
			}
		}
		switch {
		case its != nil:
			s.Log.Error("work not settled: it will be done again", "kind", o.job.work.Kind, "ref", o.job.work.Ref, "error", its)
		case o.tried != nil && s.courier.Kept != nil:
			s.courier.Kept(*o.tried)
		}
		if o.kept != nil {
			close(o.kept)
		}
		s.outcomes.unsettled.Done()
	}
}

// inOrder is the order in which every commit touches rows of work.
func inOrder(a, b payment.Work) int {
	return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Ref, b.Ref))
}

// write commits some outcomes.
func (s *Store) write(group []outcome) error {
	d := s.newDraft()
	off := map[payment.EndpointID]string{}
	for _, o := range group {
		if o.tried != nil {
			d.tried(*o.tried)
			if why := o.tried.Disable; why != "" {
				off[o.tried.Endpoint] = why
			}
		}
		d.settled(o)
	}
	for _, id := range slices.Sorted(maps.Keys(off)) {
		d.disable(id, off[id])
	}
	return d.commit(context.WithoutCancel(s.working))
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
