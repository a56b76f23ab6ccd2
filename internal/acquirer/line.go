package acquirer

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

var (
	errNotConnected = errors.New("the acquirer line is not connected")
	errClosed       = errors.New("the acquirer line is closed")
	errSilent       = errors.New("the acquirer host does not answer echoes")
)

// Waits between attempts to connect, and how long a connection lasts to count as a good one.
const (
	shortestWait = 250 * time.Millisecond
	longestWait  = 30 * time.Second
	steady       = 10 * time.Second
)

// Start begins to connect, and connects again whenever the connection is lost. It returns at once; Ready
// tells when the host has let us in.
func (l *Line) Start() { l.spawn(l.keep) }

// keep keeps the line up until it is closed.
func (l *Line) keep() {
	for failures := 0; ; failures++ {
		c, err := l.open()
		if err == nil {
			up := l.o.Now()
			l.connections.Add(1)
			l.publish(c, nil)
			l.o.Log.Info("acquirer line is up", "address", l.o.Address)
			err = l.watch(c)
			if l.o.Now().Sub(up) >= steady {
				failures = 0
			}
		}
		if l.ctx.Err() != nil {
			l.publish(nil, errClosed)
			return
		}
		l.publish(nil, fmt.Errorf("%w: %w", errNotConnected, err))
		l.o.Log.Warn("acquirer line is down", "address", l.o.Address, "error", err)
		wait, stop := l.o.Timer(l.backoff(failures))
		select {
		case <-wait:
		case <-l.ctx.Done():
		}
		stop()
	}
}

func (l *Line) publish(c *conn, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.why = c, why
}

// backoff doubles with every failure, and takes away up to half at random, so that many gateways do not
// come back to a host all at the same moment.
func (l *Line) backoff(failures int) time.Duration {
	wait := min(shortestWait<<min(failures, 16), longestWait)
	var b [8]byte
	_, _ = io.ReadFull(l.o.Rand, b[:]) // without chance, no jitter
	return wait - time.Duration(binary.BigEndian.Uint64(b[:])%uint64(wait/2))
}

// open connects and signs on. Nothing else is sent before the host has said 00 to that.
func (l *Line) open() (*conn, error) {
	nc, left, err := l.dial()
	if err != nil {
		return nil, err
	}
	c := newConn(l, nc, left)
	if err := l.manage(l.ctx, c, signOn); err != nil {
		c.fail(err)
		return nil, fmt.Errorf("sign on: %w", err)
	}
	return c, nil
}

// dial makes the connection, TLS included, within the time for it.
func (l *Line) dial() (net.Conn, *tally, error) {
	ctx, cancel := l.o.Within(l.ctx, l.o.DialTimeout)
	defer cancel()
	nc, err := l.o.Dial(ctx, "tcp", l.o.Address)
	if err != nil {
		return nil, nil, err
	}
	left := &tally{Conn: nc}
	if l.o.TLS == nil {
		return left, left, nil
	}
	config := l.o.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(l.o.Address)
	}
	secure := tls.Client(left, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	return secure, left, nil
}

// watch stays with a connection until it ends, and returns why it did. A host that says nothing for a
// while, or leaves a message without an answer, is asked whether it is still there: what is sent into a
// connection that only we believe in is lost.
func (l *Line) watch(c *conn) error {
	for {
		tick, stop := l.o.Timer(l.o.EchoAfter)
		doubt := false
		select {
		case <-c.dead:
			stop()
			return c.cause()
		case <-l.ctx.Done():
			stop()
			c.fail(errClosed)
			return errClosed
		case <-tick:
		case <-c.odd:
			stop()
			doubt = true
		}
		if c.heardSince() && !doubt || l.leaving() { // behind the sign-off an echo would be a fault
			continue
		}
		if err := l.manage(l.ctx, c, echo); err != nil {
			c.fail(fmt.Errorf("%w: %w", errSilent, err))
		}
		c.heardSince() // its answer breaks the silence, but does not put off the next
	}
}

// leaving says whether the line is being closed.
func (l *Line) leaving() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closing
}

// manage sends an 0800 and wants a 00.
func (l *Line) manage(ctx context.Context, c *conn, code string) error {
	stan := fmt.Sprintf("%06d", 1+l.stans.Add(1)%stans)
	r := c.do(ctx, buildNetwork(code, l.o.Now(), stan), time.Time{}, l.o.NetworkTimeout)
	if r.err != nil {
		return r.err
	}
	if got := r.got.fields[39]; got != "00" || r.got.fields[70] != code {
		return fmt.Errorf("the host answered %s to network code %s", got, code)
	}
	return nil
}

// Close sends nothing new, waits for the answers that are due, signs off and hangs up. When ctx ends first
// it hangs up at once: what is then in flight is Unknown, as it is after a crash.
func (l *Line) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closing {
		l.closing = true
		if l.calls == 0 {
			close(l.drained)
		}
	}
	l.mu.Unlock()

	select {
	case <-l.drained:
		l.mu.Lock()
		c := l.conn
		l.mu.Unlock()
		if c != nil {
			if err := l.manage(ctx, c, signOff); err != nil {
				l.o.Log.Warn("acquirer host did not acknowledge the sign-off", "error", err)
			}
		}
	case <-ctx.Done():
	}
	l.cancel()

	ended := make(chan struct{})
	l.o.Go(func() {
		l.tasks.Wait()
		close(ended)
	})
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
