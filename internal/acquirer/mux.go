package acquirer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errNoAnswer  = errors.New("no answer in time")
	errTooLate   = errors.New("too late to send")
	errBusy      = errors.New("too many messages in flight")
	errDuplicate = errors.New("a message with this identity is in flight")
	errFrame     = errors.New("the host sent a length that makes no sense")
)

// conn is one connection with many requests in flight. Two tasks serve it, a writer and a reader, and
// neither waits for a caller: each caller has a channel with room for its one reply. Whoever takes a call
// out of pending gives it that reply, under the lock, so that there is always exactly one. Nothing is
// sent or received, and no channel waited for, while the lock is held; that is what makes it free of the
// deadlocks that multiplexers die of when a peer closes while answers are arriving.
type conn struct {
	line *Line
	net  net.Conn
	left *tally        // what has gone out of net
	wake chan struct{} // something is in the queue
	dead chan struct{} // closed when the connection has ended
	odd  chan struct{} // something was not answered: whoever watches is to ask whether the host is still there

	mu      sync.Mutex
	err     error            // why it ended, nil while it lives
	pending map[string]*call // by identity
	queue   []*call          // not yet begun to be written, oldest first
	heard   bool             // since heardSince was asked last
}

// call is one request and whoever waits for its answer.
type call struct {
	key      string
	frame    []byte
	notAfter time.Time
	begun    bool // bytes of it may have left
	done     chan reply
}

// reply is what came of a request: the answer, or an error and whether any byte of the request may have
// left.
type reply struct {
	got  message
	err  error
	sent bool
}

// identity is what an answer is matched by: its MTI, DE32, DE41, DE7, DE11 and DE37 (an 0810 has three of
// them). The STAN alone would hand one payer's answer to another as soon as two terminals draw the same
// number.
func identity(answer string, m message) string {
	f := m.fields
	return answer + "|" + f[32] + "|" + f[41] + "|" + f[7] + "|" + f[11] + "|" + f[37]
}

func newConn(l *Line, nc net.Conn, left *tally) *conn {
	c := &conn{
		line: l, net: nc, left: left, wake: make(chan struct{}, 1), dead: make(chan struct{}),
		odd:     make(chan struct{}, 1),
		pending: map[string]*call{},
	}
	l.spawn(c.write)
	l.spawn(c.read)
	return c
}

// do sends a message and waits for its answer.
func (c *conn) do(ctx context.Context, m message, notAfter time.Time, within time.Duration) reply {
	if err := ctx.Err(); err != nil {
		return reply{err: err}
	}
	frame, err := encode(m)
	if err != nil {
		return reply{err: err}
	}
	late, stop := c.line.o.Timer(within)
	defer stop()
	k := &call{key: identity(answers[m.mti], m), frame: frame, notAfter: notAfter, done: make(chan reply, 1)}
	if err := c.enqueue(k); err != nil {
		clear(frame)
		return reply{err: err}
	}
	select {
	case r := <-k.done:
		return r
	case <-late:
		err = errNoAnswer
		select {
		case c.odd <- struct{}{}:
		default:
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.settle(k, reply{err: err}) // unless a reply came at the same moment: then that one counts
	return <-k.done
}

func (c *conn) enqueue(k *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch _, twice := c.pending[k.key]; {
	case c.err != nil:
		return c.err
	case twice:
		return errDuplicate
	case max(len(c.pending), len(c.queue)) >= c.line.o.MaxInFlight: // what was abandoned still queues
		return errBusy
	}
	c.pending[k.key] = k
	c.queue = append(c.queue, k)
	select {
	case c.wake <- struct{}{}:
	default: // the writer has been told already
	}
	return nil
}

// settle gives a call its reply, if it is still waiting for one. Of an error it fills in whether the
// request may have left.
func (c *conn) settle(k *call, r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(k, r)
}

func (c *conn) settleLocked(k *call, r reply) {
	if c.pending[k.key] == k {
		delete(c.pending, k.key)
		r.sent = k.begun
		k.done <- r
	}
}

// write sends what is in the queue, each message with its length in one write.
func (c *conn) write() {
	for {
		k := c.next()
		if k == nil {
			select {
			case <-c.wake:
				continue
			case <-c.dead:
				return
			}
		}
		before := c.left.bytes.Load()
		err := c.net.SetWriteDeadline(c.line.o.Now().Add(c.line.o.WriteTimeout))
		if err == nil {
			_, err = c.net.Write(k.frame)
		}
		clear(k.frame) // PCI DSS 3.3.1: it held a CVN
		if err != nil {
			if c.left.bytes.Load() == before {
				c.settleUnsent(k, err)
			}
			c.fail(fmt.Errorf("write: %w", err))
			return
		}
	}
}

// next takes the oldest message that is still wanted and not too late. From here on its bytes may have
// left.
func (c *conn) next() *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		k := c.queue[0]
		c.queue[0], c.queue = nil, c.queue[1:]
		switch {
		case c.pending[k.key] != k: // abandoned
		case past(c.line.o.Now(), k.notAfter):
			c.settleLocked(k, reply{err: errTooLate})
		default:
			k.begun = true
			return k
		}
		clear(k.frame)
	}
	return nil
}

// past looks at both clocks: the monotonic one that a time carries, because the other may be set back, and the
// other, because the monotonic one stands still while a machine is suspended.
func past(now, notAfter time.Time) bool {
	return !notAfter.IsZero() && (now.After(notAfter) || now.Round(0).After(notAfter.Round(0)))
}

// settleUnsent settles a call whose write failed before its first byte.
func (c *conn) settleUnsent(k *call, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.begun = false
	c.settleLocked(k, reply{err: err})
}

// read takes in answers until the connection ends.
func (c *conn) read() { c.fail(c.receive()) }

func (c *conn) receive() error {
	from := bufio.NewReader(c.net)
	for {
		var header [2]byte
		if _, err := io.ReadFull(from, header[:]); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		length := int(binary.BigEndian.Uint16(header[:]))
		if length == 0 || length > longestFrame {
			return errFrame
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(from, body); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		got, err := decode(body)
		clear(body) // a host may echo the PAN
		switch {
		case errors.Is(err, errForeign):
			return err // the stream is not what we think it is, and nothing behind this can be trusted
		case err != nil:
			// The frame is whole and only its content is wrong. Whoever waited for it has no answer; all
			// others keep theirs.
			c.line.refuse(err)
		case answers[got.mti] != "":
			c.line.refuse(fault{got.mti, 0, "is a request, and the host has nothing to ask"})
		default:
			c.deliver(got)
		}
	}
}

// deliver hands an answer to whoever waits for it. An answer to what has not been sent yet is nobody's.
func (c *conn) deliver(got message) {
	c.mu.Lock()
	c.heard = true
	k := c.pending[identity(got.mti, got)]
	wanted := k != nil && k.begun
	if wanted {
		c.settleLocked(k, reply{got: got})
	}
	c.mu.Unlock()
	if !wanted {
		c.line.unwanted(got)
	}
}

// heardSince says whether the host has sent anything since this was asked last.
func (c *conn) heardSince() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	heard := c.heard
	c.heard = false
	return heard
}

// fail ends the connection, for the reason that comes first, and gives everyone who waits their reply.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	for _, k := range c.queue {
		clear(k.frame)
	}
	c.queue = nil
	for _, key := range slices.Sorted(maps.Keys(c.pending)) { // in an order that does not change when this is told again
		c.settleLocked(c.pending[key], reply{err: err})
	}
	c.mu.Unlock()
	close(c.dead)
	_ = c.net.Close() // only now: it may take a while, and nobody is to wait for it
}

// cause returns why the connection ended.
func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// tally counts the bytes that went out, so that "not one byte left" is known and not believed. Under TLS
// it counts what TLS has written, which can only be more.
type tally struct {
	net.Conn
	bytes atomic.Int64
}

func (t *tally) Write(b []byte) (int, error) {
	written, err := t.Conn.Write(b)
	t.bytes.Add(int64(written))
	return written, err
}
