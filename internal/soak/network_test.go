package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// network is all the wires there are. A write never waits; what was written is under way until the scheduler delivers
// it, in order on each wire and in any order between them.
type network struct {
	w     *weather
	fault func(*pipe) trouble // asked of each segment that is written; nil: none

	mu        sync.Mutex
	listeners map[string]*listener
	shared    map[string][]string // addresses behind one address, as behind a load balancer
	ports     int
	conns     []*conn // those that are open, the oldest first
}

func newNetwork(w *weather) *network {
	return &network{w: w, listeners: map[string]*listener{}, shared: map[string][]string{}}
}

// trouble is what a wire does to a segment.
type trouble struct {
	kind  string // sever, cut (half of it arrives, then sever), silence (nothing arrives any more)
	delay time.Duration
}

type listener struct {
	net   *network
	who   *node
	at    *net.TCPAddr
	queue chan net.Conn
	once  sync.Once
	over  chan struct{}
}

func (n *network) listen(who *node, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	l := &listener{net: n, who: who, at: net.TCPAddrFromAddrPort(at), queue: make(chan net.Conn, 128), over: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[address] != nil {
		return nil, syscall.EADDRINUSE
	}
	n.listeners[address] = l
	return l, nil
}

func (l *listener) Addr() net.Addr { return l.at }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.over)
		l.net.mu.Lock()
		if l.net.listeners[l.at.String()] == l {
			delete(l.net.listeners, l.at.String())
		}
		l.net.mu.Unlock()
		for {
			select {
			case c := <-l.queue:
				_ = c.Close()
				continue
			default:
			}
			return
		}
	})
	return nil
}

// dial connects; an address that several stand behind leads to one of those that listen.
func (n *network) dial(ctx context.Context, who *node, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		address = "127.0.0.1:" + port
	}
	if !n.w.pass(who, "dial", address, nil) {
		return nil, errDead
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	targets := []string{address}
	if behind, ok := n.shared[address]; ok {
		targets = nil
		for _, a := range behind {
			if n.listeners[a] != nil {
				targets = append(targets, a)
			}
		}
	}
	var l *listener
	if len(targets) > 0 {
		l = n.listeners[targets[n.w.roll(len(targets))]]
	}
	n.ports++
	port := 20000 + n.ports%40000
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	here := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	var mu sync.Mutex
	line := lineOf(l.at.Port)
	near := &conn{net: n, who: who, line: line, local: here, remote: l.at, chance: rand.New(rand.NewPCG(uint64(port), 1))}
	far := &conn{net: n, who: l.who, line: line, local: l.at, remote: here, chance: rand.New(rand.NewPCG(uint64(port), 2))}
	near.in, far.in = newPipe(&mu, far, near), newPipe(&mu, near, far)
	near.out, far.out = far.in, near.in
	select {
	case l.queue <- far:
	default:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	n.mu.Lock()
	n.conns = append(n.conns, near, far)
	n.mu.Unlock()
	return near, nil
}

// hangUp resets every connection of a node, and closes its doors.
func (n *network) hangUp(who *node) {
	n.mu.Lock()
	var theirs []*conn
	for _, c := range n.conns {
		if c.who == who {
			theirs = append(theirs, c)
		}
	}
	var doors []*listener
	for _, l := range n.listeners {
		if l.who == who {
			doors = append(doors, l)
		}
	}
	n.mu.Unlock()
	for _, c := range theirs {
		if n.w.toss(2) { // what it had written may still arrive
			c.in.breakOff(syscall.ECONNRESET)
			_ = c.out.put(segment{end: io.EOF, at: time.Now()})
		} else {
			c.sever()
		}
	}
	for _, l := range doors {
		_ = l.Close()
	}
}

// conn is one end of a connection.
type conn struct {
	net           *network
	who           *node
	line          string
	local, remote *net.TCPAddr
	in, out       *pipe
	chance        *rand.Rand
}

// pipe is one direction of a connection, from one end to the other.
type pipe struct {
	from, to *conn

	mu      *sync.Mutex // of both directions
	more    *sync.Cond
	flying  []segment
	moving  bool // a delivery is on the list
	silent  bool
	arrived []byte
	end     error     // once what has arrived is read
	gone    time.Time // when the reader closed; zero: it has not
	limit   time.Time
	alarm   *time.Timer
}

type segment struct {
	data []byte
	end  error // it is the end of the stream
	at   time.Time
}

func newPipe(mu *sync.Mutex, from, to *conn) *pipe {
	return &pipe{from: from, to: to, mu: mu, more: sync.NewCond(mu)}
}

// left says whether whoever read it has closed.
func (p *pipe) left() bool { return !p.gone.IsZero() }

// put sends a segment on its way.
func (p *pipe) put(s segment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.putLocked(s)
}

func (p *pipe) putLocked(s segment) error {
	if p.end != nil || p.left() && p.gone.Before(time.Now()) { // both ends that close at one instant do so in no order
		return syscall.EPIPE
	}
	if p.silent {
		return nil
	}
	p.flying = append(p.flying, s)
	p.move()
	return nil
}

// move has the first segment delivered some time.
func (p *pipe) move() {
	if p.moving || len(p.flying) == 0 {
		return
	}
	p.moving = true
	p.from.net.w.next(&step{at: p.flying[0].at, kind: "deliver", what: p.from.line + p.way(), about: p.port, on: p, take: p.deliver})
}

// way is > for what goes to whoever listens on the line.
func (p *pipe) way() string {
	if p.to.local.Port < 10000 {
		return ">"
	}
	return "<"
}

// port tells apart the connections of a line.
func (p *pipe) port() string { return fmt.Sprint(p.from.local, p.to.local) }

func (p *pipe) deliver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moving = false
	if len(p.flying) == 0 {
		return
	}
	s := p.flying[0]
	p.flying = p.flying[1:]
	if p.end == nil && !p.left() {
		p.arrived = append(p.arrived, s.data...)
		p.end = s.end
		p.more.Broadcast()
	}
	p.move()
}

// breakOff ends the stream at once; what is under way is lost.
func (p *pipe) breakOff(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		p.end = err
	}
	p.flying = nil
	p.more.Broadcast()
}

func (c *conn) sever() {
	for _, p := range []*pipe{c.in, c.out} {
		p.breakOff(syscall.ECONNRESET)
	}
}

func (c *conn) silence() {
	for _, p := range []*pipe{c.in, c.out} {
		p.mu.Lock()
		p.silent, p.flying = true, nil
		p.mu.Unlock()
	}
}

func (c *conn) Write(b []byte) (int, error) {
	if c.who.isDead() {
		return 0, errDead
	}
	s := segment{data: append([]byte(nil), b...), at: time.Now().Add(c.latency())}
	if c.net.fault != nil {
		switch t := c.net.fault(c.out); t.kind {
		case "sever":
			c.sever()
			return len(b), nil // the kernel took it, and nobody will get it
		case "cut":
			s.data = s.data[:len(b)/2]
			s.end = syscall.ECONNRESET
		case "silence":
			c.silence()
		case "delay":
			s.at = s.at.Add(t.delay)
		}
	}
	if err := c.out.put(s); err != nil {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: err}
	}
	return len(b), nil
}

// latency is a little, and never the same. It is the connection's own, so that it does not hang on who writes first.
func (c *conn) latency() time.Duration {
	return time.Duration(50+c.chance.IntN(2000)) * time.Microsecond
}

func (c *conn) Read(b []byte) (int, error) {
	p := c.in
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.left():
			return 0, net.ErrClosed
		case c.who.isDead():
			return 0, errDead
		case !p.limit.IsZero() && !time.Now().Before(p.limit):
			return 0, os.ErrDeadlineExceeded
		case len(p.arrived) > 0:
			n := copy(b, p.arrived)
			p.arrived = p.arrived[n:]
			return n, nil
		case p.end != nil:
			if errors.Is(p.end, io.EOF) {
				return 0, io.EOF
			}
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: p.end}
		}
		p.more.Wait()
	}
}

func (c *conn) Close() error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	if c.in.left() {
		return net.ErrClosed
	}
	c.in.gone = time.Now()
	if c.in.alarm != nil {
		c.in.alarm.Stop()
	}
	c.in.more.Broadcast()
	_ = c.out.putLocked(segment{end: io.EOF, at: time.Now()})
	c.net.mu.Lock()
	c.net.conns = slices.DeleteFunc(c.net.conns, func(other *conn) bool { return other == c })
	c.net.mu.Unlock()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error      { return c.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return nil } // a write never waits

func (c *conn) SetReadDeadline(t time.Time) error {
	p := c.in
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alarm != nil {
		p.alarm.Stop()
	}
	p.limit = t
	if d := time.Until(t); !t.IsZero() && d > 0 {
		p.alarm = time.AfterFunc(d, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.more.Broadcast()
		})
	}
	p.more.Broadcast()
	return nil
}

// The doors, by port. Each node has two of its own behind those of all.
const (
	portAPI, portResults, portSink                       = 4242, 4243, 4244
	portACS, portDirectory, portAcquirer, portControl    = 4245, 4246, 4247, 4248
	portNode                                             = 5000
	lineAPI, lineResults, lineSink                       = "api", "results", "webhook"
	lineACS, lineDirectory, lineAcquirer, lineSimulation = "acs", "directory", "acquirer", "control"
)

var lines = map[int]string{
	portSink: lineSink, portACS: lineACS, portDirectory: lineDirectory, portAcquirer: lineAcquirer, portControl: lineSimulation,
}

func lineOf(port int) string {
	if port >= portNode && port < 2*portNode {
		return []string{lineAPI, lineResults}[port%2]
	}
	return lines[port]
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
