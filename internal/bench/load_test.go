package bench

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stalling is a server that answers in a millisecond, and once, at a time, nobody for a while.
func stalling(at, stall time.Duration) operation {
	began := time.Now()
	return func(context.Context, int64) error {
		now := time.Since(began)
		if now >= at && now < at+stall {
			time.Sleep(at + stall - now)
		}
		time.Sleep(time.Millisecond)
		return nil
	}
}

func counted() func() int64 {
	var n atomic.Int64
	return func() int64 { return n.Add(1) }
}

func nothing() error { return nil }

// TestOpenLoopDoesNotOmit: who was to ask while nobody was answered has waited too, and is counted with that. The closed
// loop asks least when it is slowest, and hides the same stall.
func TestOpenLoopDoesNotOmit(t *testing.T) {
	for _, test := range []struct {
		name string
		load
		least, most float64 // p99
	}{
		{"open", load{rate: 1000, warmUp: time.Second, duration: 10 * time.Second}, 295, 305},
		{"closed", load{clients: 1, warmUp: time.Second, duration: 10 * time.Second}, 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, err := test.run(t.Context(), counted(), stalling(5*time.Second, 400*time.Millisecond), nothing)
				if err != nil {
					t.Fatal(err)
				}
				l := m.histogram.latency()
				if l.P99 < test.least || l.P99 > test.most || l.Max < 400 || l.Max > 402 || l.P50 > 1.1 {
					t.Errorf("%+v", l)
				}
			})
		})
	}
}

// TestWhatCounts: nothing of the warm-up, all that began in the time that counts, and no more than was asked for.
func TestWhatCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counting time.Duration
		began := time.Now()
		slowAtFirst := func(context.Context, int64) error {
			if time.Since(began) < time.Second {
				time.Sleep(300 * time.Millisecond)
			}
			time.Sleep(10 * time.Millisecond)
			return nil
		}
		begin := func() error {
			counting = time.Since(began)
			return nil
		}
		m, err := load{rate: 100, warmUp: 2 * time.Second, duration: 3 * time.Second}.run(t.Context(), counted(), slowAtFirst, begin)
		l := m.histogram.latency()
		if err != nil || m.count != 300 || l.Count != 300 || l.Max > 10.1 || counting != 2310*time.Millisecond {
			t.Errorf("open: %v, %d, %+v, counting from %s", err, m.count, l, counting)
		}
		if rate := m.perSecond(); rate < 99.5 || rate > 100.5 {
			t.Errorf("open: %.2f a second", rate)
		}
		began = time.Now()
		m, err = load{clients: 4, warmUp: 2 * time.Second, duration: 3 * time.Second}.run(t.Context(), counted(), slowAtFirst, nothing)
		if rate := m.perSecond(); err != nil || rate < 395 || rate > 401 {
			t.Errorf("closed: %v, %.2f a second", err, rate)
		}
	})
}

// TestErrorsEndARun: whatever is refused is no result.
func TestErrorsEndARun(t *testing.T) {
	refused := errors.New("refused")
	for name, l := range map[string]load{
		"open": {rate: 100, duration: time.Hour}, "closed": {clients: 3, duration: time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := l.run(t.Context(), counted(), func(_ context.Context, n int64) error {
				time.Sleep(time.Millisecond)
				if n == 50 {
					return refused
				}
				return nil
			}, nothing)
			if !errors.Is(err, refused) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := load{rate: 10000, duration: time.Hour}.run(t.Context(), counted(), func(ctx context.Context, n int64) error {
			if n > 1 { // once it has been answered, nobody ever is
				<-ctx.Done()
			}
			return ctx.Err()
		}, nothing)
		if err == nil || !strings.Contains(err.Error(), "10000 a second cannot be had") {
			t.Error(err)
		}
	})
}
