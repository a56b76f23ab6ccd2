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
//
// An endpoint may have as many slots as are left for all other endpoints then: alone half of them, and each that is
// slow leaves half of what it found to the next. What is quick needs few.
type slots struct {
	all, peered int // the bounds

	mu      sync.Mutex
	kinds   []string // kinds that are done here, sorted; none before StartWork and after StopWork
	busy    int
	byKind  map[payment.WorkKind]int // of busy, by kind
	waiting int                      // of busy, those that wait for some peer
	byPeer  map[string]int           // of waiting, by peer
	behind  map[string]*backlog      // of peers that had more work due than slots
	lent    map[string]int           // slots that a claim under way may take, by peer
	turns   []string                 // those behind, whose turn it is first
	unseen  bool                     // work was left of which nobody here knows, for want of any slot
	starved bool                     // a peer that is behind has no slot at all
	idle    chan struct{}            // closed when nothing is busy any more; nil: nobody asks
}

// backlog is what is known of the due work of a peer that the database alone has: it is claimed, in its order.
type backlog struct {
	left int  // how often some was left
	open bool // all but what was left a moment ago has been claimed: what is new may be handed over again
}

func newSlots(all int) *slots {
	return &slots{
		all: all, peered: max(1, all*3/4),
		byKind: map[payment.WorkKind]int{}, byPeer: map[string]int{}, behind: map[string]*backlog{}, lent: map[string]int{},
	}
}

// peerOf names who a piece of work waits for: the endpoint that a notice goes to. Empty: nobody of the
// merchant's.
func peerOf(w payment.Work) string {
	_, peer, _ := strings.Cut(w.Ref, "/")
	return peer
}

// most is how many slots a peer may have, while others have so many.
func (s *slots) most(others int) int { return max(1, (s.peered-others)/2) }

// take reserves a slot for work of a kind that is done here. Work that is handed over does not overtake
// what a peer is behind with, but for what was left while a claim looked that found the rest; nor does it take what is lent
// to a claim. Work that was claimed is what it was lent to.
func (s *slots) take(w payment.Work, claimed bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := peerOf(w)
	if b := s.behind[peer]; !s.does(w.Kind) || !claimed && b != nil && !b.open {
		return false
	}
	lent, all := 0, 0
	if claimed {
		s.lent[peer] = max(0, s.lent[peer]-1)
	} else {
		lent = s.lent[peer]
		for _, n := range s.lent {
			all += n
		}
	}
	if s.full(peer, all) {
		s.unseen = true
		return false
	}
	if n := s.byPeer[peer] + lent; peer != "" && !claimed && n >= s.most(s.waiting+all-n) {
		s.lag(peer)
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

func (s *slots) does(kind payment.WorkKind) bool {
	_, here := slices.BinarySearch(s.kinds, string(kind))
	return here
}

// full says whether there is no slot for a peer, or for nobody's work, whoever had it, besides those that are lent.
func (s *slots) full(peer string, lent int) bool {
	return s.busy+lent >= s.all || peer != "" && s.waiting+lent >= s.peered
}

// lag notes that a peer has more work due than it has slots. It says whether that is news.
func (s *slots) lag(peer string) bool {
	if b := s.behind[peer]; b != nil {
		b.open = false
		return false
	}
	s.behind[peer] = &backlog{}
	s.turns = append(s.turns, peer)
	return true
}

// leave notes that work was written which is due and was handed to nobody. It says whether it can be claimed now;
// else a slot that becomes free has it claimed.
func (s *slots) leave(w payment.Work) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.does(w.Kind) {
		return false
	}
	peer := peerOf(w)
	if peer == "" {
		s.unseen = true
	} else {
		s.lag(peer)
		s.behind[peer].left++
		s.starved = s.starved || s.byPeer[peer] == 0
	}
	return !s.full(peer, 0)
}

// give returns a slot. It says whether there may be work that waits for it. A peer that is behind has the next claimed
// when half of its slots are free, so that a claim is of many, or at once when that is only what was left while the last
// claim looked.
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
	n, b := s.byPeer[peer], s.behind[peer]
	return s.unseen || s.starved || b != nil && (b.open || n <= s.most(s.waiting-n)/2)
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
	shares []share // for peers that are behind
	own    int     // for work that waits for no peer
	look   bool    // for peers that may be behind
}

// share is how much a peer may have.
type share struct {
	peer string
	n    int
	left int // how often work had been left for it
}

// room says what a claim may take: for the peers that are behind, one in turn, and where it is to be looked, for the
// gateway's own work too. It is looked when it is time to, and when work was left of which nobody knows.
func (s *slots) room(look bool) room {
	s.mu.Lock()
	defer s.mu.Unlock()
	look = look || s.unseen
	r := room{kinds: s.kinds}
	free := s.all - s.busy
	peered := min(s.peered-s.waiting, free)
	given, waiting := map[string]int{}, s.waiting
	for more := true; more && s.does(payment.WorkWebhook); {
		more = false
		for _, peer := range s.turns {
			if n := s.byPeer[peer] + given[peer]; peered > 0 && n < s.most(waiting-n) {
				given[peer]++
				waiting, peered, free, more = waiting+1, peered-1, free-1, true
			}
		}
	}
	s.starved = false
	var served, passed []string
	for _, peer := range s.turns {
		if n := given[peer]; n > 0 {
			r.shares = append(r.shares, share{peer, n, s.behind[peer].left})
			s.lent[peer] = n
			served = append(served, peer)
			continue
		}
		passed = append(passed, peer)
		s.starved = s.starved || s.byPeer[peer] == 0
	}
	s.turns = append(passed, served...)
	if look && len(s.kinds) > 0 && free > 0 {
		r.own, r.look = free, s.does(payment.WorkWebhook)
	}
	s.unseen = look && free == 0
	return r
}

// claimed ends a claim: what it did not take of the room that it had is free.
func (s *slots) claimed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.lent)
}

// found notes the peers that have work due, and whether there may be more of the gateway's own. It says whether
// any of it is news.
func (s *slots) found(peers []string, own bool) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseen, news = s.unseen || own, own
	for _, peer := range peers {
		news = s.lag(peer) || news
	}
	return news
}

// caughtUp notes that a claim found less work due for a peer than its share. What was left meanwhile it may not have
// seen: then another claim has to look.
func (s *slots) caughtUp(found share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.behind[found.peer]
	if b != nil && b.left > found.left {
		b.open = true
		return
	}
	delete(s.behind, found.peer)
	s.turns = slices.DeleteFunc(s.turns, func(p string) bool { return p == found.peer })
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
