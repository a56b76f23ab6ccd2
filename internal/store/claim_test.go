package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"reprise/internal/payment"
)

// Time stands still here, so that all leases end in the same microsecond: whose a piece of work is must be told
// without it. The first node had its work handed over or claimed it; then the work is woken on another, while the
// first is still at it. What the first says at its end is not its to say any more.
func testClaims(t *testing.T, db *database) {
	still := func(o *Options) { o.Now = func() time.Time { return moment } }
	a, b := db.open(t, still), db.open(t, still)
	began, end := make(chan string), map[string]chan time.Time{}
	for _, node := range []string{"a", "b"} {
		for _, ref := range []string{"handed over", "claimed", "moved"} {
			end[node+" "+ref] = make(chan time.Time)
		}
	}
	handler := func(node string) map[payment.WorkKind]Handler {
		return map[payment.WorkKind]Handler{payment.WorkAttempt: func(_ context.Context, ref string, _ int) (time.Time, error) {
			began <- node + " " + ref
			return <-end[node+" "+ref], nil
		}}
	}
	a.Work(handler("a"))
	b.Work(handler("b"))
	must(t, wake(a, payment.WorkAttempt, "claimed", moment)) // before anything works
	a.StartWork()
	begins := func(want string) {
		t.Helper()
		if got := <-began; got != want {
			t.Fatalf("%s began, want %s", got, want)
		}
	}
	begins("a claimed")
	must(t, wake(a, payment.WorkAttempt, "handed over", moment))
	begins("a handed over")
	b.StartWork()
	for _, ref := range []string{"claimed", "handed over"} {
		must(t, wake(b, payment.WorkAttempt, ref, moment))
		begins("b " + ref)
		before := rows(t, b, "work", fmt.Sprintf(`ref = '%s' AND attempt = 0 AND next_at = %d`, ref, moment.Add(b.Options.Lease).UnixMicro()))
		if before != 1 {
			t.Fatalf("%s: both leases are to end at the same time", ref)
		}
	}
	// A node of a version that knows no numbers moves the work to another time.
	must(t, wake(a, payment.WorkAttempt, "moved", moment))
	<-began
	must(t, b.commit(t.Context(), stmt{sql: `UPDATE work SET next_at = next_at + 1 WHERE ref = 'moved'`}))

	end["a handed over"] <- time.Time{}
	end["a claimed"] <- moment.Add(time.Minute)
	end["a moved"] <- time.Time{}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	a.StopWork(ctx) // and settled
	if n := rows(t, b, "work", fmt.Sprintf(`attempt = 0 AND next_at BETWEEN %d AND %[1]d + 1`, moment.Add(b.Options.Lease).UnixMicro())); n != 3 {
		t.Errorf("the late ones left %d of 3 pieces of work alone", n)
	}
	end["b claimed"] <- moment.Add(time.Hour)
	end["b handed over"] <- time.Time{}
	eventually(t, "what the last one said", func() bool {
		return rows(t, b, "work", `ref = 'handed over'`) == 0 &&
			rows(t, b, "work", fmt.Sprintf(`ref = 'claimed' AND attempt = 1 AND claim = 0 AND next_at = %d`, moment.Add(time.Hour).UnixMicro())) == 1
	})
}

// What was claimed for a slot that a hand-over took meanwhile is put back, and claimed again when a slot is free.
func testPutBack(t *testing.T, db *database) {
	c := &commits{held: make(chan struct{}, 16), goOn: make(chan struct{}), holder: "UPDATE"}
	s := db.open(t, func(o *Options) { o.Workers, o.Poll, o.Watch = 1, time.Hour, c.watch })
	began, end := make(chan string, 4), make(chan struct{})
	s.Work(map[payment.WorkKind]Handler{payment.WorkAttempt: func(_ context.Context, ref string, _ int) (time.Time, error) {
		began <- ref
		<-end
		return time.Time{}, nil
	}})
	must(t, wake(s, payment.WorkAttempt, "claimed", time.Now())) // before anything works
	s.StartWork()
	<-c.held
	must(t, wake(s, payment.WorkAttempt, "handed over", time.Now()))
	if ref := <-began; ref != "handed over" {
		t.Fatalf("%s began", ref)
	}
	close(c.goOn)
	eventually(t, "claimed and put back", func() bool {
		return len(c.begun("UPDATE")) == 2
	})
	eventually(t, "due for anybody", func() bool { return rows(t, s, "work", `ref = 'claimed' AND claim = 0 AND attempt = 0`) == 1 })
	close(end)
	if ref := <-began; ref != "claimed" {
		t.Fatalf("%s began", ref)
	}
	eventually(t, "all done", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })
}
