package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"reprise/internal/payment"
)

// Handler does one kind of work, one try at a time. ref says about what; tries is how many came to an end
// before this one, without those that failed. It returns when to try again; zero means that there is nothing left
// to do.
//
// A handler may reschedule or rest its own work in a Change: that stands, whatever it returns. An error is
// logged, and the work is tried again after a while, however often; so is a panic. Only the handler itself
// can say that what the work was about is gone: it returns zero and nil. A try must be safe to repeat: a node
// that dies in the middle leaves it to another.
//
// ctx ends shortly before the lease does, and when the store stops hard.
type Handler func(ctx context.Context, ref string, tries int) (next time.Time, err error)

// Work names who does what, webhooks excepted. Kinds that are not named are left to other nodes. It must be called
// before StartWork, once.
func (s *Store) Work(handlers map[payment.WorkKind]Handler) { s.handlers = maps.Clone(handlers) }

// StartWork begins to take work, and to sweep. It returns at once.
func (s *Store) StartWork() {
	kinds := make([]string, 0, len(s.handlers))
	for kind := range s.handlers {
		kinds = append(kinds, string(kind))
	}
	if s.courier.Deliver != nil {
		kinds = append(kinds, string(payment.WorkWebhook))
	}
	slices.Sort(kinds)
	s.slots.open(kinds)
	s.polled.Add(2)
	s.Go(func() {
		defer s.polled.Done()
		s.every(s.Poll, s.poke, s.claim, "work not claimed")
	})
	s.Go(func() {
		defer s.polled.Done()
		s.every(sweepEvery, nil, s.Sweep, "sweep failed")
	})
	if s.clocked() {
		s.polled.Add(1)
		s.Go(func() {
			defer s.polled.Done()
			s.every(skewEvery, nil, s.checkClock, "clock not as the database's")
		})
	}
}

// grace is how long what is cut short is waited for.
const grace = 2 * time.Second

// StopWork takes no more work and waits for what is being done. When ctx ends before that, what is being
// done is cut short, and left to others; what does not heed that within 2 s is left to itself.
func (s *Store) StopWork(ctx context.Context) {
	s.halt.Do(func() { close(s.halted) })
	idle := s.slots.open(nil)
	settled := make(chan struct{})
	s.Go(func() {
		<-idle
		s.outcomes.unsettled.Wait()
		close(settled)
	})
	select {
	case <-settled:
	case <-ctx.Done():
	}
	s.cut()
	still := make(chan struct{})
	s.Go(func() {
		<-settled
		s.polled.Wait()
		close(still)
	})
	over, stop := s.Timer(grace)
	defer stop()
	select {
	case <-still:
	case <-over:
		s.Log.Error("work does not stop", "kinds", s.slots.busyKinds())
	}
}

// every does something now, after each pause, and when poked, until the store halts.
func (s *Store) every(pause time.Duration, poke <-chan struct{}, do func(context.Context) error, failed string) {
	for {
		if err := do(s.working); err != nil && s.working.Err() == nil {
			s.Log.Error(failed, "error", err)
		}
		over, stop := s.Timer(pause)
		select {
		case <-over:
		case <-poke:
		case <-s.halted:
		}
		stop()
		select {
		case <-s.halted:
			return
		default:
		}
	}
}

// job is a piece of work in a slot of this node.
type job struct {
	work   payment.Work
	tries  int   // that came to an end
	failed int   // since the last that did
	claim  int64 // whose the row is while this and lease stand in it
	lease  int64 // until when
	errand *errand
}

// begin gives a job, whose slot is taken, to a worker. What came of it is settled when the slot is another's already:
// an endpoint need not wait for our disk, unless that falls behind.
func (s *Store) begin(j job) {
	s.Go(func() {
		<-s.settle(s.try(j))
		s.free(j.work)
	})
}

// free returns a slot to whoever waits for it.
func (s *Store) free(w payment.Work) {
	if s.slots.give(w) {
		s.lookForWork()
	}
}

// lookForWork has due work claimed without waiting for the next poll.
func (s *Store) lookForWork() {
	select {
	case s.poke <- struct{}{}:
	default: // it is about to be
	}
}

// tryShare is the part of a lease that a try may take. The rest is for writing down what came of it.
const tryShare = 11.0 / 12

func (s *Store) try(j job) outcome {
	o := outcome{job: j, tries: j.tries + 1}
	err := s.handle(j, &o)
	switch {
	case err != nil && s.working.Err() != nil: // cut short: it does not count, and is due at once
		o.next, o.tries, o.failed = s.Now(), j.tries, j.failed
	case err != nil:
		o.next, o.tries, o.failed = s.Now().Add(backOff(j.failed)), j.tries, j.failed+1
		s.Log.Error("work failed", "kind", j.work.Kind, "ref", j.work.Ref, "tries", j.tries, "failed", o.failed, "error", err)
	}
	return o
}

// handle has whoever does such work do it. A panic is an error of this piece of work: it would meet whoever claims
// it next, and must not take a process and all other work with it each time.
func (s *Store) handle(j job, o *outcome) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanicked(p)
		}
	}()
	if j.errand != nil {
		return s.deliver(j, o)
	}
	ctx, cancel := s.Within(s.working, time.Duration(float64(s.Options.Lease)*tryShare))
	defer cancel()
	o.next, err = s.handlers[j.work.Kind](ctx, j.work.Ref, j.tries)
	return err
}

// backOff is the pause after a try that failed, as so many before it: 1 s, doubled up to a minute.
func backOff(failed int) time.Duration {
	return min(time.Minute, time.Second<<min(failed, 6))
}
