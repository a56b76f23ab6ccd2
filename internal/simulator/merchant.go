package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// merchant is a merchant's server that nobody has to write: it takes webhooks at the control port, keeps them,
// and answers as its knob or its path says.
type merchant struct {
	stage *stage

	mu       sync.Mutex
	received int
	kept     []Delivery
}

// Delivery is one webhook that came to the merchant's server.
type Delivery struct {
	Number    int             `json:"number"` // from 1, in the order of coming
	At        time.Time       `json:"at"`
	Path      string          `json:"path"`
	WebhookID string          `json:"webhook_id"`
	Event     string          `json:"event"`
	Header    http.Header     `json:"header"`
	Body      json.RawMessage `json:"body,omitempty"` // null where it was not JSON
	Status    int             `json:"status"`         // that was answered; 0: none was
	Did       string          `json:"did,omitempty"`  // the behaviour, if it was not the usual
}

// deliveriesKept is how many deliveries are kept; the oldest go first.
const deliveriesKept = 1000

// usualDelay is delay_ms of the paths: longer than a try may take for what comes late, and so that an answer of
// some forty bytes takes longer, for what drips.
const usualDelay = 12 * time.Second

const usualDrip = 400 * time.Millisecond

func (m *merchant) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /merchant", m.receive)
	mux.HandleFunc("POST /merchant/{behaviour}", m.receive)
	for _, method := range []string{"POST", "GET"} {
		mux.HandleFunc(method+" /merchant/elsewhere", func(rw http.ResponseWriter, _ *http.Request) {
			m.stage.complain("merchant", "a redirect of a webhook was followed")
			rw.WriteHeader(http.StatusNoContent)
		})
	}
	mux.HandleFunc("GET /merchant/deliveries", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]any{"deliveries": m.list()})
	})
}

func (m *merchant) list() []Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Delivery{}, m.kept...)
}

func (m *merchant) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		http.Error(rw, "the webhook could not be read", http.StatusBadRequest)
		return
	}
	var envelope struct {
		Event string `json:"event"`
	}
	d := Delivery{Path: r.URL.Path, WebhookID: r.Header.Get("Webhook-Id"), Header: r.Header.Clone()}
	if json.Unmarshal(body, &envelope) == nil {
		d.Event, d.Body = envelope.Event, body
	}
	fault := m.stage.knobs.next(onDelivery, subject{event: d.Event})
	if named := r.PathValue("behaviour"); named != "" && fault.Behaviour == "" {
		if !slices.Contains(behavioursOf(onDelivery), named) || named == behaviourAny {
			http.NotFound(rw, r)
			return
		}
		fault = Fault{Behaviour: named, DelayMS: int(usualDelay.Milliseconds())}
		if named == behaviourDrip {
			fault.DelayMS = int(usualDrip.Milliseconds())
		}
	}
	d.Status, d.Did = statusOf(fault.Behaviour), fault.Behaviour
	m.keep(d)
	m.answer(rw, r, d.Status, fault)
}

func (m *merchant) keep(d Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.received++
	d.Number, d.At = m.received, m.stage.now().UTC()
	m.stage.passed(Passage{Line: "merchant", From: "gateway", Type: d.Event, ID: d.WebhookID, Did: d.Did})
	if m.kept = append(m.kept, d); len(m.kept) > deliveriesKept {
		m.kept = slices.Delete(m.kept, 0, 1)
	}
}

// statusOf is what a behaviour answers.
func statusOf(behaviour string) int {
	switch behaviour {
	case behaviourError:
		return http.StatusInternalServerError
	case behaviourGone:
		return http.StatusGone
	case behaviourRedirect:
		return http.StatusTemporaryRedirect // which would have the webhook posted again, there
	case behaviourSilence, behaviourDrop:
		return 0
	}
	return http.StatusOK
}

func (m *merchant) answer(rw http.ResponseWriter, r *http.Request, status int, fault Fault) {
	switch fault.Behaviour {
	case behaviourSilence:
		m.stage.leaveWaiting(r)
		return
	case behaviourDrop:
		panic(http.ErrAbortHandler)
	case behaviourDrip:
		m.drip(rw, fault.delay())
		return
	case behaviourLate:
		if !m.stage.waits(r, fault.delay()) {
			return
		}
	case behaviourRedirect:
		rw.Header().Set("Location", "/merchant/elsewhere")
	}
	rw.WriteHeader(status)
	if fault.Behaviour == behaviourHuge {
		chunk := bytes.Repeat([]byte("more "), 1<<16)
		for range 1 << 10 { // some 300 MB, for who reads it
			if _, err := rw.Write(chunk); err != nil {
				return
			}
		}
	}
}

// drip answers a byte at a time, the status line included.
func (m *merchant) drip(rw http.ResponseWriter, pause time.Duration) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		m.stage.log.Error("connection not taken over", "err", err)
		return
	}
	defer conn.Close()
	for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
		if !m.stage.pause(pause) {
			return
		}
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
	}
}

// waits is pause for whoever asked, who may give up.
func (s *stage) waits(r *http.Request, d time.Duration) bool {
	fired, stop := s.timer(d)
	defer stop()
	select {
	case <-fired:
		return true
	case <-r.Context().Done():
	case <-s.over:
	}
	return false
}

// merchantPaths lists the paths whose behaviour is always the same; Scenarios prints it.
func merchantPaths() (all []Scenario) {
	all = append(all, Scenario{"merchant", "/merchant", "200; the knob next_delivery says otherwise"})
	for _, f := range faults {
		if f.on == onDelivery && f.behaviour != behaviourAny {
			then := strings.TrimPrefix(f.then, "the next webhooks are ")
			then = strings.ReplaceAll(strings.ReplaceAll(then, "after delay_ms", "after 12 s"), "every delay_ms", "every 400 ms")
			all = append(all, Scenario{"merchant", "/merchant/" + f.behaviour, then})
		}
	}
	return all
}
