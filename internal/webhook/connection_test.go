package webhook

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"reprise/internal/payment"
)

// overTLS gives an endpoint a server with a certificate, and counts the connections that are made to it.
func (e *endpoint) overTLS(t *testing.T, http2 bool, handler http.HandlerFunc) (made *atomic.Int64) {
	t.Helper()
	made = &atomic.Int64{}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	options := e.sender.Options
	options.Roots = x509.NewCertPool()
	options.Roots.AddCert(server.Certificate())
	e.sender = New(options)
	t.Cleanup(e.sender.Close)
	e.known.URL = server.URL
	return made
}

// burst makes n tries at once.
func (e *endpoint) burst(t *testing.T, n int) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if a := e.sender.Test(t.Context(), payment.Notice{ID: "ev-1", Data: []byte(`{}`)}, e.known); !a.Taken() {
				t.Errorf("came to %+v", a)
			}
		})
	}
	all.Wait()
}

// As many connections as a burst needs are kept for the next one.
func TestConnectionsAreUsedAgain(t *testing.T) {
	e := newEndpoint(t)
	const n = 32
	var met sync.WaitGroup
	met.Add(n)
	made := e.overTLS(t, false, func(http.ResponseWriter, *http.Request) {
		met.Done()
		met.Wait() // so that each has one of its own
	})
	e.burst(t, n)
	if made.Load() != n {
		t.Fatalf("%d connections, want %d", made.Load(), n)
	}
	met.Add(n)
	e.burst(t, n)
	if made.Load() != n {
		t.Errorf("%d connections for two bursts of %d", made.Load(), n)
	}
}

// An endpoint that speaks HTTP/2 has one connection for all tries. One that hangs there holds up no other.
func TestHTTP2WhereItIsOffered(t *testing.T) {
	e := newEndpoint(t)
	hang, hangs := make(chan struct{}), make(chan struct{})
	var hung atomic.Bool
	made := e.overTLS(t, true, func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s", r.Proto)
		}
		if r.Header.Get("Webhook-Id") == "hangs" && hung.CompareAndSwap(false, true) {
			close(hangs)
			<-hang
		}
	})
	defer close(hang)
	e.burst(t, 1)
	came := make(chan payment.DeliveryAttempt)
	go func() {
		came <- e.sender.Test(t.Context(), payment.Notice{ID: "hangs", Data: []byte(`{}`)}, e.known)
	}()
	<-hangs
	e.burst(t, 16)
	e.over <- start
	if a := <-came; a.Problem != "timeout" {
		t.Errorf("the one that hangs came to %+v", a)
	}
	e.burst(t, 4)
	if made.Load() != 1 {
		t.Errorf("%d connections", made.Load())
	}
}

// When a connection was closed meanwhile, the next handshake is a short one.
func TestTLSSessionsAreResumed(t *testing.T) {
	e := newEndpoint(t)
	var resumed []bool
	e.overTLS(t, false, func(_ http.ResponseWriter, r *http.Request) { resumed = append(resumed, r.TLS.DidResume) })
	for range 2 {
		e.burst(t, 1)
		e.sender.Close()
	}
	if len(resumed) != 2 || resumed[0] || !resumed[1] {
		t.Errorf("resumed: %v", resumed)
	}
}
