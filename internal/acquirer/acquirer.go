// Package acquirer is the line to the acquirer host: ISO 8583 over one TCP connection, in the dialect of
// docs/acquirer-profile.md. It gives messages their identity, sends them, and says what became of them. It
// decides nothing about a payment: no answer in time is reported as Unknown, and whoever asked reverses it.
//
// Card data passes through and stays nowhere: no message is logged or quoted in an error, and the bytes of
// a frame, of which there is one copy, are wiped once they are written. The strings that it was made of cannot be.
package acquirer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// Options of a Line. Durations that are zero have the default named with them.
type Options struct {
	Address   string      // host:port of the acquirer host
	TLS       *tls.Config // nil for plain TCP; ServerName defaults to the host of Address
	Forwarder string      // DE33: how the acquirer knows this gateway, 1 to 11 digits

	AnswerTimeout  time.Duration // for an 0110 or 0210, from the call of Authorise; required
	AdviceTimeout  time.Duration // for an 0230 or 0430: 5 s, so that one try of a job ends within 10 s
	NetworkTimeout time.Duration // for an 0810: 5 s
	DialTimeout    time.Duration // to connect, TLS included: 5 s
	WriteTimeout   time.Duration // for one message: 5 s
	EchoAfter      time.Duration // of silence from the host: 30 s
	MaxInFlight    int           // messages without an answer: 1024; what comes on top is not sent

	// Location is where the merchants' clocks are, for DE12 and DE13: UTC.
	Location *time.Location

	// Lease hands out size numbers of a lane, from a counter that all nodes share; it returns the first. The counter
	// begins at 0 in each period. Where a later one has begun, it is of that, which at says. Lanes are named
	// "stan/<DE32>/<DE41>" and "rrn/<DE32>".
	Lease func(ctx context.Context, lane string, period, size int64) (from, at int64, err error)
	// Late is told of an approval for which nobody waits any more, by the Trace.Key of its message; judge
	// says what it means for the message that was committed under that key. It may be the second copy of an
	// answer that was taken in time: the keeper of the payments knows. After an error it is told again.
	Late func(ctx context.Context, key string, judge func(sent payment.Trace) payment.Answer) error

	// Now also sets write deadlines: on real sockets it must not be behind the machine's clock.
	Now    func() time.Time
	Rand   io.Reader // jitter
	Timer  func(d time.Duration) (<-chan time.Time, func() bool)
	Within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) // ctx, ended after d
	Go     func(func())
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Log    *slog.Logger
}

// Authorisation is what an 0200 or 0100 is made from.
type Authorisation struct {
	Trace    payment.Trace
	Merchant payment.Merchant
	PAN      card.PAN
	Expiry   card.Expiry
	CVN      card.CVN                // zero where none was asked for
	Proof    *payment.Authentication // nil where 3DS was skipped
	OnFile   payment.CardOnFile      // how the card is used if it is a stored one
	// Absent: the merchant pays on its own, the cardholder is not there.
	Absent bool
	// NotAfter is when it is too late to send: another node may take the attempt for lost.
	NotAfter time.Time
}

// Line is the line to one acquirer host. It keeps one connection. With several, a reversal must still go
// over the connection of its original, or after that one is closed, so that it cannot overtake it.
type Line struct {
	o      Options
	lanes  lanes
	ctx    context.Context // ends when the line is closed
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	stans  atomic.Uint32 // of network messages, which belong to the connection and to no terminal

	mu      sync.Mutex
	conn    *conn // signed on, or nil
	why     error // why conn is nil
	closing bool
	calls   int           // running exchanges
	drained chan struct{} // closed when closing and calls is 0

	connections, late, unmatched, refused atomic.Uint64
	telling                               atomic.Int32 // running calls of Late
}

// New makes a line that is not connected. The error lists everything that is wrong with the options.
func New(o Options) (*Line, error) {
	var wrong []error
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		wrong = append(wrong, errors.New("acquirer address is not host:port"))
	}
	if !n.holds(o.Forwarder) || o.Forwarder == "" || len(o.Forwarder) > 11 {
		wrong = append(wrong, errors.New("acquirer forwarder is not 1 to 11 digits"))
	}
	if o.AnswerTimeout <= 0 {
		wrong = append(wrong, errors.New("acquirer answer timeout is not positive"))
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&o.AdviceTimeout, 5 * time.Second}, {&o.NetworkTimeout, 5 * time.Second},
		{&o.DialTimeout, 5 * time.Second}, {&o.WriteTimeout, 5 * time.Second}, {&o.EchoAfter, 30 * time.Second},
	} {
		if *d.value < 0 {
			wrong = append(wrong, errors.New("acquirer timeout is negative"))
		} else if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if o.Lease == nil || o.Late == nil || o.Now == nil || o.Rand == nil || o.Timer == nil || o.Within == nil || o.Go == nil || o.Dial == nil || o.Log == nil {
		wrong = append(wrong, errors.New("acquirer line lacks a part of the world around it"))
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 1024
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Line{
		o: o, lanes: lanes{lane: map[string]*lane{}}, ctx: ctx, cancel: cancel,
		why: errNotConnected, drained: make(chan struct{}),
	}, nil
}

// Ready says why nothing can be sent now, or nil.
func (l *Line) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return errClosed
	}
	return l.why
}

// Counts is what a line has seen since it was made, and what is going on on it now.
type Counts struct {
	Connections uint64 // signed on
	Late        uint64 // approvals that nobody waited for
	Unmatched   uint64 // other answers that nobody waited for
	Refused     uint64 // messages that broke the profile
	Calls       int    // messages that wait for their answer
}

// Counts returns what the line has seen.
func (l *Line) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counts{l.connections.Load(), l.late.Load(), l.unmatched.Load(), l.refused.Load(), l.calls}
}

// Authorise sends an 0100 or 0200, as the trace says, and waits for its answer, at most for the answer time-out.
// It is Unsent when not one byte has left, Unknown when one may have and no answer came.
func (l *Line) Authorise(ctx context.Context, p Authorisation) payment.Answer {
	m, err := buildAuthorisation(p)
	if err == nil {
		err = check(m)
	}
	if err != nil {
		l.o.Log.Error("authorisation does not fit the acquirer profile", "rrn", p.Trace.RRN, "error", err)
		return payment.Answer{Outcome: payment.Unsent, Failure: payment.ServerError}
	}
	r := l.exchange(ctx, m, p.NotAfter, l.o.AnswerTimeout)
	switch {
	case r.err == nil:
		return judge(m, r.got, p.PAN.Brand())
	case r.sent:
		l.o.Log.Warn("authorisation not answered", "rrn", p.Trace.RRN, "stan", p.Trace.STAN, "error", r.err)
		return payment.Answer{Outcome: payment.Unknown}
	default:
		l.o.Log.Warn("authorisation not sent", "rrn", p.Trace.RRN, "stan", p.Trace.STAN, "error", r.err)
		return payment.Answer{Outcome: payment.Unsent, Failure: payment.ChannelUnavailable}
	}
}

// Advise sends an 0220 or 0420, by the advice's kind, or its repeat when it was tried before. Approved:
// acknowledged with 00. Declined: acknowledged with another code. Unknown: sent, and no answer that is one.
// Unsent: nothing left.
func (l *Line) Advise(ctx context.Context, a payment.Advice, pan card.PAN) payment.Answer {
	m, err := buildAdvice(a, pan)
	if err == nil {
		err = check(m)
	}
	if err != nil {
		l.o.Log.Error("advice does not fit the acquirer profile", "kind", a.Kind, "rrn", a.Trace.RRN, "error", err)
		return payment.Answer{Outcome: payment.Unsent, Failure: payment.ServerError}
	}
	r := l.exchange(ctx, m, time.Time{}, l.o.AdviceTimeout)
	if r.err == nil {
		return judgeAdvice(m, r.got, pan.Brand())
	}
	l.o.Log.Warn("advice not acknowledged", "kind", a.Kind, "rrn", a.Trace.RRN, "stan", a.Trace.STAN, "error", r.err)
	if r.sent {
		return payment.Answer{Outcome: payment.Unknown}
	}
	return payment.Answer{Outcome: payment.Unsent, Failure: payment.ChannelUnavailable}
}

// exchange sends a message on the one connection that there is.
func (l *Line) exchange(ctx context.Context, m message, notAfter time.Time, within time.Duration) reply {
	l.mu.Lock()
	c, err := l.conn, l.why
	if l.closing {
		err = errClosed
	}
	if err != nil {
		l.mu.Unlock()
		return reply{err: err}
	}
	l.calls++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.calls--; l.closing && l.calls == 0 {
			close(l.drained)
		}
	}()
	return c.do(ctx, m, notAfter, within)
}

// unwanted takes an answer that nobody waits for. It never blocks the connection's reader. Only an approval
// that moves money matters: an advice is repeated, and a verification that came too late has failed. There are no more calls
// of Late at once than messages may be in flight: a host that floods us with approvals must not fill the memory.
func (l *Line) unwanted(got message) {
	late := got.mti == "0110" || got.mti == "0210"
	if !late || !approves(got).money() || strings.Trim(got.fields[4], "0") == "" {
		l.unmatched.Add(1)
		return
	}
	l.late.Add(1)
	if int(l.telling.Add(1)) > l.o.MaxInFlight {
		l.telling.Add(-1)
		l.o.Log.Error("late approval dropped, too many at once: reconcile it by hand", "rrn", got.fields[37])
		return
	}
	l.spawn(func() {
		defer l.telling.Add(-1)
		l.tell(got)
	})
}

// tell hands a late approval over until it is taken: it is money that somebody must decide about.
func (l *Line) tell(got message) {
	key := payment.Trace{
		MTI: got.mti, Acquirer: got.fields[32], Terminal: got.fields[41], Transmitted: got.fields[7],
		STAN: got.fields[11], RRN: got.fields[37],
	}.Key()
	judged := func(sent payment.Trace) payment.Answer { return judgeLate(sent, got) }
	for failures := 1; ; failures++ {
		err := l.o.Late(context.WithoutCancel(l.ctx), key, judged)
		if err == nil {
			return
		}
		l.o.Log.Error("late approval not taken", "rrn", got.fields[37], "error", err)
		again, stop := l.o.Timer(l.backoff(failures))
		select {
		case <-again:
		case <-l.ctx.Done():
			stop()
			l.o.Log.Error("late approval lost at stop: reconcile it by hand", "rrn", got.fields[37])
			return
		}
	}
}

// refuse takes a message that breaks the profile.
func (l *Line) refuse(err error) {
	l.refused.Add(1)
	l.o.Log.Warn("message of the acquirer host refused", "error", err)
}

// spawn starts a task that Close waits for.
func (l *Line) spawn(task func()) {
	l.tasks.Add(1)
	l.o.Go(func() {
		defer l.tasks.Done()
		task()
	})
}
