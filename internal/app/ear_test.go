package app

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// ear is a merchant's endpoint. It keeps what it is told.
type ear struct {
	url string

	mu    sync.Mutex
	told  []webhookSeen
	reply func(webhookSeen) int // status to answer with; nil: 200
}

// webhookSeen is one delivery at the merchant's endpoint.
type webhookSeen struct {
	Header http.Header
	Body   []byte
	Event  string
	Data   map[string]any
}

// listen opens an endpoint, which checks every webhook against the contract.
func listen(t *testing.T) *ear {
	e, server := newEar(t)
	server.Start()
	e.url = server.URL + "/hook"
	return e
}

// listenTLS is an endpoint as the internet has it.
func listenTLS(t *testing.T, certificate tls.Certificate) *ear {
	e, server := newEar(t)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	e.url = server.URL + "/hook"
	return e
}

func newEar(t *testing.T) (*ear, *httptest.Server) {
	e := &ear{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(e.receive(t, r)) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(server.Close)
	return e, server
}

func (e *ear) receive(t *testing.T, r *http.Request) int {
	body, _ := io.ReadAll(r.Body)
	seen := webhookSeen{Header: r.Header, Body: body}
	var envelope struct {
		Event string         `json:"event"`
		Data  map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Errorf("webhook is not JSON: %v", err)
	}
	seen.Event, seen.Data = envelope.Event, envelope.Data
	if err := gate.CheckWebhook(payment.NoticeKind(seen.Event), r.Header, body); err != nil {
		t.Errorf("contract: %v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, seen)
	if e.reply != nil {
		return e.reply(seen)
	}
	return http.StatusOK
}

// answering sets what the endpoint answers with.
func (e *ear) answering(reply func(webhookSeen) int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reply = reply
}

// about lists the deliveries about an object so far, in the order in which they came. An empty event means
// any.
func (e *ear) about(event, id string) []webhookSeen {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []webhookSeen
	for _, seen := range e.told {
		if (event == "" || seen.Event == event) && strings.Contains(string(seen.Body), id) {
			found = append(found, seen)
		}
	}
	return found
}

// webhooks counts the deliveries of an event about an object so far.
func (e *ear) webhooks(event, id string) int { return len(e.about(event, id)) }

// wait waits for the first delivery of an event about an object.
func (e *ear) wait(t *testing.T, event, id string) webhookSeen {
	t.Helper()
	var found []webhookSeen
	eventually(t, event+" about "+id, func() bool {
		found = e.about(event, id)
		return len(found) > 0
	})
	return found[0]
}
