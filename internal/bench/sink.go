package bench

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// told is an event about an object.
type told struct{ event, object string }

// arrival is when a webhook came.
type arrival struct {
	changed time.Time // of what it tells: the gateway takes this time before it commits, and writes it in milliseconds
	at      time.Time // when the head of the request was read here
}

// sink is the merchant's endpoint. It answers at once, and knows what is still to come.
type sink struct {
	url    string
	server *http.Server

	mu      sync.Mutex
	came    map[told]arrival
	awaited map[told]bool // asked for, and not come
	bad     error         // an event that must not come
	changed chan struct{} // closed, and made anew, when something came
}

func openSink(pair tls.Certificate) (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "https://" + l.Addr().String() + "/webhooks", came: map[told]arrival{}, awaited: map[told]bool{}, changed: make(chan struct{})}
	s.server = &http.Server{
		Handler: s, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { _ = s.server.ServeTLS(l, "", "") }()
	return s, nil
}

func (s *sink) close() { _ = s.server.Close() }

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it did not come whole, and will come again
	}
	var e struct {
		Event string // its created is of the try, not of the event
		Data  struct {
			Updated time.Time
			Session string `json:"payment_session_id"`
			Request string `json:"payment_request_id"`
			Code    string `json:"failure_code"`
			ID      string `json:"id"`
		}
	}
	err = json.Unmarshal(body, &e)
	w.WriteHeader(http.StatusNoContent)

	about := told{e.Event, e.Data.Request}
	switch e.Event {
	case "payment_session.completed":
		about.object = e.Data.Session
	case "refund.succeeded":
		about.object = e.Data.ID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.bad = fmt.Errorf("a webhook that is not as it should be: %w", err)
	}
	switch e.Event {
	case "payment.failure", "refund.failed", "payment_session.expired":
		s.bad = fmt.Errorf("webhook %s %s", e.Event, e.Data.Code)
	}
	if _, again := s.came[about]; !again {
		s.came[about] = arrival{e.Data.Updated, at}
	}
	delete(s.awaited, about)
	close(s.changed)
	s.changed = make(chan struct{})
}

// expect has settled wait for an event.
func (s *sink) expect(event, object string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.came[told{event, object}]; !there {
		s.awaited[told{event, object}] = true
	}
}

// settled waits until everything that is expected has come.
func (s *sink) settled(ctx context.Context) error {
	return s.wait(ctx, func() int { return len(s.awaited) })
}

// silence is how long nothing may come while something is missing. However much waits to be delivered, this long nobody
// is busy with it.
const silence = 30 * time.Second

// wait waits until nothing is missing.
func (s *sink) wait(ctx context.Context, count func() int) error {
	for {
		s.mu.Lock()
		missing, bad, changed := count(), s.bad, s.changed
		s.mu.Unlock()
		if bad != nil {
			return bad
		}
		if missing <= 0 {
			return nil
		}
		limit := time.NewTimer(silence)
		select {
		case <-changed:
			limit.Stop()
		case <-ctx.Done():
			limit.Stop()
			return ctx.Err()
		case <-limit.C:
			return fmt.Errorf("%d webhooks did not come, and none came for %s", missing, silence)
		}
	}
}

// take returns what came since it was last asked, and forgets it.
func (s *sink) take() map[told]arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	came := s.came
	s.came = map[told]arrival{}
	return came
}
