package gate_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

func keyed(body string) request {
	return request{method: "POST", path: "/sessions", key: secretKey, body: body, header: http.Header{"Idempotency-Key": {"k1"}}}
}

func TestRepeatedRequest(t *testing.T) {
	h := newHouse(t)
	calls := 0
	h.handle("POST /sessions", payment.Secret, func(ctx context.Context, r *gate.Request) (gate.Answer, error) {
		calls++
		if r.Once.Business != business || r.Once.Endpoint != "test POST /sessions" || r.Once.Key != "k1" || len(r.Once.Fingerprint) != 32 {
			t.Errorf("once: %+v", r.Once)
		}
		if err := h.remember(r.Once, 201, aSession); err != nil {
			return gate.Answer{}, err
		}
		return created(ctx, r)
	})
	first := h.send(keyed(seedRequest(t)))
	// The same request with other spaces and another order of members.
	again := h.send(keyed(change(t, func(map[string]any) {})))
	if calls != 1 || first.Code != 201 || again.Code != 201 || again.Body.String() != first.Body.String() {
		t.Errorf("%d calls, %d, %d %s", calls, first.Code, again.Code, again.Body)
	}
	other := h.send(keyed(change(t, set("amount", 5))))
	if e := refused(t, other); calls != 1 || other.Code != 409 || e.Code != "DUPLICATE_ERROR" {
		t.Errorf("%d calls, %d %+v", calls, other.Code, e)
	}
}

// TestRepeatedPath sends one key to two objects.
func TestRepeatedPath(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions/{session_id}/cancel", payment.Secret, func(ctx context.Context, r *gate.Request) (gate.Answer, error) {
		return gate.Answer{Body: json.RawMessage(aSession)}, h.remember(r.Once, 200, aSession)
	})
	q := request{method: "POST", path: sessionPath + "/cancel", key: secretKey, header: http.Header{"Idempotency-Key": {"k1"}}}
	if w := h.send(q); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := h.send(q); w.Code != 200 {
		t.Errorf("again: %d %s", w.Code, w.Body)
	}
	q.path = "/sessions/ps-ffffffffffffffffffffffff/cancel"
	if w := h.send(q); w.Code != 409 {
		t.Errorf("another session: %d %s", w.Code, w.Body)
	}
}

// TestScope: an idempotency key is one business's, at one operation, in one environment. Which of its keys a
// business uses makes no difference.
func TestScope(t *testing.T) {
	keys := map[string]payment.Key{
		secretKey:                      {Business: business, Kind: payment.Secret},
		"xnd_development_second":       {Business: business, Kind: payment.Secret},
		liveKey:                        {Business: business, Kind: payment.Secret, Production: true},
		"xnd_development_other":        {Business: "62440e322008e87fb29c1fd1", Kind: payment.Secret},
		publicKey:                      {Business: business, Kind: payment.Public},
		"xnd_public_production_public": {Business: business, Kind: payment.Public, Production: true},
	}
	h := newHouse(t, func(o *gate.Options) {
		o.Keys = func(_ context.Context, hash [32]byte) (payment.Key, error) {
			for text, key := range keys {
				if key.Hash = sha256.Sum256([]byte(text)); key.Hash == hash {
					return key, nil
				}
			}
			return payment.Key{}, payment.ErrNotFound
		}
		o.Violation = nil // what is answered here is a number
	})
	calls := 0
	count := func(_ context.Context, r *gate.Request) (gate.Answer, error) {
		calls++
		n := strconv.Itoa(calls)
		return gate.Answer{Body: json.RawMessage(n)}, h.remember(r.Once, 200, n)
	}
	h.handle("POST /sessions", payment.Secret, count)
	h.handle("POST /sessions/{session_id}/cancel", payment.Secret, count)
	h.handle("POST /v3/payment_with_session", payment.Public, count)
	const cvn = `{"cvn":"123","payment_session_id":"ps-6746c1006b7752b4d91725af"}`
	for i, test := range []struct{ path, key, body, want string }{
		{"/sessions", secretKey, seedRequest(t), "1"},
		{"/sessions", secretKey, seedRequest(t), "1"},
		{"/sessions", "xnd_development_second", seedRequest(t), "1"},
		{"/sessions", liveKey, seedRequest(t), "2"},
		{"/sessions", liveKey, seedRequest(t), "2"},
		{"/sessions", "xnd_development_other", seedRequest(t), "3"},
		{sessionPath + "/cancel", secretKey, "", "4"},
		{sessionPath + "/cancel", liveKey, "", "5"},
		{"/v3/payment_with_session", publicKey, cvn, "6"},
		{"/v3/payment_with_session", "xnd_public_production_public", cvn, "7"},
		{"/sessions", secretKey, seedRequest(t), "1"},
	} {
		w := h.send(request{method: "POST", path: test.path, key: test.key, body: test.body, header: http.Header{"Idempotency-Key": {"k1"}}})
		if w.Code != 200 || w.Body.String() != test.want {
			t.Errorf("request %d: %d %s, want %s", i, w.Code, w.Body, test.want)
		}
	}
}

// TestRepeatedMeanwhile has another request with the same key win between the look-up and the commit.
func TestRepeatedMeanwhile(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions", payment.Secret, func(_ context.Context, r *gate.Request) (gate.Answer, error) {
		if err := h.remember(r.Once, 201, aSession); err != nil {
			t.Fatal(err)
		}
		return gate.Answer{}, h.remember(r.Once, 201, "{}")
	})
	if w := h.send(keyed(seedRequest(t))); w.Code != 201 || w.Body.String() != aSession {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestRefusedBecauseRepeated has another request with the same key win so early that this one is refused for
// what the other did, and not for its key.
func TestRefusedBecauseRepeated(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions/{session_id}/cancel", payment.Secret, func(_ context.Context, r *gate.Request) (gate.Answer, error) {
		if err := h.remember(r.Once, 200, aSession); err != nil {
			t.Fatal(err)
		}
		return gate.Answer{}, payment.Refuse("INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE")
	})
	q := request{method: "POST", path: sessionPath + "/cancel", key: secretKey, header: http.Header{"Idempotency-Key": {"k1"}}}
	if w := h.send(q); w.Code != 200 || w.Body.String() != aSession {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRefusalIsNotKept(t *testing.T) {
	h := newHouse(t)
	refuse := true
	h.handle("POST /sessions", payment.Secret, func(ctx context.Context, r *gate.Request) (gate.Answer, error) {
		if refuse {
			return gate.Answer{}, payment.Refuse("INVALID_TOKEN", "m")
		}
		return created(ctx, r)
	})
	if w := h.send(keyed(seedRequest(t))); w.Code != 400 {
		t.Fatalf("%d", w.Code)
	}
	refuse = false
	if w := h.send(keyed(seedRequest(t))); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestAnswerForgotten: a handler that says no answer to keep has its commit fail, before anything is kept.
func TestAnswerForgotten(t *testing.T) {
	h := newHouse(t)
	kept := false
	h.handle("POST /sessions", payment.Secret, func(ctx context.Context, r *gate.Request) (gate.Answer, error) {
		if _, _, err := r.Once.Answer(payment.Case{}); err != nil { // as the store asks
			return gate.Answer{}, err
		}
		kept = true
		return created(ctx, r)
	})
	w := h.send(keyed(seedRequest(t)))
	if e := refused(t, w); kept || w.Code != 500 || e.Code != "SERVER_ERROR" {
		t.Errorf("kept %v, %d %+v", kept, w.Code, e)
	}
	if log := h.log.String(); !strings.Contains(log, "the handler of POST /sessions keeps no answer") || strings.Contains(log, "panic") {
		t.Errorf("log: %s", log)
	}
}
