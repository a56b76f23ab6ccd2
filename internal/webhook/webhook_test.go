package webhook

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reprise/internal/payment"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

var start = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

// endpoint is a merchant's server, and the sender that talks to it.
type endpoint struct {
	*httptest.Server
	sender   *Sender
	answer   func(w http.ResponseWriter, r *http.Request)
	requests []*http.Request
	bodies   [][]byte
	records  []payment.Tried // what came of each try
	known    payment.Endpoint
	now      time.Time
	over     chan time.Time
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{now: start, over: make(chan time.Time, 1), answer: func(w http.ResponseWriter, _ *http.Request) {}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.requests, e.bodies = append(e.requests, r), append(e.bodies, body)
		e.answer(w, r)
	}))
	t.Cleanup(e.Close)
	e.known = payment.Endpoint{ID: "ep-1", URL: e.URL + "/hook"}
	e.sender = New(Options{
		CallbackToken: func(payment.BusinessID) string { return "token-of-the-business" },
		Secret:        func(payment.EndpointID) []byte { return []byte("a secret of 32 bytes, or nearly!") },
		Schedule:      []time.Duration{time.Second, 3 * time.Second},
		Now:           func() time.Time { return e.now },
		Within:        e.within,
		Dial:          (&net.Dialer{}).DialContext,
		Resolve:       func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{loopback}, nil },
		Networks:      Networks{Allowed: []netip.Prefix{netip.PrefixFrom(loopback, 8)}, HTTP: true},
		Log:           slog.New(slog.DiscardHandler),
	})
	return e
}

func (e *endpoint) deliver(t *testing.T, tries int) time.Time {
	t.Helper()
	e.records = append(e.records, e.sender.Deliver(context.Background(), payment.Notice{
		ID: "ev-1", Business: "62440e322008e87fb29c1fd0", Kind: payment.NoticeCapture, Object: "py-1", Sequence: 7,
		Data: []byte(`{"status":"SUCCEEDED"}`), Created: start,
	}, e.known, tries))
	return e.records[len(e.records)-1].Next
}

func TestADeliveryCarriesTokenIDAndAVerifiableSignature(t *testing.T) {
	e := newEndpoint(t)
	e.now = time.Now() // the verifier refuses old time stamps
	if next := e.deliver(t, 0); !next.IsZero() {
		t.Fatalf("taken, but to be sent again at %s", next)
	}
	h := e.requests[0].Header
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-Callback-Token": "token-of-the-business",
		"Webhook-Id": "ev-1", "Webhook-Object": "py-1", "Webhook-Sequence": "7",
		"Webhook-Timestamp": strconv.FormatInt(e.now.Unix(), 10),
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	verifier, err := standardwebhooks.NewWebhookRaw([]byte("a secret of 32 bytes, or nearly!"))
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(e.bodies[0], h); err != nil {
		t.Errorf("signature: %v", err)
	}
	e.bodies[0][5] ^= 1
	if err := verifier.Verify(e.bodies[0], h); err == nil {
		t.Error("a changed body verifies")
	}
}

func TestRetriesFollowTheScheduleWithTheSameIDAndData(t *testing.T) {
	e := newEndpoint(t)
	e.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	for tries, wait := range []time.Duration{time.Second, 3 * time.Second} {
		if next := e.deliver(t, tries); !next.Equal(e.now.Add(wait)) {
			t.Errorf("try %d: next at %s, want %s later", tries, next, wait)
		}
		e.now = e.now.Add(wait)
	}
	if next := e.deliver(t, 2); !next.IsZero() {
		t.Errorf("after the schedule: next at %s, want never", next)
	}
	var first, last map[string]any
	for i, into := range []*map[string]any{&first, &last} {
		if err := json.Unmarshal(e.bodies[i*2], into); err != nil {
			t.Fatal(err)
		}
	}
	if first["created"] == last["created"] {
		t.Error("created is the time of the try, but did not change")
	}
	if e.requests[0].Header.Get("Webhook-Id") != e.requests[2].Header.Get("Webhook-Id") {
		t.Error("webhook-id changed between tries")
	}
	for try, status := range []payment.DeliveryStatus{payment.DeliveryPending, payment.DeliveryPending, payment.DeliveryFailed} {
		r := e.records[try]
		if r.Notice.ID != "ev-1" || r.Endpoint != "ep-1" || r.Status != status || len(r.Attempts) != 1 || r.Attempts[0].Status != 500 {
			t.Errorf("kept of try %d: %+v, want %s", try, r, status)
		}
	}
}

func TestAny2xxIsTakenAndRedirectsAreNotFollowed(t *testing.T) {
	e := newEndpoint(t)
	for _, status := range []int{200, 201, 204, 299} {
		e.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		if next := e.deliver(t, 0); !next.IsZero() || e.records[len(e.records)-1].Status != payment.DeliveryDelivered {
			t.Errorf("%d: sent again", status)
		}
	}
	before := len(e.requests)
	e.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	if next := e.deliver(t, 0); next.IsZero() {
		t.Error("a redirect was taken for success")
	}
	if len(e.requests) != before+1 {
		t.Error("a redirect was followed")
	}
}

// within is a context that ends once the time of the try is said to be over.
func (e *endpoint) within(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-e.over:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func TestAnEndpointThatHangsOrIsGoneIsGivenUpAndTriedAgain(t *testing.T) {
	e := newEndpoint(t)
	release := make(chan struct{})
	defer close(release)
	e.answer = func(http.ResponseWriter, *http.Request) {
		e.over <- start // the time of the try is over while the endpoint still thinks
		<-release
	}
	if next := e.deliver(t, 0); !next.Equal(start.Add(time.Second)) {
		t.Errorf("next at %s", next)
	}
	if got := e.records[0].Attempts[0].Problem; got != "timeout" {
		t.Errorf("problem %q", got)
	}

	gone := newEndpoint(t)
	gone.Close()
	gone.deliver(t, 0)
	if got := gone.records[0].Attempts[0].Problem; got != "connection" {
		t.Errorf("problem %q", got)
	}
}

// drips answers with a text byte by byte, and says when it was hung up on.
func (e *endpoint) drips(text string) (begun, over chan struct{}) {
	begun, over = make(chan struct{}), make(chan struct{})
	e.answer = func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer c.Close()
		defer close(over)
		for i := 0; ; i++ {
			if _, err := c.Write([]byte{text[min(i, len(text)-1)]}); err != nil {
				return
			}
			if i == len(text) {
				close(begun)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return begun, over
}

// An answer that comes byte by byte holds nobody longer than a try may last, wherever in it the endpoint is by then.
func TestAnEndpointThatDripsIsHungUpOn(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want payment.DeliveryAttempt
	}{
		"its header": {"HTTP/1.1 200 OK\r\nX: y", payment.DeliveryAttempt{Problem: "timeout"}},
		"its body":   {"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\nx", payment.DeliveryAttempt{Status: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			begun, over := e.drips(test.text)
			tried := make(chan struct{})
			go func() {
				defer close(tried)
				e.deliver(t, 0)
			}()
			<-begun
			select {
			case <-tried:
				t.Fatal("the try ended before its time")
			default:
			}
			e.over <- e.now.Add(tryLimit)
			<-tried
			<-over
			a := e.records[0].Attempts[0]
			if a.Status != test.want.Status || a.Problem != test.want.Problem {
				t.Errorf("%+v", a)
			}
		})
	}
}

// What an endpoint says beside its status is not kept, however much it is.
func TestAnEndpointThatTalksMuch(t *testing.T) {
	e := newEndpoint(t)
	e.answer = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("y", 20<<10)) }
	if next := e.deliver(t, 0); next.IsZero() || e.records[0].Attempts[0].Problem != "connection" {
		t.Errorf("a large header: %+v", e.records[0])
	}
	e.answer = func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	if next := e.deliver(t, 1); !next.IsZero() {
		t.Errorf("an endless body: %+v", e.records[1])
	}
}

func TestSessionEventsCarryNoAPIVersion(t *testing.T) {
	for kind, want := range map[payment.NoticeKind]any{payment.NoticeCapture: "v3", payment.NoticeSessionExpired: nil} {
		body, err := Envelope(payment.Notice{Kind: kind, Data: []byte(`{}`)}, start)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if got["api_version"] != want {
			t.Errorf("%s: api_version %v, want %v", kind, got["api_version"], want)
		}
		if got["created"] != "2026-05-01T10:00:00.000Z" {
			t.Errorf("created %v", got["created"])
		}
	}
}

func TestAnEndpointThatIsGoneIsDisabled(t *testing.T) {
	e := newEndpoint(t)
	e.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }
	if next := e.deliver(t, 0); !next.IsZero() {
		t.Errorf("to be sent again at %s", next)
	}
	if r := e.records[0]; r.Disable != gone || r.Status != payment.DeliveryFailed || r.Attempts[0].Status != 410 {
		t.Errorf("disabled: %q, kept: %+v", r.Disable, r)
	}

	// What is due later is not sent, and not kept as a try.
	for name, known := range map[string]payment.Endpoint{"disabled": {ID: "ep-1", URL: e.URL, Disabled: start}, "removed": {ID: "ep-1"}} {
		e.known = known
		if next := e.deliver(t, 0); !next.IsZero() || len(e.requests) != 1 {
			t.Errorf("%s: next at %s, %d requests", name, next, len(e.requests))
		}
		if r := e.records[len(e.records)-1]; r.Status != payment.DeliveryFailed || r.Attempts != nil || r.Disable != "" || r.Endpoint != "ep-1" {
			t.Errorf("%s: kept %+v, disabled: %q", name, r, r.Disable)
		}
	}
}

func TestAnEndpointMayAskForTime(t *testing.T) {
	e := newEndpoint(t)
	for header, wait := range map[string]time.Duration{
		"":                              time.Second,
		"0":                             time.Second, // never sooner than the schedule
		"120":                           2 * time.Minute,
		"9999999":                       24 * time.Hour,
		"99999999999999999999":          time.Second,
		"-5":                            time.Second,
		"soon":                          time.Second,
		"Fri, 01 May 2026 10:05:00 GMT": 5 * time.Minute,
		"Fri, 01 May 2026 09:00:00 GMT": time.Second,
		"Sun, 01 May 2033 10:00:00 GMT": 24 * time.Hour,
	} {
		e.answer = func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if next := e.deliver(t, 0); !next.Equal(start.Add(wait)) {
			t.Errorf("Retry-After %q: again in %s, want %s", header, next.Sub(start), wait)
		}
	}
	// Nor does it lengthen the schedule by a try.
	if next := e.deliver(t, 2); !next.IsZero() {
		t.Errorf("after the schedule: next at %s", next)
	}
}

func TestATestIsMarkedAndNotKept(t *testing.T) {
	e := newEndpoint(t)
	e.known.Disabled = start
	e.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	n := payment.Notice{ID: "ev-2", Kind: payment.NoticeCapture, Data: []byte(`{}`), Test: true}
	if a := e.sender.Test(t.Context(), n, e.known); a.Status != http.StatusTeapot || a.At != start || len(e.records) != 0 {
		t.Errorf("came to %+v, kept %+v", a, e.records)
	}
	var body struct{ Test bool }
	if err := json.Unmarshal(e.bodies[0], &body); err != nil || !body.Test {
		t.Errorf("%s is not marked (%v)", e.bodies[0], err)
	}
}

// FuzzRetryAfter: whatever an endpoint answers, the wait is no longer than a day and not in the past.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "9999999999999999999", "Fri, 01 May 2026 10:05:00 GMT", "Friday, 01-May-26 10:05:00 GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if wait := retryAfter(header, start); wait < 0 || wait > waitMax {
			t.Errorf("%q: %s", header, wait)
		}
	})
}
