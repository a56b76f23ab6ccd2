package store

import (
	"slices"
	"sync"
	"time"
)

// groups lets what comes while the database is busy share one trip to it: the next. So the more there is to do, the less
// each costs, and what comes alone goes at once and waits for nobody. There is no task for it: the first of a group leads
// it, and whoever has led hands over to the first of those who came meanwhile.
type groups struct {
	// lead makes the trip, and notes in each member what came of it.
	lead func(group []*member)
	most int // members of a group
	// patience runs out for who has waited long: the trip that is under way is stuck, and another goes beside it. Nil: there
	// is no other way than after it.
	patience func() (over <-chan time.Time, stop func() bool)

	mu      sync.Mutex
	waiting []*member
	leaders int
	closed  bool
	idle    chan struct{} // closed when there is no leader any more; nil: nobody asks
}

// member is a commit or a read on its way, and what came of it.
type member struct {
	list []stmt
	err  error
	turn chan []*member // the group that it is to lead; closed once it was led
}

func newMember(list ...stmt) *member {
	return &member{list: list, err: errLost, turn: make(chan []*member, 1)} // lost, if the trip does not come back
}

// reads says whether anything comes back but an answer.
func (m *member) reads() bool {
	return slices.ContainsFunc(m.list, func(st stmt) bool { return st.each != nil })
}

// join takes a member there and back, whatever becomes of who asked for it: others may be with it.
func (g *groups) join(m *member) error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errClosed
	}
	if g.leaders == 0 {
		g.leaders++
		g.mu.Unlock()
		g.leadOn([]*member{m})
		return m.err
	}
	g.waiting = append(g.waiting, m)
	g.mu.Unlock()
	if group := g.await(m); group != nil {
		g.leadOn(group)
	}
	return m.err
}

// await returns the group that a member is to lead, or nil once others have led it.
func (g *groups) await(m *member) []*member {
	var over <-chan time.Time
	if g.patience != nil {
		var stop func() bool
		over, stop = g.patience()
		defer stop()
	}
	select {
	case group := <-m.turn:
		return group
	case <-over:
	}
	if group := g.overtake(m); group != nil {
		return group
	}
	return <-m.turn
}

// overtake makes a member the leader of a group that does not wait for those under way. Nil: it is in one of those, or so
// far behind that those before it will.
func (g *groups) overtake(m *member) []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := slices.Index(g.waiting, m); at < 0 || at >= g.most {
		return nil
	}
	g.leaders++
	return g.next()
}

// next takes a group from those that wait.
func (g *groups) next() []*member {
	n := min(len(g.waiting), g.most)
	group := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return group
}

// leadOn leads a group, has its members know, and hands over.
func (g *groups) leadOn(group []*member) {
	defer func() {
		for _, m := range group {
			close(m.turn)
		}
		g.handOver()
	}()
	g.lead(group)
}

// handOver makes the first of those who wait the leader of the next group, in the place of who has led.
func (g *groups) handOver() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if next := g.next(); len(next) > 0 {
		next[0].turn <- next
		return
	}
	g.leaders--
	if g.leaders == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// close lets nobody in any more and waits until all are back.
func (g *groups) close() {
	g.mu.Lock()
	g.closed = true
	idle := make(chan struct{})
	if g.leaders == 0 {
		close(idle)
	} else {
		g.idle = idle
	}
	g.mu.Unlock()
	<-idle
}
