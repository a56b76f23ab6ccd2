// Package webhook is the line to the merchant's endpoint: it signs a notice, sends it, and says when to try
// again. What is to be told is decided and written elsewhere, in the commit that changed the payment.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"reprise/internal/payment"
)

const (
	// tryLimit ends one try. It is shorter than the lease of a piece of work, so that no two nodes send the
	// same notice at the same time.
	tryLimit = 10 * time.Second
	// idleMax is how many connections are kept for the next notices, to one endpoint as well as to all: as many as
	// notices are sent at once, or each burst would begin with handshakes.
	idleMax = 96
	// sessionsMax is of how many endpoints the TLS session is kept, so that the next handshake is a short one.
	sessionsMax = 1024
	// quiet is how long a connection of HTTP/2, which many tries share, may say nothing while one waits for it until it
	// is asked whether it is still there, and answerless how long it may take to say so.
	quiet, answerless = 3 * time.Second, 3 * time.Second
)

// DefaultSchedule is when a notice that was not taken is sent again, each counted from the try before
// (https://docs.xendit.co/apidocs/webhook-behavior: after 15 minutes, then up to 24 hours after the first).
func DefaultSchedule() []time.Duration {
	return []time.Duration{
		15 * time.Minute, 45 * time.Minute, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	}
}

// Options of a Sender.
type Options struct {
	// CallbackToken is the x-callback-token of a business. Secret signs for an endpoint (Standard Webhooks).
	CallbackToken func(b payment.BusinessID) string
	Secret        func(e payment.EndpointID) []byte

	Schedule []time.Duration // nil: DefaultSchedule
	Networks Networks
	Roots    *x509.CertPool // who may have issued an endpoint's certificate; nil: whom the machine trusts

	Now    func() time.Time
	Within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) // ctx, ended after d
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)             // address is no name
	// Resolve finds the addresses of a host, which may be an address itself.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Log     *slog.Logger
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
	s := &Sender{Options: o}
	s.client = &http.Client{
		Transport: &http.Transport{
			DialContext: s.dial,
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: o.Roots, Time: o.Now, ClientSessionCache: tls.NewLRUClientSessionCache(sessionsMax),
			},
			ForceAttemptHTTP2: true, HTTP2: &http.HTTP2Config{SendPingTimeout: quiet, PingTimeout: answerless},
			MaxIdleConns: idleMax, MaxIdleConnsPerHost: idleMax, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: tryLimit,
			MaxResponseHeaderBytes: 16 << 10, DisableCompression: true, // what an endpoint says must not fill the memory
		},
		// A notice is for whom the merchant named, not for whom an answer names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

// Close lets go of the connections that are kept for the next notice.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// gone is why an endpoint is disabled that answers 410: nobody is there, and nobody will be (RFC 9110
// section 15.5.11).
const gone = "It answered 410 Gone."

// Deliver makes one try; tries counts those before. It says what came of it, and when to try again: no more when the
// notice was taken or the schedule is at its end; the notice itself is kept either way, to be sent again by hand. An
// endpoint without a URL is no longer the merchant's.
func (s *Sender) Deliver(ctx context.Context, n payment.Notice, to payment.Endpoint, tries int) payment.Tried {
	t := payment.Tried{Delivery: payment.Delivery{Notice: n, Endpoint: to.ID, Status: payment.DeliveryFailed}}
	switch {
	case to.URL == "":
		s.Log.Warn("webhook dropped: the endpoint is no longer the merchant's", "event", n.ID, "endpoint", to.ID)
		return t
	case !to.Disabled.IsZero():
		s.Log.Warn("webhook dropped: the endpoint is disabled", "event", n.ID, "endpoint", to.ID)
		return t
	}
	a, wait := s.send(ctx, n, to)
	t.Attempts = []payment.DeliveryAttempt{a}
	if a.Taken() {
		t.Status = payment.DeliveryDelivered
		return t
	}
	log := s.Log.With("event", n.ID, "kind", n.Kind, "url", told(to.URL), "status", a.Status, "problem", a.Problem)
	switch {
	case a.Status == http.StatusGone:
		log.Warn("webhook endpoint disabled", "endpoint", to.ID)
		t.Disable = gone
	case tries >= len(s.Schedule):
		log.Warn("webhook given up")
	default:
		wait = max(wait, s.Schedule[tries])
		log.Info("webhook not taken", "again_in", wait)
		t.Status, t.Next = payment.DeliveryPending, s.Now().Add(wait)
	}
	return t
}

// Test sends a notice once, whatever the state of the endpoint, and says what came of it. Nothing is kept.
func (s *Sender) Test(ctx context.Context, n payment.Notice, to payment.Endpoint) payment.DeliveryAttempt {
	a, _ := s.send(ctx, n, to)
	return a
}

// told is a URL as it may be logged: what stands behind the path may be a secret of the merchant's.
func told(where string) string {
	u, err := url.Parse(where)
	if err != nil {
		return where
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// send makes one try and never fails: what went wrong is the attempt's to tell. wait is how long the endpoint
// asks not to be asked again.
func (s *Sender) send(ctx context.Context, n payment.Notice, to payment.Endpoint) (a payment.DeliveryAttempt, wait time.Duration) {
	at := s.Now()
	a = payment.DeliveryAttempt{At: at}
	ctx, cancel := s.Within(ctx, tryLimit)
	defer cancel()
	response, err := s.post(ctx, n, to, at)
	now := s.Now()
	a.Took = now.Sub(at)
	switch {
	case err == nil:
		a.Status = response.StatusCode
		wait = retryAfter(response.Header.Get("Retry-After"), now)
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
		_ = response.Body.Close()
	case errors.Is(err, ErrForbidden):
		a.Problem = "forbidden address"
	case context.Cause(ctx) == context.DeadlineExceeded:
		a.Problem = "timeout"
	default:
		a.Problem = "connection"
	}
	return a, wait
}

// waitMax is the longest that an endpoint may ask us to wait.
const waitMax = 24 * time.Hour

// retryAfter reads the header (RFC 9110 section 10.2.3): seconds, or a date. Anything else asks for nothing.
func retryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), waitMax)
}

func (s *Sender) post(ctx context.Context, n payment.Notice, to payment.Endpoint, at time.Time) (*http.Response, error) {
	if err := s.Networks.Check(to.URL); err != nil {
		return nil, err
	}
	body, err := Envelope(n, at)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if err := s.sign(request.Header, n, to, at, body); err != nil {
		return nil, err
	}
	return s.client.Do(request)
}
