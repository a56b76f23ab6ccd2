package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// town is a sandbox for one test: a house, the world around it, and a merchant's endpoint that listens.
type town struct {
	*Sandbox
	t   *testing.T
	log *lockedBuffer
	dir string

	mu       sync.Mutex
	told     []webhookSeen
	endpoint *httptest.Server
}

// webhookSeen is one delivery at the merchant's endpoint.
type webhookSeen struct {
	Header http.Header
	Body   []byte
	Event  string
	Data   map[string]any
}

// openTown starts a sandbox on free ports. Every answer is checked against the contract.
func openTown(t *testing.T, change ...func(*SandboxSettings)) *town {
	t.Helper()
	w := &town{t: t, log: &lockedBuffer{}, dir: t.TempDir()}
	w.endpoint = httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(w.endpoint.Close)
	s := SandboxSettings{
		Listen: "127.0.0.1:0", Data: w.dir, Webhooks: []string{w.endpoint.URL + "/hook"}, Calm: true,
		Violation: func(err error) { t.Errorf("contract: %v", err) },
	}
	for _, c := range change {
		c(&s)
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if w.Sandbox, err = OpenSandbox(t.Context(), Real(), s, log); err != nil {
		t.Fatalf("%v\n%s", err, w.log)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the house:\n%s", w.log)
		}
	})
	return w
}

func (w *town) receive(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	seen := webhookSeen{Header: r.Header, Body: body}
	var envelope struct {
		Event string         `json:"event"`
		Data  map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		w.t.Errorf("webhook is not JSON: %v", err)
	}
	seen.Event, seen.Data = envelope.Event, envelope.Data
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, seen)
}

// webhook waits for the one delivery of an event about an object, named by any of its ids.
func (w *town) webhook(event, id string) webhookSeen {
	w.t.Helper()
	var found webhookSeen
	w.eventually(event+" about "+id, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, seen := range w.told {
			if seen.Event == event && strings.Contains(string(seen.Body), id) {
				found = seen
				return true
			}
		}
		return false
	})
	return found
}

// webhooks counts the deliveries of an event about an object so far.
func (w *town) webhooks(event, id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, seen := range w.told {
		if seen.Event == event && strings.Contains(string(seen.Body), id) {
			n++
		}
	}
	return n
}

// eventually looks until something is so, and fails after a time that is long for any machine.
func (w *town) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	w.t.Fatalf("never: %s", what)
}

// call sends a request with a key and returns status and body. A body that is a string is sent as it is.
func (w *town) call(method, path, key string, body any) (int, map[string]any) {
	w.t.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, w.PublicURL+path, reader)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.SetBasicAuth(key, "")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		w.t.Fatalf("%s %s: %d, not JSON: %v", method, path, response.StatusCode, err)
	}
	return response.StatusCode, answer
}

// newSession opens a session for a stored card; change edits the request first.
func (w *town) newSession(token string, change ...func(map[string]any)) map[string]any {
	w.t.Helper()
	request := map[string]any{
		"reference_id": "order-1", "session_type": "PAY", "mode": "CARDS_SESSION_JS",
		"amount": 100000, "currency": "IDR", "country": "ID",
		"customer": map[string]any{
			"reference_id": "jaap", "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Jaap"},
		},
		"cards_session_js": map[string]any{
			"card_payment_token_id": token,
			"success_return_url":    w.ShopURL + "/return/success", "failure_return_url": w.ShopURL + "/return/failure",
		},
	}
	for _, c := range change {
		c(request)
	}
	status, session := w.call("POST", "/sessions", SandboxSecretKey, request)
	if status != http.StatusCreated {
		w.t.Fatalf("POST /sessions: %d %v", status, session)
	}
	return session
}

// skipping makes a session that skips 3-D Secure.
func skipping(request map[string]any) {
	request["channel_properties"] = map[string]any{"cards": map[string]any{"skip_three_ds": true}}
}

// amount makes a session for an amount.
func amount(n int) func(map[string]any) {
	return func(request map[string]any) { request["amount"] = n }
}

// submit hands in a CVN for a session, as the SDK does.
func (w *town) submit(session map[string]any, cvn string) (int, map[string]any) {
	w.t.Helper()
	return w.call("POST", "/v3/payment_with_session", SandboxPublicKey, map[string]any{
		"cvn": cvn, "payment_session_id": session["payment_session_id"], "device": map[string]any{},
	})
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
