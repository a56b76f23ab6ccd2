package app

import (
	"net"
	"sync"
	"time"
)

// wires are the connections that a house has made, by address.
type wires struct {
	mu  sync.Mutex
	all map[string][]net.Conn
}

func (w *wires) laid(address string, c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string][]net.Conn{}
	}
	w.all[address] = append(w.all[address], c)
}

// cut ends all connections to an address.
func (w *wires) cut(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all[address] {
		_ = c.Close()
	}
	delete(w.all, address)
}

// unplug takes the acquirer's line away, and returns when the house has noticed.
func (w *town) unplug() {
	w.t.Helper()
	address := w.world.Kit().Acquirer
	w.severed.Store(address)
	w.wires.cut(address)
	w.eventually("the line is down", func() bool { return len(w.problems(w.t.Context())) > 0 })
}

// plug gives the line back, and returns when the house uses it.
func (w *town) plug() {
	w.t.Helper()
	w.severed.Store("")
	w.eventually("the line is up", func() bool {
		if len(w.problems(w.t.Context())) == 0 {
			return true
		}
		w.clock.forward(acquirerPause)
		return false
	})
}

// acquirerPause is more than the first pauses of a line before it connects again.
const acquirerPause = 500 * time.Millisecond
