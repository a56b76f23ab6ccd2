package store

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"reprise/internal/payment"
)

// slots bounds the work that is done at once: in all, for everything that waits for a merchant's endpoint,
// and for each endpoint. So a slow endpoint holds up nobody else, and all slow endpoints together do not
// hold up a deadline or a reversal.
type slots struct {
	all, peered, perPeer int // the bounds

	mu      sync.Mutex
	kinds   []string // kinds that are done here, sorted; none before StartWork and after StopWork
	busy    int
	byKind  map[payment.WorkKind]int // of busy, by kind
	waiting int                      // of busy, those that wait for some peer
	byPeer  map[string]int           // of waiting, by peer
	behind  map[string]bool          // peers with more work due than they have slots: it is claimed in its order
	short   bool                     // work was left for want of any slot
	idle    chan struct{}            // closed when nothing is busy any more; nil: nobody asks
}

func newSlots(all int) *slots {
	return &slots{
		all: all, peered: max(1, all*3/4), perPeer: max(1, all/8),
		byKind: map[payment.WorkKind]int{}, byPeer: map[string]int{}, behind: map[string]bool{},
	}
}

// peerOf names who a piece of work waits for: the endpoint that a notice goes to. Empty: nobody of the
// merchant's.
func peerOf(w payment.Work) string {
	_, peer, _ := strings.Cut(w.Ref, "/")
	return peer
}

// take reserves a slot for work of a kind that is done here. Work that is handed over does not overtake
// what a peer is behind with; work that was claimed is that.
func (s *slots) take(w payment.Work, claimed bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := peerOf(w)
	if _, here := slices.BinarySearch(s.kinds, string(w.Kind)); !here || s.behind[peer] && !claimed {
		return false
	}
	if s.busy >= s.all || peer != "" && s.waiting >= s.peered {
		s.short = true
		return false
	}
	if peer != "" && s.byPeer[peer] >= s.perPeer {
		s.behind[peer] = true
		return false
	}
	s.busy++
	s.byKind[w.Kind]++
	if peer != "" {
		s.waiting++
		s.byPeer[peer]++
	}
	return true
}

// fits says whether a slot is free for work of a kind that is done here.
func (s *slots) fits(w payment.Work) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := peerOf(w)
	_, here := slices.BinarySearch(s.kinds, string(w.Kind))
	return here && s.busy < s.all && (peer == "" || s.waiting < s.peered && s.byPeer[peer] < s.perPeer)
}

// give returns a slot. It says whether there may be work that waits for it.
func (s *slots) give(w payment.Work) (wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := peerOf(w)
	s.busy--
	if s.byKind[w.Kind]--; s.byKind[w.Kind] == 0 {
		delete(s.byKind, w.Kind)
	}
	if peer != "" {
		s.waiting--
		if s.byPeer[peer]--; s.byPeer[peer] == 0 {
			delete(s.byPeer, peer)
		}
	}
	if s.busy == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	wanted, s.short = s.short || s.behind[peer], false
	return wanted
}

// busyKinds names the kinds of work that are being done, sorted.
func (s *slots) busyKinds() []payment.WorkKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.byKind))
}

// room is what a claim may take.
type room struct {
	kinds  []string
	shares []share  // for peers that are behind
	free   int      // for all others
	behind []string // who is not among the others
	alone  bool     // the others are only work that waits for no peer
}

// share is how much a peer may have.
type share struct {
	peer string
	n    int
}

func (s *slots) room() room {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := room{kinds: s.kinds, free: s.all - s.busy, behind: slices.Sorted(maps.Keys(s.behind))}
	peered := s.peered - s.waiting
	for _, peer := range r.behind {
		if n := min(s.perPeer-s.byPeer[peer], peered, r.free); n > 0 {
			r.shares = append(r.shares, share{peer, n})
			peered, r.free = peered-n, r.free-n
		}
	}
	r.alone = peered == 0
	if r.free == 0 || r.alone {
		s.short = true
	}
	return r
}

// caughtUp notes that a peer has no more work due.
func (s *slots) caughtUp(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.behind, peer)
}

// open lets work of these kinds in; with none, nothing more gets in. The channel it returns is closed once
// nothing is busy.
func (s *slots) open(kinds []string) (idle <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds = kinds
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle = s.idle
	if s.busy == 0 {
		close(s.idle)
		s.idle = nil
	}
	return idle
}
