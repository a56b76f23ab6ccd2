package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

func testEscrow(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	row := sealed("pr-1", "\x00v1")
	_, err := s.Change(ctx, bySession, nil, func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 1)
		c.Request = &r
		return events(payment.Event{Kind: payment.Submit, Sealed: &row})(c)
	})
	must(t, err)
	_, err = s.Change(ctx, bySession, nil, submit(1, "v2"))
	must(t, err)
	got, err := s.Escrow(ctx, "pr-1", []byte("\x00v1"))
	must(t, err)
	if diff := cmp.Diff(row, got); diff != "" {
		t.Errorf("sealed CVN (-want +got):\n%s", diff)
	}
	for _, wrong := range []string{"", "v", "v3"} {
		if _, err := s.Escrow(ctx, "pr-1", []byte(wrong)); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("verifier %q: %v, want not found", wrong, err)
		}
	}

	authenticated(t, s, bySession, "t1", "CAVV")
	if _, err := s.Change(ctx, bySession, nil, authorize(1, "wrong")); !errors.Is(err, payment.ErrTaken) {
		t.Errorf("taken by a wrong verifier: %v, want ErrTaken", err)
	}
	c, err := s.Case(ctx, bySession)
	must(t, err)
	if c.Request.State != payment.Authenticated || rows(t, s, "cvn_escrow", `request = 'pr-1'`) != 2 {
		t.Errorf("a wrong verifier changed something: %s", c.Request.State)
	}
	_, err = s.Change(ctx, bySession, nil, authorize(1, "v2"))
	must(t, err)
	if n := rows(t, s, "cvn_escrow", `1 = 1`); n != 0 {
		t.Errorf("%d sealed CVNs after one was taken, want none", n)
	}
	if n := rows(t, s, "request", `data LIKE '%CQgABw%' OR data LIKE '%iphertext%'`); n != 0 {
		t.Error("a sealed CVN stands in the attempt's JSON")
	}
}

// Of all who take the same CVN, on two nodes, one sends it to the acquirer.
func testTakenByMany(t *testing.T, db *database) {
	a, b := db.open(t), db.open(t)
	seed(t, a)
	ctx := context.Background()
	for round := 1; round <= 8; round++ {
		_, err := a.Change(ctx, bySession, nil, submit(round, "v"))
		must(t, err)
		authenticated(t, a, bySession, fmt.Sprint("t", round), fmt.Sprint("CAVV", round))
		won := 0
		for i, err := range together(8, func(i int) error {
			s := a
			if i%2 == 1 {
				s = b
			}
			_, err := s.Change(ctx, bySession, nil, authorize(100*round+i, "v"))
			return err
		}) {
			var late *payment.ErrNotNow
			switch {
			case err == nil:
				won++
			case !errors.As(err, &late) && !errors.Is(err, payment.ErrTaken):
				t.Errorf("round %d, task %d: %v", round, i, err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: taken %d times, want once", round, won)
		}
		if n := rows(t, a, "trace", `1 = 1`); n != round {
			t.Fatalf("round %d: %d purchases, want %d", round, n, round)
		}
		_, err = a.Change(ctx, bySession, nil, events(payment.Event{Kind: payment.Unsend, Answer: &payment.Answer{Failure: payment.ChannelUnavailable}}))
		must(t, err)
	}
}

func testForgotten(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	for n, end := range []func(payment.Case) (payment.Changes, error){
		events(payment.Event{Kind: payment.Lapse}),
		events(payment.Event{Kind: payment.Drop}),
		func(c payment.Case) (payment.Changes, error) { return payment.CancelSession(c, moment) },
	} {
		_, err := s.Change(ctx, bySession, nil, submit(n, "v1"))
		must(t, err)
		_, err = s.Change(ctx, bySession, nil, submit(n, "v2"))
		must(t, err)
		if kept := rows(t, s, "cvn_escrow", `1 = 1`); kept != 2 {
			t.Fatalf("%d sealed CVNs, want 2", kept)
		}
		_, err = s.Change(ctx, bySession, nil, end)
		must(t, err)
		if kept := rows(t, s, "cvn_escrow", `1 = 1`); kept != 0 {
			t.Errorf("end %d: %d sealed CVNs left", n, kept)
		}
	}
}

// A CVN past its expiry is neither read nor taken, swept or not.
func testEscrowExpiry(t *testing.T, db *database) {
	c := &clock{}
	s := db.open(t, at(c))
	seed(t, s)
	ctx := t.Context()
	_, err := s.Change(ctx, bySession, nil, submit(1, "v"))
	must(t, err)
	authenticated(t, s, bySession, "t1", "CAVV")
	c.advance(2 * time.Hour)
	if _, err := s.Escrow(ctx, "pr-1", []byte("v")); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("read after its expiry: %v", err)
	}
	if _, err := s.Change(ctx, bySession, nil, authorize(1, "v")); !errors.Is(err, payment.ErrTaken) {
		t.Errorf("taken after its expiry: %v", err)
	}
}

func testSweep(t *testing.T, db *database) {
	c := &clock{}
	s := db.open(t, at(c))
	seed(t, s)
	ctx := t.Context()
	_, err := s.Change(ctx, bySession, nil, submit(1, "v"))
	must(t, err)
	second := openSession()
	second.ID = "ps-2"
	must(t, createSession(s, ctx, second, nil, command("k")))
	many := make([]stmt, 0, sweepBatch+1)
	for n := range cap(many) {
		d := s.newDraft()
		row := sealed("pr-many", fmt.Sprint(n))
		row.Expires = time.Now().Add(time.Minute)
		d.keepCVN(row)
		many = append(many, d.rows[rankEscrow]...)
	}
	must(t, s.commit(ctx, many...))

	must(t, s.Sweep(ctx))
	if kept, answers := rows(t, s, "cvn_escrow", `1 = 1`), rows(t, s, "idempotency", `1 = 1`); kept != len(many)+1 || answers != 1 {
		t.Errorf("swept too early: %d CVNs and %d answers left", kept, answers)
	}
	c.advance(2 * time.Minute)
	must(t, s.Sweep(ctx))
	if kept := rows(t, s, "cvn_escrow", `1 = 1`); kept != 1 {
		t.Errorf("%d sealed CVNs left, want the one that is good", kept)
	}
	c.advance(25 * time.Hour)
	s.StartWork() // sweeps by itself
	eventually(t, "everything swept", func() bool {
		return rows(t, s, "cvn_escrow", `1 = 1`) == 0 && rows(t, s, "idempotency", `1 = 1`) == 0
	})
}

// What was counted against a card is kept as long as anybody looks at it, which is today and 30 days.
func testSweepCounts(t *testing.T, db *database) {
	c := &clock{}
	s := db.open(t, at(c))
	ctx := t.Context()
	day := func(ago int) string { return c.now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }
	count := func(card string, ago int) stmt {
		return stmt{sql: `INSERT INTO card_count (card, what, day, n) VALUES ($1, 'decline', $2, 3)`, args: []any{card, day(ago)}}
	}
	many := make([]stmt, sweepBatch+1)
	for n := range many {
		many[n] = count(fmt.Sprint("old", n), 40)
	}
	must(t, s.commit(ctx, append(many, count("a", 0), count("a", 30), count("a", 31), count("a", 32))...))
	weighed := &weighing{engine: s.engine}
	s.engine = weighed
	must(t, s.Sweep(ctx))
	if weighed.most != sweepBatch {
		t.Errorf("a commit deletes %d rows, want %d at most", weighed.most, sweepBatch)
	}
	if old := rows(t, s, "card_count", `day < '`+day(31)+`'`); old != 0 {
		t.Errorf("%d counts of more than 31 days ago are left", old)
	}
	if kept := rows(t, s, "card_count", `1 = 1`); kept != 3 {
		t.Errorf("%d counts are left, want those of the last 31 days", kept)
	}
}

// weighing is an engine that notes how many rows come back from a commit.
type weighing struct {
	engine
	most int
}

func (w *weighing) commit(ctx context.Context, list []stmt) error {
	rows := 0
	list = slices.Clone(list)
	for i, st := range list {
		if st.each != nil {
			list[i].each = func(r row) error { rows++; return st.each(r) }
		}
	}
	err := w.engine.commit(ctx, list)
	w.most = max(w.most, rows)
	return err
}
