package acquirer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// tape is a log that a test can read, and that is searched for card data when the test ends.
type tape struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *tape) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// newLine makes a line in the real world, not started.
func newLine(t *testing.T, address string, change func(*Options)) *Line {
	t.Helper()
	log := &tape{}
	o := Options{
		Address: address, Forwarder: "200100", AnswerTimeout: 5 * time.Second,
		Lease: (&counters{}).lease,
		Late: func(_ context.Context, key string, _ func(payment.Trace) payment.Answer) error {
			t.Errorf("nobody waited for %s", key)
			return nil
		},
		Now: time.Now, Rand: rand.Reader,
		Timer: func(d time.Duration) (<-chan time.Time, func() bool) {
			timer := time.NewTimer(d)
			return timer.C, timer.Stop
		},
		Within: context.WithTimeout,
		Go:     func(task func()) { go task() },
		Dial:   (&net.Dialer{}).DialContext,
		Log:    slog.New(slog.NewTextHandler(log, nil)),
	}
	if change != nil {
		change(&o)
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		log.mu.Lock()
		defer log.mu.Unlock()
		for _, secret := range []string{"4000000000001091", "9203731", "03731"} {
			if strings.Contains(log.text.String(), secret) {
				t.Error("the log holds card data")
			}
		}
	})
	return l
}

// startLine starts a line, waits until it is signed on, and closes it with the test.
func startLine(t *testing.T, address string, change func(*Options)) *Line {
	t.Helper()
	l := newLine(t, address, change)
	l.Start()
	t.Cleanup(func() { closeNow(t, l) })
	until(t, "the line is signed on", func() bool { return l.Ready() == nil })
	return l
}

// closeNow hangs up without waiting for anybody, and makes sure that nothing keeps running.
func closeNow(t *testing.T, l *Line) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.Close(ctx)
	ended := make(chan struct{})
	go func() { l.tasks.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("a task of the line did not end")
	}
}

// until waits for something that will be so in a moment.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// peer is one connection of a scripted host.
type peer struct {
	net.Conn
	mu sync.Mutex
}

// raw writes bytes as they are.
func (p *peer) raw(b []byte) { p.mu.Lock(); defer p.mu.Unlock(); _, _ = p.Conn.Write(b) }

// send writes a message.
func (p *peer) send(m message) {
	frame, err := encode(m)
	if err != nil {
		panic(err)
	}
	p.raw(frame)
}

// script is what a host does with a message; false ends the connection.
type script func(p *peer, m message) bool

// managed answers network messages and hands the rest on.
func managed(rest script) script {
	return func(p *peer, m message) bool {
		if m.mti == "0800" {
			p.send(answerTo(m, nil))
			return true
		}
		return rest(p, m)
	}
}

// approving is a host that approves everything.
func approving(p *peer, m message) bool { p.send(answerTo(m, nil)); return true }

// serve runs a script on one connection.
func serve(nc net.Conn, does script) {
	defer nc.Close()
	p := &peer{Conn: nc}
	for {
		var header [2]byte
		if _, err := io.ReadFull(nc, header[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint16(header[:]))
		if _, err := io.ReadFull(nc, body); err != nil {
			return
		}
		m, err := decode(body)
		if err != nil {
			panic(fmt.Sprintf("the host cannot read what we sent: %v", err))
		}
		if !does(p, m) {
			return
		}
	}
}

// listen starts a host on a real socket and returns its address.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			running.Go(func() { handle(nc) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, nc := range open {
			nc.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return listener.Addr().String()
}

func newHost(t *testing.T, does script) string {
	t.Helper()
	return listen(t, func(nc net.Conn) { serve(nc, does) })
}

// nthPurchase is a purchase with an identity of its own.
func nthPurchase(t testing.TB, i int) Authorisation {
	p := samplePurchase(t)
	p.Trace.STAN, p.Trace.RRN = fmt.Sprintf("%06d", i), fmt.Sprintf("60440800%04d", i)
	return p
}

// buyAll makes purchases at the same time and returns their answers in the order of the purchases. All of
// them must be back within the limit: nobody may be left blocked.
func buyAll(t *testing.T, l *Line, limit time.Duration, purchases ...Authorisation) []payment.Answer {
	t.Helper()
	answers := make([]payment.Answer, len(purchases))
	var running sync.WaitGroup
	for i, p := range purchases {
		running.Go(func() { answers[i] = l.Authorise(t.Context(), p) })
	}
	back := make(chan struct{})
	go func() { running.Wait(); close(back) }()
	select {
	case <-back:
	case <-time.After(limit):
		t.Fatal("a caller is blocked")
	}
	return answers
}

func outcomes(answers []payment.Answer) map[payment.Outcome]int {
	counts := map[payment.Outcome]int{}
	for _, a := range answers {
		counts[a.Outcome]++
	}
	return counts
}

func reverse(t *testing.T, l *Line, tries int) (string, bool) {
	t.Helper()
	pan, err := card.ParsePAN("4000000000001091")
	if err != nil {
		t.Fatal(err)
	}
	r := sampleReversal()
	r.Tries = tries
	a := l.Advise(t.Context(), r, pan)
	return a.Authorization.ResponseCode, a.Outcome == payment.Approved || a.Outcome == payment.Declined
}
