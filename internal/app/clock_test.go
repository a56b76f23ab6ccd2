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
	ring func()
	real *time.Timer
}

func newClock() *clock { return &clock{alarms: map[*alarm]bool{}} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) timer(d time.Duration) (<-chan time.Time, func() bool) {
	rung := make(chan time.Time, 1)
	return rung, c.after(d, func() { rung <- time.Now().Add(c.ahead) })
}

// within is a context that ends when its time has come either way.
func (c *clock) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := c.after(d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// after has something done, once, when a time has come either way, unless it is stopped before.
func (c *clock) after(d time.Duration, ring func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{at: time.Now().Add(c.ahead + d), ring: ring}
	c.alarms[a] = true
	a.real = time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ringLocked(a)
	})
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.real.Stop()
		was := c.alarms[a]
		delete(c.alarms, a)
		return was
	}
}

func (c *clock) ringLocked(a *alarm) {
	if c.alarms[a] {
		delete(c.alarms, a)
		a.ring()
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
