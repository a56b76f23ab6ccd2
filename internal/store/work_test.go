package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// wake puts work on the schedule, as an effect does.
func wake(s *Store, kind payment.WorkKind, ref string, at time.Time) error {
	d := s.newDraft()
	d.work[payment.Work{Kind: kind, Ref: ref}] = at
	return d.commit(context.Background())
}

func testNotices(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	seedEndpoints(t, s, endpoints...)
	ctx := t.Context()
	var mu sync.Mutex
	var told []payment.Notice
	var kept atomic.Int64
	s.Courier(Courier{
		Deliver: func(_ context.Context, n payment.Notice, e payment.Endpoint, tries int) payment.Tried {
			mu.Lock()
			defer mu.Unlock()
			if e.ID == endpoints[0].ID {
				told = append(told, n)
			}
			return taken(n, e)
		},
		Kept: func(payment.Tried) { kept.Add(1) },
	})
	s.StartWork()
	_, err := s.Change(ctx, bySession, nil, func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 1)
		c.Request = &r
		return authorize(1, "")(c)
	})
	must(t, err)
	c, err := s.Change(ctx, bySession, nil, approve)
	must(t, err)
	eventually(t, "both endpoints told of both, and the work done", func() bool {
		return rows(t, s, "delivery_attempt", `status = 200`) == 4 && rows(t, s, "work", `1 = 1`) == 0 && kept.Load() == 4
	})

	mu.Lock()
	defer mu.Unlock()
	if len(told) != 2 {
		t.Fatalf("told %d times, want 2", len(told))
	}
	for _, n := range told {
		want := payment.Notice{ID: n.ID, Business: business, Created: n.Created, Kind: payment.NoticeCapture, Object: "py-1", Sequence: c.Request.Version}
		if n.Kind == payment.NoticeSessionCompleted {
			want.Kind, want.Object, want.Sequence = payment.NoticeSessionCompleted, string(sessionID), c.Session.Version
		}
		want.Data = fmt.Appendf(nil, `{"kind":"%s","session":"COMPLETED","version":%d}`, want.Kind, c.Session.Version)
		if diff := cmp.Diff(want, n); diff != "" {
			t.Errorf("notice (-want +got):\n%s", diff)
		}
		if n := rows(t, s, "delivery_attempt", fmt.Sprintf(`notice = '%s' AND status = 200 AND took = 5000 AND at = %d`, n.ID, moment.UnixMicro())); n != 2 {
			t.Errorf("%d tries of %s, want one to each endpoint", n, want.Kind)
		}
	}
}

// taken is what a try comes to that the endpoint takes.
func taken(n payment.Notice, e payment.Endpoint) payment.Tried {
	return payment.Tried{Delivery: payment.Delivery{
		Notice: n, Endpoint: e.ID, Status: payment.DeliveryDelivered,
		Attempts: []payment.DeliveryAttempt{{At: moment, Status: 200, Took: 5 * time.Millisecond}},
	}}
}

// Work that is due goes to a worker at once: no poll is needed, and no other node sees it.
func testHandOver(t *testing.T, db *database) {
	a := db.open(t, func(o *Options) { o.Poll = time.Hour })
	b := db.open(t)
	did := make(chan string, 10)
	handler := func(node string) map[payment.WorkKind]Handler {
		return map[payment.WorkKind]Handler{payment.WorkAttempt: func(_ context.Context, ref string, tries int) (time.Time, error) {
			did <- fmt.Sprint(node, " ", ref, " ", tries)
			return time.Time{}, nil
		}}
	}
	a.Work(handler("a"))
	b.Work(handler("b"))
	a.StartWork()
	b.StartWork()
	must(t, wake(a, payment.WorkAttempt, "pr-1", time.Now()))
	if got := <-did; got != "a pr-1 0" {
		t.Errorf("did %q", got)
	}
	eventually(t, "the work done", func() bool { return rows(t, a, "work", `1 = 1`) == 0 })
	if len(did) != 0 {
		t.Errorf("done again: %s", <-did)
	}
	must(t, wake(a, payment.WorkAttempt, "pr-2", time.Now().Add(30*time.Millisecond)))
	if got := <-did; got != "b pr-2 0" { // a looks once an hour
		t.Errorf("did %q", got)
	}
}

func testRetry(t *testing.T, db *database) {
	c := &clock{}
	s := db.open(t, at(c))
	var tries []int
	next := make(chan struct{})
	s.Work(map[payment.WorkKind]Handler{
		payment.WorkAdvice: func(_ context.Context, _ string, n int) (time.Time, error) {
			tries = append(tries, n)
			defer func() { next <- struct{}{} }()
			switch len(tries) {
			case 1:
				return c.now().Add(time.Hour), nil
			case 2:
				return time.Time{}, errors.New("not now") // which counts for no schedule
			}
			return time.Time{}, nil
		},
		payment.WorkSession: func(context.Context, string, int) (time.Time, error) {
			return time.Time{}, fmt.Errorf("read: %w", payment.ErrNotFound)
		},
	})
	s.StartWork()
	must(t, wake(s, payment.WorkAdvice, "r", c.now()))
	<-next
	eventually(t, "asked for in an hour", func() bool { return rows(t, s, "work", `attempt = 1`) == 1 })
	if late := rows(t, s, "work", fmt.Sprintf(`next_at > %d`, c.now().Add(59*time.Minute).UnixMicro())); late != 1 {
		t.Error("not in an hour")
	}
	c.advance(time.Hour)
	<-next
	eventually(t, "failed", func() bool { return rows(t, s, "work", `attempt = 1 AND failed = 1`) == 1 })
	if soon := rows(t, s, "work", fmt.Sprintf(`next_at > %d AND next_at < %d`, c.now().UnixMicro(), c.now().Add(3*time.Second).UnixMicro())); soon != 1 {
		t.Error("not again after a moment")
	}
	c.advance(3 * time.Second)
	<-next
	eventually(t, "done", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
	if diff := cmp.Diff([]int{0, 1, 1}, tries); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}

	// What was not found may be something else than what the work is about.
	must(t, wake(s, payment.WorkSession, "ps-1", c.now()))
	eventually(t, "not found", func() bool {
		return rows(t, s, "work", fmt.Sprintf(`failed = 1 AND next_at > %d`, c.now().UnixMicro())) == 1
	})
}

// A handler that panics has failed. The process and its other work go on, and nobody reads the value.
func testPanic(t *testing.T, db *database) {
	c := &clock{}
	var log logged
	var first atomic.Bool
	s := db.open(t, at(c), log.to)
	s.Work(map[payment.WorkKind]Handler{
		payment.WorkAttempt: func(_ context.Context, ref string, _ int) (time.Time, error) {
			if first.CompareAndSwap(false, true) {
				panic("canary of " + ref)
			}
			return time.Time{}, nil
		},
	})
	s.StartWork()
	must(t, wake(s, payment.WorkAttempt, "pr-1", c.now()))
	eventually(t, "failed, and due after a moment", func() bool {
		return rows(t, s, "work", fmt.Sprintf(`failed = 1 AND next_at > %d`, c.now().UnixMicro())) == 1
	})
	text := log.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "error.panic=string") || !strings.Contains(text, "store.testPanic") {
		t.Errorf("want one line with the type and where it was; logged:\n%s", text)
	}
	if strings.Contains(text, "canary") {
		t.Error("the value is in the log")
	}
	c.advance(3 * time.Second)
	eventually(t, "done", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
}

// A handler's own Change may move its work. That stands, whatever the handler returns.
func testMovedByItself(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	later := time.Now().Add(time.Hour)
	var done atomic.Int64
	s.Work(map[payment.WorkKind]Handler{payment.WorkAttempt: func(ctx context.Context, ref string, _ int) (time.Time, error) {
		w := payment.Work{Kind: payment.WorkAttempt, Ref: ref}
		var e payment.Effect = payment.Wake{Work: w, At: later}
		if ref == "rests" {
			e = payment.Rest{Work: w}
		}
		_, err := s.Change(ctx, bySession, nil, func(payment.Case) (payment.Changes, error) {
			return payment.Changes{Effects: []payment.Effect{e}}, nil
		})
		defer done.Add(1)
		if ref == "moves, says done" {
			return time.Time{}, err
		}
		return time.Now().Add(time.Minute), err
	}})
	s.StartWork()
	for _, ref := range []string{"moves, says done", "moves, says later", "rests"} {
		must(t, wake(s, payment.WorkAttempt, ref, time.Now()))
	}
	eventually(t, "all done", func() bool { return done.Load() == 3 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.StopWork(ctx) // and settled
	if n := rows(t, s, "work", fmt.Sprintf(`kind = 'attempt' AND ref LIKE 'moves%%' AND next_at = %d`, later.UnixMicro())); n != 2 {
		t.Error("the work that moved itself is not where it moved to")
	}
	if n := rows(t, s, "work", `ref = 'rests'`); n != 0 {
		t.Error("the work that took itself off the schedule is back")
	}
}

// A node that dies leaves its work to the others, when the lease is over and not before.
func testDeadNode(t *testing.T, db *database) {
	c := &clock{}
	a, b := db.open(t), db.open(t, at(c))
	began, end := make(chan struct{}), make(chan struct{})
	a.Work(map[payment.WorkKind]Handler{payment.WorkAttempt: func(context.Context, string, int) (time.Time, error) {
		close(began)
		<-end // dead, as far as anyone can tell
		return time.Time{}, nil
	}})
	taken := make(chan int, 10)
	b.Work(map[payment.WorkKind]Handler{payment.WorkAttempt: func(_ context.Context, _ string, tries int) (time.Time, error) {
		taken <- tries
		return c.now().Add(time.Hour), nil
	}})
	a.StartWork()
	b.StartWork()
	must(t, wake(a, payment.WorkAttempt, "pr-1", time.Now()))
	<-began
	c.advance(10 * time.Second)
	must(t, wake(b, payment.WorkAttempt, "pr-2", c.now().Add(time.Millisecond))) // b looks, and finds this
	<-taken
	if n := rows(t, b, "work", `ref = 'pr-1' AND attempt = 0`); n != 1 || len(taken) != 0 {
		t.Error("taken before the lease was over")
	}
	c.advance(3 * time.Second)
	if tries := <-taken; tries != 0 {
		t.Errorf("%d tries, though none came to an end", tries)
	}
	eventually(t, "moved by b", func() bool { return rows(t, b, "work", `ref = 'pr-1' AND attempt = 1`) == 1 })
	close(end) // a was only slow; what it does now is not its to decide any more
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	a.StopWork(ctx)
	if n := rows(t, b, "work", `ref = 'pr-1' AND attempt = 1`); n != 1 {
		t.Error("the late one deleted what another had claimed")
	}
}

func testForeignKinds(t *testing.T, db *database) {
	s := db.open(t)
	did := make(chan string, 10)
	s.Work(map[payment.WorkKind]Handler{payment.WorkSession: func(_ context.Context, ref string, _ int) (time.Time, error) {
		did <- ref
		return time.Time{}, nil
	}})
	must(t, wake(s, payment.WorkAttempt, "pr-1", time.Now().Add(-time.Minute)))
	must(t, wake(s, payment.WorkSession, "ps-1", time.Now())) // before anything works: left for the claim
	s.StartWork()
	if got := <-did; got != "ps-1" {
		t.Errorf("did %s", got)
	}
	eventually(t, "its own kind done", func() bool { return rows(t, s, "work", `kind = 'session'`) == 0 })
	if n := rows(t, s, "work", fmt.Sprintf(`kind = 'attempt' AND next_at <= %d`, time.Now().UnixMicro())); n != 1 {
		t.Error("work of a kind that is not done here was claimed")
	}
}

// slowPeers is a node with 16 workers, 12 for endpoints: 6 for one that is alone. Endpoints whose name begins with slow
// answer once release is closed. No work waits for a poll: what is left behind is looked for when there is
// room.
type slowPeers struct {
	*Store
	done    atomic.Int64
	release chan struct{}

	mu         sync.Mutex
	busy, most map[string]int
}

func newSlowPeers(t *testing.T, db *database) *slowPeers {
	p := &slowPeers{
		Store:   db.open(t, func(o *Options) { o.Workers, o.Poll = 16, time.Hour }),
		release: make(chan struct{}), busy: map[string]int{}, most: map[string]int{},
	}
	p.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		p.count(string(to.ID), 1)
		if strings.HasPrefix(string(to.ID), "slow") {
			<-p.release
		}
		p.count(string(to.ID), -1)
		p.done.Add(1)
		return taken(n, to)
	}})
	p.Work(map[payment.WorkKind]Handler{payment.WorkAdvice: func(context.Context, string, int) (time.Time, error) {
		p.done.Add(1)
		return time.Time{}, nil
	}})
	p.StartWork()
	return p
}

// tell makes a delivery to a peer due, as the commit of a notice does.
func tell(s *Store, n int, peer string) error {
	d := s.newDraft()
	d.deliver(payment.Notice{ID: payment.EventID(fmt.Sprintf("e%04d", n))}, payment.Endpoint{ID: payment.EndpointID(peer)})
	return d.commit(context.Background())
}

func (p *slowPeers) count(peer string, by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy[peer] += by
	p.busy["all"] += by
	for _, name := range []string{peer, "all"} {
		p.most[name] = max(p.most[name], p.busy[name])
	}
}

func (p *slowPeers) finish(t *testing.T, all int64) {
	t.Helper()
	close(p.release)
	eventually(t, "all done", func() bool { return p.done.Load() == all && rows(t, p.Store, "work", `1 = 1`) == 0 })
	eventually(t, "nobody behind, so that work is handed over again", func() bool {
		p.slots.mu.Lock()
		defer p.slots.mu.Unlock()
		return len(p.slots.behind) == 0 && len(p.slots.turns) == 0
	})
}

// What is left while a claim looks has to be claimed, but keeps nothing else from being handed over: where work comes all
// the time, some is always left meanwhile.
func TestCaughtUp(t *testing.T) {
	s := newSlots(16)
	s.open([]string{string(payment.WorkWebhook)})
	w := payment.Work{Kind: payment.WorkWebhook, Ref: "e/shop"}
	taken := 0
	for s.take(w, false) {
		taken++
	}
	s.leave(w)
	for range taken {
		s.give(w)
	}
	if s.take(w, false) {
		t.Fatal("work was handed over before what was left")
	}
	first := s.room(false).shares
	s.leave(w)
	s.caughtUp(first[0])
	s.claimed()
	if !s.take(w, false) {
		t.Error("nothing is handed over, though all but the last was claimed")
	}
	again := s.room(false).shares
	if len(again) != 1 {
		t.Fatalf("shares %v: what was left last is not claimed", again)
	}
	if s.take(w, false) {
		t.Error("a slot that is lent to a claim was taken by work that was handed over")
	}
	for range again[0].n {
		if !s.take(w, true) {
			t.Error("what was claimed finds less room than it was lent")
		}
	}
	if n := s.byPeer["shop"]; n != taken {
		t.Errorf("%d at once, want %d as before", n, taken)
	}
	s.claimed()
	s.caughtUp(again[0])
	if more := s.room(false).shares; len(more) != 0 {
		t.Errorf("shares %v, with nothing left", more)
	}
}

// A slow endpoint has its slots full and holds up nobody else; when it moves again, all of its own is done.
func testSlowPeer(t *testing.T, db *database) {
	p := newSlowPeers(t, db)
	const n = 40
	for _, peer := range []string{"slow", "quick"} {
		for i := range n {
			must(t, tell(p.Store, i, peer))
		}
	}
	eventually(t, "the quick one's done", func() bool { return p.done.Load() == n })
	p.finish(t, 2*n)
	if p.most["slow"] != 6 || p.most["quick"] > 6 {
		t.Errorf("slots at once: slow %d, quick %d, want 6 of 12", p.most["slow"], p.most["quick"])
	}
}

// All endpoints together, however slow, leave room for what is the gateway's own.
func testSlowPeers(t *testing.T, db *database) {
	p := newSlowPeers(t, db)
	const n = 40
	for i := range n {
		must(t, tell(p.Store, i, fmt.Sprintf("slow %d", i%20)))
	}
	for i := range n {
		must(t, wake(p.Store, payment.WorkAdvice, fmt.Sprint(i), time.Now()))
	}
	eventually(t, "reversals done", func() bool { return p.done.Load() == n })
	p.finish(t, 2*n)
	if p.most["all"] != 12 {
		t.Errorf("%d slots of endpoints at once, want 12", p.most["all"])
	}
}

func testStop(t *testing.T, db *database) {
	s := db.open(t)
	began, end := make(chan struct{}, 2), make(chan struct{})
	var finished atomic.Bool
	s.Work(map[payment.WorkKind]Handler{payment.WorkAttempt: func(ctx context.Context, ref string, _ int) (time.Time, error) {
		began <- struct{}{}
		if ref == "stuck" {
			<-ctx.Done()
			return time.Time{}, ctx.Err()
		}
		<-end
		finished.Store(true)
		return time.Time{}, nil
	}})
	s.StartWork()
	must(t, wake(s, payment.WorkAttempt, "finishes", time.Now()))
	must(t, wake(s, payment.WorkAttempt, "stuck", time.Now()))
	<-began
	<-began
	patience, lose := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { s.StopWork(patience); close(stopped) }()
	eventually(t, "no more taken", func() bool { return len(s.slots.room(false).kinds) == 0 })
	must(t, wake(s, payment.WorkAttempt, "too late", time.Now()))
	close(end)
	eventually(t, "the one that finishes settled", func() bool { return rows(t, s, "work", `ref = 'finishes'`) == 0 })
	select {
	case <-stopped:
		t.Fatal("stopped while work was being done")
	default:
	}
	lose()
	<-stopped
	if !finished.Load() {
		t.Error("cut short before its time")
	}
	if n := rows(t, s, "work", fmt.Sprintf(`attempt = 0 AND next_at <= %d`, time.Now().UnixMicro())); n != 2 {
		t.Errorf("%d pieces of work due for others, want the stuck one and the late one", n)
	}
}

// Work that heeds nothing is left to itself, or the process would never end.
func testStopUnheeded(t *testing.T, db *database) {
	var log logged
	s := db.open(t, log.to, func(o *Options) {
		timer := o.Timer
		o.Timer = func(d time.Duration) (<-chan time.Time, func() bool) {
			if d == grace {
				d = 0
			}
			return timer(d)
		}
	})
	began, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	s.Work(map[payment.WorkKind]Handler{payment.WorkAdvice: func(context.Context, string, int) (time.Time, error) {
		close(began)
		<-end
		return time.Time{}, nil
	}})
	s.StartWork()
	must(t, wake(s, payment.WorkAdvice, "rv-1", time.Now()))
	<-began
	over, leave := context.WithCancel(context.Background())
	leave()
	stopped := make(chan struct{})
	go func() { s.StopWork(over); close(stopped) }()
	eventually(t, "stopped", func() bool {
		select {
		case <-stopped:
			return true
		default:
			return false
		}
	})
	if text := log.String(); !strings.Contains(text, "kinds=["+string(payment.WorkAdvice)+"]") {
		t.Errorf("the log does not say what is still busy:\n%s", text)
	}
}
