package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
	"reprise/internal/store"
)

// readyWithin is how long a database may take to answer before the house says that it does not.
const readyWithin = 2 * time.Second

var errSilent = errors.New("no answer in time")

// readiness remembers since when each room is as it is. That it is closing, a house does not take back.
type readiness struct {
	mu      sync.Mutex
	closing bool
	rooms   map[string]roomState
	probe   *probe // a question to the database that is not answered yet
}

// roomState is what /readyz says of a room. Since is when somebody who asked found it so first. A warning does not
// make a room less ready.
type roomState struct {
	Ready   bool      `json:"ready"`
	Why     string    `json:"why,omitempty"`
	Warning string    `json:"warning,omitempty"`
	Since   time.Time `json:"since"`
}

// probe is one question to the database, and its answer once done is closed.
type probe struct {
	done chan struct{}
	err  error
}

func (r *readiness) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
}

// note keeps what was found of the rooms, and tells it with what is a warning only.
func (r *readiness) note(found, warnings map[string]string, now time.Time) (closing bool, rooms map[string]roomState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rooms = map[string]roomState{}
	for name, why := range found {
		is, known := r.rooms[name]
		if !known || is.Why != why {
			is = roomState{Ready: why == "", Why: why, Since: now.UTC().Truncate(time.Millisecond)}
		}
		is.Warning = warnings[name]
		rooms[name] = is
	}
	r.rooms = rooms
	return r.closing, rooms
}

// health answers whether the process lives, and whether it can take a payment now.
func (h *House) health(mux *http.ServeMux, g *gate.Gate) {
	mux.Handle("GET /healthz", g.GuardAs(gate.Watches, "GET /healthz", func(w http.ResponseWriter, _ *http.Request) error {
		report(w, http.StatusOK, map[string]string{"status": "alive"})
		return nil
	}))
	mux.Handle("GET /readyz", g.GuardAs(gate.Watches, "GET /readyz", func(w http.ResponseWriter, r *http.Request) error {
		closing, rooms := h.ready.note(h.rooms(r.Context()), map[string]string{"directory": h.oldRanges()}, h.outside.Now())
		said := struct {
			Status string               `json:"status"`
			Rooms  map[string]roomState `json:"rooms"`
		}{"ready", rooms}
		status := http.StatusOK
		for _, room := range rooms {
			if !room.Ready {
				said.Status, status = "not ready", http.StatusServiceUnavailable
			}
		}
		if closing {
			said.Status, status = "closing", http.StatusServiceUnavailable
		}
		report(w, status, said)
		return nil
	}))
}

// oldRanges says whose card ranges are older than they may be; empty: nobody's. They serve all the same.
func (h *House) oldRanges() string {
	var names []string
	for _, r := range h.threeDS.Ranges() {
		if r.Old {
			names = append(names, r.Directory)
		}
	}
	if names == nil {
		return ""
	}
	return "card ranges older than a day: " + strings.Join(names, ", ")
}

// rooms says what keeps each room from its part of a payment; empty is nothing.
func (h *House) rooms(ctx context.Context) map[string]string {
	found := map[string]string{"database": "", "acquirer": "", "directory": ""}
	note := func(room, why string, err error) {
		if err != nil {
			found[room] = why
			h.log.Debug("not ready", "room", room, "error", err)
		}
	}
	err := h.askDatabase(ctx)
	switch {
	case errors.Is(err, store.ErrReadOnly):
		note("database", "takes no writes", err)
	case errors.Is(err, errSilent):
		note("database", "does not answer", err)
	default:
		note("database", "not reachable", err)
	}
	note("acquirer", "not signed on", h.line.Ready())
	note("directory", "card ranges not loaded", h.threeDS.Ready())
	return found
}

// askDatabase asks whether the database takes writes, and does not wait for the answer for long. All who ask
// meanwhile wait for the same one: a database that hangs does not get more questions the longer it does.
func (h *House) askDatabase(ctx context.Context) error {
	r := &h.ready
	r.mu.Lock()
	asked := r.probe
	if asked == nil {
		asked = &probe{done: make(chan struct{})}
		r.probe = asked
		h.outside.Go(func() {
			asked.err = h.store.Ping(context.WithoutCancel(ctx))
			r.mu.Lock()
			r.probe = nil
			r.mu.Unlock()
			close(asked.done)
		})
	}
	r.mu.Unlock()
	late, stop := h.outside.Timer(readyWithin)
	defer stop()
	select {
	case <-asked.done:
		return asked.err
	case <-late:
		return errSilent
	case <-ctx.Done():
		return ctx.Err()
	}
}

// problems says what keeps the house from taking payments, by room.
func (h *House) problems(ctx context.Context) map[string]string {
	found := h.rooms(ctx)
	for room, why := range found {
		if why == "" {
			delete(found, room)
		}
	}
	return found
}

func report(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
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
