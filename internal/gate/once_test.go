package gate_test

import (
	"context"
	"encoding/json"
	"net/http"
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
		if r.Once.Business != business || r.Once.Endpoint != "POST /sessions" || r.Once.Key != "k1" || len(r.Once.Fingerprint) != 32 {
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
