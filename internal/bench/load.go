package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// load says how much is asked for.
type load struct {
	clients  int           // closed loop: so many, each of whom begins anew when he has been answered
	rate     float64       // open loop, if not 0: so many operations a second, whoever has been answered
	warmUp   time.Duration // before anything counts
	duration time.Duration
}

// measured is what a load has come to.
type measured struct {
	began, ended time.Time // of what counts: from the first that could begin until the last was answered
	count        int64
	histogram    *histogram
}

func (m measured) perSecond() float64 { return float64(m.count) / m.ended.Sub(m.began).Seconds() }

// crowd bounds an open loop. What is asked for faster than it is answered would else take all memory; long before this
// many wait, the rate is one that cannot be had.
const crowd = 4096

// errTooMuch: more is asked for than can be done, as whoever is asked says or the time that it takes.
var errTooMuch = errors.New("cannot be had")

// run has an operation done under a load. Everybody is answered once before the warm-up begins; counting is called when
// it is over. The first error ends the run.
func (l load) run(ctx context.Context, next func() int64, do operation, counting func() error) (measured, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var first sync.WaitGroup
	for range max(1, l.clients) {
		first.Go(func() {
			if err := do(ctx, next()); err != nil {
				cancel(err)
			}
		})
	}
	first.Wait()
	m := measured{histogram: newHistogram(), began: time.Now().Add(l.warmUp)}
	over := m.began.Add(l.duration)
	var count, last atomic.Int64
	one := func(intended time.Time) {
		err := do(ctx, next())
		now := time.Now()
		switch {
		case err != nil:
			cancel(err)
		case !intended.Before(m.began):
			m.histogram.add(now.Sub(intended))
			count.Add(1)
			for was := last.Load(); now.UnixNano() > was && !last.CompareAndSwap(was, now.UnixNano()); was = last.Load() {
			}
		}
	}
	var all sync.WaitGroup
	all.Go(func() {
		if wait(ctx, m.began) {
			if err := counting(); err != nil {
				cancel(err)
			}
		}
	})
	if l.rate > 0 {
		l.open(ctx, cancel, &all, m.began, over, one)
	} else {
		for range l.clients {
			all.Go(func() {
				// What takes longer than the time that counts is waited for: one answer at least is counted.
				for now := time.Now(); (now.Before(over) || count.Load() == 0) && ctx.Err() == nil; now = time.Now() {
					one(now)
				}
			})
		}
	}
	all.Wait()
	m.count, m.ended = count.Load(), time.Unix(0, last.Load())
	if err := context.Cause(ctx); err != nil {
		return m, err
	}
	if m.count == 0 {
		return m, errors.New("nothing was answered in the time that counts")
	}
	return m, nil
}

// open begins operations at times that are fixed in advance, and counts how long one took from the time at which it was
// to begin: who comes late because others were not answered has waited, too. To leave that out (coordinated omission) is
// to ask least when it is slowest.
func (l load) open(ctx context.Context, cancel context.CancelCauseFunc, all *sync.WaitGroup, began, over time.Time, one func(time.Time)) {
	var waiting atomic.Int64
	counts := false // as in the closed loop, one at least
	for i := 0; ; i++ {
		intended := began.Add(-l.warmUp + time.Duration(float64(i)/l.rate*float64(time.Second)))
		if counts && !intended.Before(over) || !wait(ctx, intended) {
			return
		}
		counts = counts || !intended.Before(began)
		if waiting.Add(1) > crowd {
			cancel(fmt.Errorf("%.0f a second %w: %d wait for an answer", l.rate, errTooMuch, crowd))
			return
		}
		all.Go(func() {
			defer waiting.Add(-1)
			one(intended)
		})
	}
}

// wait waits for a time; false: the run has ended before.
func wait(ctx context.Context, until time.Time) bool {
	left := time.Until(until)
	if left <= 0 {
		return ctx.Err() == nil
	}
	over := time.NewTimer(left)
	defer over.Stop()
	select {
	case <-over.C:
		return true
	case <-ctx.Done():
		return false
	}
}
