package soak

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// sink is the merchant's endpoint. It keeps what it takes, and at times does not.
type sink struct {
	s      *story
	server *http.Server

	mu    sync.Mutex
	mood  string // "", fail, hang, slow, drop, redirect: of the next
	moods int    // how many more of that
	heard map[string]*told
}

// told is a webhook, by its webhook-id.
type told struct {
	event    string
	data     map[string]any
	times    int
	object   string // webhook-object
	sequence int    // webhook-sequence
}

func newSink(s *story) *sink {
	k := &sink{s: s, heard: map[string]*told{}}
	l, err := s.net.listen(nil, loopback(portSink))
	if err != nil {
		panic(err)
	}
	k.server = &http.Server{Handler: k}
	go func() {
		if err := k.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.wrong("the sink: %v", err)
		}
	}()
	return k
}

func (k *sink) close() { _ = k.server.Close() }

// turn sets the mood for the next deliveries.
func (k *sink) turn(mood string, moods int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mood, k.moods = mood, moods
}

func (k *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // half of it came
	}
	k.mu.Lock()
	mood := ""
	if k.moods > 0 {
		mood = k.mood
		k.moods--
	}
	k.mu.Unlock()
	if mood != "" {
		k.s.happens(fault("merchant " + mood))
	}
	switch mood {
	case "fail":
		http.Error(w, "busy", http.StatusInternalServerError)
		return
	case "hang":
		over, _ := k.s.timer(nil, 30*time.Second)
		<-over
		return
	case "drop":
		panic(http.ErrAbortHandler)
	case "redirect":
		http.Redirect(w, r, "http://"+loopback(portSink)+"/elsewhere", http.StatusFound)
		return
	case "slow":
		over, _ := k.s.timer(nil, 8*time.Second)
		<-over
	}
	if r.URL.Path != "/webhooks" {
		k.s.wrong("a webhook followed a redirect")
		return
	}
	var said struct {
		Event string         `json:"event"`
		Data  map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		k.s.wrong("a webhook is no JSON: %v", err)
		return
	}
	id := r.Header.Get("webhook-id")
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.heard[id]
	if known == nil {
		sequence, err := strconv.Atoi(r.Header.Get("webhook-sequence"))
		if err != nil {
			k.s.wrong("a webhook has no sequence: %v", err)
		}
		known = &told{
			event: said.Event, data: said.Data,
			object: r.Header.Get("webhook-object"), sequence: sequence,
		}
		k.heard[id] = known
		k.s.tell(nil, "the merchant hears %s %s", said.Event, subject(said.Data))
	} else if known.event != said.Event || !same(known.data, said.Data) {
		k.s.wrong("webhook %s came again and said something else", id)
	}
	known.times++
	if mood == "lose" { // taken, and the gateway does not hear of it
		panic(http.ErrAbortHandler)
	}
}

// subject is what a webhook is about.
func subject(data map[string]any) string {
	for _, member := range []string{"refund_id", "payment_id", "payment_request_id", "payment_session_id", "payment_token_id", "id"} {
		if id, ok := data[member].(string); ok && id != "" {
			return id
		}
	}
	return "?"
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}
