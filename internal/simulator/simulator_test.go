package simulator

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that tests move; its timers fire when it passes them.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	waiting map[*alarm]bool
}

type alarm struct {
	at time.Time
	ch chan time.Time
}

func newClock() *clock { return &clock{now: time.Now(), waiting: map[*alarm]bool{}} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Timer(d time.Duration) (<-chan time.Time, func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{at: c.now.Add(d), ch: make(chan time.Time, 1)}
	c.waiting[a] = true
	return a.ch, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := c.waiting[a]
		delete(c.waiting, a)
		return was
	}
}

// pending counts the timers that would fire within d.
func (c *clock) pending(d time.Duration) (count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a := range c.waiting {
		if !a.at.After(c.now.Add(d)) {
			count++
		}
	}
	return count
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for a := range c.waiting {
		if !a.at.After(c.now) {
			a.ch <- c.now
			delete(c.waiting, a)
		}
	}
}

func realTimer(d time.Duration) (<-chan time.Time, func() bool) {
	timer := time.NewTimer(d)
	return timer.C, timer.Stop
}

func realOptions(dir string) Options {
	return Options{
		Dir: dir, Calm: true,
		Now: time.Now, Rand: rand.Reader, Timer: realTimer, Go: func(f func()) { go f() },
		Dial: (&net.Dialer{}).DialContext, Listen: net.Listen,
	}
}

func startWorld(t *testing.T, change func(*Options)) *World {
	t.Helper()
	o := realOptions(t.TempDir())
	if change != nil {
		change(&o)
	}
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return w
}

// eventually polls with a bound.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func wantComplaints(t *testing.T, w *World, want ...string) {
	t.Helper()
	var got []string
	for _, c := range w.Complaints() {
		got = append(got, c.Line+": "+c.What)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	_, err := New(Options{Dir: t.TempDir(), Now: time.Now})
	for _, name := range []string{"Rand", "Timer", "Go", "Dial", "Listen"} {
		if err == nil || !strings.Contains(err.Error(), "Options."+name) {
			t.Errorf("error %v does not name %s", err, name)
		}
	}
}

func TestStartFailsWholeWhenAnAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := realOptions(t.TempDir())
	o.Control = taken.Addr().String()
	o.ACS = freeAddress(t)
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err == nil {
		t.Fatal("started on a taken address")
	}
	again, err := net.Listen("tcp", o.ACS)
	if err != nil {
		t.Fatalf("the ACS address is still taken: %v", err)
	}
	again.Close()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestControlPort(t *testing.T) {
	w := startWorld(t, nil)
	kit, err := FetchKit(t.Context(), http.DefaultClient, w.ControlURL())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.Kit(), kit); diff != "" {
		t.Errorf("kit (-world +fetched):\n%s", diff)
	}
	if !strings.HasPrefix(kit.ACSOrigin, "http://acs.localhost:") {
		t.Errorf("ACS origin %q", kit.ACSOrigin)
	}

	call := func(method, path, body string, header ...string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, w.ControlURL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			if header[i] == "Host" {
				req.Host = header[i+1]
			}
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	jsonType := []string{"Content-Type", "application/json"}
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		want                     int
	}{
		{"health", "GET", "/healthz", "", nil, 200},
		{"another site's name", "GET", "/kit", "", []string{"Host", "evil.test"}, 403},
		{"a web page", "GET", "/kit", "", []string{"Origin", "http://127.0.0.1:4242"}, 403},
		{"knobs as a form", "POST", "/knobs", `{"calm":true}`, nil, 415},
		{"unknown knob", "POST", "/knobs", `{"clam":true}`, jsonType, 400},
		{"wrong type", "POST", "/knobs", `{"calm":"yes"}`, jsonType, 400},
		{"knob twice", "POST", "/knobs", `{"calm":true,"calm":false}`, jsonType, 400},
		{"unknown behaviour", "POST", "/knobs", `{"next_acquirer":{"behaviour":"explode"}}`, jsonType, 400},
		{"no such currency", "POST", "/knobs", `{"acquirer_exponents":{"XXX":0}}`, jsonType, 400},
		{"more digits than there are", "POST", "/knobs", `{"acquirer_exponents":{"IDR":3}}`, jsonType, 400},
		{"no such advice", "POST", "/knobs", `{"next_advice":{"behaviour":"partial"}}`, jsonType, 400},
		{"decline without a code", "POST", "/knobs", `{"next_advice":{"behaviour":"decline"}}`, jsonType, 400},
		{"decline that approves", "POST", "/knobs", `{"next_acquirer":{"behaviour":"decline","code":"00"}}`, jsonType, 400},
		{"code without a decline", "POST", "/knobs", `{"next_acquirer":{"behaviour":"lost","code":"05"}}`, jsonType, 400},
		{"advice code that is none", "POST", "/knobs", `{"next_acquirer":{"behaviour":"decline","code":"05","advice_code":"3"}}`, jsonType, 400},
		{"late without delay", "POST", "/knobs", `{"next_acquirer":{"behaviour":"late"}}`, jsonType, 400},
	} {
		if got, body := call(c.method, c.path, c.body, c.header...); got != c.want {
			t.Errorf("%s: status %d, want %d: %s", c.name, got, c.want, body)
		}
	}

	if status, body := call("POST", "/knobs", `{"skip_cres":true,"next_acquirer":{"behaviour":"silence","times":2}}`, jsonType...); status != 200 {
		t.Fatalf("knobs: %d %s", status, body)
	}
	_, body := call("POST", "/knobs", `{"calm":false}`, jsonType...)
	var got Knobs
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := Knobs{SkipCRes: true, NextAcquirer: &Fault{Behaviour: "silence", Times: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("knobs after a merge (-want +got):\n%s", diff)
	}
	if _, body := call("GET", "/ledger", ""); !strings.Contains(body, `"entries": []`) {
		t.Errorf("empty ledger: %s", body)
	}
	if _, body := call("GET", "/scenarios", ""); !strings.Contains(body, "4000000000001091") {
		t.Errorf("scenarios: %s", body)
	}
}

func TestPapersAreKeptAndRenewed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "world")
	now := time.Now()
	open := func(at time.Time) Kit {
		t.Helper()
		o := realOptions(dir)
		o.Now = func() time.Time { return at }
		w, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		return w.papers.kit()
	}
	first := open(now)
	if diff := cmp.Diff(first, open(now.Add(300*day))); diff != "" {
		t.Errorf("certificates changed within their life:\n%s", diff)
	}
	later := open(now.Add(380 * day))
	if later.CA != first.CA || later.ServerCert == first.ServerCert || later.ClientCert == first.ClientCert {
		t.Error("near their end the leaves, and only the leaves, are made anew")
	}
	if last := open(now.Add(3600 * day)); last.CA == first.CA {
		t.Error("a root near its end was kept")
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 14 {
		t.Errorf("%d files, want 14", len(files))
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", f.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v", info.Mode())
	}
	if err := os.WriteFile(filepath.Join(dir, "ds-client-key.pem"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(now.Add(3600 * day)) // fails the test if a damaged key is not replaced
}

// A world with an authority of its own, and TLS on the lines that a sandbox leaves open.
func TestTLS(t *testing.T) {
	o := realOptions(t.TempDir())
	w, err := New(o) // the papers of a sandbox are there first
	if err != nil {
		t.Fatal(err)
	}
	sandbox := w.papers.kit().CA
	o.Authority, o.TLS = "Rehearsal Root", true
	if w, err = New(o); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	kit := w.Kit()
	if kit.CA == sandbox || w.papers.root.Subject.CommonName != "Rehearsal Root" || !kit.AcquirerTLS || !strings.HasPrefix(kit.ACSOrigin, "https://acs.localhost:") {
		t.Errorf("%s, of %s", kit.ACSOrigin, w.papers.root.Subject)
	}
	client, err := tls.X509KeyPair([]byte(kit.ClientCert), []byte(kit.ClientKey))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: w.papers.pool, ServerName: "127.0.0.1"}
	if c, err := tls.Dial("tcp", kit.Acquirer, config); err == nil {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second)) // TLS 1.3 refuses behind the handshake
		if _, err := c.Read(make([]byte, 1)); !strings.Contains(fmt.Sprint(err), "certificate required") {
			t.Errorf("without a certificate: %v", err)
		}
		_ = c.Close()
	}
	config.Certificates = []tls.Certificate{client}
	c, err := tls.Dial("tcp", kit.Acquirer, config)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	pages, err := tls.Dial("tcp", strings.Replace(kit.ACSOrigin, "https://acs.localhost", "127.0.0.1", 1), &tls.Config{RootCAs: w.papers.pool, ServerName: "acs.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	_ = pages.Close()
}

func TestScenarios(t *testing.T) {
	seen := map[Scenario]bool{}
	for _, s := range Scenarios() {
		if seen[s] {
			t.Errorf("twice: %+v", s)
		}
		seen[s] = true
		if s.Kind == "card" {
			if _, ok := rangeOf(s.When); !ok {
				t.Errorf("card %s is of no range or fails Luhn", s.When)
			}
		}
	}
	for _, want := range []Scenario{
		{"amount", "10051", "EXPIRED_CARD (54)"},
		{"amount", "10.65", "DECLINED_BY_ISSUER (65), visa only"},
		{"amount", "VND 400700", "STOLEN_CARD (07)"},
	} {
		if !seen[want] {
			t.Errorf("missing: %+v", want)
		}
	}
}

func TestDeclineFor(t *testing.T) {
	for _, c := range []struct {
		minor                  int64
		currency, scheme, want string
	}{
		{1005100, "360", "visa", "54"},
		{10051, "392", "visa", "54"},
		{10051000, "414", "visa", "54"},
		{10051001, "414", "visa", ""},
		{10051, "360", "visa", ""},
		{1005, "840", "visa", "05"},
		{1065, "840", "visa", "65"},
		{1065, "840", "mastercard", ""},
		{1006500, "360", "visa", "1A"},
		{1006500, "360", "mastercard", "65"},
		{1006500, "360", "jcb", ""},
		{405400, "704", "visa", "54"},
		{10051, "704", "visa", ""},
		{40540000, "360", "visa", ""},
		{10000000, "360", "visa", ""},
	} {
		if got := declineFor(c.minor, c.currency, c.scheme, false); got != c.want {
			t.Errorf("%d of %s, %s: %q, want %q", c.minor, c.currency, c.scheme, got, c.want)
		}
	}
	if got := declineFor(1006500, "360", "visa", true); got != "" {
		t.Errorf("the cardholder was seen, and the answer is %s", got)
	}
}

func TestPrintMoney(t *testing.T) {
	for _, c := range []struct{ numeric, minor, want string }{
		{"360", "10000000", "Rp\u00a0100.000"},
		{"360", "10000050", "Rp\u00a0100.000,50"},
		{"840", "5", "US$0.05"},
		{"392", "1234567", "¥1,234,567"},
		{"704", "405400", "₫405.400"},
		{"414", "1234", "KWD\u00a01.234"},
		{"458", "123456789", "RM\u00a01,234,567.89"},
	} {
		if got := currencies[c.numeric].print(c.minor); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.numeric, c.minor, got, c.want)
		}
	}
}
