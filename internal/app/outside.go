package app

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"time"
)

// Outside is everything that comes from outside the process: time, chance, the network and the scheduler.
// No room reaches around it, so that two houses run in one process and a test can play the world.
type Outside struct {
	Now   func() time.Time
	Timer func(d time.Duration) (<-chan time.Time, func() bool)
	// Within is a context that ends after d. Its cause is context.DeadlineExceeded then, whatever Err says.
	Within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	Rand   io.Reader
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolve finds the addresses of a host for whom must know them before it dials. An address is its own.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Listen  func(network, address string) (net.Listener, error)
	Go      func(task func())
}

// Real is the machine that we run on.
func Real() Outside {
	return Outside{
		Now: time.Now,
		Timer: func(d time.Duration) (<-chan time.Time, func() bool) {
			t := time.NewTimer(d)
			return t.C, t.Stop
		},
		Within: context.WithTimeout,
		Rand:   rand.Reader,
		Dial:   (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			for i, a := range list {
				list[i] = a.Unmap() // an IPv4 address is one, however the resolver writes it
			}
			return list, err
		},
		Listen: net.Listen,
		Go:     func(task func()) { go task() },
	}
}

// wait waits for d, or until ctx ends.
func (o Outside) wait(d time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		if d <= 0 {
			return
		}
		over, stop := o.Timer(d)
		defer stop()
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
}
