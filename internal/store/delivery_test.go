package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// told pays and returns the four deliveries that come of it, the newest first.
func told(t *testing.T, s *Store) []payment.Delivery {
	t.Helper()
	seed(t, s)
	seedEndpoints(t, s, endpoints...)
	paid(t, s)
	list, more, err := s.Deliveries(t.Context(), payment.DeliveryFilter{Business: business}, 10)
	must(t, err)
	if len(list) != 4 || more {
		t.Fatalf("%d deliveries, more: %v", len(list), more)
	}
	return list
}

// record keeps a try as whoever made it does.
func record(s *Store, d payment.Delivery, disable string) error {
	made := s.newDraft()
	made.tried(payment.Tried{Delivery: d})
	if disable != "" {
		made.disable(d.Endpoint, disable)
	}
	return made.commit(context.Background())
}

func testDeliveries(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	list := told(t, s)
	if list[0].Notice.ID < list[3].Notice.ID || list[0].Endpoint < list[1].Endpoint {
		t.Errorf("not in order: %+v", list)
	}

	// Attempts come with the delivery that they were made for, in their order.
	first := list[2]
	attempts := []payment.DeliveryAttempt{
		{At: moment, Status: 500, Took: 7 * time.Millisecond}, {At: moment.Add(time.Minute), Problem: "timeout", Took: 10 * time.Second},
	}
	for i, a := range []payment.DeliveryAttempt{attempts[1], attempts[0]} {
		first.Status = []payment.DeliveryStatus{payment.DeliveryFailed, payment.DeliveryDelivered}[i]
		first.Attempts = []payment.DeliveryAttempt{a}
		must(t, record(s, first, ""))
	}
	first.Attempts = attempts
	got, _, err := s.Deliveries(ctx, payment.DeliveryFilter{Business: business}, 10)
	must(t, err)
	list[2] = first
	if diff := cmp.Diff(list, got); diff != "" {
		t.Errorf("with attempts (-want +got):\n%s", diff)
	}

	notice := first.Notice
	for name, test := range map[string]struct {
		f    payment.DeliveryFilter
		want int
	}{
		"notice":           {payment.DeliveryFilter{Notice: notice.ID}, 2},
		"endpoint":         {payment.DeliveryFilter{Endpoint: first.Endpoint}, 2},
		"kind":             {payment.DeliveryFilter{Kind: payment.NoticeCapture}, 2},
		"no such kind":     {payment.DeliveryFilter{Kind: payment.NoticeFailure}, 0},
		"object":           {payment.DeliveryFilter{Object: "py-1"}, 2},
		"status":           {payment.DeliveryFilter{Statuses: []payment.DeliveryStatus{payment.DeliveryDelivered}}, 1},
		"two statuses":     {payment.DeliveryFilter{Statuses: payment.Undelivered()}, 3},
		"all of these":     {payment.DeliveryFilter{Notice: notice.ID, Endpoint: first.Endpoint, Kind: notice.Kind, Object: notice.Object, Statuses: []payment.DeliveryStatus{first.Status}}, 1},
		"since then":       {payment.DeliveryFilter{From: notice.Created.Truncate(time.Millisecond)}, 4},
		"since later":      {payment.DeliveryFilter{From: notice.Created.Add(time.Minute)}, 0},
		"since for ever":   {payment.DeliveryFilter{From: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)}, 4},
		"before all":       {payment.DeliveryFilter{To: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)}, 0},
		"until then":       {payment.DeliveryFilter{To: notice.Created.Truncate(time.Millisecond)}, 0},
		"until later":      {payment.DeliveryFilter{To: notice.Created.Add(time.Minute)}, 4},
		"behind the first": {payment.DeliveryFilter{Before: &payment.DeliveryPlace{Notice: list[0].Notice.ID, Endpoint: list[0].Endpoint}}, 3},
		"behind the last":  {payment.DeliveryFilter{Before: &payment.DeliveryPlace{Notice: list[3].Notice.ID, Endpoint: list[3].Endpoint}}, 0},
	} {
		test.f.Business = business
		if got, _, err := s.Deliveries(ctx, test.f, 10); err != nil || len(got) != test.want {
			t.Errorf("%s: %d deliveries, want %d (%v)", name, len(got), test.want, err)
		}
		test.f.Business = "other"
		if got, _, err := s.Deliveries(ctx, test.f, 10); err != nil || len(got) != 0 {
			t.Errorf("%s, another business: %d deliveries (%v)", name, len(got), err)
		}
	}

	// Page by page, each delivery once.
	var paged []payment.Delivery
	f := payment.DeliveryFilter{Business: business}
	for more := true; more; {
		var page []payment.Delivery
		page, more, err = s.Deliveries(ctx, f, 3)
		must(t, err)
		paged = append(paged, page...)
		last := page[len(page)-1]
		f.Before = &payment.DeliveryPlace{Notice: last.Notice.ID, Endpoint: last.Endpoint}
	}
	if diff := cmp.Diff(list, paged); diff != "" {
		t.Errorf("page by page:\n%s", diff)
	}
}

// testLateTry: the node that was slow tells of its try in vain after another had the notice taken.
func testLateTry(t *testing.T, db *database) {
	slow, quick := db.open(t), db.open(t)
	d := told(t, slow)[0]
	tried := func(s *Store, status payment.DeliveryStatus, answered int, at time.Time) {
		t.Helper()
		d.Status, d.Attempts = status, []payment.DeliveryAttempt{{At: at, Status: answered}}
		must(t, record(s, d, ""))
	}
	stands := func() payment.Delivery {
		t.Helper()
		list, _, err := slow.Deliveries(t.Context(), payment.DeliveryFilter{Business: business, Notice: d.Notice.ID, Endpoint: d.Endpoint}, 1)
		must(t, err)
		return list[0]
	}
	tried(quick, payment.DeliveryDelivered, 200, moment.Add(13*time.Second))
	for _, status := range []payment.DeliveryStatus{payment.DeliveryPending, payment.DeliveryFailed} {
		tried(slow, status, 503, moment)
		if got := stands(); got.Status != payment.DeliveryDelivered || len(got.Attempts) != 2 {
			t.Errorf("after %s: %s, %d tries", status, got.Status, len(got.Attempts))
		}
	}
	// Sent again by hand, it may fail.
	_, _, err := quick.Resend(t.Context(), payment.DeliveryFilter{Business: business, Notice: d.Notice.ID}, 10, nil, func([]payment.Delivery, bool) {})
	must(t, err)
	tried(quick, payment.DeliveryFailed, 500, moment.Add(time.Hour))
	if got := stands(); got.Status != payment.DeliveryFailed {
		t.Errorf("in vain by hand: %s", got.Status)
	}
}

// testResend: a delivery is due again whatever became of the work that had it tried.
func testResend(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	list := told(t, s)
	f := payment.DeliveryFilter{Business: business}
	resend := func(f payment.DeliveryFilter, limit int, once *payment.Once) (int, bool) {
		t.Helper()
		said := -1
		list, more, err := s.Resend(ctx, f, limit, once, func(list []payment.Delivery, _ bool) { said = len(list) })
		must(t, err)
		if said != len(list) {
			t.Errorf("the answer says %d, sent are %d", said, len(list))
		}
		return len(list), more
	}

	// Waiting, with tries behind it; over; and given up.
	must(t, s.commit(ctx, stmt{sql: `UPDATE work SET attempt = 3, next_at = 9999999999999999 WHERE ref = $1`, args: []any{list[0].Work().Ref}}))
	must(t, s.commit(ctx, stmt{sql: `DELETE FROM work WHERE ref = $1`, args: []any{list[1].Work().Ref}}))
	must(t, s.commit(ctx, stmt{sql: `DELETE FROM work WHERE ref = $1`, args: []any{list[2].Work().Ref}}))
	for i, status := range []payment.DeliveryStatus{payment.DeliveryPending, payment.DeliveryDelivered, payment.DeliveryFailed} {
		list[i].Status = status
		must(t, record(s, list[i], ""))
	}
	if n, more := resend(payment.DeliveryFilter{Business: business, Statuses: payment.Undelivered()}, 500, nil); n != 3 || more {
		t.Errorf("%d that were not delivered were resent, more: %v", n, more)
	}
	if got, _, err := s.Deliveries(ctx, payment.DeliveryFilter{Business: business, Statuses: []payment.DeliveryStatus{payment.DeliveryDelivered}}, 10); err != nil || len(got) != 1 {
		t.Errorf("%d are still delivered (%v)", len(got), err)
	}
	if n, more := resend(f, 3, nil); n != 3 || !more {
		t.Errorf("%d were resent of 3 at most, more: %v", n, more)
	}
	place := list[2].Place()
	if n, more := resend(payment.DeliveryFilter{Business: business, Before: &place}, 3, nil); n != 1 || more {
		t.Errorf("%d were resent behind the third, more: %v", n, more)
	}
	if n, _ := resend(f, 500, asked("r", "{}")); n != 4 {
		t.Errorf("%d were resent", n)
	}
	if _, _, err := s.Resend(ctx, f, 500, asked("r", "{}"), func([]payment.Delivery, bool) {}); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("the same command again: %v", err)
	}
	due := func() int {
		return rows(t, s, "work", `kind = 'webhook' AND attempt = 0 AND next_at < 9999999999999999`)
	}
	if due() != 4 || rows(t, s, "delivery", `status = 'PENDING'`) != 4 {
		t.Errorf("%d are due", due())
	}
	if n, _ := resend(payment.DeliveryFilter{Business: "other"}, 500, nil); n != 0 {
		t.Errorf("%d of another business were resent", n)
	}

	// Under way: what the try comes to does not take the new one away.
	began, goOn := make(chan string, 10), make(chan struct{})
	s.Courier(Courier{Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
		t := taken(n, to)
		began <- t.Work().Ref
		<-goOn
		return t
	}})
	s.StartWork()
	for range 4 {
		<-began
	}
	if n, _ := resend(payment.DeliveryFilter{Business: business, Notice: list[0].Notice.ID, Endpoint: list[0].Endpoint}, 1, nil); n != 1 {
		t.Errorf("%d were resent", n)
	}
	close(goOn)
	if again := <-began; again != list[0].Work().Ref {
		t.Errorf("tried again: %s", again)
	}
	eventually(t, "all tried", func() bool { return rows(t, s, "work", `1 = 1`) == 0 })

	// Nothing goes to an endpoint that is disabled or gone.
	must(t, record(s, list[0], "gone"))
	if n, _ := resend(f, 500, nil); n != 2 {
		t.Errorf("with one disabled, %d were resent", n)
	}
	must(t, s.RemoveEndpoint(ctx, business, list[1].Endpoint, actor))
	if n, _ := resend(f, 500, asked("none", "{}")); n != 0 {
		t.Errorf("with one more removed, %d were resent", n)
	}
	if _, _, _, err := s.Answered(ctx, business, "POST /webhook_endpoints", "none"); err != nil {
		t.Errorf("the answer to a resend of nothing: %v", err)
	}
}

// testOldDeliveries: what was under way or over before deliveries had rows of their own has one after the
// migration.
func testOldDeliveries(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	list := told(t, s)
	tries := map[payment.Work][]int{list[0].Work(): {500, 204}, list[1].Work(): {500, 0}, list[2].Work(): {500}, list[3].Work(): nil}
	over := list[:2] // the others are on the schedule
	for _, d := range over {
		must(t, s.commit(ctx, stmt{sql: `DELETE FROM work WHERE ref = $1`, args: []any{d.Work().Ref}}))
	}
	want := map[payment.Work]payment.DeliveryStatus{}
	for i, status := range []payment.DeliveryStatus{payment.DeliveryDelivered, payment.DeliveryFailed, payment.DeliveryPending, payment.DeliveryPending} {
		want[list[i].Work()] = status
		for n, answered := range tries[list[i].Work()] {
			list[i].Attempts = append(list[i].Attempts, payment.DeliveryAttempt{At: moment.Add(time.Duration(n) * time.Minute), Status: answered})
		}
		must(t, record(s, list[i], ""))
	}
	must(t, s.commit(ctx, stmt{sql: `DELETE FROM delivery`}))

	text, err := migrations.ReadFile("migrations/00020_webhook.sql")
	must(t, err)
	filled := 0
	for statement := range strings.SplitSeq(string(text), ";") {
		if statement = strings.TrimSpace(statement); strings.HasPrefix(statement, "INSERT INTO delivery ") {
			must(t, s.commit(ctx, stmt{sql: statement}))
			filled++
		}
	}
	if filled != 2 {
		t.Errorf("%d statements fill the table, want 2", filled)
	}
	got, _, err := s.Deliveries(ctx, payment.DeliveryFilter{Business: business}, 10)
	must(t, err)
	statuses := map[payment.Work]payment.DeliveryStatus{}
	for _, d := range got {
		statuses[d.Work()] = d.Status
	}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
