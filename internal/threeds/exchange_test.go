package threeds_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/card"
	"reprise/internal/payment"
	"reprise/internal/simulator"
	"reprise/internal/threeds"
)

// house is a Server of ours and, at the other end of its lines, a directory server and an ACS that share no
// code with it.
type house struct {
	*threeds.Server
	outside *simulator.World
	results chan payment.Result
}

func newHouse(t *testing.T) *house {
	t.Helper()
	timer := func(d time.Duration) (<-chan time.Time, func() bool) {
		timer := time.NewTimer(d)
		return timer.C, timer.Stop
	}
	task := func(f func()) { go f() }
	dial := (&net.Dialer{}).DialContext
	outside, err := simulator.New(simulator.Options{
		Dir: t.TempDir(), Calm: true,
		Now: time.Now, Rand: rand.Reader, Timer: timer, Go: task, Dial: dial, Listen: net.Listen,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := outside.Start(); err != nil {
		t.Fatal(err)
	}
	kit := outside.Kit()
	block, _ := pem.Decode([]byte(kit.CA))
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := func() []*x509.Certificate { return []*x509.Certificate{root} }
	pair := func(certificate, key string) tls.Certificate {
		pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	client, server := pair(kit.ClientCert, kit.ClientKey), pair(kit.ServerCert, kit.ServerKey)
	listener := httptest.NewUnstartedServer(nil)
	h := &house{outside: outside, results: make(chan payment.Result, 1)}
	h.Server, err = threeds.New(threeds.Options{
		Directories: []threeds.Directory{{
			Name: "sandbox", URL: kit.DirectoryURL, Roots: roots,
			Certificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client, nil },
			ResultRoots: roots, ResultNames: []string{kit.DirectoryIdentity},
			ServerRef: "3DS_LOA_SER_TEST_020200_00001", RequestorID: "requestor-1", RequestorName: "Reprise",
			ResultsURL: "https://" + listener.Listener.Addr().String() + "/results",
		}},
		Result: func(_ context.Context, r payment.Result) error {
			h.results <- r
			return nil
		},
		AllowHTTP: true, Keep: threeds.NewShelf(),
		Now: time.Now, Rand: rand.Reader, Timer: timer, Within: context.WithTimeout, Go: task, Dial: dial, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener.Config.Handler = h.Results()
	listener.TLS = h.ResultsTLS(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil })
	listener.StartTLS()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := outside.Close(ctx); err != nil {
			t.Error(err)
		}
		listener.Close()
	})
	h.Start(ctx)
	for deadline := time.Now().Add(10 * time.Second); h.Ready() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(h.Ready())
		}
	}
	return h
}

// authenticate asks about a card as flow does.
func (h *house) authenticate(t *testing.T, digits string, change ...func(*threeds.AuthenticationRequest)) payment.Authentication {
	t.Helper()
	pan, err := card.ParsePAN(digits)
	if err != nil {
		t.Fatal(err)
	}
	_, version, method, err := h.Range(t.Context(), pan)
	if err != nil {
		t.Fatal(err)
	}
	completed := "U"
	if method != "" {
		completed = "N"
	}
	var random [16]byte
	rand.Read(random[:])
	q := threeds.AuthenticationRequest{
		Authentication: payment.Authentication{
			ServerTransID: payment.ServerTransID(payment.UUID4(random)), Version: version, MethodURL: method,
			Amount: payment.Money{Minor: 10000000, Currency: "IDR"}, Merchant: "b", Token: "t",
		},
		Merchant: payment.Merchant{
			Name: "Toko Kopi", Country: "ID", MCC: "5814", AcquirerBIN: "400001", CardAcceptor: "MERCHANT0000001",
			Website: "https://toko.example",
		},
		PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Cardholder: payment.Cardholder{
			FirstName: "Siti", LastName: "Rahayu", Email: "siti@example.com", Phone: "+6281234567890",
			Billing: payment.Billing{Street1: "Jl. Sudirman 1", City: "Jakarta", ProvinceState: "ID-JK", Country: "ID", PostalCode: "10220"},
		},
		Browser: threeds.Browser{
			AcceptHeader: "text/html", UserAgent: "Mozilla/5.0", Language: "id-ID", IP: "127.0.0.1",
			ColorDepth: 30, ScreenHeight: 900, ScreenWidth: 1440, TimeZone: -420,
		},
		MethodCompleted: completed, NotificationURL: "http://127.0.0.1:1/home", Challenge: "03", At: time.Now(),
	}
	for _, c := range change {
		c(&q)
	}
	a, err := h.Authenticate(t.Context(), q)
	if err != nil {
		t.Fatalf("%v; they complain: %v", err, h.outside.Complaints())
	}
	return a
}

// post does what a browser does with a form: acs.localhost is this machine.
func post(t *testing.T, target string, fields url.Values) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	response, err := http.PostForm(u.String(), fields)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func values(fields map[string]string) url.Values {
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// carried are the fields of the form with which a page sends the browser on.
func carried(page string) url.Values {
	form := url.Values{}
	for _, match := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(match[1], html.UnescapeString(match[2]))
	}
	return form
}

func (h *house) content(t *testing.T) {
	t.Helper()
	if complaints := h.outside.Complaints(); len(complaints) > 0 {
		t.Errorf("they complain: %v", complaints)
	}
}

func TestFrictionless(t *testing.T) {
	h := newHouse(t)
	for _, digits := range []string{"4000000000001000", "5200000000001005", "340000000002708"} {
		a := h.authenticate(t, digits)
		if a.TransStatus != "Y" || !proves(a) || a.Challenged || a.Directory != "sandbox" || a.ECI == "" {
			t.Errorf("got status %s, ECI %s", a.TransStatus, a.ECI)
		}
	}
	if a := h.authenticate(t, "4000000000000010"); a.TransStatus != "N" || proves(a) || a.Reason != "01" {
		t.Errorf("got status %s", a.TransStatus)
	}
	h.content(t)
}

// storing makes a request about a card that is stored without a payment.
func storing(q *threeds.AuthenticationRequest) {
	q.Authentication.NonPayment, q.Authentication.Amount.Minor = true, 0
}

// TestFrictionlessStoring: the bank's status is the proof; Mastercard has no authentication value beside it.
func TestFrictionlessStoring(t *testing.T) {
	h := newHouse(t)
	for digits, want := range map[string]struct {
		eci   string
		value bool
	}{
		"4000000000001000": {"05", true}, "5200000000001005": {"N2", false}, "340000000002708": {"05", true},
	} {
		a := h.authenticate(t, digits, storing)
		if a.TransStatus != "Y" || !proves(a) || !a.NonPayment || a.ECI != want.eci || (a.Value != "") != want.value {
			t.Errorf("got status %s, ECI %s, a value: %t", a.TransStatus, a.ECI, a.Value != "")
		}
	}
	if a := h.authenticate(t, "5200000000000015", storing); a.TransStatus != "N" || proves(a) || a.ECI != "N0" || a.Reason != "01" {
		t.Errorf("got status %s, ECI %s", a.TransStatus, a.ECI)
	}
	old := func(q *threeds.AuthenticationRequest) { q.Authentication.Version = "2.1.0" }
	if a := h.authenticate(t, "5200000000001005", storing, old); !proves(a) || a.Version != "2.1.0" {
		t.Errorf("in 2.1.0: %s", a.TransStatus)
	}
	h.content(t)
}

// TestAgreement: the first payment of a series says how long and how often.
func TestAgreement(t *testing.T) {
	h := newHouse(t)
	a := h.authenticate(t, "4000000000001000", func(q *threeds.AuthenticationRequest) {
		q.OnFile = payment.CardOnFile{Type: payment.Recurring, Sequence: payment.Initial, Frequency: 30, Expiry: "2030-01-31"}
	})
	if !proves(a) {
		t.Errorf("got status %s", a.TransStatus)
	}
	h.content(t)
}

func TestNotEnrolled(t *testing.T) {
	pan, err := card.ParsePAN("6011000990139424")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := newHouse(t).Range(t.Context(), pan); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestChallenge walks through the Method, a challenge and its result, with the browser's part played by hand.
func TestChallenge(t *testing.T) {
	paying := func(*threeds.AuthenticationRequest) {}
	for _, test := range []struct {
		name, card, action, otp string
		purpose                 func(*threeds.AuthenticationRequest)
		tries                   int
		status, cancel, eci     string
		value                   bool
	}{
		{"right code", "4000000000001091", "submit", "123456", paying, 1, "Y", "", "05", true},
		{"wrong code three times", "4000000000001091", "submit", "000000", paying, 3, "N", "", "", false},
		{"cancelled", "4000000000001091", "cancel", "", paying, 1, "N", "01", "", false},
		{"stored, Visa", "4000000000001091", "submit", "123456", storing, 1, "Y", "", "05", true},
		{"stored, Mastercard", "5200000000001096", "submit", "123456", storing, 1, "Y", "", "N2", false},
		{"not stored", "5200000000001096", "submit", "000000", storing, 3, "N", "", "N0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			a := h.authenticate(t, test.card, test.purpose)
			if a.TransStatus != "C" || a.Value != "" {
				t.Fatalf("no challenge: %s", a.TransStatus)
			}

			form := h.ChallengeForm(a, "02")
			page := post(t, form.URL, values(form.Fields))
			origin := strings.TrimSuffix(h.outside.Kit().ACSOrigin, "/")
			for range test.tries {
				page = post(t, origin+"/challenge/answer", url.Values{"acsTransID": {a.ACSTransID}, "action": {test.action}, "otp": {test.otp}})
			}

			select {
			case r := <-h.results:
				want := payment.Result{
					Directory: "sandbox", Version: a.Version, ServerTransID: a.ServerTransID, DSTransID: a.DSTransID, ACSTransID: a.ACSTransID,
					NonPayment: a.NonPayment, TransStatus: test.status, Cancel: test.cancel, Reason: r.Reason, ECI: test.eci, Value: r.Value,
				}
				if diff := cmp.Diff(want, r); diff != "" || (r.Value != "") != test.value {
					t.Errorf("result with a value: %t (-want +got):\n%s", r.Value != "", diff)
				}
				if a.Issued(r) != nil || proves(a.Conclude(r)) != (test.status == "Y") {
					t.Errorf("the result does not conclude the authentication: %+v", r)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("no result came")
			}

			home, err := threeds.ParseChallengeResponse(carried(page))
			if err != nil || home.Erro || home.ServerTransID != a.ServerTransID {
				t.Errorf("the browser brought home %+v, %v", home, err)
			}
			h.content(t)
		})
	}
}

func TestMethod(t *testing.T) {
	h := newHouse(t)
	pan, err := card.ParsePAN("4000000000001091")
	if err != nil {
		t.Fatal(err)
	}
	_, _, method, err := h.Range(t.Context(), pan)
	if err != nil || method == "" {
		t.Fatal(method, err)
	}
	a := payment.Authentication{ServerTransID: "8d27c8a6-5a3c-4b9f-9d25-5a3f5f9d1c11", MethodURL: method}
	form := h.MethodForm(a, "http://127.0.0.1:1/method")
	back, err := base64.RawURLEncoding.DecodeString(carried(post(t, form.URL, values(form.Fields))).Get("threeDSMethodData"))
	if err != nil || !strings.Contains(string(back), string(a.ServerTransID)) {
		t.Errorf("the ACS notified %q, %v", back, err)
	}
	h.content(t)
}

// proves says whether a result of the simulated bank is to be authorised, whatever the scheme says of ECIs.
func proves(a payment.Authentication) bool {
	v, _ := a.Decide("", payment.Merchant{})
	return v == payment.VerdictAuthorise
}
