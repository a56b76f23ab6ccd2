package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// street is a house with a door of its own, to which people come from addresses that they name.
type street struct {
	*house
	address string
}

func newStreet(t *testing.T, b gate.Bounds) *street {
	s := &street{house: newHouse(t, func(o *gate.Options) {
		o.Bounds, o.ClientIP = b, func(r *http.Request) string { return r.Header.Get("From") }
	})}
	s.handle("POST /sessions", payment.Secret, created)
	s.mux.Handle("GET /openapi.yaml", s.gate.Spec())
	server := httptest.NewServer(s.mux)
	t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	return s
}

func (s *street) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// slow begins a request and keeps the rest of its body, which it returns.
func (s *street) slow(from string) (c net.Conn, rest string) {
	s.t.Helper()
	body := seedRequest(s.t)
	r := httptest.NewRequest("POST", "/sessions", nil)
	r.SetBasicAuth(secretKey, "")
	c = s.dial()
	fmt.Fprintf(c, "POST /sessions HTTP/1.1\r\nHost: x\r\nFrom: %s\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		from, r.Header.Get("Authorization"), len(body), body[:10])
	return c, body[10:]
}

func (s *street) until(what string, so func(gate.Crowd) bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(s.gate.Crowd()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: never, %+v", what, s.gate.Crowd())
		}
	}
}

func status(t *testing.T, c net.Conn) int {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestWaitingForABody: who waits for a body takes nobody's place, and of too many that wait the address that has most
// of them loses the one that came first.
func TestWaitingForABody(t *testing.T) {
	s := newStreet(t, gate.Bounds{Requests: 1, Begins: 1, Reserve: -1, Waiting: 3})
	payer, rest := s.slow("192.0.2.1")
	s.until("the payer waits", func(c gate.Crowd) bool { return c == gate.Crowd{Waiting: 1} })
	var strangers []net.Conn
	for i := range 4 {
		c, _ := s.slow(fmt.Sprintf("2001:db8::%d", i+1)) // one network
		strangers = append(strangers, c)
		s.until("a stranger waits", func(c gate.Crowd) bool {
			return c.Waiting == min(i+2, 3) && c.Shed == uint64(max(i-1, 0)) && c.Ordinary == 0
		})
	}
	for i, c := range strangers[:2] {
		if got := status(t, c); got != 503 {
			t.Errorf("stranger %d: %d", i, got)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("stranger %d is still there", i)
		}
	}
	if w := s.send(request{method: "GET", path: "/openapi.yaml"}); w.Code != 200 {
		t.Errorf("others: %d", w.Code)
	}
	fmt.Fprint(payer, rest)
	if got := status(t, payer); got != 201 {
		t.Errorf("the payer: %d", got)
	}
}

// TestNoRoomForWhatCame: a body that came for nothing, since all places are taken meanwhile.
func TestNoRoomForWhatCame(t *testing.T) {
	s := newStreet(t, gate.Bounds{Requests: 1, Begins: 1, Reserve: -1})
	came, leave := make(chan struct{}), make(chan struct{})
	s.mux.Handle("GET /held", s.gate.Guard("GET /held", func(http.ResponseWriter, *http.Request) error {
		close(came)
		<-leave
		return nil
	}))
	c, rest := s.slow("192.0.2.1")
	s.until("it waits", func(c gate.Crowd) bool { return c.Waiting == 1 })
	held := s.dial()
	fmt.Fprint(held, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
	<-came
	fmt.Fprint(c, rest)
	if got := status(t, c); got != 503 {
		t.Errorf("%d", got)
	}
	close(leave)
	if got := status(t, held); got != 200 {
		t.Errorf("who was inside: %d", got)
	}
	s.until("all have left", func(c gate.Crowd) bool { return c == gate.Crowd{Shed: 1} })
}

// TestWaitingForAReader: an answer that is not taken takes nobody's place.
func TestWaitingForAReader(t *testing.T) {
	s := newStreet(t, gate.Bounds{Requests: 1, Begins: 1, Reserve: -1, Waiting: 2})
	for i := range 3 {
		c := s.dial()
		_ = c.(*net.TCPConn).SetReadBuffer(1 << 10)
		go func() {
			_, _ = io.WriteString(c, strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: x\r\nFrom: 192.0.2.1\r\n\r\n", 200))
		}()
		s.until("it waits", func(c gate.Crowd) bool { return c.Waiting == min(i+1, 2) && c.Ordinary == 0 })
		time.Sleep(20 * time.Millisecond)
	}
	s.until("others are let in, who may have met one that was just being answered", func(gate.Crowd) bool {
		return s.send(request{method: "POST", path: "/sessions", key: secretKey, body: seedRequest(t)}).Code == 201
	})
}

// TestClosedWhileABodyComes: what was let in before is finished.
func TestClosedWhileABodyComes(t *testing.T) {
	s := newStreet(t, gate.Bounds{})
	c, rest := s.slow("192.0.2.1")
	s.until("it waits", func(c gate.Crowd) bool { return c.Waiting == 1 })
	empty := s.gate.Close()
	select {
	case <-empty:
		t.Error("it is empty while a body comes")
	default:
	}
	fmt.Fprint(c, rest)
	if got := status(t, c); got != 201 {
		t.Errorf("%d", got)
	}
	<-empty
}
