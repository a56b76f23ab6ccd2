// Package webhook is the line to the merchant's endpoint: it signs a notice, sends it, and says when to try
// again. What is to be told is decided and written elsewhere, in the commit that changed the payment.
package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reprise/internal/payment"
)

// tryLimit ends one try. It is shorter than the lease of a piece of work, so that no two nodes send the
// same notice at the same time.
const tryLimit = 10 * time.Second

// DefaultSchedule is when a notice that was not taken is sent again, each counted from the try before
// (https://docs.xendit.co/apidocs/webhook-behavior: after 15 minutes, then up to 24 hours after the first).
func DefaultSchedule() []time.Duration {
	return []time.Duration{
		15 * time.Minute, 45 * time.Minute, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	}
}

// Attempt is one try to deliver a notice, as it is kept.
type Attempt struct {
	Event    payment.EventID
	Endpoint payment.EndpointID
	At       time.Time
	Status   int    // HTTP status; 0 when no answer came
	Problem  string // why no answer came, in one word or two: "timeout", "connection"; never the answer's text
	Took     time.Duration
}

// Options of a Sender.
type Options struct {
	// Delivery reads what is to be sent, and where. Record keeps what came of it.
	Delivery func(ctx context.Context, e payment.EventID, to payment.EndpointID) (payment.Notice, payment.Endpoint, error)
	Record   func(ctx context.Context, a Attempt) error

	// CallbackToken is the x-callback-token of a business. Secret signs for an endpoint (Standard Webhooks).
	CallbackToken func(b payment.BusinessID) string
	Secret        func(e payment.EndpointID) []byte

	Schedule []time.Duration // nil: DefaultSchedule

	Now   func() time.Time
	Timer func(d time.Duration) (<-chan time.Time, func() bool)
	Go    func(func())
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
	Log   *slog.Logger
}

// Sender delivers notices.
type Sender struct {
	Options
	client *http.Client
}

// New makes a Sender.
func New(o Options) *Sender {
	if o.Schedule == nil {
		o.Schedule = DefaultSchedule()
	}
	return &Sender{Options: o, client: &http.Client{
		Transport: &http.Transport{
			DialContext: o.Dial, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: tryLimit,
		},
		// A notice is for whom the merchant named, not for whom an answer names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close lets go of the connections that are kept for the next notice.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Deliver is the work of one try. ref is "event/endpoint"; tries counts those before. It returns when to
// try again, zero when the notice was taken or the schedule is at its end; the notice itself is kept either
// way, to be sent again by hand.
func (s *Sender) Deliver(ctx context.Context, ref string, tries int) (next time.Time, err error) {
	event, endpoint, _ := strings.Cut(ref, "/")
	notice, to, err := s.Delivery(ctx, payment.EventID(event), payment.EndpointID(endpoint))
	if errors.Is(err, payment.ErrNotFound) {
		s.Log.Warn("webhook dropped: the endpoint is no longer the merchant's", "event", event, "endpoint", endpoint)
		return time.Time{}, nil
	} else if err != nil {
		return time.Time{}, err
	}
	a := s.send(ctx, notice, to)
	if err := s.Record(ctx, a); err != nil {
		return time.Time{}, err
	}
	if a.Status >= 200 && a.Status <= 299 {
		return time.Time{}, nil
	}
	where := to.URL
	if u, err := url.Parse(to.URL); err == nil {
		where = u.Scheme + "://" + u.Host + u.Path // what stands behind may be a secret of the merchant's
	}
	if tries >= len(s.Schedule) {
		s.Log.Warn("webhook given up", "event", event, "kind", notice.Kind, "url", where, "status", a.Status, "problem", a.Problem)
		return time.Time{}, nil
	}
	s.Log.Info("webhook not taken", "event", event, "kind", notice.Kind, "url", where, "status", a.Status, "problem", a.Problem, "again_in", s.Schedule[tries])
	return s.Now().Add(s.Schedule[tries]), nil
}

// send makes one try and never fails: what went wrong is the attempt's to tell.
func (s *Sender) send(ctx context.Context, n payment.Notice, to payment.Endpoint) Attempt {
	at := s.Now()
	a := Attempt{Event: n.ID, Endpoint: to.ID, At: at}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over, stop := s.Timer(tryLimit)
	defer stop()
	s.Go(func() {
		select {
		case <-over:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	})

	response, err := s.post(ctx, n, to, at)
	a.Took = s.Now().Sub(at)
	switch {
	case err == nil:
		a.Status = response.StatusCode
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
		_ = response.Body.Close()
	case context.Cause(ctx) == context.DeadlineExceeded:
		a.Problem = "timeout"
	default:
		a.Problem = "connection"
	}
	return a
}

func (s *Sender) post(ctx context.Context, n payment.Notice, to payment.Endpoint, at time.Time) (*http.Response, error) {
	body, err := Envelope(n, at)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	if err := s.sign(request.Header, n, to, at, body); err != nil {
		return nil, err
	}
	return s.client.Do(request)
}
