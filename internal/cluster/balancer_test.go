package cluster

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// balancer is the load balancer before the nodes: the next request goes to the next node that says it is
// ready. It knows no sessions.
type balancer struct {
	url   string
	backs []*back
	next  atomic.Uint64
}

// back is a node as the balancer sees it.
type back struct {
	base  string
	ready atomic.Bool
	proxy *httputil.ReverseProxy
}

// openBalancer opens the public door, behind which there is nobody yet.
func openBalancer(t *testing.T, p papers) *balancer {
	t.Helper()
	b := &balancer{}
	server := httptest.NewUnstartedServer(b)
	server.Config.ErrorLog = quiet()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{p.pair}}
	server.StartTLS()
	b.url = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return b
}

// to names the nodes, and begins to ask each whether it is ready.
func (b *balancer) to(t *testing.T, nodes []string) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 20 * time.Second, ResponseHeaderTimeout: 25 * time.Second}
	for _, base := range nodes {
		to, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		b.backs = append(b.backs, &back{base: base, proxy: &httputil.ReverseProxy{
			Transport: transport,
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.SetXForwarded()
				r.Out.Host = r.In.Host
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		}})
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	for _, one := range b.backs {
		watching.Go(func() { one.watch(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		watching.Wait()
	})
}

// watch asks a node whether it is ready, again and again.
func (b *back) watch(ctx context.Context) {
	asker := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		b.ready.Store(answers(asker, b.base+"/readyz"))
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// answers tells whether a URL is answered with 200.
func answers(by *http.Client, url string) bool {
	response, err := by.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (b *balancer) ready() (n int) {
	for _, one := range b.backs {
		if one.ready.Load() {
			n++
		}
	}
	return n
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	turn := b.next.Add(1)
	for i := range b.backs {
		if one := b.backs[(turn+uint64(i))%uint64(len(b.backs))]; one.ready.Load() {
			one.proxy.ServeHTTP(w, r)
			return
		}
	}
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}
