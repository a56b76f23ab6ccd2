package store

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"reprise/internal/payment"
)

// testBroughtBack: the counters of a database that a server's tools have brought back move on and never go back, when
// nobody is connected to it.
func testBroughtBack(t *testing.T, db *database) {
	by := payment.Audit{Actor: payment.Operator("alice"), Act: "database.restored"}
	further := func(_ string, at Place) Place { return Place{at.Period + 1, 40} }
	again := func(beyond func(string, Place) Place) (Restored, error) {
		return BroughtBack(t.Context(), Options{URL: db.url, Now: time.Now, Rand: rand.Reader}, by, beyond)
	}
	if db.kind == "SQLite" {
		if _, err := again(further); err == nil {
			t.Error("a file was brought back twice over")
		}
		return
	}
	if _, err := again(further); err == nil {
		t.Error("an empty database was taken for a gateway's")
	}
	s := db.open(t)
	lease := func(lane string, period, want, wantAt int64) {
		t.Helper()
		from, at, err := s.Lease(t.Context(), lane, period, 10)
		if err != nil || from != want || at != wantAt {
			t.Errorf("%s: %d of %d, want %d of %d: %v", lane, from, at, want, wantAt, err)
		}
	}
	lease("stan/400001", 7, 0, 7)
	lease("rrn/400001", 0, 0, 0)
	if _, err := again(further); !errors.Is(err, ErrInUse) {
		t.Errorf("with a node connected: %v", err)
	}
	lease("stan/400001", 7, 10, 7)
	must(t, s.Close(t.Context()))

	began := time.Now()
	r, err := settled(t, func() (Restored, error) { return again(further) })
	must(t, err)
	if r.Advices != 0 || len(r.Sent) != 0 || !r.Newest.IsZero() {
		t.Errorf("%+v", r)
	}
	r, err = again(func(_ string, at Place) Place { return Place{at.Period, at.Next - 1} })
	must(t, err)
	if r.Newest.Before(began.Truncate(time.Microsecond)) {
		t.Errorf("the first time is audited at %s", r.Newest)
	}
	s = db.open(t)
	lease("stan/400001", 7, 40, 8)
	lease("rrn/400001", 0, 40, 1)
	if list, err := s.Audits(t.Context(), began.Add(-time.Second)); err != nil || len(list) != 2 || list[0].Act != by.Act || list[0].Actor != by.Actor {
		t.Errorf("%v %v", list, err)
	}
}

// settled tries again while a connection that was closed is still known to the server.
func settled(t *testing.T, do func() (Restored, error)) (r Restored, err error) {
	for range 100 {
		if r, err = do(); !errors.Is(err, ErrInUse) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return r, err
}
