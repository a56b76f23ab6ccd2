package acquirer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"reprise/internal/payment"
)

// Here time is the test's own: a bubble of synctest, with pipes for connections, in which an hour passes
// as soon as everybody waits.

// inTime runs a line against a scripted host whose every connection is a pipe.
func inTime(t *testing.T, does script, change func(*Options), test func(t *testing.T, l *Line)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, "host:1", func(o *Options) {
			o.AnswerTimeout = 20 * time.Second
			o.Dial = func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go serve(theirs, does)
				return ours, nil
			}
			if change != nil {
				change(o)
			}
		})
		l.Start()
		synctest.Wait()
		test(t, l)
		closeNow(t, l)
	})
}

func TestNothingIsSentBeforeTheSignOn(t *testing.T) {
	var types []string
	inTime(t, func(p *peer, m message) bool {
		types = append(types, m.mti+m.fields[70])
		if m.mti == "0800" {
			time.Sleep(2 * time.Second)
		}
		return approving(p, m)
	}, nil, func(t *testing.T, l *Line) {
		if err := l.Ready(); !errors.Is(err, errNotConnected) {
			t.Errorf("ready: %v", err)
		}
		if a := l.Authorise(t.Context(), nthPurchase(t, 1)); a.Outcome != payment.Unsent || a.Failure != payment.ChannelUnavailable {
			t.Errorf("%s %s", a.Outcome, a.Failure)
		}
		time.Sleep(3 * time.Second)
		if err := l.Ready(); err != nil {
			t.Errorf("ready: %v", err)
		}
		if a := l.Authorise(t.Context(), nthPurchase(t, 2)); a.Outcome != payment.Approved {
			t.Errorf("%s", a.Outcome)
		}
		if !slices.Equal(types, []string{"0800001", "0200"}) {
			t.Errorf("%v", types)
		}
	})
}

func TestSignOnRefused(t *testing.T) {
	var tries int
	inTime(t, func(p *peer, m message) bool {
		tries++
		p.send(answerTo(m, map[int]string{39: "91"}))
		return true
	}, nil, func(t *testing.T, l *Line) {
		if err := l.Ready(); err == nil || !strings.Contains(err.Error(), "answered 91") {
			t.Errorf("ready: %v", err)
		}
		// 0.25 s, 0.5 s, 1 s … 30 s, each less up to a half: in ten minutes some 24 to 48 tries.
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if tries < 24 || tries > 48 {
			t.Errorf("%d tries in ten minutes", tries)
		}
	})
}

func TestBackoff(t *testing.T) {
	l := newLine(t, "host:1", nil)
	for failures, longest := range map[int]time.Duration{
		0: 250 * time.Millisecond, 1: 500 * time.Millisecond, 4: 4 * time.Second, 7: 30 * time.Second, 1000: 30 * time.Second,
	} {
		different := map[time.Duration]bool{}
		for range 100 {
			wait := l.backoff(failures)
			if wait > longest || wait <= longest/2 {
				t.Errorf("after %d failures it waits %v", failures, wait)
			}
			different[wait] = true
		}
		if len(different) < 50 {
			t.Errorf("after %d failures there is no jitter", failures)
		}
	}
}

func TestEchoOnAnIdleLine(t *testing.T) {
	var echoes int
	var stans []string
	inTime(t, func(p *peer, m message) bool {
		if m.fields[70] == echo {
			echoes++
		}
		stans = append(stans, m.fields[11])
		return approving(p, m)
	}, nil, func(t *testing.T, l *Line) {
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if echoes != 19 { // the first half minute has the sign-on in it
			t.Errorf("%d echoes in ten idle minutes", echoes)
		}
		if l.Counts().Connections != 1 {
			t.Error("the line was lost")
		}
		slices.Sort(stans)
		if all := len(stans); len(slices.Compact(stans)) != all {
			t.Error("a STAN was used twice")
		}
		// A busy line needs none.
		before := echoes
		for i := range 60 {
			l.Authorise(t.Context(), nthPurchase(t, i+1))
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		if echoes > before {
			t.Errorf("%d echoes on a busy line", echoes-before)
		}
	})
}

// TestUnansweredMessageIsFollowedByAnEcho: in a half-open connection on which much has just been heard, one message is
// lost, and not those of half a minute.
func TestUnansweredMessageIsFollowedByAnEcho(t *testing.T) {
	var silent atomic.Bool
	var connections int
	inTime(t, func(p *peer, m message) bool {
		if m.fields[70] == signOn {
			connections++
			silent.Store(false)
			return approving(p, m)
		}
		return silent.Load() || approving(p, m)
	}, func(o *Options) { o.AnswerTimeout = 8 * time.Second }, func(t *testing.T, l *Line) {
		if a := l.Authorise(t.Context(), nthPurchase(t, 1)); a.Outcome != payment.Approved {
			t.Fatalf("%s", a.Outcome)
		}
		silent.Store(true)
		start := time.Now()
		if a := l.Authorise(t.Context(), nthPurchase(t, 2)); a.Outcome != payment.Unknown {
			t.Errorf("%s", a.Outcome)
		}
		for l.Ready() == nil && connections == 1 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		if took := time.Since(start); took > 14*time.Second {
			t.Errorf("the dead line was noticed after %v", took)
		}
	})
}

// Half open: the host is gone and nobody has told us.
func TestMissedEchoClosesTheLine(t *testing.T) {
	var silent atomic.Bool
	var connections int
	inTime(t, func(p *peer, m message) bool {
		if m.fields[70] == signOn {
			connections++
			silent.Store(connections == 1)
			return approving(p, m)
		}
		return silent.Load() || approving(p, m)
	}, func(o *Options) { o.AnswerTimeout = 2 * time.Minute }, func(t *testing.T, l *Line) {
		start := time.Now()
		if a := l.Authorise(t.Context(), nthPurchase(t, 1)); a.Outcome != payment.Unknown {
			t.Errorf("%s", a.Outcome)
		}
		if took := time.Since(start); took > 66*time.Second {
			t.Errorf("the dead line was noticed after %v", took)
		}
		time.Sleep(time.Second)
		if a := l.Authorise(t.Context(), nthPurchase(t, 2)); a.Outcome != payment.Approved || connections != 2 {
			t.Errorf("%s on connection %d", a.Outcome, connections)
		}
	})
}

// A message whose frame is whole and whose content is wrong costs one answer and not the line.
func TestAnswerThatBreaksTheProfile(t *testing.T) {
	first := true
	inTime(t, managed(func(p *peer, m message) bool {
		frame, err := encode(answerTo(m, nil))
		if err != nil {
			panic(err)
		}
		if first {
			frame = []byte(strings.Replace(string(frame), "000010000000", "00001000000X", 1))
			p.raw(mustEncode(t, sampleMessages(t)["0200"])) // and a host has nothing to buy
		}
		first = false
		p.raw(frame)
		return true
	}), nil, func(t *testing.T, l *Line) {
		for i, want := range []payment.Outcome{payment.Unknown, payment.Approved} {
			if a := l.Authorise(t.Context(), nthPurchase(t, i+1)); a.Outcome != want {
				t.Errorf("%s, want %s", a.Outcome, want)
			}
		}
		if got := l.Counts(); got != (Counts{Connections: 1, Refused: 2}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestTooLateToSend(t *testing.T) {
	var arrived int
	inTime(t, managed(func(p *peer, m message) bool { arrived++; return approving(p, m) }), nil, func(t *testing.T, l *Line) {
		p := nthPurchase(t, 1)
		p.NotAfter = time.Now().Add(-time.Nanosecond)
		if a := l.Authorise(t.Context(), p); a.Outcome != payment.Unsent || a.Failure != payment.ChannelUnavailable || arrived != 0 {
			t.Errorf("%s %s, %d arrived", a.Outcome, a.Failure, arrived)
		}
		p.NotAfter = time.Now()
		if a := l.Authorise(t.Context(), p); a.Outcome != payment.Approved {
			t.Errorf("in time: %s", a.Outcome)
		}
	})
}

// TestPastByEitherClock: one clock was set back, or a machine slept and the other stood still.
func TestPastByEitherClock(t *testing.T) {
	const second = 1 << 30 // in the word of a time.Time that has the seconds of the wall clock above the nanoseconds
	setBy := func(at time.Time, seconds int64) time.Time {
		(*[3]uint64)(unsafe.Pointer(&at))[0] += uint64(seconds * second)
		return at
	}
	start := time.Now()
	limit := start.Add(2 * time.Second)
	for name, test := range map[string]struct {
		now  time.Time
		want bool
	}{
		"at once":                   {start, false},
		"in time":                   {limit, false},
		"late":                      {start.Add(3 * time.Second), true},
		"late, and set back":        {setBy(start.Add(3*time.Second), -60), true},
		"set back":                  {setBy(start, -60), false},
		"slept":                     {setBy(start, 60), true},
		"late by the only clock":    {start.Round(0).Add(3 * time.Second), true},
		"in time by the only clock": {start.Round(0).Add(time.Second), false},
	} {
		if got := past(test.now, limit); got != test.want {
			t.Errorf("%s: past is %v", name, got)
		}
	}
	if past(start, time.Time{}) {
		t.Error("what has no limit is past")
	}
}

// It is the moment of writing that counts, not the moment of asking.
func TestTooLateBehindAStalledWrite(t *testing.T) {
	inTime(t, managed(func(p *peer, m message) bool {
		if m.fields[11] == "000001" {
			time.Sleep(3 * time.Second)
		}
		return approving(p, m)
	}), nil, func(t *testing.T, l *Line) {
		var purchases []Authorisation
		answers := make(chan payment.Answer, 3)
		for i := range 3 { // the first is read, the second waits in its write, the third in the queue
			purchases = append(purchases, nthPurchase(t, i+1))
			purchases[i].NotAfter = time.Now().Add(2 * time.Second)
			go func() { answers <- l.Authorise(t.Context(), purchases[i]) }()
			synctest.Wait()
		}
		if got := outcomes([]payment.Answer{<-answers, <-answers, <-answers}); got[payment.Approved] != 2 || got[payment.Unsent] != 1 {
			t.Errorf("%v", got)
		}
	})
}

// A host that answers what it has not been asked yet is not believed.
func TestAnswerBeforeTheRequest(t *testing.T) {
	third := nthPurchase(t, 3)
	inTime(t, managed(func(p *peer, m message) bool {
		if m.fields[11] == "000001" {
			time.Sleep(time.Second) // until all three are on their way
			p.send(answerTo(m, map[int]string{11: third.Trace.STAN, 37: third.Trace.RRN, 38: "FORGED"}))
		}
		return approving(p, m)
	}), func(o *Options) {
		o.Late = func(context.Context, string, func(payment.Trace) payment.Answer) error { return nil }
	}, func(t *testing.T, l *Line) {
		answers := make(chan payment.Answer, 3)
		// The host holds the first, the second waits in its write, the third in the queue.
		for _, p := range []Authorisation{nthPurchase(t, 1), nthPurchase(t, 2), third} {
			go func() { answers <- l.Authorise(t.Context(), p) }()
			synctest.Wait()
		}
		for range 3 {
			if a := <-answers; a.Outcome != payment.Approved || a.Authorization.AuthorizationCode != "831000" {
				t.Errorf("%s with code %s", a.Outcome, a.Authorization.AuthorizationCode)
			}
		}
		if late := l.Counts().Late; late != 1 {
			t.Errorf("%d answers were nobody's", late)
		}
	})
}

func TestCallerGivesUp(t *testing.T) {
	inTime(t, managed(func(*peer, message) bool { return true }), nil, func(t *testing.T, l *Line) {
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan payment.Answer, 1)
		go func() { answer <- l.Authorise(ctx, nthPurchase(t, 1)) }()
		synctest.Wait()
		cancel()
		if a := <-answer; a.Outcome != payment.Unknown {
			t.Errorf("%s", a.Outcome)
		}
	})
}

func TestCloseWaitsThenSignsOff(t *testing.T) {
	var types []string
	var hungUp atomic.Bool
	inTime(t, func(p *peer, m message) bool {
		types = append(types, m.mti+m.fields[70])
		if m.mti == "0200" {
			time.Sleep(5 * time.Second)
		}
		return approving(p, m)
	}, func(o *Options) {
		dial := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := dial(ctx, network, address)
			return closing{nc, &hungUp}, err
		}
	}, func(t *testing.T, l *Line) {
		answer, closed := make(chan payment.Answer, 1), make(chan error, 1)
		go func() { answer <- l.Authorise(t.Context(), nthPurchase(t, 1)) }()
		synctest.Wait()
		go func() { closed <- l.Close(t.Context()) }()
		synctest.Wait()
		if a := l.Authorise(t.Context(), nthPurchase(t, 2)); a.Outcome != payment.Unsent {
			t.Errorf("while it closes: %s", a.Outcome)
		}
		if a := <-answer; a.Outcome != payment.Approved {
			t.Errorf("the one in flight: %s", a.Outcome)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if !hungUp.Load() {
			t.Error("the connection is still open")
		}
		if want := []string{"0800001", "0200", "0800002"}; !slices.Equal(types, want) {
			t.Errorf("%v", types)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Errorf("closed again: %v", err)
		}
	})
}

// TestNoEchoBehindTheSignOff: a host that takes its time over the sign-off is not asked whether it is there.
func TestNoEchoBehindTheSignOff(t *testing.T) {
	var types []string
	inTime(t, func(p *peer, m message) bool {
		types = append(types, m.mti+m.fields[70])
		return m.fields[70] == signOff || approving(p, m)
	}, func(o *Options) { o.EchoAfter = time.Second }, func(t *testing.T, l *Line) {
		synctest.Wait()
		before := len(types)
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if behind := types[before:]; !slices.Equal(behind, []string{"0800002"}) {
			t.Errorf("%v", behind)
		}
	})
}

type closing struct {
	net.Conn
	closed *atomic.Bool
}

func (c closing) Close() error { c.closed.Store(true); return c.Conn.Close() }

func TestCloseInAHurry(t *testing.T) {
	inTime(t, managed(func(*peer, message) bool { return true }), nil, func(t *testing.T, l *Line) {
		answer := make(chan payment.Answer, 1)
		go func() { answer <- l.Authorise(t.Context(), nthPurchase(t, 1)) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		closed := make(chan error, 1)
		go func() { closed <- l.Close(ctx) }()
		synctest.Wait()
		cancel()
		if a := <-answer; a.Outcome != payment.Unknown {
			t.Errorf("%s", a.Outcome)
		}
		<-closed
	})
}

func TestDialTakesTooLong(t *testing.T) {
	var tries atomic.Int32
	inTime(t, nil, func(o *Options) {
		o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			tries.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}, func(t *testing.T, l *Line) {
		time.Sleep(time.Minute)
		if tries.Load() < 3 {
			t.Errorf("%d tries in a minute", tries.Load())
		}
	})
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	identity := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	address := listen(t, func(nc net.Conn) {
		serve(tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{identity}}), managed(approving))
	})

	l := startLine(t, address, func(o *Options) { o.TLS = &tls.Config{RootCAs: trusted} })
	if a := l.Authorise(t.Context(), samplePurchase(t)); a.Outcome != payment.Approved {
		t.Errorf("%s", a.Outcome)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}

	stranger := newLine(t, address, func(o *Options) { o.TLS = &tls.Config{RootCAs: x509.NewCertPool()} })
	stranger.Start()
	t.Cleanup(func() { closeNow(t, stranger) })
	until(t, "it has tried", func() bool { return stranger.Ready() != errNotConnected })
	if err := stranger.Ready(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a host that we do not know: %v", err)
	}
}

func TestNewSaysAllThatIsWrong(t *testing.T) {
	_, err := New(Options{Address: "host", Forwarder: "x", EchoAfter: -1})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"address", "forwarder", "answer timeout", "negative", "world"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
