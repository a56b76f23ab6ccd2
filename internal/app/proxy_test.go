package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
)

// forwarding is what a proxy adds to the requests that it hands on.
type forwarding struct {
	http.RoundTripper
	from string
}

func (f forwarding) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.from)
	return f.RoundTripper.RoundTrip(r)
}

// TestTheBankIsToldThePayersAddress: the browserIP of an AReq is the one that the proxy has seen, and not what the
// payer's browser claims, nor the proxy's own.
func TestTheBankIsToldThePayersAddress(t *testing.T) {
	t.Parallel()
	s := layStreet(t, "")
	n := s.nodeSettings(0, 1)
	between := s.overhear(n.Directories[0].URL)
	n.Directories[0].URL, n.TrustedProxy = between.url, []string{"127.0.0.1"}
	s.open(n)
	s.http = s.client()
	s.settle()
	s.http.Transport = forwarding{s.http.Transport, "203.0.113.9, 198.51.100.77"}
	s.store("4000000000001091", rightOTP)
	if told := between.addresses(); !slices.Equal(told, []string{"198.51.100.77"}) {
		t.Errorf("the bank was told %v", told)
	}
}

// overheard is what passed on the line to a directory server.
type overheard struct {
	url string
	mu  sync.Mutex
	all bytes.Buffer
}

// overhear stands between the gateway and a directory server, with its papers.
func (s *street) overhear(directory string) *overheard {
	s.t.Helper()
	pair := func(name string) tls.Certificate {
		c, err := tls.LoadX509KeyPair(s.paper(name+".pem"), s.paper(name+"-key.pem"))
		if err != nil {
			s.t.Fatal(err)
		}
		return c
	}
	pem, err := os.ReadFile(s.paper("ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	to, err := url.Parse(directory)
	if err != nil {
		s.t.Fatal(err)
	}
	o := &overheard{}
	on := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{pair("gateway-client")},
		}},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.all.Write(body)
		o.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		on.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair("ds-server")}}
	server.StartTLS()
	s.t.Cleanup(server.Close)
	o.url = server.URL + "/"
	return o
}

// addresses are those of browsers that the directory server was told.
func (o *overheard) addresses() (told []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, found := range regexp.MustCompile(`"browserIP":"([^"]*)"`).FindAllSubmatch(o.all.Bytes(), -1) {
		told = append(told, string(found[1]))
	}
	return told
}
