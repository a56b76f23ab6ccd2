package cluster

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// delivery is one webhook as it came to the merchant.
type delivery struct {
	at      time.Time
	id      string // webhook-id
	event   string
	object  string // what it is about
	header  http.Header
	data    object
	verdict int
}

// sink is the merchant's endpoint. It writes everything down, and misbehaves now and then.
type sink struct {
	url string

	mu     sync.Mutex
	came   []delivery
	moody  bool
	chance *rand.Rand
}

func openSink(t *testing.T, p papers, seed uint64) *sink {
	t.Helper()
	s := &sink{chance: rand.New(rand.NewPCG(seed, 4))}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = quiet()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{p.pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.url = server.URL + "/webhooks"
	return s
}

// mood says whether it misbehaves from now on.
func (s *sink) mood(moody bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moody = moody
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it did not come whole
	}
	var envelope struct {
		Event string
		Data  object
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	verdict, hangs := http.StatusNoContent, false
	if s.moody {
		switch lot := s.chance.IntN(100); {
		case lot < 6:
			verdict = http.StatusInternalServerError
		case lot < 8:
			verdict = http.StatusFound
		case lot < 10:
			hangs = true
		}
	}
	s.came = append(s.came, delivery{
		at: time.Now(), id: r.Header.Get("Webhook-Id"), event: envelope.Event, object: subject(envelope.Event, envelope.Data),
		header: r.Header.Clone(), data: envelope.Data, verdict: verdict,
	})
	s.mu.Unlock()
	if hangs {
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
			return
		}
	}
	w.WriteHeader(verdict)
}

// subject is the id of what an event is about.
func subject(event string, data object) string {
	for _, kind := range []struct{ prefix, member string }{
		{"payment_session.", "payment_session_id"}, {"payment_token.", "payment_token_id"}, {"refund.", "id"},
		{"payment_request.", "payment_request_id"}, {"payment.", "payment_id"},
	} {
		if len(event) > len(kind.prefix) && event[:len(kind.prefix)] == kind.prefix {
			return text(data, kind.member)
		}
	}
	return ""
}

// deliveries are all that came so far.
func (s *sink) deliveries() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.came)
}

// told is which webhook-ids told each event about each object.
func told(all []delivery) map[[2]string][]string {
	ids := map[[2]string]map[string]bool{}
	for _, d := range all {
		about := [2]string{d.event, d.object}
		if ids[about] == nil {
			ids[about] = map[string]bool{}
		}
		ids[about][d.id] = true
	}
	distinct := map[[2]string][]string{}
	for about, set := range ids {
		distinct[about] = slices.Sorted(maps.Keys(set))
	}
	return distinct
}
