package gate_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

const (
	secretKey = "xnd_development_test"
	publicKey = "xnd_public_development_test"
	business  = payment.BusinessID("62440e322008e87fb29c1fd0")
)

// house is a gate with keys, a memory of answers, and a log to look into.
type house struct {
	t       testing.TB
	gate    *gate.Gate
	mux     *http.ServeMux
	log     bytes.Buffer
	answers map[string]kept
}

type kept struct {
	fingerprint []byte
	status      int
	body        []byte
}

func newHouse(t testing.TB, change ...func(*gate.Options)) *house {
	t.Helper()
	h := &house{t: t, mux: http.NewServeMux(), answers: map[string]kept{}}
	keys := map[[32]byte]payment.Key{}
	for text, kind := range map[string]payment.KeyKind{secretKey: payment.Secret, publicKey: payment.Public} {
		hash := sha256.Sum256([]byte(text))
		keys[hash] = payment.Key{Hash: hash, Business: business, Kind: kind}
	}
	o := gate.Options{
		Keys: func(_ context.Context, hash [32]byte) (payment.Key, error) {
			if k, ok := keys[hash]; ok {
				return k, nil
			}
			return payment.Key{}, payment.ErrNotFound
		},
		Answered: func(_ context.Context, b payment.BusinessID, endpoint, key string) ([]byte, int, []byte, error) {
			k, ok := h.answers[string(b)+" "+endpoint+" "+key]
			if !ok {
				return nil, 0, nil, payment.ErrNotFound
			}
			return k.fingerprint, k.status, k.body, nil
		},
		Fingerprint: func(data []byte) [32]byte {
			mac := hmac.New(sha256.New, []byte("test"))
			mac.Write(data)
			return [32]byte(mac.Sum(nil))
		},
		Now:       time.Now,
		Log:       slog.New(slog.NewJSONHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Rand:      rand.Reader,
		Limits:    gate.Limits{PerKey: -1, PerTestKey: -1, PerSession: -1, PerAddress: -1},
		ClientIP:  func(r *http.Request) string { return strings.Split(r.RemoteAddr, ":")[0] },
		Violation: func(err error) { t.Errorf("against the contract: %v", err) },
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if h.gate, err = gate.New(o); err != nil {
		t.Fatal(err)
	}
	h.mux.Handle("/", h.gate.NotFound())
	return h
}

// remember keeps an answer as the store does, in the command's own commit.
func (h *house) remember(once *payment.Once, status int, body string) error {
	if once == nil {
		return nil
	}
	name := string(once.Business) + " " + once.Endpoint + " " + once.Key
	if _, ok := h.answers[name]; ok {
		return payment.ErrRepeated
	}
	h.answers[name] = kept{once.Fingerprint, status, []byte(body)}
	return nil
}

func (h *house) handle(pattern string, kind payment.KeyKind, f gate.Handler) {
	h.mux.Handle(pattern, h.gate.Handle(pattern, kind, f))
}

type request struct {
	method, path, key, body string
	header                  http.Header
}

func (h *house) send(q request) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	if q.key != "" {
		r.SetBasicAuth(q.key, "")
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, r)
	return w
}

type refusal struct {
	Code    string          `json:"error_code"`
	Message string          `json:"message"`
	Errors  []payment.Field `json:"errors"`
}

// refused reads an error answer and checks its form.
func refused(t *testing.T, w *httptest.ResponseRecorder) refusal {
	t.Helper()
	var e refusal
	d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Code == "" || e.Message == "" {
		t.Fatalf("not an error envelope (%v): %s", err, w.Body)
	}
	if w.Header().Get("Request-ID") == "" {
		t.Error("no Request-ID")
	}
	return e
}

// aSession is a valid session as we answer it.
const aSession = `{"payment_session_id":"ps-6746c1006b7752b4d91725af","created":"2024-11-27T06:49:36.535Z",
"updated":"2024-11-27T06:49:36.535Z","status":"ACTIVE","reference_id":"r","currency":"IDR","amount":100000,"country":"ID",
"customer_id":"cust-7de9a9b4-37e8-40ad-b665-d97f42e538c5","expires_at":"2024-11-27T07:19:36.434Z","session_type":"PAY",
"mode":"CARDS_SESSION_JS","locale":"en","business_id":"62440e322008e87fb29c1fd0","cards_session_js":{
"card_payment_token_id":"pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e","success_return_url":"https://yourcompany.com/success",
"failure_return_url":"https://yourcompany.com/failure"}}`

func created(context.Context, *gate.Request) (gate.Answer, error) {
	return gate.Answer{Status: 201, Body: json.RawMessage(aSession)}, nil
}

func TestNewNamesAllThatIsMissing(t *testing.T) {
	_, err := gate.New(gate.Options{})
	if err == nil {
		t.Fatal("no options, no error")
	}
	for _, name := range []string{"Keys", "Answered", "Fingerprint", "Now", "Log", "Rand", "ClientIP"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestHandleKnowsTheContract(t *testing.T) {
	h := newHouse(t)
	for _, bad := range []func(){
		func() { h.gate.Handle("POST /nothing", payment.Secret, created) },
		func() { h.gate.Handle("POST /sessions", payment.Public, created) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a route against the contract was taken")
				}
			}()
			bad()
		}()
	}
}

func TestSpecIsServed(t *testing.T) {
	h := newHouse(t)
	h.mux.Handle("GET /openapi.yaml", h.gate.Spec())
	w := h.send(request{method: "GET", path: "/openapi.yaml"})
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/yaml" || w.Body.String() != gate.Specification {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
