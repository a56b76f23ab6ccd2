package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// errands has a node deliver nothing, but tell what it was to deliver, and to whom.
func errands(s *Store) <-chan errand {
	came := make(chan errand, 64)
	s.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		came <- errand{notice: n, to: to}
		return taken(n, to)
	}})
	s.StartWork()
	return came
}

// A courier is given the same by a claim as by the commit that made the notice, and of an endpoint what it is by then.
func testErrands(t *testing.T, db *database) {
	s := db.open(t)
	handed := errands(s)
	list := told(t, s)
	byRef := map[string]errand{}
	for range list {
		e := <-handed
		byRef[string(e.notice.ID)+"/"+string(e.to.ID)] = e
	}
	eventually(t, "all settled", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })

	claimed := func() {
		t.Helper()
		_, _, err := s.Resend(t.Context(), payment.DeliveryFilter{Business: business}, 10, nil, func([]payment.Delivery, bool) {})
		must(t, err)
		for range list {
			e := <-handed
			if diff := cmp.Diff(byRef[string(e.notice.ID)+"/"+string(e.to.ID)], e, cmp.AllowUnexported(errand{})); diff != "" {
				t.Errorf("claimed (-as handed over +as claimed):\n%s", diff)
			}
		}
		eventually(t, "all settled", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
	}
	claimed()

	// What a commit knows of an endpoint may be of before the acquirer was asked.
	must(t, s.SaveEndpoint(t.Context(), business, payment.Endpoint{ID: "moved", URL: "https://new.example"}, actor, nil))
	for name, url := range map[payment.EndpointID]string{"moved": "https://new.example", "removed": ""} {
		d := s.newDraft()
		d.deliver(payment.Notice{ID: "e1", Business: business}, payment.Endpoint{ID: name, URL: "https://old.example"})
		must(t, d.commit(t.Context()))
		if e := <-handed; e.to.ID != name || e.to.URL != url {
			t.Errorf("%s: sent to %+v", name, e.to)
		}
	}

	// Disabled, removed, or another's of the same name, while the delivery is due.
	halt, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.StopWork(halt)
	_, _, err := s.Resend(t.Context(), payment.DeliveryFilter{Business: business, Notice: list[0].Notice.ID}, 10, nil, func([]payment.Delivery, bool) {})
	must(t, err)
	must(t, record(s, list[0], "It is gone."))
	must(t, s.RemoveEndpoint(t.Context(), business, list[1].Endpoint, actor))
	must(t, s.SaveEndpoint(t.Context(), "other", payment.Endpoint{ID: list[1].Endpoint, URL: "https://other.example"}, actor, nil))
	later := errands(db.open(t))
	for range 2 {
		switch e := <-later; e.to.ID {
		case list[0].Endpoint:
			if e.to.Disabled.IsZero() || e.to.Reason != "It is gone." || e.to.URL == "" {
				t.Errorf("disabled: %+v", e.to)
			}
		case list[1].Endpoint:
			if e.to.URL != "" {
				t.Errorf("of another business: %+v", e.to)
			}
		}
	}
}

// commits counts what a node commits, and holds those up that begin with a word until it is told not to.
type commits struct {
	mu     sync.Mutex
	made   []string
	held   chan struct{} // has one for each that waits
	goOn   chan struct{}
	holder string
}

func (c *commits) watch(what string, _ []any, do func() error) error {
	if c.holder != "" && strings.HasPrefix(what, c.holder) {
		c.held <- struct{}{}
		<-c.goOn
	}
	c.mu.Lock()
	c.made = append(c.made, what)
	c.mu.Unlock()
	return do()
}

// begun are the commits that begin with a word.
func (c *commits) begun(word string) (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, what := range c.made {
		if strings.HasPrefix(what, word) {
			list = append(list, what)
		}
	}
	return list
}

// What comes of tries while a commit is under way shares the next one.
func testSettledTogether(t *testing.T, db *database) {
	c := &commits{held: make(chan struct{}, 16), goOn: make(chan struct{}), holder: "UPDATE delivery"}
	s := db.open(t, func(o *Options) { o.Watch, o.Poll = c.watch, time.Hour })
	tried := make(chan struct{}, 16)
	s.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		defer func() { tried <- struct{}{} }()
		return taken(n, to)
	}})
	s.StartWork()
	const n = 10
	for i := range n {
		must(t, tell(s, i, fmt.Sprint("shop ", i%3)))
		<-tried
		if i == 0 {
			<-c.held // alone, it waits for nobody
		}
	}
	eventually(t, "all but the first wait", func() bool {
		s.outcomes.mu.Lock()
		defer s.outcomes.mu.Unlock()
		return len(s.outcomes.waiting) == n-1
	})
	close(c.goOn)
	eventually(t, "all settled", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
	if n := rows(t, s, "delivery", `status = 'DELIVERED'`); n != 10 {
		t.Errorf("%d are delivered", n)
	}
	if settled := c.begun("UPDATE delivery"); len(settled) != 2 {
		t.Errorf("%d commits say what came of it, want 2: %q", len(settled), settled)
	}
}

// refusing is an engine that fails whatever is about a piece of work, as one whose row somebody else holds on to.
type refusing struct {
	engine
	ref string
}

func (r *refusing) commit(ctx context.Context, list []stmt) error {
	for _, st := range list {
		if slices.Contains(st.args, any(r.ref)) && strings.HasPrefix(st.sql, "DELETE") {
			return payment.ErrUnavailable
		}
	}
	return r.engine.commit(ctx, list)
}

// One outcome that cannot be written does not keep those of its group from being written.
func testSettledBesideTrouble(t *testing.T, db *database) {
	c := &commits{held: make(chan struct{}, 16), goOn: make(chan struct{}), holder: "UPDATE delivery"}
	s := db.open(t, func(o *Options) { o.Watch, o.Poll = c.watch, time.Hour })
	s.engine = &refusing{s.engine, "e0002/shop"}
	s.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		return taken(n, to)
	}})
	s.StartWork()
	const n = 5
	for i := range n {
		must(t, tell(s, i, "shop"))
	}
	<-c.held
	close(c.goOn)
	eventually(t, "the others settled", func() bool { return rows(t, s, "work", `1 = 1`) == 1 })
	if rows(t, s, "work", `ref = 'e0002/shop'`) != 1 || rows(t, s, "delivery", `status = 'DELIVERED'`) != n-1 {
		t.Error("another than the one in trouble is not settled")
	}
}

// Where nothing can be written down, no more is done than can wait for it.
func testUnsettled(t *testing.T, db *database) {
	c := &commits{held: make(chan struct{}, 1000), goOn: make(chan struct{}), holder: "UPDATE delivery"}
	s := db.open(t, func(o *Options) { o.Watch, o.Workers = c.watch, 16 })
	var tried atomic.Int64
	s.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		tried.Add(1)
		return taken(n, to)
	}})
	s.StartWork()
	const n = 3 * outcomesMax
	for i := range n {
		must(t, tell(s, i, "shop"))
	}
	const slots = 6 // of 16, for one endpoint
	eventually(t, "all slots wait", func() bool {
		s.outcomes.mu.Lock()
		defer s.outcomes.mu.Unlock()
		return len(s.outcomes.waiting) == outcomesMax+slots
	})
	time.Sleep(100 * time.Millisecond)
	if most := int64(slots + outcomesMax + slots); tried.Load() > most { // the first group is being written
		t.Errorf("%d were tried, want %d at most", tried.Load(), most)
	}
	close(c.goOn)
	eventually(t, "all settled", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
	if tried.Load() != n {
		t.Errorf("%d tries of %d", tried.Load(), n)
	}
}

// Endpoints are turned off in the order of their rows in every commit, whoever found out first.
func testTurnedOff(t *testing.T, db *database) {
	c := &commits{held: make(chan struct{}, 16), goOn: make(chan struct{}), holder: "UPDATE delivery"}
	var mu sync.Mutex
	var off []any
	s := db.open(t, func(o *Options) {
		o.Poll = time.Hour
		o.Watch = func(what string, args []any, do func() error) error {
			if strings.HasPrefix(what, "UPDATE endpoint") {
				mu.Lock()
				off = append(off, args[0], args[3])
				mu.Unlock()
			}
			return c.watch(what, args, do)
		}
	})
	s.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		made := taken(n, to)
		if n.ID != "e0000" {
			made.Disable = "It is gone."
		}
		return made
	}})
	s.StartWork()
	must(t, tell(s, 0, "shop"))
	<-c.held
	for i, peer := range []string{"b", "a", "b"} {
		must(t, tell(s, i+1, peer))
	}
	eventually(t, "all wait", func() bool {
		s.outcomes.mu.Lock()
		defer s.outcomes.mu.Unlock()
		return len(s.outcomes.waiting) == 3
	})
	close(c.goOn)
	eventually(t, "all settled", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
	if diff := cmp.Diff([]any{"a", "b"}, off); diff != "" {
		t.Errorf("turned off (-want +got):\n%s", diff)
	}
}

// A claim that took the database long leaves a try what is left of the lease, less what writing down takes.
func testLateClaim(t *testing.T, db *database) {
	s := db.open(t, func(o *Options) { o.Lease = 12 * time.Second })
	until := make(chan error, 1)
	s.Courier(Courier{Deliver: func(ctx context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		<-ctx.Done()
		until <- ctx.Err()
		return payment.Tried{Delivery: payment.Delivery{Notice: n, Endpoint: to.ID, Status: payment.DeliveryPending}, Next: s.Now()}
	}})
	late := job{
		work: payment.Work{Kind: payment.WorkWebhook, Ref: "e1/shop"}, lease: micros(s.Now().Add(1100 * time.Millisecond)),
		errand: &errand{notice: payment.Notice{ID: "e1", Business: business}, to: payment.Endpoint{ID: "shop"}},
	}
	var o outcome
	if err := s.handle(late, &o); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a try that was cut short is no error of the work: %v", err)
	}
	<-until
}

// A try that was cut short when the node stopped is none of the schedule's; one that was taken all the same is kept.
func testCutShort(t *testing.T, db *database) {
	s := db.open(t)
	began := make(chan struct{}, 2)
	s.Courier(Courier{Deliver: func(ctx context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		began <- struct{}{}
		<-ctx.Done()
		tried := taken(n, to)
		if to.ID == "slow" {
			tried.Status, tried.Attempts, tried.Next = payment.DeliveryPending, nil, s.Now().Add(time.Hour)
		}
		return tried
	}})
	s.StartWork()
	must(t, tell(s, 1, "slow"))
	must(t, tell(s, 2, "quick"))
	<-began
	<-began
	over, leave := context.WithCancel(context.Background())
	leave()
	s.StopWork(over)
	if n := rows(t, s, "work", fmt.Sprintf(`peer = 'slow' AND attempt = 0 AND failed = 0 AND next_at <= %d`, s.Now().UnixMicro())); n != 1 {
		t.Error("what was cut short is not due as it was")
	}
	if rows(t, s, "work", `peer = 'quick'`) != 0 || rows(t, s, "delivery", `status = 'DELIVERED'`) != 1 {
		t.Error("what was taken is not kept")
	}
}

// However much waits for one endpoint that is down, what waits for others, and the gateway's own work, is found beside it
// and not among it; and the one has no more than its share.
func testBacklog(t *testing.T, db *database) {
	const backlog = 20_000
	s := db.open(t, func(o *Options) { o.Workers, o.Poll = 16, time.Hour })
	due := micros(time.Now().Add(-time.Minute))
	must(t, s.commit(t.Context(), stmt{
		sql: `
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < CAST($1 AS BIGINT))
INSERT INTO work (kind, ref, peer, next_at, attempt)
SELECT 'webhook', 'e' || CAST(i AS TEXT) || '/down', 'down', CAST($2 AS BIGINT) + i, 0 FROM n`,
		args: []any{int64(backlog), due},
	}))
	for i := range 3 {
		must(t, tell(s, i, fmt.Sprint("up ", i)))
	}
	must(t, wake(s, payment.WorkAdvice, "ad-1", time.Now()))

	// The statements of a claim go straight to what they take.
	c := claiming{now: micros(time.Now()), lease: micros(time.Now().Add(time.Hour)), claim: 1}
	for name, st := range map[string]stmt{
		"own": c.lend([]string{"advice", "session"}, "", 8), "share": c.lend([]string{"webhook"}, "down", 8),
		"errands": c.readErrands("down", func(job) error { return nil }), "look": c.latePeers(func(string) {}),
	} {
		plan := planOf(t, db, s, st)
		if !strings.Contains(plan, "work_peer") || strings.Contains(plan, "Seq Scan on work") ||
			strings.Contains(plan, "SCAN work\n") || strings.Contains(plan, "SCAN w\n") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}

	release := make(chan struct{})
	defer close(release)
	var mu sync.Mutex
	times := map[string]int{}
	do := func(who string) {
		mu.Lock()
		defer mu.Unlock()
		times[who]++
	}
	s.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		do(string(to.ID))
		if to.ID == "down" {
			<-release
		}
		return taken(n, to)
	}})
	s.Work(map[payment.WorkKind]Handler{payment.WorkAdvice: func(context.Context, string, int) (time.Time, error) {
		do("advice")
		return time.Time{}, nil
	}})
	s.StartWork()
	eventually(t, "all others done beside the backlog", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return times["up 0"] == 1 && times["up 1"] == 1 && times["up 2"] == 1 && times["advice"] == 1 && times["down"] > 0
	})
	mu.Lock()
	defer mu.Unlock()
	if times["down"] > 6 {
		t.Errorf("%d slots of 12 for one", times["down"])
	}
}

// planOf is how the database carries a statement out, once it knows its tables.
func planOf(t *testing.T, db *database, s *Store, st stmt) string {
	t.Helper()
	var plan strings.Builder
	explain := `EXPLAIN QUERY PLAN `
	if db.kind == "PostgreSQL" {
		explain = `EXPLAIN (COSTS OFF) `
		must(t, s.commit(t.Context(), stmt{sql: `ANALYZE work`}))
	}
	must(t, s.engine.commit(t.Context(), []stmt{{
		sql: explain + st.sql, args: st.args,
		each: func(r row) error {
			var line string
			into := []any{&line}
			if db.kind == "SQLite" {
				var a, b, c int
				into = []any{&a, &b, &c, &line}
			}
			err := r.Scan(into...)
			plan.WriteString(line + "\n")
			return err
		},
	}}))
	return plan.String()
}
