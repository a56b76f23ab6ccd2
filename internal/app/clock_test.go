package app

import (
	"context"
	"sync"
	"time"
)

// clock runs as real time does, and can be moved forward. A timer fires when its time has come either way.
type clock struct {
	mu     sync.Mutex
	ahead  time.Duration
	alarms map[*alarm]bool
}

type alarm struct {
	at   time.Time
	ring chan time.Time
	real *time.Timer
}

func newClock() *clock { return &clock{alarms: map[*alarm]bool{}} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) timer(d time.Duration) (<-chan time.Time, func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{at: time.Now().Add(c.ahead + d), ring: make(chan time.Time, 1)}
	c.alarms[a] = true
	a.real = time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ringLocked(a)
	})
	return a.ring, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.real.Stop()
		was := c.alarms[a]
		delete(c.alarms, a)
		return was
	}
}

// within is a context that ends when its time has come either way.
func (c *clock) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	over, stop := c.timer(d)
	go func() {
		select {
		case <-over:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (c *clock) ringLocked(a *alarm) {
	if c.alarms[a] {
		delete(c.alarms, a)
		a.ring <- time.Now().Add(c.ahead)
	}
}

// forward moves the clock.
func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	now := time.Now().Add(c.ahead)
	for a := range c.alarms {
		if left := a.at.Sub(now); left > 0 {
			a.real.Reset(left)
			continue
		}
		a.real.Stop()
		c.ringLocked(a)
	}
}
