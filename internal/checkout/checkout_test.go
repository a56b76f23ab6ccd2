package checkout

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

const (
	publicKey = "xnd_public_development_test"
	secretKey = "xnd_development_test"
	shop      = payment.BusinessID("62440e322008e87fb29c1fd0")
	page      = "hMqvDg02yEltt_71X-DhJXUKpgjV4g_8"
	session   = "ps-6746c1006b7752b4d91725af"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// caseIn is a case with an attempt in a state.
func caseIn(state payment.State) payment.Case {
	amount := payment.Money{Minor: 1000000, Currency: "IDR"}
	return payment.Case{
		Merchant: payment.Merchant{ID: shop, Name: "Shoes & <Co>"},
		Session: payment.Session{
			ID: session, Business: shop, Status: payment.SessionActive, Amount: amount, Token: "pt-1", Open: "pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f",
			SuccessReturnURL: "https://shop.example/yes", FailureReturnURL: "https://shop.example/no", Expires: noon.Add(time.Hour),
		},
		Token: payment.Token{
			ID: "pt-1", Business: shop, Version: 1, Status: payment.TokenActive, Masked: "400000XXXXXX1091", Brand: "VISA", CVNDigits: 3,
			ExpiryMonth: 3, ExpiryYear: 2031,
		},
		Request: &payment.Request{
			ID: "pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f", Session: session, Business: shop, Token: "pt-1", State: state,
			Terms: payment.Terms{
				Type: payment.Pay, SuccessReturnURL: "https://shop.example/yes", FailureReturnURL: "https://shop.example/no", Locale: "en",
			},
			Amount: amount, Page: page, Expires: noon.Add(payment.AttemptLife),
			Authentication: &payment.Authentication{
				Version: "2.2.0", MethodURL: "https://acs.example/method", ACSURL: "https://acs.example/challenge",
				TransStatus: "Y", Value: "proof", Amount: amount, Merchant: shop, Token: "pt-1", Cardholder: "Please call your bank.",
			},
		},
	}
}

// world is everyone that the flow behind a door knows: a store with one case, and others who agree.
type world struct {
	flow.Store
	flow.Vault
	flow.ThreeDS
	flow.Acquirer
	c      payment.Case
	down   error
	method string // where the bank wants to look at browsers
	asked  flow.AuthenticationRequest
	sealed string // the CVN that went into the escrow
	sent   string // the CVN that went to the acquirer
	kept   []byte // the answer that would be given again
}

func (w *world) Case(_ context.Context, l payment.Lookup) (payment.Case, error) {
	r := w.c.Request
	if w.down != nil {
		return payment.Case{}, w.down
	}
	if r != nil && (l.Page == r.Page || l.Request == r.ID || l.ServerTransID != "" && l.ServerTransID == r.Authentication.ServerTransID) || l.Link != "" && l.Link == w.c.Session.Link || l.Session == w.c.Session.ID && (l.Business == "" || l.Business == shop) {
		return w.c, nil
	}
	return payment.Case{}, payment.ErrNotFound
}

func (w *world) ChangeFrom(ctx context.Context, _ payment.Case, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	return w.Change(ctx, l, once, fn)
}

func (w *world) Token(context.Context, payment.BusinessID, payment.TokenID) (payment.Token, error) {
	return w.c.Token, nil
}

func (w *world) Change(ctx context.Context, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	c, err := w.Case(ctx, l)
	if err != nil {
		return c, err
	}
	ch, err := fn(c)
	if err != nil {
		return c, err
	}
	w.c = c.After(ch)
	if once != nil {
		_, w.kept, err = once.Answer(w.c)
	}
	return w.c, err
}

// Escrow has the row of the share that is all zeros.
func (w *world) Escrow(_ context.Context, r payment.RequestID, verifier []byte) (payment.SealedCVN, error) {
	if !bytes.Equal(verifier, make([]byte, 32)) {
		return payment.SealedCVN{}, payment.ErrNotFound
	}
	return payment.SealedCVN{Request: r}, nil
}

func (w *world) OpenCVN(payment.SealedCVN, []byte, payment.Binding) (card.CVN, error) {
	return card.ParseCVN([]byte("737"), 3)
}

func (w *world) SealCVN(cvn card.CVN, _ payment.Binding) (payment.SealedCVN, []byte, error) {
	w.sealed = string(cvn.Reveal())
	return payment.SealedCVN{}, make([]byte, 32), nil
}

func (w *world) Fingerprint(card.PAN, payment.BusinessID) string { return "0123456789abcdef01234567" }

func (w *world) Keyed(_ string, data []byte) [32]byte { return sha256.Sum256(data) }

func (w *world) SealPAN(card.PAN, payment.BusinessID, payment.TokenID) ([]byte, error) {
	return []byte("sealed"), nil
}

func (w *world) Verifier(share []byte) ([]byte, error) {
	if len(share) != 32 {
		return nil, errors.New("no share")
	}
	return share, nil
}

func (w *world) OpenPAN([]byte, payment.BusinessID, payment.TokenID) (card.PAN, error) {
	return card.ParsePAN("4000000000001091")
}

func (w *world) Range(context.Context, card.PAN) (string, string, string, error) {
	return "ds", "2.2.0", w.method, nil
}

func (w *world) MethodForm(a payment.Authentication, home string) flow.Form {
	return flow.Form{URL: a.MethodURL, Fields: map[string]string{"home": home}}
}

func (w *world) ChallengeForm(a payment.Authentication, window string) flow.Form {
	return flow.Form{URL: a.ACSURL, Fields: map[string]string{"window": window}}
}

func (w *world) Authenticate(_ context.Context, q flow.AuthenticationRequest) (payment.Authentication, error) {
	a := q.Authentication
	w.asked = q
	a.TransStatus, a.ACSURL = "C", "https://acs.example/challenge"
	return a, nil
}

func (w *world) Reserve(context.Context, payment.Merchant, payment.Purpose, payment.Money) (payment.Trace, error) {
	return payment.Trace{MTI: "0200"}, nil
}

func (w *world) Authorise(_ context.Context, p flow.Authorisation) payment.Answer {
	w.sent = string(p.CVN.Reveal())
	return payment.Answer{Outcome: payment.Approved}
}

// newGate knows two keys. It holds every answer against the contract.
func newGate(t *testing.T, log *slog.Logger) *gate.Gate {
	t.Helper()
	keys := map[[32]byte]payment.KeyKind{
		sha256.Sum256([]byte(publicKey)): payment.Public, sha256.Sum256([]byte(secretKey)): payment.Secret,
	}
	g, err := gate.New(gate.Options{
		Keys: func(_ context.Context, hash [32]byte) (payment.Key, error) {
			kind, ok := keys[hash]
			if !ok {
				return payment.Key{}, payment.ErrNotFound
			}
			return payment.Key{Hash: hash, Business: shop, Kind: kind}, nil
		},
		Answered: func(context.Context, payment.BusinessID, string, string) ([]byte, int, []byte, error) {
			return nil, 0, nil, payment.ErrNotFound
		},
		Fingerprint: func(data []byte) [32]byte { return sha256.Sum256(data) },
		Now:         func() time.Time { return noon }, Log: log, Rand: rand.Reader,
		ClientIP:  func(*http.Request) string { return "192.0.2.1" },
		Violation: func(err error) { t.Errorf("against the contract: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// door is the payer's door in a world.
type door struct {
	*world
	t   *testing.T
	mux *http.ServeMux
	log bytes.Buffer
}

func newDoor(t *testing.T, c payment.Case) *door {
	t.Helper()
	d := &door{t: t, mux: http.NewServeMux(), world: &world{c: c}}
	log := slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey { // its digits are anything
			return slog.Attr{}
		}
		return a
	}}))
	checkout, err := New(Options{
		Flow: flow.New(flow.Options{
			Store: d.world, Vault: d.world, ThreeDS: d.world, Acquirer: d.world,
			Now: func() time.Time { return noon },
			Within: func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
				return context.WithCancel(ctx)
			},
			Rand: rand.Reader, Log: log, AnswerTimeout: time.Second, PublicURL: "https://pay.example",
		}),
		Now: func() time.Time { return noon }, PublicURL: "https://pay.example",
		Rand: rand.Reader, Log: log, FrameSources: []string{"http://acs.localhost:4243"},
		ClientIP: func(*http.Request) string { return "192.0.2.1" },
		ComesHome: func(form url.Values) Homecoming {
			return Homecoming{form.Get("cres") == "", payment.ServerTransID(form.Get("server")), form.Get("acs")}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(t, log)
	checkout.Routes(d.mux, g)
	d.mux.Handle("/", g.NotFound())
	return d
}

func (d *door) send(method, path, key, body string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.answer(d.request(method, path, key, body))
}

func (d *door) request(method, path, key, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.SetBasicAuth(key, "")
	}
	return r
}

func (d *door) answer(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w
}

func decoded(t *testing.T, w *httptest.ResponseRecorder) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &object); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return object
}

// TestHandlersSeeNoCardFields: what a handler is given as the body holds placeholders, and the fields come
// beside it and are wiped after it.
func TestHandlersSeeNoCardFields(t *testing.T) {
	const submit = "POST /v3/payment_with_session"
	var fields card.Fields
	spy := newGate(t, slog.New(slog.DiscardHandler)).HandleCut(submit, payment.Public, cut, func(_ context.Context, r *gate.Request, taken any) (gate.Answer, error) {
		fields = taken.(card.Fields)
		cvn, err := fields.CVN(3)
		if err != nil || string(cvn.Reveal()) != "737" {
			t.Errorf("the CVN did not come through: %v", err)
		}
		cvn.Wipe()
		if bytes.Contains(r.Body, []byte("737")) || !bytes.Contains(r.Body, []byte(`"cvn":"000"`)) {
			t.Errorf("the body holds %s", r.Body)
		}
		if rest := make([]byte, 1); r.HTTP.Body != nil {
			if n, _ := r.HTTP.Body.Read(rest); n > 0 {
				t.Error("the body can be read once more")
			}
		}
		return gate.Answer{}, errors.New("seen")
	})
	r := httptest.NewRequest("POST", "/v3/payment_with_session", strings.NewReader(`{"cvn":"737","payment_session_id":"`+session+`"}`))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(publicKey, "")
	w := httptest.NewRecorder()
	spy.ServeHTTP(w, r)
	if w.Code != 500 || strings.Contains(w.Body.String(), "737") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := fields.CVN(3); err == nil {
		t.Error("the fields were not wiped")
	}
}
