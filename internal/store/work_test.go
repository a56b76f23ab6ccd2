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
	s.Work(map[payment.WorkKind]Handler{payment.WorkWebhook: func(ctx context.Context, ref string, tries int) (time.Time, error) {
		event, endpoint, _ := strings.Cut(ref, "/")
		n, e, err := s.Delivery(ctx, payment.EventID(event), payment.EndpointID(endpoint))
		if err != nil {
			return time.Time{}, err
		}
		mu.Lock()
		defer mu.Unlock()
		if e == endpoints[0] {
			told = append(told, n)
		}
		return time.Time{}, s.RecordDelivery(ctx, DeliveryAttempt{Event: n.ID, Endpoint: e.ID, At: moment, Status: 200, Took: 5 * time.Millisecond})
	}})
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
		return rows(t, s, "delivery", `status = 200`) == 4 && rows(t, s, "work", `1 = 1`) == 0
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
		tries, err := s.Deliveries(ctx, n.ID)
		if err != nil || len(tries) != 2 || tries[0].Status != 200 || tries[0].Took != 5*time.Millisecond || !tries[0].At.Equal(moment) {
			t.Errorf("tries %+v, %v", tries, err)
		}
	}

	if _, _, err := s.Delivery(ctx, told[0].ID, "gone"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("to an endpoint that is gone: %v", err)
	}
	other := payment.Endpoint{ID: "00000000-0000-4000-8000-000000000003", URL: "https://other.example"}
	must(t, s.SaveEndpoints(ctx, "other", other))
	if _, _, err := s.Delivery(ctx, told[0].ID, other.ID); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("to another business: %v", err)
	}
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
		payment.WorkReversal: func(_ context.Context, _ string, n int) (time.Time, error) {
			tries = append(tries, n)
			defer func() { next <- struct{}{} }()
			switch n {
			case 0:
				return c.now().Add(time.Hour), nil
			case 1:
				return time.Time{}, errors.New("not now")
			}
			return time.Time{}, nil
		},
		payment.WorkSession: func(context.Context, string, int) (time.Time, error) {
			return time.Time{}, fmt.Errorf("read: %w", payment.ErrNotFound)
		},
	})
	s.StartWork()
	must(t, wake(s, payment.WorkReversal, "r", c.now()))
	<-next
	eventually(t, "asked for in an hour", func() bool { return rows(t, s, "work", `attempt = 1`) == 1 })
	if late := rows(t, s, "work", fmt.Sprintf(`next_at > %d`, c.now().Add(59*time.Minute).UnixMicro())); late != 1 {
		t.Error("not in an hour")
	}
	c.advance(time.Hour)
	<-next
	eventually(t, "failed", func() bool { return rows(t, s, "work", `attempt = 2`) == 1 })
	if soon := rows(t, s, "work", fmt.Sprintf(`next_at > %d AND next_at < %d`, c.now().UnixMicro(), c.now().Add(3*time.Second).UnixMicro())); soon != 1 {
		t.Error("not again after a moment")
	}
	c.advance(3 * time.Second)
	<-next
	eventually(t, "done", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
	if diff := cmp.Diff([]int{0, 1, 2}, tries); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}

	must(t, wake(s, payment.WorkSession, "gone", c.now()))
	eventually(t, "work about nothing dropped", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
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
		if ref == "moves" {
			return time.Time{}, err // which says: nothing left to do
		}
		return time.Now().Add(time.Minute), err
	}})
	s.StartWork()
	must(t, wake(s, payment.WorkAttempt, "moves", time.Now()))
	must(t, wake(s, payment.WorkAttempt, "rests", time.Now()))
	eventually(t, "both done", func() bool { return done.Load() == 2 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.StopWork(ctx) // and settled
	if n := rows(t, s, "work", fmt.Sprintf(`kind = 'attempt' AND ref = 'moves' AND next_at = %d`, later.UnixMicro())); n != 1 {
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

// A slow endpoint has its slots full and holds up nobody else; when it moves again, all of its own is done.
func testSlowPeer(t *testing.T, db *database) {
	s := db.open(t, func(o *Options) { o.Workers = 16 }) // 2 for each endpoint, 12 for all endpoints
	var slow, most, done atomic.Int64
	release := make(chan struct{})
	s.Work(map[payment.WorkKind]Handler{
		payment.WorkWebhook: func(_ context.Context, ref string, _ int) (time.Time, error) {
			if strings.HasSuffix(ref, "/slow") {
				if n := slow.Add(1); n > most.Load() {
					most.Store(n)
				}
				<-release
				slow.Add(-1)
			}
			done.Add(1)
			return time.Time{}, nil
		},
		payment.WorkReversal: func(context.Context, string, int) (time.Time, error) {
			done.Add(1)
			return time.Time{}, nil
		},
	})
	s.StartWork()
	const n = 40
	for i := range n {
		must(t, wake(s, payment.WorkWebhook, fmt.Sprint("e", i, "/slow"), time.Now()))
	}
	for i := range n {
		must(t, wake(s, payment.WorkWebhook, fmt.Sprint("e", i, "/quick"), time.Now().Add(time.Millisecond)))
		must(t, wake(s, payment.WorkReversal, fmt.Sprint(i), time.Now().Add(time.Millisecond)))
	}
	eventually(t, "everyone else's done", func() bool { return done.Load() == 2*n })
	if got := slow.Load(); got != 2 {
		t.Errorf("the slow endpoint has %d slots, want 2", got)
	}
	close(release)
	eventually(t, "all done", func() bool { return done.Load() == 3*n && rows(t, s, "work", `1 = 1`) == 0 })
	if most.Load() > 2 {
		t.Errorf("the slow endpoint had %d slots at once, want 2", most.Load())
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
	eventually(t, "no more taken", func() bool { return len(s.slots.room().kinds) == 0 })
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
