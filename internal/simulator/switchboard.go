package simulator

import (
	"context"
	"slices"
	"sync"
)

// switchboard knows the connections of the acquirer line.
type switchboard struct {
	linesMu sync.Mutex
	lines   map[*line]bool
	signed  []*line  // that have signed on, in that order
	parked  []parcel // answers for the next one that signs on
	counted int
	closed  bool
}

// parcel is an answer that goes over another connection than its question came by.
type parcel struct {
	answer message
	packed []byte
}

func (b *switchboard) enter(l *line) bool {
	b.linesMu.Lock()
	defer b.linesMu.Unlock()
	if b.closed {
		return false
	}
	b.counted++
	l.number = b.counted
	b.lines[l] = true
	return true
}

func (b *switchboard) leave(l *line) {
	b.linesMu.Lock()
	delete(b.lines, l)
	b.forgetLocked(l)
	b.linesMu.Unlock()
	l.note("world", "closed", "")
	_ = l.conn.Close()
}

// has tells whether a connection is there still.
func (b *switchboard) has(l *line) bool {
	b.linesMu.Lock()
	defer b.linesMu.Unlock()
	return b.lines[l]
}

func (b *switchboard) forgetLocked(l *line) {
	b.signed = slices.DeleteFunc(b.signed, func(other *line) bool { return other == l })
}

func (b *switchboard) signOff(l *line) {
	b.linesMu.Lock()
	defer b.linesMu.Unlock()
	b.forgetLocked(l)
}

func (b *switchboard) signedOn(l *line) bool {
	b.linesMu.Lock()
	defer b.linesMu.Unlock()
	return slices.Contains(b.signed, l)
}

// elsewhere finds the newest other connection that has signed on; without one the answer is parked.
func (b *switchboard) elsewhere(l *line, p parcel) (other *line) {
	b.linesMu.Lock()
	defer b.linesMu.Unlock()
	for _, candidate := range slices.Backward(b.signed) {
		if candidate != l {
			return candidate
		}
	}
	b.parked = append(b.parked, p)
	return nil
}

// signOn lets a connection in. What is parked goes out when the sign-on is answered.
func (h *host) signOn(l *line) (then func()) {
	h.linesMu.Lock()
	defer h.linesMu.Unlock()
	h.forgetLocked(l)
	h.signed = append(h.signed, l)
	parked := h.parked
	h.parked = nil
	return func() {
		for _, p := range parked {
			h.note(l, "world", p.answer, behaviourElsewhere)
			_ = l.send(p.packed, 1)
		}
	}
}

func (b *switchboard) close(context.Context) error {
	b.linesMu.Lock()
	defer b.linesMu.Unlock()
	b.closed = true
	for l := range b.lines {
		_ = l.conn.Close()
	}
	return nil
}
