package gate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

const sessionPath = "/sessions/ps-6746c1006b7752b4d91725af"

// answers opens a house in which GET /sessions/{session_id} answers with an error.
func answering(t *testing.T, err error) *house {
	h := newHouse(t)
	h.handle("GET /sessions/{session_id}", payment.Secret, func(context.Context, *gate.Request) (gate.Answer, error) {
		return gate.Answer{}, err
	})
	return h
}

func TestKeys(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions", payment.Secret, created)
	basic := func(user, password string) http.Header {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header
	}
	for name, header := range map[string]http.Header{
		"none":         {},
		"not basic":    {"Authorization": {"Bearer " + secretKey}},
		"not base64":   {"Authorization": {"Basic %%%"}},
		"unknown":      basic("xnd_development_unknown", ""),
		"empty":        basic("", ""),
		"a password":   basic(secretKey, "x"),
		"as password":  basic("", secretKey),
		"a public one": basic(publicKey, ""),
	} {
		t.Run(name, func(t *testing.T) {
			// The body is invalid on purpose: without a key nobody learns that.
			w := h.send(request{method: "POST", path: "/sessions", body: "{", header: header})
			want := refusal{Code: "INVALID_API_KEY", Message: "API key is not authorized for this API"}
			if diff := cmp.Diff(want, refused(t, w)); w.Code != 401 || diff != "" {
				t.Errorf("%d %s", w.Code, diff)
			}
			if got := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
				t.Errorf("WWW-Authenticate: %q", got)
			}
		})
	}
	if strings.Contains(h.log.String(), "xnd_") {
		t.Error("a key is in the log")
	}
}

func TestKeysUnreachable(t *testing.T) {
	h := newHouse(t, func(o *gate.Options) {
		o.Keys = func(context.Context, [32]byte) (payment.Key, error) {
			return payment.Key{}, errors.New("no database")
		}
	})
	h.handle("POST /sessions", payment.Secret, created)
	w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: "{}"})
	if e := refused(t, w); w.Code != 500 || e.Code != "SERVER_ERROR" {
		t.Errorf("%d %+v", w.Code, e)
	}
}

func TestBodies(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions", payment.Secret, created)
	field := func(message string) refusal {
		return refusal{"API_VALIDATION_ERROR", "request/body " + message, []payment.Field{{Path: "/body", Message: message}}}
	}
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for name, test := range map[string]struct {
		body   string
		header http.Header
		status int
		want   refusal
	}{
		"empty":          {"", nil, 400, field("must NOT be empty")},
		"spaces":         {"  \n", nil, 400, field("must be valid JSON")},
		"half":           {`{"amount":`, nil, 400, field("must be valid JSON")},
		"two":            {`{} {}`, nil, 400, field("must be valid JSON")},
		"array":          {`[]`, nil, 400, field("must be object")},
		"duplicate":      {`{"amount":1,"amount":2}`, nil, 400, field("must NOT have a member name twice in one object")},
		"hidden":         {`{"amount":1,"\u0061mount":2}`, nil, 400, field("must NOT have a member name twice in one object")},
		"latin1":         {"{\"description\":\"\xe9\"}", nil, 400, field("must be valid UTF-8")},
		"half a pair":    {`{"description":"\ud83d!"}`, nil, 400, field("must NOT hold half of a surrogate pair")},
		"two halves":     {`{"description":"\ud83d\ud83d"}`, nil, 400, field("must NOT hold half of a surrogate pair")},
		"half a name":    {`{"\udc00":1}`, nil, 400, field("must NOT hold half of a surrogate pair")},
		"nul":            {`{"description":"\u0000"}`, nil, 400, field("must NOT hold the character U+0000")},
		"huge number":    {`{"amount":1e999999999}`, nil, 400, field("must NOT have a number out of range")},
		"long number":    {`{"amount":1` + strings.Repeat("0", 99) + `}`, nil, 400, field("must NOT have a number out of range")},
		"deep":           {`{"items":` + deep + `}`, nil, 413, refusal{Code: "REQUEST_TOO_LARGE", Message: "The request body is nested too deeply"}},
		"large":          {`{"description":"` + strings.Repeat("x", 256<<10) + `"}`, nil, 413, refusal{Code: "REQUEST_TOO_LARGE", Message: "The request body is too large"}},
		"form":           {`a=b`, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415, refusal{Code: "UNSUPPORTED_MEDIA_TYPE", Message: "Content-Type must be application/json"}},
		"no type":        {`{}`, http.Header{"Content-Type": nil}, 415, refusal{Code: "UNSUPPORTED_MEDIA_TYPE", Message: "Content-Type must be application/json"}},
		"nonsense type":  {`{}`, http.Header{"Content-Type": {";;"}}, 415, refusal{Code: "UNSUPPORTED_MEDIA_TYPE", Message: "Content-Type must be application/json"}},
		"type with more": {seedRequest(t), http.Header{"Content-Type": {"Application/JSON; charset=utf-8"}}, 201, refusal{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: test.body, header: test.header})
			if w.Code != test.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if test.status != 201 {
				if diff := cmp.Diff(test.want, refused(t, w)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestChunkedBody sends bodies whose length is not announced, past the first buffer and past the limit.
func TestChunkedBody(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions", payment.Secret, created)
	for padding, want := range map[int]int{0: 201, 4_096: 201, 15_000: 201, 250_000: 201, 256 << 10: 413} {
		body := seedRequest(t) + strings.Repeat(" ", padding)
		r := httptest.NewRequest("POST", "/sessions", strings.NewReader(body))
		r.ContentLength = -1
		r.SetBasicAuth(secretKey, "")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.mux.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("padding %d: %d %s", padding, w.Code, w.Body)
		}
	}
}

func TestPathAndHeaders(t *testing.T) {
	h := newHouse(t)
	h.handle("GET /sessions/{session_id}", payment.Secret, func(_ context.Context, r *gate.Request) (gate.Answer, error) {
		if r.Path("session_id") != "ps-6746c1006b7752b4d91725af" || r.Body != nil {
			t.Errorf("path %q, body %q", r.Path("session_id"), r.Body)
		}
		return created(t.Context(), r)
	})
	h.handle("POST /sessions", payment.Secret, created)
	for _, test := range []struct {
		request
		field, message string
	}{
		{request{method: "GET", path: "/sessions/ps-1"}, "/path/session_id", "must NOT have fewer than 27 characters"},
		{request{method: "GET", path: "/sessions/xx-6746c1006b7752b4d91725af"}, "/path/session_id", `must match pattern "^ps-[0-9A-Za-z]+$"`},
		{request{method: "GET", path: "/sessions/ps-6746c1006b7752b4d91725a%00"}, "/path/session_id", `must match pattern "^ps-[0-9A-Za-z]+$"`},
		{request{method: "POST", path: "/sessions", body: "{}", header: http.Header{"Idempotency-Key": {""}}}, "/headers/idempotency-key", "must NOT have fewer than 1 characters"},
		{request{method: "POST", path: "/sessions", body: "{}", header: http.Header{"Idempotency-Key": {strings.Repeat("k", 101)}}}, "/headers/idempotency-key", "must NOT have more than 100 characters"},
		{request{method: "POST", path: "/sessions", body: "{}", header: http.Header{"Idempotency-Key": {"\xff"}}}, "/headers/idempotency-key", `must match pattern "^[ -~]*$"`},
		{request{method: "POST", path: "/sessions", body: "{}", header: http.Header{"Idempotency-Key": {"a", "b"}}}, "/headers/idempotency-key", "must NOT be sent more than once"},
	} {
		test.key = secretKey
		w := h.send(test.request)
		e := refused(t, w)
		if w.Code != 400 || e.Code != "API_VALIDATION_ERROR" || len(e.Errors) == 0 || e.Errors[0] != (payment.Field{Path: test.field, Message: test.message}) {
			t.Errorf("%s %s: %d %+v", test.method, test.path, w.Code, e)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions", payment.Secret, created)
	h.handle("GET /sessions/{session_id}", payment.Secret, created)
	public := h.gate.Handle("POST /v3/payment_with_session", payment.Public, created)
	h.mux.Handle("/v3/payment_with_session", gate.CORS(public, "POST"))
	for _, test := range []struct{ method, path, code, allow string }{
		{"GET", "/", "NOT_FOUND", ""},
		{"POST", "/nothing", "NOT_FOUND", ""},
		{"GET", "/sessions", "METHOD_NOT_ALLOWED", "POST"},
		{"DELETE", sessionPath, "METHOD_NOT_ALLOWED", "GET, HEAD"},
		{"GET", "/v3/payment_with_session", "METHOD_NOT_ALLOWED", "POST"},
		{"HEAD", "/sessions", "METHOD_NOT_ALLOWED", "POST"},
		{"OPTIONS", "/sessions", "METHOD_NOT_ALLOWED", "POST"},
		{"TRACE", sessionPath, "METHOD_NOT_ALLOWED", "GET, HEAD"},
		{"BREW", sessionPath, "METHOD_NOT_ALLOWED", "GET, HEAD"},
		{"OPTIONS", "/nothing", "NOT_FOUND", ""},
		{"POST", "/sessions/", "NOT_FOUND", ""},
		{"GET", sessionPath + "/", "NOT_FOUND", ""},
		{"GET", "/Sessions/ps-6746c1006b7752b4d91725af", "NOT_FOUND", ""},
	} {
		w := h.send(request{method: test.method, path: test.path})
		if e := refused(t, w); e.Code != test.code || w.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: %d %+v, Allow %q", test.method, test.path, w.Code, e, w.Header().Get("Allow"))
		}
	}
}

func TestErrorsOfHandlers(t *testing.T) {
	const plain = "Something unexpected happened. We are investigating this issue. Please try again later."
	for _, test := range []struct {
		name   string
		err    error
		status int
		want   refusal
		logged string
	}{
		{"a refusal", payment.Refuse("NOT_FOUND", "Session not found"), 404, refusal{Code: "NOT_FOUND", Message: "Session not found"}, ""},
		{"a wrapped refusal", fmt.Errorf("cancel: %w", payment.Refuse("NOT_FOUND", "Session not found")), 404, refusal{Code: "NOT_FOUND", Message: "Session not found"}, ""},
		{"internal", errors.New("disk 7 is full"), 500, refusal{Code: "SERVER_ERROR", Message: plain}, "disk 7 is full"},
		{"a code nobody knows", payment.Refuse("NONSENSE", "m"), 500, refusal{Code: "SERVER_ERROR", Message: plain}, "NONSENSE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := answering(t, test.err)
			w := h.send(request{method: "GET", path: sessionPath, key: secretKey})
			if diff := cmp.Diff(test.want, refused(t, w)); w.Code != test.status || diff != "" {
				t.Errorf("%d %s", w.Code, diff)
			}
			log := h.log.String()
			if test.logged == "" && log != "" {
				t.Errorf("logged: %s", log)
			}
			if test.logged != "" && (strings.Count(log, "\n") != 1 || !strings.Contains(log, test.logged) || !strings.Contains(log, w.Header().Get("Request-ID"))) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestNothingThere(t *testing.T) {
	h := newHouse(t)
	h.handle("GET /v3/payments/{payment_id}", payment.Secret, func(context.Context, *gate.Request) (gate.Answer, error) {
		return gate.Answer{}, fmt.Errorf("payment: %w", payment.ErrNotFound)
	})
	w := h.send(request{method: "GET", path: "/v3/payments/py-3f57d678-2448-4c9f-a433-8468d366fb5c", key: secretKey})
	want := refusal{Code: "DATA_NOT_FOUND", Message: "ID specified in request cannot be found."}
	if diff := cmp.Diff(want, refused(t, w)); w.Code != 404 || diff != "" || h.log.Len() > 0 {
		t.Errorf("%d %s, logged %s", w.Code, diff, h.log.String())
	}
}

// TestCallerLeft: what stops because its caller went away is nobody's failure, but a panic is ours.
func TestCallerLeft(t *testing.T) {
	for name, test := range map[string]struct {
		work  func(ctx context.Context) error
		level string
	}{
		"stopped": {func(ctx context.Context) error { return fmt.Errorf("read: %w", ctx.Err()) }, "DEBUG"},
		"panic":   {func(context.Context) error { panic("x") }, "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.handle("GET /sessions/{session_id}", payment.Secret, func(ctx context.Context, _ *gate.Request) (gate.Answer, error) {
				return gate.Answer{}, test.work(ctx)
			})
			ctx, leave := context.WithCancel(t.Context())
			leave()
			r := httptest.NewRequestWithContext(ctx, "GET", sessionPath, nil)
			r.SetBasicAuth(secretKey, "")
			h.mux.ServeHTTP(httptest.NewRecorder(), r)
			if log := h.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, `"level":"`+test.level+`"`) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	h := answering(t, &payment.Error{Code: "SERVICE_UNAVAILABLE", Message: "An earlier payment is not settled yet", RetryAfter: 1500 * time.Millisecond})
	w := h.send(request{method: "GET", path: sessionPath, key: secretKey})
	if w.Code != 503 || w.Header().Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestPanic(t *testing.T) {
	h := newHouse(t)
	h.handle("GET /sessions/{session_id}", payment.Secret, func(context.Context, *gate.Request) (gate.Answer, error) {
		panic("4000000000001091")
	})
	w := h.send(request{method: "GET", path: sessionPath, key: secretKey})
	if e := refused(t, w); w.Code != 500 || e.Code != "SERVER_ERROR" {
		t.Errorf("%d %+v", w.Code, e)
	}
	log := h.log.String()
	if strings.Contains(log, "4000") || !strings.Contains(log, "TestPanic") {
		t.Errorf("the log should name the place and not the value: %s", log)
	}
}

func TestHeaders(t *testing.T) {
	h := newHouse(t)
	h.handle("GET /sessions/{session_id}", payment.Secret, func(context.Context, *gate.Request) (gate.Answer, error) {
		a, err := created(t.Context(), nil)
		a.Status, a.Header = 0, http.Header{"X-Test": {"yes"}}
		return a, err
	})
	w := h.send(request{method: "GET", path: sessionPath, key: secretKey})
	other := h.send(request{method: "GET", path: sessionPath, key: secretKey})
	if w.Code != 200 || w.Body.String() != aSession {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Test": "yes",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if id := w.Header().Get("Request-ID"); len(id) != 36 || id == other.Header().Get("Request-ID") {
		t.Errorf("Request-ID %q", id)
	}
}

func TestCORS(t *testing.T) {
	h := newHouse(t)
	h.mux.Handle("/v3/payment_with_session", gate.CORS(h.gate.Handle("POST /v3/payment_with_session", payment.Public, created), "POST"))
	w := h.send(request{method: "OPTIONS", path: "/v3/payment_with_session", header: http.Header{
		"Origin": {"http://localhost:3000"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"},
	}})
	if w.Code != 204 {
		t.Errorf("preflight %d", w.Code)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "POST",
		"Access-Control-Allow-Headers": "authorization, content-type, idempotency-key", "Access-Control-Max-Age": "7200",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	// A refusal has to be readable by the page too.
	w = h.send(request{method: "POST", path: "/v3/payment_with_session", body: "{}"})
	if w.Code != 401 || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Expose-Headers") != "request-id, retry-after" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
