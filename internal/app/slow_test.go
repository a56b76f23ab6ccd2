package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/gate"
)

// impatient is a sandbox that waits for nobody long.
func impatient(t *testing.T) *town {
	return bounded(t, func(s *Settings) {
		s.Patience = Patience{Header: 400 * time.Millisecond, Body: 600 * time.Millisecond, Answer: time.Second, Idle: 500 * time.Millisecond}
	})
}

// drip sends a text byte by byte until it is hung up on.
func drip(c net.Conn, text string) {
	for i := 0; ; i++ {
		if _, err := c.Write([]byte{text[min(i, len(text)-1)]}); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestSlowClients: each way to be slow ends with the connection, soon, and nobody else waits meanwhile.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	w := impatient(t)
	session := w.newSession(visaChallenge)
	const post = "POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\nAuthorization: "
	for name, slow := range map[string]func(c net.Conn){
		"says nothing":            func(net.Conn) {},
		"drips its header":        func(c net.Conn) { go drip(c, "GET /sessions HTTP/1.1\r\nX: "+strings.Repeat("y", 100)) },
		"drips its body":          func(c net.Conn) { go drip(c, post+basic(SandboxSecretKey)+"\r\n\r\n{"+strings.Repeat(" ", 100)) },
		"sends half a body":       func(c net.Conn) { fmt.Fprint(c, post+basic(SandboxSecretKey)+"\r\n\r\n{") },
		"stays after its request": func(c net.Conn) { fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			c := w.dial()
			slow(c)
			began := time.Now()
			w.hungUp(c)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	t.Run("reads no answers", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		c := w.dial()
		began := time.Now()
		_ = c.SetWriteDeadline(began.Add(20 * time.Second))
		for {
			if _, err := fmt.Fprint(c, "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				if e, ok := err.(net.Error); ok && e.Timeout() {
					t.Error("the connection is still there")
				}
				break
			}
		}
	})
	t.Run("others meanwhile", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for range 20 {
			began := time.Now()
			w.session(session)
			if took := time.Since(began); took > time.Second {
				t.Errorf("a reading took %v", took)
			}
		}
	})
}

// TestSlowBodiesDoNotStay: who waits for a body that does not come has nobody's place, and is hung up on.
func TestSlowBodiesDoNotStay(t *testing.T) {
	t.Parallel()
	w := bounded(t, func(s *Settings) {
		s.Patience, s.Bounds = Patience{Body: 600 * time.Millisecond}, gate.Bounds{Requests: 4, Begins: 4, Reserve: 1}
	})
	for range 4 {
		fmt.Fprintf(w.dial(), "POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\nAuthorization: %s\r\n\r\n{", basic(SandboxSecretKey))
	}
	w.eventually("all are waited for", func() bool { return w.gate.Crowd().Waiting == 4 })
	w.newSession(visaChallenge)
	w.eventually("none is any more", func() bool { return w.gate.Crowd().Waiting == 0 })
}

// TestStrangersKeepNobodyOut: whoever has sockets and nothing to say with them is in no payer's way: with bodies that
// do not come, where they are read and where they are not, and with answers that are not taken.
func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a bank's page that does not come": "POST /3ds/challenge HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\ncres=",
		"a body that nobody asked for":     "GET /assets/pay.js HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nx",
		"answers that are not taken":       strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := bounded(t, func(s *Settings) { s.Bounds = gate.Bounds{Requests: 4, Begins: 3, Reserve: 2, Waiting: 8} })
			for range 24 {
				c := w.dial()
				_ = c.(*net.TCPConn).SetReadBuffer(1 << 10)
				fmt.Fprint(c, text)
			}
			w.eventually("strangers are inside", func() bool { return w.gate.Crowd().Waiting == 8 })
			session := w.newSession(visaFrictionless)
			if p := w.visitor(w.submitted(session, "123")); p.pay()["outcome"] != "succeeded" {
				t.Error("a payer was kept out")
			}
		})
	}
}

// TestManyConnections: of too many connections those go that were idle for longest, and those that are busy stay.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	w := bounded(t, func(s *Settings) { s.Connections = 8 })
	w.http.CloseIdleConnections()
	// One that has something under way: half a request.
	busy := w.dial()
	fmt.Fprint(busy, "GET /healthz HTTP/1.1\r\n")
	var idle []net.Conn
	for range 7 {
		c := w.dial()
		w.well(c)
		idle = append(idle, c)
	}
	w.idle(7)
	for range 20 { // each for the one that was idle for longest
		w.well(w.dial())
	}
	for _, c := range idle {
		w.hungUp(c)
	}
	fmt.Fprint(busy, "Host: x\r\n\r\n")
	answered(t, busy)
	w.idle(8)

	// None is idle: those go that have said nothing whole for longest.
	var heads []net.Conn
	for range 16 {
		c := w.dial()
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\n")
		heads = append(heads, c)
	}
	for _, c := range heads[:8] {
		w.hungUp(c)
	}
	for _, c := range heads[8:] {
		fmt.Fprint(c, "Host: x\r\n\r\n")
		answered(t, c)
	}
	// So do those whose answer waits for the rest of what they send.
	for range 8 {
		fmt.Fprint(w.dial(), "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
	}
	w.idle(0)
	w.well(w.dial())

	// Requests of all are being handled: who comes is closed at once, and who was there is served.
	body := strings.Repeat(" ", 100)
	var all []net.Conn
	for range 8 {
		c := w.dial()
		fmt.Fprintf(c, "POST /sessions HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", basic(SandboxSecretKey), len(body)+1)
		all = append(all, c)
	}
	w.eventually("all are busy", func() bool { return w.gate.Crowd().Waiting == 8 })
	w.hungUp(w.dial())
	for _, c := range all {
		fmt.Fprint(c, body)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if response, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || response.StatusCode != http.StatusBadRequest {
			t.Errorf("%v %v", response, err)
		}
	}
	if open, turned := w.doors[0].held(); open > 8 || turned < 20 {
		t.Errorf("%d open, %d turned away", open, turned)
	}
}

// idle waits until so many connections are: a client may have its answer before the server has turned to the next request.
func (w *town) idle(n int) {
	w.t.Helper()
	d := w.doors[0]
	w.eventually("the connections are idle", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.idle.Len() == n
	})
}

// well asks on a connection how the house is, and leaves the connection open.
func (w *town) well(c net.Conn) {
	w.t.Helper()
	fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	answered(w.t, c)
}

func answered(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", response, err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
}

// TestManyAtOnce: a crowd far above the bounds is answered, by taking some in and turning the others away, and what
// was taken in comes to its end.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := bounded(t, func(s *Settings) { s.Bounds = gate.Bounds{Requests: 8, Begins: 4, Reserve: 4} })
	w.bank.turn(`{"next_acquirer":{"behaviour":"late","delay_ms":200,"times":1000}}`)
	var mu sync.Mutex
	statuses := map[int]int{}
	var crowd sync.WaitGroup
	for range 100 {
		crowd.Go(func() {
			a, err := w.send("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(visaChallenge, channel("skip_three_ds", true)))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
			if a.status == 503 && a.header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		})
	}
	crowd.Wait()
	if statuses[201] < 4 || statuses[503] == 0 || statuses[201]+statuses[503] != 100 {
		t.Errorf("%v", statuses)
	}
	if n := len(w.bank.purchases("kept")); n != statuses[201] {
		t.Errorf("%d purchases, and %d were answered", n, statuses[201])
	}
	w.balanced()
}
