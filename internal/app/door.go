package app

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"reprise/internal/gate"
)

// Patience is how long a client of a door may take. Zero is the default. A client that takes longer is hung up on,
// whatever it was in the middle of.
type Patience struct {
	Header time.Duration // for the head of a request: 10 s
	Body   time.Duration // for a whole request: 20 s
	Answer time.Duration // from the head of a request until its answer is taken: 1 min, above all that is waited for to answer
	Idle   time.Duration // between two requests: 2 min
}

// How many connections a door keeps, the public one where the settings do not say. Directory servers need few.
const (
	doorConnections    = 1024
	resultsConnections = 128
	metricsConnections = 16
)

// door is a listener that keeps a bounded number of connections. When there are too many, the one that has been idle
// for longest is closed for the new one, or else the one that has had no request handled for longest: its head does not
// come, or its answer is not taken. Where requests of all are being handled the new one is closed. So neither clients
// that keep connections for later, nor a crowd, nor sockets that say nothing can fill the memory or the door, and
// whoever asks how the gateway is gets in.
type door struct {
	net.Listener
	name string
	most int
	wrap func(net.Conn) net.Conn // nil: connections are as they are
	hang func(func())            // runs what may take a while

	mu     sync.Mutex
	open   map[net.Conn]*list.Element // where it stands in one of the lists; nil: a request is being handled
	idle   *list.List                 // of net.Conn, the longest first
	slow   *list.List                 // of net.Conn, the longest first: those that wait for their client within a request
	turned uint64                     // connections that were closed for want of room, idle ones among them
}

func (h *House) serve(name string, l net.Listener, handler http.Handler, most int, p Patience) {
	d := &door{Listener: l, name: name, most: most, hang: h.outside.Go, open: map[net.Conn]*list.Element{}, idle: list.New(), slow: list.New()}
	if name == "public" { // on the others net/http has to see that it is TLS, or nobody minds its words
		d.wrap = func(c net.Conn) net.Conn { return enveloped{c} }
	}
	server := &http.Server{
		Handler: d.handling(h.unpanicked(name, handler)),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, ofConnection{}, c)
		},
		ReadHeaderTimeout: cmp.Or(p.Header, 10*time.Second),
		ReadTimeout:       cmp.Or(p.Body, 20*time.Second),
		WriteTimeout:      cmp.Or(p.Answer, time.Minute),
		IdleTimeout:       cmp.Or(p.Idle, 2*time.Minute),
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
		ConnState:         d.turnsTo,
	}
	h.servers, h.doors = append(h.servers, server), append(h.doors, d)
	h.outside.Go(func() {
		if err := server.Serve(d); !errors.Is(err, http.ErrServerClosed) {
			h.log.Error("door closed by itself", "error", err)
		}
	})
}

// unpanicked has a panic told as an error, by its type alone: net/http would print its value, which may be anything that
// was sent, and tell it to nobody who does not debug. The public door's operations have a finer net of the gate's.
func (h *House) unpanicked(name string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value != http.ErrAbortHandler {
				h.log.Error("request failed", "door", name, "panic", fmt.Sprintf("%T", value))
			}
			panic(http.ErrAbortHandler) // the connection ends, and nothing more is said of it
		}()
		handler.ServeHTTP(w, r)
	})
}

// Accept takes the next connection for which there is room.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if d.wrap != nil {
			c = d.wrap(c)
		}
		out := d.admit(c)
		if out != nil {
			d.hang(func() { _ = out.Close() }) // TLS says goodbye, which may have to wait
		}
		if out != c {
			return c, nil
		}
	}
}

// admit notes a new connection, and says which one has to go for it, if any.
func (d *door) admit(c net.Conn) (out net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.open) >= d.most {
		d.turned++
		longest := cmp.Or(d.idle.Front(), d.slow.Front())
		if longest == nil {
			return c
		}
		out = longest.Value.(net.Conn)
		d.stand(out, nil)
		delete(d.open, out)
	}
	d.open[c] = d.slow.PushBack(c)
	return out
}

// stand puts a connection to the end of a list, or of none.
func (d *door) stand(c net.Conn, in *list.List) {
	before, there := d.open[c]
	if !there { // it had to go
		return
	}
	if before != nil {
		d.idle.Remove(before)
		d.slow.Remove(before)
	}
	d.open[c] = nil
	if in != nil {
		d.open[c] = in.PushBack(c)
	}
}

// turnsTo hears from net/http what a connection does.
func (d *door) turnsTo(c net.Conn, s http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch s {
	case http.StateIdle:
		d.stand(c, d.idle)
	case http.StateClosed, http.StateHijacked:
		d.stand(c, nil)
		delete(d.open, c)
	}
}

// ofConnection is the key of a request's connection in its context.
type ofConnection struct{}

// handling notes of which connections a request is being handled. What net/http does before and after that, it does
// for the client alone.
func (d *door) handling(next http.Handler) http.Handler {
	turn := func(c net.Conn, to *list.List) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stand(c, to)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(ofConnection{}).(net.Conn)
		turn(c, nil)
		defer turn(c, d.slow)
		next.ServeHTTP(w, r)
	})
}

// held says how many connections there are, and how many had to go so far.
func (d *door) held() (open int, turned uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open), d.turned
}

// workers is how much work is done at once that nobody waits for.
const workers = 128

// inFlight is how many messages may wait for the acquirer's answer: all that can be asked for at once. So there is
// room on the line for whatever was let in.
func inFlight(b gate.Bounds) int {
	b = b.OrDefault()
	return b.Requests + b.Reserve + workers
}
