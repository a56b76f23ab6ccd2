package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/internal/payment"
	"reprise/internal/vault"
)

// TestServe: one node on SQLite, and several on PostgreSQL, take payments from a world that is no sandbox's.
func TestServe(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		s := openStreet(t, 1, "")
		s.pays()
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
			t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
		}
		t.Parallel()
		s := openStreet(t, 2, newDatabase(t))
		token := s.pays()
		s.finishedBeside(token)
	})
}

// pays stores a card and pays with it, by whatever node comes next.
func (s *street) pays() (token string) {
	s.t.Helper()
	token = s.store("4000000000001091", "000000", rightOTP)
	for range 3 {
		session := s.newSession(token)
		accepted := s.submitted(session, "123")
		if end := s.visitor(accepted).pay(rightOTP); end["outcome"] != "succeeded" || end["return_url"] != "https://shop.example/return/success" {
			s.t.Errorf("%v", end)
		}
		s.wait(s.t, "payment.capture", accepted["payment_request_id"].(string))
	}
	ids := map[any]bool{}
	body := s.paymentRequest(token, channel("skip_three_ds", true))
	for range 4 { // the same key at one node after the other
		a := s.ask("POST", "/v3/payment_requests", s.secretKey, body, "idempotency-key", "serve")
		if a.status != http.StatusCreated || a.body["status"] != "SUCCEEDED" {
			s.t.Fatalf("%d %v", a.status, a.body)
		}
		ids[a.body["payment_request_id"]] = true
	}
	if len(ids) != 1 {
		s.t.Errorf("%d payment requests under one key", len(ids))
	}
	if a := s.ask("POST", "/sessions", SandboxSecretKey, s.request(token)); a.status != http.StatusUnauthorized {
		s.t.Errorf("a published key is taken: %d", a.status)
	}
	for _, r := range s.requests() { // DE7 is UTC, DE12 the merchant's clock
		utc, errUTC := time.Parse("0102150405", r.Trace.Transmitted)
		local, err := time.Parse("0102150405", r.Trace.LocalDate+r.Trace.LocalTime)
		const day = 24 * time.Hour
		if ahead := local.Sub(utc); errUTC != nil || err != nil || (ahead%day+day)%day != 7*time.Hour {
			s.t.Errorf("DE7 %s, DE13 and DE12 %s %s", r.Trace.Transmitted, r.Trace.LocalDate, r.Trace.LocalTime)
		}
	}
	s.over()
	return token
}

// finishedBeside lets the node leave that began a payment, while the payer is at the bank: the other finishes
// it, with the CVN that was typed at the first.
func (s *street) finishedBeside(token string) {
	s.t.Helper()
	s.gone.Or(1 << 1) // all of the beginning is the first node's
	session := s.newSession(token)
	accepted := s.submitted(session, "123")
	p := s.visitor(accepted)
	next := p.must(p.arrive())
	if next["do"] != "challenge" {
		s.t.Fatalf("%v", next)
	}
	s.gone.Store(0)
	s.leave(0) // its results came to the second node, so they still do
	if err := p.challenge(next, rightOTP); err != nil {
		s.t.Fatal(err)
	}
	if end := p.must(p.confirm()); end["outcome"] != "succeeded" {
		s.t.Fatalf("%v", end)
	}
	s.wait(s.t, "payment.capture", accepted["payment_request_id"].(string))
	s.over()
}

// TestServeRefusesASandboxsDatabase: what a sandbox has used has keys that everybody knows.
func TestServeRefusesASandboxsDatabase(t *testing.T) {
	t.Parallel()
	s := openStreet(t, 1, "")
	key := payment.Key{Business: payment.BusinessID(s.business), Kind: payment.Secret, Hash: sha256.Sum256([]byte(SandboxSecretKey)), Created: time.Now()}
	if err := s.nodes[0].store.SaveKey(t.Context(), key, "sandbox"); err != nil {
		t.Fatal(err)
	}
	if a := s.ask("GET", "/v3/payment_requests", SandboxSecretKey, nil); a.status != http.StatusUnauthorized {
		t.Errorf("a published key that is in the database: %d", a.status)
	}
	s.leave(0)
	_, err := Serve(t.Context(), Real(), s.nodeSettings(0, 1), "", slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "used by a sandbox") {
		t.Errorf("%v", err)
	}
}

// TestServeRefusesAnotherKeyFile: a node that can open no card is not ready to take one.
func TestServeRefusesAnotherKeyFile(t *testing.T) {
	t.Parallel()
	s := openStreet(t, 1, "")
	s.leave(0)
	n := s.nodeSettings(0, 1)
	ours := n.Keys
	n.Keys = filepath.Join(t.TempDir(), "other.json")
	if _, err := vault.CreateKeys(n.Keys, rand.Reader); err != nil {
		t.Fatal(err)
	}
	_, err := Serve(t.Context(), Real(), n, "", slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "key file is not the one") {
		t.Errorf("%v", err)
	}
	n.Keys = ours
	s.open(n)
}

// TestServeDoesNotMigrate: a node that is started changes no database by itself.
func TestServeDoesNotMigrate(t *testing.T) {
	t.Parallel()
	s := layStreet(t, "")
	n := s.nodeSettings(0, 1)
	n.Migrate = false
	refused := func(want string) {
		t.Helper()
		_, err := Serve(t.Context(), Real(), n, "", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
	refused("there is no database at " + n.Database)
	if _, err := os.Stat(n.Database); !os.IsNotExist(err) {
		t.Errorf("a file was made: %v", err)
	}
	if err := os.WriteFile(n.Database, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing, err := Missing(t.Context(), Real(), n.Database)
	if err != nil || len(missing) < 5 || missing[0] != "00001_memory" {
		t.Fatalf("%v %v", missing, err)
	}
	refused("reprise migrate")
	if err := Migrate(t.Context(), Real(), n.Database, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if missing, err := Missing(t.Context(), Real(), n.Database); err != nil || len(missing) != 0 {
		t.Fatalf("%v %v", missing, err)
	}
	s.open(n)
}

// TestServeSaysWhatItIs: the first line of a node's log, which holds nothing secret.
func TestServeSaysWhatItIs(t *testing.T) {
	t.Parallel()
	s := openStreet(t, 1, "")
	want := `msg="gateway is open" version="reprise (test)" public_url=https://localhost database=SQLite acquirer=` + s.world.Kit().Acquirer + " directories=1\n"
	if !strings.Contains(s.log.String(), want) {
		t.Errorf("nothing of %s", want)
	}
}

// TestDrain: a node that is about to stop says so and goes on serving for a while.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := openStreet(t, 1, "", func(_ int, n *ServeSettings) { n.DrainDelay = "1h" })
	drained := make(chan bool)
	ctx, enough := context.WithCancel(t.Context())
	go func() {
		s.nodes[0].Drain(ctx)
		close(drained)
	}()
	eventually(t, "not ready", func() bool { return s.ask("GET", "/readyz", "", nil).status == http.StatusServiceUnavailable })
	if a := s.ask("GET", "/v3/payment_requests", s.secretKey, nil); a.status != http.StatusOK {
		t.Errorf("while it drains: %d %v", a.status, a.body)
	}
	select {
	case <-drained:
		t.Error("drained at once")
	default:
	}
	enough()
	<-drained
}

// TestTrustedProxies: plain HTTP is the proxy's alone, and only what the proxy has seen counts as an address.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	const proxy, stranger = "127.0.0.2", "127.0.0.3"
	s := openStreet(t, 1, "", func(_ int, n *ServeSettings) {
		n.Certificate, n.CertificateKey, n.TrustedProxy, n.LimitAddress = "", "", []string{proxy + "/32"}, "3"
	})
	get := func(from, path string, forwarded ...string) (int, string) {
		t.Helper()
		r, _ := http.NewRequest("GET", "http://gateway.example"+path, nil)
		for _, f := range forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		response, err := s.from(from, 0).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	if status, body := get(stranger, "/docs", "198.51.100.1"); status != http.StatusForbidden || !strings.Contains(body, `"error_code":"REQUEST_FORBIDDEN_ERROR"`) {
		t.Errorf("plain HTTP past the proxy: %d %s", status, body)
	}
	if status, _ := get(stranger, "/healthz"); status != http.StatusOK {
		t.Errorf("a probe: %d", status)
	}
	for i := range 3 {
		if status, _ := get(proxy, "/nowhere", "198.51.100.1"); status != http.StatusNotFound {
			t.Fatalf("request %d: %d", i, status)
		}
	}
	for name, forwarded := range map[string][]string{
		"the same":                      {"198.51.100.1"},
		"an invented one before it":     {"203.0.113.9, 198.51.100.1"},
		"an invented header":            {"203.0.113.9", "198.51.100.1"},
		"a proxy of ours behind it":     {"198.51.100.1, " + proxy},
		"no address before it":          {"unknown, 198.51.100.1"},
		"with a port":                   {"198.51.100.1:4711"},
		"as IPv6 writes it":             {"::ffff:198.51.100.1"},
		"an invented proxy in the list": {proxy + ", 198.51.100.1"},
	} {
		if status, _ := get(proxy, "/nowhere", forwarded...); status != http.StatusTooManyRequests {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := get(proxy, "/nowhere", "198.51.100.1, 203.0.113.9"); status != http.StatusNotFound {
		t.Errorf("another address: %d", status)
	}
	if status, _ := get(proxy, "/v3/payment_requests", "203.0.113.50"); status != http.StatusUnauthorized || !strings.Contains(s.log.String(), "address=203.0.113.50") {
		t.Errorf("who tries keys is not named: %d", status)
	}
}

// TestTheDoorsCertificateIsRenewed: a new certificate is shown to the next connection, and an open one stays.
func TestTheDoorsCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStreet(t, 1, "", func(_ int, n *ServeSettings) {
		for to, from := range map[*string]string{&n.Certificate: n.Certificate, &n.CertificateKey: n.CertificateKey} {
			*to = filepath.Join(dir, filepath.Base(from))
			copyFile(t, from, *to)
		}
	})
	open := s.client()
	open.Transport.(listening).RoundTripper.(*http.Transport).DisableKeepAlives = false
	shown := func(client *http.Client) string {
		t.Helper()
		response, err := client.Get("https://localhost/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.TLS.PeerCertificates[0].SerialNumber.String()
	}
	before := shown(open)
	copyFile(t, s.paper("ds-server.pem"), filepath.Join(dir, "gateway-server.pem"))
	s.nodes[0].Reload() // the key is not its key
	if shown(s.client()) != before {
		t.Error("a pair that does not match was taken")
	}
	copyFile(t, s.paper("ds-server-key.pem"), filepath.Join(dir, "gateway-server-key.pem"))
	s.nodes[0].Reload()
	if shown(s.client()) == before {
		t.Error("the new certificate is not shown")
	}
	if shown(open) != before {
		t.Error("an open connection was cut")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
