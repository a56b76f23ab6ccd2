package app

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// readiness turns to no when the house begins to close, and stays there.
type readiness struct{ closing atomic.Bool }

func (r *readiness) close() { r.closing.Store(true) }

// health answers whether the process lives, and whether it can take a payment now.
func (h *House) health(mux *http.ServeMux, g *gate.Gate) {
	mux.Handle("GET /healthz", g.GuardAs(gate.Watches, "GET /healthz", func(w http.ResponseWriter, _ *http.Request) error {
		report(w, http.StatusOK, map[string]string{"status": "alive"})
		return nil
	}))
	mux.Handle("GET /readyz", g.GuardAs(gate.Watches, "GET /readyz", func(w http.ResponseWriter, r *http.Request) error {
		problems := h.problems(r.Context())
		if len(problems) == 0 {
			report(w, http.StatusOK, map[string]string{"status": "ready"})
			return nil
		}
		problems["status"] = "not ready"
		report(w, http.StatusServiceUnavailable, problems)
		return nil
	}))
}

// problems says what keeps the house from taking payments, by room.
func (h *House) problems(ctx context.Context) map[string]string {
	found := map[string]string{}
	if h.ready.closing.Load() {
		found["house"] = "closing"
	}
	for room, err := range map[string]error{"database": h.store.Ping(ctx), "acquirer": h.line.Ready(), "directory": h.threeDS.Ready()} {
		if err != nil {
			found[room] = "not reachable"
			h.log.Debug("not ready", "room", room, "error", err)
		}
	}
	return found
}

func report(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// workers is how much work is done at once that nobody waits for.
const workers = 64

// inFlight is how many messages may wait for the acquirer's answer: all that can be asked for at once. So there is
// room on the line for whatever was let in.
func inFlight(b gate.Bounds) int {
	b = b.OrDefault()
	return b.Requests + b.Reserve + workers
}

// payable refuses to begin a payment that would fail: the payer would be sent to the bank for nothing.
func (h *House) payable() error {
	if h.line.Ready() == nil {
		return nil
	}
	return &payment.Error{
		Code:       "SERVICE_UNAVAILABLE",
		Message:    "The acquirer cannot be reached at this moment. No payment was begun. Please try again.",
		RetryAfter: 5 * time.Second,
	}
}
