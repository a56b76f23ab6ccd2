package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// crowded is a house whose handlers wait until they are let go.
type crowded struct {
	*house
	inside chan string   // who came in
	leave  chan struct{} // one for each to leave
	tasks  sync.WaitGroup
}

func newCrowded(t *testing.T, b gate.Bounds) *crowded {
	c := &crowded{inside: make(chan string, 16), leave: make(chan struct{})}
	c.house = newHouse(t, func(o *gate.Options) { o.Bounds = b })
	for name, load := range map[string]gate.Load{
		"ordinary": gate.Ordinary, "begins": gate.Begins, "finishes": gate.Finishes, "watches": gate.Watches,
	} {
		c.mux.Handle("GET /"+name, c.gate.GuardAs(load, "GET /"+name, func(w http.ResponseWriter, _ *http.Request) error {
			c.inside <- name
			<-c.leave
			w.WriteHeader(http.StatusNoContent)
			return nil
		}))
	}
	t.Cleanup(c.tasks.Wait)
	return c
}

// come sends a request and returns whether it was let in.
func (c *crowded) come(name string) bool {
	c.t.Helper()
	answered := make(chan int, 1)
	c.tasks.Go(func() { answered <- c.send(request{method: "GET", path: "/" + name}).Code })
	select {
	case <-c.inside:
		return true
	case status := <-answered:
		if status != 503 {
			c.t.Errorf("%s: %d", name, status)
		}
		return false
	}
}

func TestCrowd(t *testing.T) {
	c := newCrowded(t, gate.Bounds{Requests: 3, Begins: 1, Reserve: 1})
	defer close(c.leave)
	for i, step := range []struct {
		who string
		in  bool
	}{
		{"begins", true}, {"begins", false}, {"ordinary", true}, {"finishes", true}, // all places
		{"ordinary", false}, {"begins", false}, {"finishes", true}, {"finishes", false}, {"watches", true},
	} {
		if in := c.come(step.who); in != step.in {
			t.Errorf("%d: %s came in: %v", i, step.who, in)
		}
	}
	if got, want := c.gate.Crowd(), (gate.Crowd{Ordinary: 1, Begins: 1, Finishes: 2, Shed: 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	c.leave <- struct{}{}
}

// A place is given back whatever happens inside.
func TestPlaceGivenBack(t *testing.T) {
	h := newHouse(t, func(o *gate.Options) { o.Bounds = gate.Bounds{Requests: 1, Begins: 1} })
	for name, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"fails":  func(http.ResponseWriter, *http.Request) error { return errors.New("no") },
		"panics": func(http.ResponseWriter, *http.Request) error { panic("no") },
		"aborts": func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) },
	} {
		h.mux.Handle("GET /"+name, h.gate.Guard("GET /"+name, f))
		for range 2 {
			func() {
				defer func() { _ = recover() }()
				if w := h.send(request{method: "GET", path: "/" + name}); w.Code != 500 {
					t.Errorf("%s: %d", name, w.Code)
				}
			}()
		}
	}
	if got := h.gate.Crowd(); got != (gate.Crowd{}) {
		t.Errorf("%+v", got)
	}
}

func TestClosed(t *testing.T) {
	c := newCrowded(t, gate.Bounds{})
	if !c.come("finishes") {
		t.Fatal("not let in")
	}
	empty := c.gate.Close()
	if c.come("finishes") || c.come("ordinary") || !c.come("watches") {
		t.Error("who is let in when it closes")
	}
	select {
	case <-empty:
		t.Error("it is empty while somebody is inside")
	default:
	}
	close(c.leave)
	<-empty
	<-c.gate.Close() // once more: it is empty at once
}

// TestPayable: what cannot be finished is not begun, and what was carried out before is answered again.
func TestPayable(t *testing.T) {
	down := payment.Refuse("SERVICE_UNAVAILABLE", "Not now.")
	down.RetryAfter = 1500 * time.Millisecond
	var err error
	h := newHouse(t, func(o *gate.Options) { o.Payable = func() error { return err } })
	const begun = `{"message":"Status updated. Wait for a callback or get the status using the Get API.","payment_request_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f"}`
	h.handle("POST /v3/payment_with_session", payment.Public, func(_ context.Context, r *gate.Request) (gate.Answer, error) {
		return gate.Answer{Body: json.RawMessage(begun)}, h.remember(r.Once, 200, begun)
	})
	h.handle("POST /sessions", payment.Secret, created)
	submit := func(key string) *httptest.ResponseRecorder {
		return h.send(request{
			method: "POST", path: "/v3/payment_with_session", key: publicKey, header: http.Header{"Idempotency-Key": {key}},
			body: `{"payment_session_id":"ps-6746c1006b7752b4d91725af","device":{}}`,
		})
	}
	if w := submit("k1"); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	err = down
	if w := submit("k2"); w.Code != 503 || w.Header().Get("Retry-After") != "2" {
		t.Errorf("%d, again after %q", w.Code, w.Header().Get("Retry-After"))
	}
	if w := submit("k1"); w.Code != 200 {
		t.Errorf("a repetition: %d %s", w.Code, w.Body)
	}
	if w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: seedRequest(t)}); w.Code != 201 {
		t.Errorf("what begins no payment: %d %s", w.Code, w.Body)
	}
}

// TestServed: every answer is told of, those of a panic and of nothing among them.
func TestServed(t *testing.T) {
	type told struct {
		operation string
		status    int
	}
	var all []told
	h := newHouse(t, func(o *gate.Options) {
		o.Served = func(operation string, status int, took time.Duration) {
			if took < 0 {
				t.Errorf("it took %v", took)
			}
			all = append(all, told{operation, status})
		}
		o.Bounds.Begins = -1
	})
	h.handle("POST /sessions", payment.Secret, created)
	h.handle("POST /v3/payment_tokens", payment.Secret, created)
	h.mux.Handle("GET /panics", h.gate.Guard("GET /panics", func(http.ResponseWriter, *http.Request) error { panic("no") }))
	h.mux.Handle("GET /writes", h.gate.Guard("GET /writes", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write([]byte("x"))
		return err
	}))
	h.send(request{method: "POST", path: "/sessions", body: "{}"})
	h.send(request{method: "POST", path: "/v3/payment_tokens", body: "{}"})
	h.send(request{method: "GET", path: "/panics"})
	h.send(request{method: "GET", path: "/writes"})
	h.send(request{method: "GET", path: "/nowhere"})
	for i, want := range []told{
		{"POST /sessions", 401}, {"POST /v3/payment_tokens", 503}, {"GET /panics", 500}, {"GET /writes", 200}, {"/", 404},
	} {
		if i >= len(all) || all[i] != want {
			t.Fatalf("%v", all)
		}
	}
}
