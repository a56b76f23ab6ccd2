package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/gate"
)

// notBegun submits a CVN, and holds that it is turned away and nothing kept of it.
func (w *town) notBegun(session map[string]any) {
	w.t.Helper()
	before, sealed := len(w.requests()), w.escrow()
	a := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
	a.refuses(w.t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})
	if a.header.Get("Retry-After") == "" {
		w.t.Error("503 without Retry-After")
	}
	if n := len(w.requests()) - before; n != 0 || w.escrow() != sealed {
		w.t.Errorf("kept of what was turned away: %d attempts, %d sealed CVNs", n, w.escrow()-sealed)
	}
}

// bounded is a sandbox with little room.
func bounded(t *testing.T, change func(*Settings)) *town {
	return openTown(t, func(s *SandboxSettings) { s.Change = change })
}

// inside takes the place of an ordinary request, until it is told to leave.
func (w *town) inside() (leave func()) {
	came, left, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	held := w.gate.Guard("GET /held", func(http.ResponseWriter, *http.Request) error {
		close(came)
		<-left
		return nil
	})
	go func() {
		defer close(over)
		held.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/held", nil))
	}()
	<-came
	return func() { close(left); <-over }
}

// TestOverload: whoever comes when all places are taken is turned away with nothing done, in the order of what can
// best be done later; what has begun is finished.
func TestOverload(t *testing.T) {
	t.Parallel()
	w := bounded(t, func(s *Settings) { s.Bounds = gate.Bounds{Requests: 3, Begins: 2, Reserve: 2} })
	other := w.newSession(visaFrictionless)
	begun := w.submitted(other, "123")
	busy := []map[string]any{w.newSession(visaChallenge, skipping), w.newSession(visaChallenge, skipping)}
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence","times":2}}`)
	var done []func() map[string]any
	for _, session := range busy { // all places for what begins a payment
		_, d := w.held(session)
		done = append(done, d)
	}
	w.notBegun(other)
	if status, _ := w.call("GET", "/sessions/"+other["payment_session_id"].(string), SandboxSecretKey, nil); status != http.StatusOK {
		t.Errorf("a reading: %d", status)
	}

	// The last place of all. Captures and readings are turned away too now.
	leave := w.inside()
	a := w.ask("GET", "/sessions/"+other["payment_session_id"].(string), SandboxSecretKey, nil)
	a.refuses(t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := w.call("GET", path, "", nil); status != http.StatusOK {
			t.Errorf("%s: %d %v", path, status, body)
		}
	}
	if end := w.visitor(begun).pay(); end["outcome"] != "succeeded" {
		t.Errorf("what had begun: %v", end)
	}
	leave()
	w.succeeded(other, begun)

	w.forward(answerTimeout)
	for i, d := range done {
		w.failed(busy[i], d(), "PARTNER_TIMEOUT_ERROR")
	}
	w.payAgain(busy[0])
	if n := strings.Count(w.log.String(), "requests turned away"); n != 1 {
		t.Errorf("logged %d times that requests were turned away", n)
	}
	w.balanced()
}

// TestTurnedAwayBeforeTheBody: net/http would read what somebody sends whose request was answered already.
func TestTurnedAwayBeforeTheBody(t *testing.T) {
	t.Parallel()
	w := bounded(t, func(s *Settings) { s.Bounds = gate.Bounds{Requests: 1, Begins: 1, Reserve: 1} })
	defer w.inside()()
	c := w.dial()
	const head = "POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
	fmt.Fprint(c, head+"\r\n") // and no body
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 503 || !strings.Contains(string(body), "SERVICE_UNAVAILABLE") || response.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s %v", response.Status, body, err)
	}
	w.hungUp(c)
}

// TestClosing: a house that closes says so, finishes what it is doing, and takes nothing new.
func TestClosing(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge, skipping)
	w.bank.next("silence")
	_, done := w.held(session)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := w.Sandbox.House.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	w.eventually("it says that it is closing", func() bool {
		a := w.ask("GET", "/readyz", "", nil)
		return a.status == 503 && a.body["status"] == "closing"
	})
	if status, _ := w.call("GET", "/healthz", "", nil); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	a := w.ask("GET", "/sessions/"+session["payment_session_id"].(string), SandboxSecretKey, nil)
	a.refuses(t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})
	w.clock.forward(answerTimeout)
	if accepted := done(); accepted["payment_request_id"] == nil {
		t.Errorf("%v", accepted)
	}
	tasks.Wait()
}

// dial opens a connection to the gateway's door.
func (w *town) dial() net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.base, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// hungUp waits until the other side has hung up.
func (w *town) hungUp(c net.Conn) {
	w.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	for buffer := make([]byte, 64<<10); ; {
		if _, err := c.Read(buffer); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				w.t.Error("the connection is still there")
			}
			return
		}
	}
}

func basic(key string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(key, "")
	return r.Header.Get("Authorization")
}
