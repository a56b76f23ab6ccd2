package gate_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// BenchmarkDoor lets the request for a session in and answers it: all that is done here about a request, and nothing of what
// it asks for.
func BenchmarkDoor(b *testing.B) {
	h := newHouse(b, func(o *gate.Options) { o.Violation, o.Log = nil, slog.New(slog.DiscardHandler) })
	h.handle("POST /sessions", payment.Secret, func(context.Context, *gate.Request) (gate.Answer, error) {
		return gate.Answer{Status: http.StatusCreated, Body: json.RawMessage(`{}`)}, nil
	})
	q := request{method: "POST", path: "/sessions", key: secretKey, body: seedRequest(b)}
	b.ReportAllocs()
	for b.Loop() {
		if w := h.send(q); w.Code != http.StatusCreated {
			b.Fatal(w.Code, w.Body)
		}
	}
}
