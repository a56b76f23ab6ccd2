package threeds

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// authority issues certificates as a scheme does.
type authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a scheme"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.root)
	return a
}

func (a *authority) roots() []*x509.Certificate { return []*x509.Certificate{a.root} }

// shown is a certificate that a client shows whoever asks.
func shown(c tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
}

func (a *authority) issue(t testing.TB, name string, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}, a.root, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// world is a directory server behind real mutual TLS, and a Server of ours enrolled with it.
type world struct {
	*Server
	ca    *authority
	timer *timers
	log   *lockedBuffer

	keep *shelf

	mu     sync.Mutex
	asked  []map[string]any // what the directory server was sent
	answer func(w http.ResponseWriter, request map[string]any)
	result func(payment.Result) error
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := &world{ca: newAuthority(t), timer: &timers{}, log: &lockedBuffer{}, keep: newShelf()}
	ds := httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	ds.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	ds.TLS = &tls.Config{
		Certificates: []tls.Certificate{w.ca.issue(t, "ds.example", x509.ExtKeyUsageServerAuth)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: w.ca.pool,
	}
	ds.StartTLS()
	t.Cleanup(ds.Close)
	o := Options{
		Directories: []Directory{{
			Name: "ds", URL: ds.URL, Roots: w.ca.roots,
			Certificate: shown(w.ca.issue(t, "gateway.example", x509.ExtKeyUsageClientAuth)),
			ResultRoots: w.ca.roots, ResultNames: []string{"results.ds.example"},
			ServerRef: "REF-1", OperatorID: "OP-1", RequestorID: "R-1", RequestorName: "Reprise",
			ResultsURL: "https://gateway.example:9443/results",
		}},
		Result: func(_ context.Context, r payment.Result) error { return w.result(r) },
		Keep:   w.keep,
		Now:    w.timer.now, Rand: rand.Reader, Timer: w.timer.timer, Within: w.timer.within,
		Go:   func(f func()) { go f() },
		Dial: (&net.Dialer{}).DialContext,
		Log:  slog.New(slog.NewTextHandler(w.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, d := range s.directories {
			d.client.CloseIdleConnections()
		}
	})
	w.Server = s
	return w
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	var request map[string]any
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	w.asked = append(w.asked, request)
	answer := w.answer
	w.mu.Unlock()
	answer(rw, request)
}

// received returns what the directory server was sent of a type, once there are n.
func (w *world) received(t *testing.T, kind string, n int) []map[string]any {
	t.Helper()
	var found []map[string]any
	eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		found = slices.DeleteFunc(slices.Clone(w.asked), func(m map[string]any) bool { return m["messageType"] != kind })
		return len(found) >= n
	})
	return found
}

// loaded puts ranges in place as a PRes would.
func (w *world) loaded(t *testing.T, rows ...map[string]any) {
	t.Helper()
	l := newLoader(nil)
	for _, row := range rows {
		l.take(row)
	}
	if err := l.finish(Message{}); err != nil {
		t.Fatal(err)
	}
	w.directories[0].ranges.Store(newRangeTable(l.ranges).as(RangeSet{Serial: "1", Loaded: time.Now()}))
}

// shelf is where the nodes of a test keep card ranges.
type shelf struct {
	mu     sync.Mutex
	sets   map[string]RangeSet
	pieces map[int64][]string
	last   int64 // name that was given to a set
}

// NewShelf is for tests outside the room.
func NewShelf() Keep { return newShelf() }

func newShelf() *shelf { return &shelf{sets: map[string]RangeSet{}, pieces: map[int64][]string{}} }

func (k *shelf) RangeSet(_ context.Context, directory, url string) (RangeSet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.sets[directory+url]
	r.Directory, r.URL = directory, url
	return r, nil
}

func (k *shelf) change(r RangeSet, change func(*RangeSet) bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.sets[r.Directory+r.URL]
	ok := change(&now)
	if ok {
		k.sets[r.Directory+r.URL] = now
	}
	return ok
}

func (k *shelf) LeaseRanges(_ context.Context, seen RangeSet, until time.Time) (set int64, ok bool, err error) {
	ok = k.change(seen, func(now *RangeSet) bool {
		if !now.Until.Equal(seen.Until) {
			return false
		}
		now.Until = until
		k.last++
		set = k.last
		return true
	})
	return set, ok, nil
}

func (k *shelf) WriteRanges(_ context.Context, r RangeSet, piece int, data string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if piece != len(k.pieces[r.Set]) {
		return errors.New("a piece out of order")
	}
	k.pieces[r.Set] = append(k.pieces[r.Set], data)
	return nil
}

func (k *shelf) SwapRanges(_ context.Context, r RangeSet, was int64) error {
	ok := k.change(r, func(now *RangeSet) bool {
		if now.Set != was {
			return false
		}
		*now = r
		now.Until, now.Tries = time.Time{}, 0
		return true
	})
	if !ok {
		return payment.ErrTaken
	}
	return nil
}

func (k *shelf) RestRanges(_ context.Context, r RangeSet) error {
	k.change(r, func(now *RangeSet) bool {
		now.Until, now.Tries = r.Until, r.Tries
		return true
	})
	return nil
}

func (k *shelf) ReadRanges(_ context.Context, r RangeSet, each func(string) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, data := range k.pieces[r.Set] {
		if err := each(data); err != nil {
			return err
		}
	}
	return nil
}

// row is a row of cardRangeData.
func row(first, last string, more ...map[string]any) map[string]any {
	r := map[string]any{
		"startRange": first, "endRange": last, "acsStartProtocolVersion": "2.1.0", "acsEndProtocolVersion": "2.2.0",
		"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.2.0",
	}
	for _, m := range more {
		maps.Copy(r, m)
	}
	return r
}

// echo answers with a message about the same transaction.
func echo(kind string, fields map[string]any) func(http.ResponseWriter, map[string]any) {
	return func(w http.ResponseWriter, request map[string]any) {
		answer := map[string]any{
			"messageType": kind, "messageVersion": request["messageVersion"],
			"threeDSServerTransID": request["threeDSServerTransID"], "dsTransID": dsID,
		}
		maps.Copy(answer, fields)
		w.Header().Set("Content-Type", contentType)
		json.NewEncoder(w).Encode(answer)
	}
}

const (
	serverID = "11111111-1111-4111-8111-111111111111"
	dsID     = "22222222-2222-4222-8222-222222222222"
	acsID    = "33333333-3333-4333-8333-333333333333"
)

// timers are the house's, moved by hand: nothing ever expires by itself. The clock goes on by what has expired.
type timers struct {
	mu    sync.Mutex
	set   []*timer
	ahead time.Duration
}

func (ts *timers) now() time.Time {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return time.Now().Add(ts.ahead)
}

// pass lets time go by, in which nothing expires.
func (ts *timers) pass(d time.Duration) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.ahead += d
}

type timer struct {
	d       time.Duration
	expire  func()
	stopped bool
}

func (ts *timers) timer(d time.Duration) (<-chan time.Time, func() bool) {
	expired := make(chan time.Time, 1)
	return expired, ts.after(d, func() { expired <- time.Time{} })
}

// within is a context that ends when its timer is fired.
func (ts *timers) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := ts.after(d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (ts *timers) after(d time.Duration, expire func()) (stop func() bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	one := &timer{d: d, expire: expire}
	ts.set = append(ts.set, one)
	return func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		one.stopped = true
		return true
	}
}

// fire waits for a running timer of a duration and lets it expire.
func (ts *timers) fire(t *testing.T, d time.Duration) {
	t.Helper()
	eventually(t, func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		for _, one := range ts.set {
			if one.d == d && !one.stopped {
				one.stopped = true
				ts.ahead += d
				one.expire()
				return true
			}
		}
		return false
	})
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within ten seconds")
		}
	}
}

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

func pan(t testing.TB, digits string) card.PAN {
	t.Helper()
	p, err := card.ParsePAN(digits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const testPAN = "4000000000001091"

func request(t testing.TB) AuthenticationRequest {
	return AuthenticationRequest{
		Authentication: payment.Authentication{
			ServerTransID: serverID, Version: "2.2.0", Amount: payment.Money{Minor: 10000000, Currency: "IDR"},
			Merchant: "b", Token: "t",
		},
		Merchant: payment.Merchant{
			Name: "Toko Kopi", Country: "ID", MCC: "5814", AcquirerBIN: "400551", CardAcceptor: "M-1",
			Website: "https://toko.example",
		},
		PAN: pan(t, testPAN), Expiry: card.Expiry{Year: 2030, Month: 12}, Cardholder: payment.Cardholder{
			FirstName: "SITI", LastName: "RAHAYU", Email: "siti@example.com", Phone: "+6281234567890",
			Billing: payment.Billing{
				Street1: "Jl. Sudirman 1", Street2: "Lantai 3", City: "Jakarta", ProvinceState: "ID-JK", Country: "ID", PostalCode: "10220",
			},
		},
		Browser: Browser{
			AcceptHeader: "text/html", UserAgent: "Mozilla/5.0", Language: "id-ID", IP: "192.0.2.7",
			ColorDepth: 24, ScreenHeight: 900, ScreenWidth: 1440, TimeZone: -420,
		},
		MethodCompleted: "Y", NotificationURL: "https://gateway.example/n/abc", Challenge: "03",
		At: time.Date(2026, 11, 23, 15, 4, 5, 0, time.FixedZone("WIB", 7*3600)),
	}
}
