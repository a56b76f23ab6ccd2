package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

const (
	secretKey = "xnd_development_test"
	shop      = payment.BusinessID("62440e322008e87fb29c1fd0")
	ada       = payment.CustomerID("cust-7de9a9b4-37e8-40ad-b665-d97f42e538c5")
	visa      = payment.TokenID("pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e")
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 123456000, time.UTC)

// caseIn is a case with an attempt as it stands in a state, with all that is known by then.
func caseIn(state payment.State) payment.Case {
	r := payment.Request{
		ID: "pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f", Payment: "py-3f57d678-2448-4c9f-a433-8468d366fb5c",
		Session: "ps-6746c1006b7752b4d91725af", Business: shop, Customer: ada, Token: visa, State: state,
		ReferenceID: "order-1_b8d18f2f-3", Amount: payment.Money{Minor: 1000000, Currency: "IDR"}, Country: "ID",
		Page: "hMqvDg02yEltt_71X-DhJXUKpgjV4g_8", Created: noon, Updated: noon.Add(time.Second), Expires: noon.Add(payment.AttemptLife),
	}
	s := payment.Session{
		ID: r.Session, Business: shop, Status: payment.SessionActive, ReferenceID: "order-1", Type: "PAY", Mode: "CARDS_SESSION_JS",
		Amount: r.Amount, Country: "ID", Locale: "en", Customer: ada, Token: visa,
		SuccessReturnURL: "https://shop.example/yes", FailureReturnURL: "https://shop.example/no", Echo: json.RawMessage(`{}`),
		Created: noon, Updated: noon, Expires: noon.Add(payment.SessionLife),
	}
	asked := payment.Authentication{ServerTransID: "0e1a4c7c-2f3e-4d6a-9b8a-111111111111", Asked: noon, Version: "2.2.0", MethodURL: "https://acs.example"}
	proved := asked
	proved.Challenged, proved.TransStatus, proved.ECI = true, "Y", "05"
	proved.Value, proved.DSTransID = "AAIBBYNoEwAAACcKhAJkdQAAAAA=", "e537f539-d59f-4ebe-8d56-7fdc31a8e9b4"
	r.Terms = payment.Terms{
		Type: payment.Pay, CaptureMethod: payment.CaptureAutomatic, SuccessReturnURL: s.SuccessReturnURL, FailureReturnURL: s.FailureReturnURL,
		OnFile: payment.CardOnFile{Type: payment.CustomerUnscheduled, Sequence: payment.Subsequent},
	}
	trace := payment.Trace{MTI: "0200", RRN: "435205253972"}
	answered := payment.Authorization{
		AuthorizationCode: "831000", ResponseCode: "00", ResponseDescriptor: "Approved and completed successfully",
		RRN: "435205253972", NetworkTransactionID: "016153570198200", AcquirerMerchantID: "reprise_agg",
		ReconciliationID: "7345007929096981703954", CVNResult: "M", AVSResult: "M",
	}
	switch state {
	case payment.Opened, payment.Authenticating:
		r.Authentication = &asked
	case payment.Challenging:
		asked.TransStatus = "C"
		r.Authentication = &asked
	case payment.Authenticated:
		r.Authentication = &proved
	case payment.Authorizing, payment.Reversing:
		r.Authentication, r.Trace = &proved, &trace
	case payment.Succeeded:
		r.Authentication, r.Trace, r.Authorization = &proved, &trace, &answered
		r.Capture = &payment.Capture{ID: "cptr-08f17fa3-e80c-4d8e-8c34-17aa3400bc1c", Amount: r.Amount, At: noon.Add(time.Second)}
		s.Status, s.Request, s.Payment = payment.SessionCompleted, r.ID, r.Payment
	case payment.Authorized, payment.Capturing:
		r.Authentication, r.Trace, r.Authorization, r.CaptureMethod = &proved, &trace, &answered, payment.CaptureManual
		s.Status, s.Request, s.Payment = payment.SessionCompleted, r.ID, r.Payment
	case payment.Failed:
		answered = payment.Authorization{ResponseCode: "51", ResponseDescriptor: "Insufficient funds"}
		r.Authentication, r.Trace, r.Authorization, r.Failure = &proved, &trace, &answered, payment.InsufficientBalance
	}
	return payment.Case{
		Merchant: payment.Merchant{ID: shop, Name: "Shop", ReuseCustomers: true, AllowSkipThreeDS: true}, Session: s, Request: &r,
		Token: payment.Token{
			ID: visa, Business: shop, Customer: ada, Status: payment.TokenActive, Masked: "400000XXXXXX1091",
			Fingerprint: "0123456789abcdef01234567", Brand: "VISA", CVNDigits: 3, ExpiryMonth: 3, ExpiryYear: 2031,
		},
	}
}

// shelf is a store with one case on it.
type shelf struct {
	flow.Store // whatever is not here is not needed
	c          payment.Case
	customer   *payment.Customer // the last that was made
}

func (s *shelf) Case(_ context.Context, l payment.Lookup) (payment.Case, error) {
	r := s.c.Request
	if l == (payment.Lookup{Business: shop, Token: l.Token, Customer: l.Customer, Reference: l.Reference}) {
		c := payment.Case{Merchant: s.c.Merchant}
		u, err := s.CustomerByReference(context.Background(), shop, l.Reference)
		if l.Customer != "" {
			u, err = s.Customer(context.Background(), shop, l.Customer)
		}
		if err == nil {
			c.Customer = &u
		}
		if l.Token != "" {
			c.Token = s.c.Token
		}
		return c, nil
	}
	if l.Business == shop && (l.Session == s.c.Session.ID || r != nil && (l.Request == r.ID || l.Payment == r.Payment)) {
		return s.c, nil
	}
	return payment.Case{}, payment.ErrNotFound
}

func (s *shelf) Change(ctx context.Context, l payment.Lookup, _ *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	c, err := s.Case(ctx, l)
	if err != nil {
		return c, err
	}
	ch, err := fn(c)
	if err == nil {
		s.customer = ch.Customer
		s.c = c.After(ch)
	}
	return s.c, err
}

func (s *shelf) ChangeFrom(ctx context.Context, _ payment.Case, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	return s.Change(ctx, l, once, fn)
}

func (s *shelf) Token(context.Context, payment.BusinessID, payment.TokenID) (payment.Token, error) {
	return s.c.Token, nil
}

func (s *shelf) Customer(_ context.Context, _ payment.BusinessID, id payment.CustomerID) (payment.Customer, error) {
	switch {
	case s.customer != nil && id == s.customer.ID:
		return *s.customer, nil
	case id == ada:
		return payment.Customer{ID: ada, Business: shop, ReferenceID: "ada", Type: payment.IndividualCustomer}, nil
	}
	return payment.Customer{}, payment.ErrNotFound
}

func (s *shelf) CustomerByReference(_ context.Context, _ payment.BusinessID, reference string) (payment.Customer, error) {
	if s.customer != nil && reference == s.customer.ReferenceID {
		return *s.customer, nil
	}
	return payment.Customer{}, payment.ErrNotFound
}

func (s *shelf) CreateCustomer(_ context.Context, made payment.Customer, _ *payment.Once) error {
	s.customer = &made
	return nil
}

func (s *shelf) ChangeCustomer(ctx context.Context, b payment.BusinessID, id payment.CustomerID, fn func(payment.Customer) (payment.Customer, error)) (payment.Customer, error) {
	c, err := s.Customer(ctx, b, id)
	if err == nil {
		c, err = fn(c)
	}
	if err == nil {
		s.customer = &c
	}
	return c, err
}

// door is the merchant's door over a shelf. Every answer is held against the contract.
type door struct {
	t     *testing.T
	mux   *http.ServeMux
	shelf *shelf
}

func newDoor(t *testing.T, c payment.Case) *door {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	g, err := gate.New(gate.Options{
		Keys: func(_ context.Context, hash [32]byte) (payment.Key, error) {
			if hash != sha256.Sum256([]byte(secretKey)) {
				return payment.Key{}, payment.ErrNotFound
			}
			return payment.Key{Hash: hash, Business: shop, Kind: payment.Secret}, nil
		},
		Answered: func(context.Context, payment.BusinessID, string, string) ([]byte, int, []byte, error) {
			return nil, 0, nil, payment.ErrNotFound
		},
		Fingerprint: func(data []byte) [32]byte { return sha256.Sum256(data) },
		Now:         func() time.Time { return noon }, Log: log, Rand: rand.Reader,
		ClientIP:  func(*http.Request) string { return "192.0.2.1" },
		Limits:    gate.Limits{PerTestKey: 1 << 30, PerKey: 1 << 30, PerSession: 1 << 30, PerAddress: 1 << 30},
		Violation: func(err error) { t.Errorf("against the contract: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, mux: http.NewServeMux(), shelf: &shelf{c: c}}
	a := &API{PublicURL: "https://pay.example", Now: func() time.Time { return noon }, Flow: flow.New(flow.Options{
		Store: d.shelf, Now: func() time.Time { return noon }, Rand: rand.Reader, Log: log,
	})}
	a.Routes(d.mux, g)
	d.mux.Handle("/", g.NotFound())
	return d
}

func (d *door) send(method, path, body string) (int, map[string]any) {
	d.t.Helper()
	status, text := d.raw(method, path, body)
	return status, decoded(d.t, text)
}

// raw sends a request, with headers in pairs, and returns the answer as it is written.
func (d *door) raw(method, path, body string, headers ...string) (int, []byte) {
	d.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth(secretKey, "")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

func decoded(t *testing.T, text []byte) (object map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return object
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
