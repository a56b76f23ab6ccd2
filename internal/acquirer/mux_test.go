package acquirer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/payment"
)

// These run over real sockets, because what they try is what sockets do.

func TestAnswersInAnyOrder(t *testing.T) {
	var mu sync.Mutex
	var held []message
	l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
		mu.Lock()
		defer mu.Unlock()
		if held = append(held, m); len(held) == 50 {
			for _, m := range slices.Backward(held) {
				p.send(answerTo(m, nil))
			}
		}
		return true
	})), nil)
	var purchases []Authorisation
	for i := range 50 {
		purchases = append(purchases, nthPurchase(t, i+1))
	}
	for i, a := range buyAll(t, l, 5*time.Second, purchases...) {
		if a.Outcome != payment.Approved || a.Authorization.RRN != purchases[i].Trace.RRN {
			t.Errorf("purchase %s: %s with the answer of %s", purchases[i].Trace.RRN, a.Outcome, a.Authorization.RRN)
		}
	}
}

// The fault of a multiplexer that matches by STAN alone: one payer gets the answer of another.
func TestOneSTANTwice(t *testing.T) {
	var held []message
	l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
		if held = append(held, m); len(held) == 2 {
			p.send(answerTo(held[0], map[int]string{39: "51", 38: ""}))
			p.send(answerTo(held[1], nil))
		}
		return true
	})), nil)
	a, b := nthPurchase(t, 1), nthPurchase(t, 2)
	b.Trace.STAN = a.Trace.STAN
	answers := buyAll(t, l, 5*time.Second, a, b)
	for i, p := range []Authorisation{a, b} {
		if answers[i].Authorization.RRN != p.Trace.RRN {
			t.Errorf("%s got the answer of %s", p.Trace.RRN, answers[i].Authorization.RRN)
		}
	}
	if got := outcomes(answers); got[payment.Approved] != 1 || got[payment.Declined] != 1 {
		t.Errorf("%v", got)
	}
}

// Terminals and acquirers count for themselves, so that in one second two may agree in all their numbers.
func TestOneTraceAtTwoAcquirers(t *testing.T) {
	var held []message
	l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
		if held = append(held, m); len(held) == 3 {
			for _, m := range slices.Backward(held) {
				p.send(answerTo(m, map[int]string{42: fill(m.fields[32]+m.fields[41], 15)}))
			}
		}
		return true
	})), nil)
	a, b, c := nthPurchase(t, 1), nthPurchase(t, 1), nthPurchase(t, 1)
	b.Trace.Acquirer, c.Trace.Terminal = "400553", "WEB00002"
	for i, answer := range buyAll(t, l, 5*time.Second, a, b, c) {
		want := []string{"400552WEB00001", "400553WEB00001", "400552WEB00002"}[i]
		if answer.Outcome != payment.Approved || answer.Authorization.AcquirerMerchantID != want {
			t.Errorf("%s: %s with the answer of %s", want, answer.Outcome, answer.Authorization.AcquirerMerchantID)
		}
	}
}

func TestOneIdentityIsInFlightOnce(t *testing.T) {
	arrived, answer := make(chan message, 2), make(chan struct{})
	l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
		arrived <- m
		<-answer
		return approving(p, m)
	})), nil)
	p := samplePurchase(t)
	first := make(chan payment.Answer, 1)
	go func() { first <- l.Authorise(t.Context(), p) }()
	<-arrived
	if a := l.Authorise(t.Context(), p); a.Outcome != payment.Unsent || a.Failure != payment.ChannelUnavailable {
		t.Errorf("the second is %s", a.Outcome)
	}
	close(answer)
	if a := <-first; a.Outcome != payment.Approved {
		t.Errorf("the first is %s", a.Outcome)
	}
	if len(arrived) != 0 {
		t.Error("the second has reached the host")
	}
}

// The deadlock of a multiplexer that holds a lock while it hands over an answer. What is called unsent must
// not have been seen by the host.
func TestHostHangsUpWhileAnswersArrive(t *testing.T) {
	for range 40 {
		var mu sync.Mutex
		seen := map[string]bool{}
		l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
			mu.Lock()
			defer mu.Unlock()
			seen[m.fields[37]] = true
			return approving(p, m) && len(seen) < 40
		})), func(o *Options) {
			o.Late = func(context.Context, string, func(payment.Trace) payment.Answer) error { return nil }
		})
		var purchases []Authorisation
		for i := range 64 {
			purchases = append(purchases, nthPurchase(t, i+1))
		}
		answers := buyAll(t, l, 3*time.Second, purchases...)
		mu.Lock()
		for i, a := range answers {
			rrn := purchases[i].Trace.RRN
			switch {
			case a.Outcome == payment.Approved && !seen[rrn], a.Outcome == payment.Unsent && seen[rrn]:
				t.Errorf("%s is %s, seen by the host: %v", rrn, a.Outcome, seen[rrn])
			case a.Outcome == payment.Declined, a.Outcome == payment.Unwanted:
				t.Errorf("%s is %s", rrn, a.Outcome)
			}
		}
		mu.Unlock()
		if outcomes(answers)[payment.Approved] == 64 {
			t.Fatal("the host did not hang up")
		}
		closeNow(t, l)
	}
}

// A host that stops reading fills the buffers between us, and then every write would wait for ever.
func TestHostStopsReading(t *testing.T) {
	stop := make(chan struct{})
	address := listen(t, func(nc net.Conn) {
		_ = nc.(*net.TCPConn).SetReadBuffer(4096)
		signedOn := false
		serve(nc, func(p *peer, m message) bool {
			if signedOn {
				<-stop
				return false
			}
			signedOn = true
			p.send(answerTo(m, nil))
			return true
		})
	})
	t.Cleanup(func() { close(stop) })
	l := startLine(t, address, func(o *Options) {
		o.WriteTimeout, o.MaxInFlight = 300*time.Millisecond, 5000
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				err = nc.(*net.TCPConn).SetWriteBuffer(4096)
			}
			return nc, err
		}
	})
	var purchases []Authorisation
	for i := range 3000 {
		purchases = append(purchases, nthPurchase(t, i+1))
	}
	got := outcomes(buyAll(t, l, 4*time.Second, purchases...))
	if got[payment.Unknown] == 0 || got[payment.Unsent] == 0 || got[payment.Unknown]+got[payment.Unsent] != 3000 {
		t.Errorf("%v", got)
	}
}

func TestGarbageEndsTheConnectionAndNothingElse(t *testing.T) {
	whole := mustEncode(t, answerTo(sampleMessages(t)["0200"], nil))
	for name, garbage := range map[string]string{
		"an empty frame":            "\x00\x00",
		"a length without end":      "\xff\xff0210",
		"another protocol":          "HTTP/1.1 400 Bad Request\r\n\r\n",
		"a type we do not know":     "\x00\x0c0510\x00\x00\x00\x00\x00\x00\x00\x00",
		"a length and nothing more": "\x01\x00",
		"half a message":            string(whole[:len(whole)/2]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var purchases atomic.Int32
			l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
				if purchases.Add(1) > 1 {
					return approving(p, m)
				}
				p.raw([]byte(garbage))
				return false
			})), func(o *Options) { o.AnswerTimeout = time.Minute })
			if got := buyAll(t, l, 5*time.Second, nthPurchase(t, 1))[0]; got.Outcome != payment.Unknown {
				t.Errorf("%s", got.Outcome)
			}
			until(t, "the line is back", func() bool { return l.Ready() == nil && l.Counts().Connections == 2 })
			if got := buyAll(t, l, 5*time.Second, nthPurchase(t, 2))[0]; got.Outcome != payment.Approved {
				t.Errorf("on the next connection: %s", got.Outcome)
			}
		})
	}
}

func TestTooManyInFlight(t *testing.T) {
	arrived, answer := make(chan struct{}, 2), make(chan struct{})
	l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
		arrived <- struct{}{}
		if len(arrived) == 2 {
			<-answer
		}
		go func() { <-answer; p.send(answerTo(m, nil)) }()
		return true
	})), func(o *Options) { o.MaxInFlight = 2 })
	first := make(chan []payment.Answer, 1)
	go func() { first <- buyAll(t, l, 5*time.Second, nthPurchase(t, 1), nthPurchase(t, 2)) }()
	until(t, "two are in flight", func() bool { return len(arrived) == 2 })
	if a := l.Authorise(t.Context(), nthPurchase(t, 3)); a.Outcome != payment.Unsent || a.Failure != payment.ChannelUnavailable {
		t.Errorf("the third is %s", a.Outcome)
	}
	close(answer)
	if got := outcomes(<-first); got[payment.Approved] != 2 {
		t.Errorf("%v", got)
	}
}

// failing is a connection on which a write fails after some bytes.
type failing struct {
	net.Conn
	armed *atomic.Bool
	after int
}

func (f failing) Write(b []byte) (int, error) {
	if !f.armed.Load() {
		return f.Conn.Write(b)
	}
	written, _ := f.Conn.Write(b[:f.after])
	return written, errors.New("the cable is cut")
}

// Unsent is said only where it is known that not one byte has left.
func TestWriteFails(t *testing.T) {
	for after, want := range map[int]payment.Outcome{0: payment.Unsent, 1: payment.Unknown, 100: payment.Unknown} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			var armed atomic.Bool
			l := startLine(t, newHost(t, managed(approving)), func(o *Options) {
				dial := o.Dial
				o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					nc, err := dial(ctx, network, address)
					return failing{nc, &armed, after}, err
				}
			})
			armed.Store(true)
			a := l.Authorise(t.Context(), samplePurchase(t))
			if a.Outcome != want || (a.Failure == payment.ChannelUnavailable) != (want == payment.Unsent) {
				t.Errorf("%s %s, want %s", a.Outcome, a.Failure, want)
			}
		})
	}
}

// Header and body go out in one write, and the frame that held the CVN is wiped after it.
func TestOneWriteForOneMessage(t *testing.T) {
	var mu sync.Mutex
	var writes [][]byte
	l := startLine(t, newHost(t, managed(approving)), func(o *Options) {
		dial := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := dial(ctx, network, address)
			return watched{nc, func(b []byte) { mu.Lock(); writes = append(writes, b); mu.Unlock() }}, err
		}
	})
	want := mustEncode(t, sampleMessages(t)["0200"])
	if a := l.Authorise(t.Context(), samplePurchase(t)); a.Outcome != payment.Approved {
		t.Fatal(a.Outcome)
	}
	closeNow(t, l) // so that the writer has ended
	mu.Lock()
	defer mu.Unlock()
	if len(writes) != 2 || len(writes[1]) != len(want) {
		t.Fatalf("%d writes", len(writes))
	}
	if strings.Trim(string(writes[1]), "\x00") != "" {
		t.Error("the frame was not wiped")
	}
}

type watched struct {
	net.Conn
	see func([]byte)
}

func (w watched) Write(b []byte) (int, error) {
	w.see(b)
	return w.Conn.Write(b)
}

func TestHostHangsUpAtOnce(t *testing.T) {
	var connections atomic.Int32
	address := listen(t, func(nc net.Conn) {
		connections.Add(1)
		_, _ = io.CopyN(io.Discard, nc, 1)
		nc.Close()
	})
	l := newLine(t, address, nil)
	l.Start()
	t.Cleanup(func() { closeNow(t, l) })
	until(t, "it was tried twice", func() bool { return connections.Load() >= 2 })
	if err := l.Ready(); !errors.Is(err, errNotConnected) {
		t.Errorf("ready: %v", err)
	}
	if a := l.Authorise(t.Context(), samplePurchase(t)); a.Outcome != payment.Unsent || a.Failure != payment.ChannelUnavailable {
		t.Errorf("%s %s", a.Outcome, a.Failure)
	}
}

func TestReverse(t *testing.T) {
	var types []string
	code := "00"
	l := startLine(t, newHost(t, managed(func(p *peer, m message) bool {
		types = append(types, m.mti)
		p.send(answerTo(m, map[int]string{39: code}))
		return true
	})), nil)
	if got, ok := reverse(t, l, 0); got != "00" || !ok {
		t.Errorf("%q, %v", got, ok)
	}
	code = "25"
	if got, ok := reverse(t, l, 1); got != "25" || !ok {
		t.Errorf("%q, %v", got, ok)
	}
	closeNow(t, l)
	if got, ok := reverse(t, l, 2); got != "" || ok {
		t.Errorf("on a closed line: %q, %v", got, ok)
	}
	if !slices.Equal(types, []string{"0420", "0421"}) {
		t.Errorf("%v", types)
	}
}
