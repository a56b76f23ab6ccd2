package cluster

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// link is a TCP proxy between two parties who know nothing of it. It can be cut, slowed down, and turned into
// a hole that takes everything and passes nothing on.
type link struct {
	name     string
	listener net.Listener

	mu      sync.Mutex
	targets []string // the first that answers is taken, and goes to the end
	delay   time.Duration
	hole    chan struct{} // not nil: nothing passes until it is closed
	pipes   map[*pipe]bool
}

// pipe is one connection through a link.
type pipe struct {
	near, far *net.TCPConn
	gone      chan struct{}
	once      sync.Once
}

func openLink(t *testing.T, name string, targets ...string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{name: name, listener: listener, targets: targets, pipes: map[*pipe]bool{}}
	go l.serve()
	t.Cleanup(func() {
		_ = listener.Close()
		l.heal()
		l.sever()
	})
	return l
}

func (l *link) address() string { return l.listener.Addr().String() }

// to says who is at the other end from now on. Connections that there are stay.
func (l *link) to(targets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.targets = targets
}

// slow delays each piece that passes, in both directions.
func (l *link) slow(delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = delay
}

// swallow takes everything from both sides and passes nothing on, until the link is healed. What was taken
// passes then, late.
func (l *link) swallow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hole == nil {
		l.hole = make(chan struct{})
	}
}

// heal ends delays and holes.
func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = 0
	if l.hole != nil {
		close(l.hole)
		l.hole = nil
	}
}

// sever resets every connection there is. New ones are taken.
func (l *link) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pipes {
		p.cut()
	}
	clear(l.pipes)
}

func (l *link) serve() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.connect(conn.(*net.TCPConn))
	}
}

func (l *link) connect(near *net.TCPConn) {
	p := &pipe{near: near, gone: make(chan struct{})}
	l.mu.Lock()
	l.pipes[p] = true // before there is another side: a severed link also severs what waits in a hole
	l.mu.Unlock()
	defer func() {
		p.cut()
		l.mu.Lock()
		delete(l.pipes, p)
		l.mu.Unlock()
	}()
	if !l.pass(p) {
		return
	}
	far, err := l.dial()
	if err != nil {
		return
	}
	l.mu.Lock()
	p.far = far
	l.mu.Unlock()
	if !l.pass(p) { // it was cut before there was another side
		_ = far.Close()
		return
	}
	var ends sync.WaitGroup
	ends.Go(func() { l.pump(p, far, near) })
	ends.Go(func() { l.pump(p, near, far) })
	ends.Wait()
}

func (l *link) dial() (*net.TCPConn, error) {
	l.mu.Lock()
	targets := l.targets
	if len(targets) > 1 {
		l.targets = append(append([]string{}, targets[1:]...), targets[0])
	}
	l.mu.Unlock()
	err := errors.New("nobody is at the other end")
	for _, target := range targets {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", target, 2*time.Second); err == nil {
			return conn.(*net.TCPConn), nil
		}
	}
	return nil, err
}

// pump carries one direction to its end. An end of input is passed on; anything else ends both directions.
func (l *link) pump(p *pipe, to, from *net.TCPConn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !l.pass(p) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				p.cut()
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if l.pass(p) {
				_ = to.CloseWrite()
			}
			return
		case err != nil:
			p.cut()
			return
		}
	}
}

// pass waits as long as the link says, and tells whether the pipe is still there.
func (l *link) pass(p *pipe) bool {
	l.mu.Lock()
	delay, hole := l.delay, l.hole
	l.mu.Unlock()
	if hole != nil {
		select {
		case <-hole:
		case <-p.gone:
			return false
		}
	}
	select {
	case <-p.gone:
		return false
	case <-time.After(delay):
		return true
	}
}

// cut resets both sides.
func (p *pipe) cut() {
	p.once.Do(func() {
		close(p.gone)
		for _, side := range []*net.TCPConn{p.near, p.far} {
			if side != nil {
				_ = side.SetLinger(0)
				_ = side.Close()
			}
		}
	})
}
