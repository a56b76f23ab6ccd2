package store

import (
	"context"
	"slices"
	"sync"
	"time"
)

// groups lets what comes while the database is busy share one trip to it: the next. So the more there is to do, the less
// each costs, and what comes alone goes at once and waits for nobody. There is no task for it: the first of a group leads
// it, and whoever has led hands over to the first of those who came meanwhile.
type groups struct {
	// open waits for a way to the database as long as ctx lasts. trip makes a trip on it, and notes in each member what came
	// of it; giveBack lets others have the way.
	open func(ctx context.Context) (trip func(group []*member), giveBack func(), err error)
	most int   // members of a group
	lost error // what those are told whose trip does not come back
	// patience is how long the first of those who wait does so before it goes beside the trip that is under way. Nil: there is no
	// other way than after it.
	patience func() (over <-chan time.Time, stop func() bool)

	mu      sync.Mutex
	waiting []*member
	leaders int // who lead a group, or wait for a way to do it; one at least while anybody waits
	shut    bool
	idle    chan struct{} // closed when there is no leader any more; nil: nobody asks
}

// member is a commit or a read on its way, and what came of it.
type member struct {
	list []stmt
	err  error
	done chan struct{} // closed when err says what came of it

	turn  chan struct{} // it is to lead
	leads bool          // it is a leader
	taken func()        // ends its waiting for a way; nil: it does not
}

func newMember(list ...stmt) *member {
	return &member{list: list, done: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// reads says whether anything comes back but an answer.
func (m *member) reads() bool {
	return slices.ContainsFunc(m.list, func(st stmt) bool { return st.each != nil })
}

// lists are what the members of a group want of the database.
func lists(group []*member) [][]stmt {
	all := make([][]stmt, len(group))
	for i, m := range group {
		all[i] = m.list
	}
	return all
}

// join takes a member there and back. ctx ends the waiting, and not what is on its way: others may be with it.
func (g *groups) join(ctx context.Context, m *member) error {
	if !g.enter(m) {
		return errClosed
	}
	g.travel(ctx, m)
	<-m.done
	return m.err
}

func (g *groups) enter(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.waiting = append(g.waiting, m)
	if g.leaders == 0 {
		g.appoint(m)
	}
	return true
}

// appoint makes a member a leader.
func (g *groups) appoint(m *member) {
	m.leads = true
	g.leaders++
	m.turn <- struct{}{}
}

func (g *groups) travel(ctx context.Context, m *member) {
	defer g.handOver(m)
	if g.await(ctx, m) {
		g.lead(ctx, m)
	}
}

// await says whether a member is to lead.
func (g *groups) await(ctx context.Context, m *member) bool {
	select {
	case <-m.turn:
		return true
	default:
	}
	for {
		var over <-chan time.Time
		stop := func() bool { return true }
		if g.patience != nil {
			over, stop = g.patience()
		}
		select {
		case <-m.turn:
			stop()
			return true
		case <-m.done:
			stop()
			return false
		case <-ctx.Done():
			stop()
			g.leave(m, unreached(ctx.Err()))
			return false
		case <-over:
		}
		if leads, waits := g.overtake(m); leads || !waits {
			return leads
		}
	}
}

// overtake makes a member a leader beside others, if it is the first of those who wait for them. Those behind it have it go first:
// it takes them along.
func (g *groups) overtake(m *member) (leads, waits bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.first(); i >= 0 && g.waiting[i] == m {
		g.appoint(m)
	}
	return m.leads, slices.Contains(g.waiting, m)
}

// first is the place of the first who waits and does not lead, or -1.
func (g *groups) first() int {
	return slices.IndexFunc(g.waiting, func(m *member) bool { return !m.leads })
}

// lead makes a trip with a member and who waits by then, unless it is on another's before there is a way.
func (g *groups) lead(ctx context.Context, m *member) {
	ctx, taken := context.WithCancel(ctx)
	defer taken()
	defer g.leave(m, g.lost) // in a panic
	g.mu.Lock()
	m.taken = taken
	gone := !slices.Contains(g.waiting, m)
	g.mu.Unlock()
	if gone {
		return
	}
	trip, giveBack, err := g.open(ctx)
	if err != nil {
		g.leave(m, err)
		return
	}
	defer giveBack()
	if group := g.take(m); len(group) > 0 {
		g.make(trip, group)
	}
}

// take takes a group from those who wait, as large as it is by now, with a member at its head; none where that does not
// wait any more.
func (g *groups) take(m *member) (group []*member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, m)
	if i < 0 {
		return nil
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	n := min(len(g.waiting), g.most-1)
	group = append(append(group, m), g.waiting[:n]...)
	g.waiting = slices.Delete(g.waiting, 0, n)
	for _, other := range group {
		if other.taken != nil {
			other.taken()
		}
	}
	return group
}

// make makes a trip, and has its members know.
func (g *groups) make(trip func(group []*member), group []*member) {
	for _, m := range group {
		m.err = g.lost
	}
	defer func() {
		for _, m := range group {
			close(m.done)
		}
	}()
	trip(group)
}

// leave lets a member go that is on no trip.
func (g *groups) leave(m *member, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, m); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		m.err = err
		close(m.done)
	}
}

// handOver has the first of those who wait lead in the place of who has led, if nobody else does: what goes beside another trip
// does so only as long as that is stuck.
func (g *groups) handOver(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !m.leads {
		return
	}
	m.leads = false
	g.leaders--
	if i := g.first(); i >= 0 && g.leaders == 0 {
		g.appoint(g.waiting[i])
	}
	if g.leaders == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// close lets nobody in any more and waits until no trip is under way. It is called once.
func (g *groups) close() {
	g.mu.Lock()
	g.shut = true
	idle := make(chan struct{})
	if g.leaders == 0 {
		close(idle)
	} else {
		g.idle = idle
	}
	g.mu.Unlock()
	<-idle
}
