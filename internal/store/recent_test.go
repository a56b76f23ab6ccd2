package store

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/payment"
)

// What an operator changes on one node another goes by within a second, and the node itself at once.
func testRemembered(t *testing.T, db *database) {
	var ahead atomic.Int64 // of a clock that stands still
	now := func() time.Time { return moment.Add(time.Duration(ahead.Load())) }
	stopped := func(o *Options) { o.Now = now }
	here, there := db.open(t, stopped), db.open(t, stopped)
	ctx := t.Context()
	seed(t, here)
	k := payment.Key{Hash: [32]byte{1}, Business: business, Kind: payment.Secret, Name: "till", Created: moment}

	good := func(s *Store) bool {
		t.Helper()
		_, err := s.Key(ctx, k.Hash)
		if err != nil && !errors.Is(err, payment.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	told := func(s *Store) string {
		t.Helper()
		m, err := s.Case(ctx, bySession)
		must(t, err)
		return fmt.Sprint(m.Merchant.City, len(m.Merchant.Endpoints))
	}
	var held string // what both nodes go by
	settled := func(key bool, want string) {
		t.Helper()
		for name, s := range map[string]*Store{"here": here, "there": there} {
			if good(s) != key || told(s) != want {
				t.Errorf("%s: key %t and %s, want %t and %s", name, good(s), told(s), key, want)
			}
		}
		held = want
	}
	// changed makes a change here, and finds it here at once and there a second later.
	changed := func(key bool, want string, err error) {
		t.Helper()
		must(t, err)
		if good(here) != key || told(here) != want {
			t.Errorf("on the node that changed it: key %t and %s, want %t and %s", good(here), told(here), key, want)
		}
		if told(there) != held {
			t.Errorf("another node has read %s again within the second", told(there))
		}
		ahead.Add(int64(remembered))
		settled(key, want)
	}

	if good(there) {
		t.Error("there is a key before it is made")
	}
	must(t, here.SaveKey(ctx, k, actor))
	settled(true, "Jakarta0")
	moved := merchant()
	moved.City = "Bandung"
	changed(true, "Bandung0", here.SaveMerchant(ctx, merchant(), moved, actor))
	changed(true, "Bandung1", here.SaveEndpoint(ctx, business, endpoints[0], actor, nil))
	disabled := payment.Delivery{Endpoint: endpoints[0].ID, Status: payment.DeliveryFailed}
	changed(true, "Bandung0", record(here, disabled, "gone"))
	changed(true, "Bandung1", here.EnableEndpoint(ctx, business, endpoints[0].ID, actor, nil))
	changed(true, "Bandung0", here.RemoveEndpoint(ctx, business, endpoints[0].ID, actor))

	must(t, here.ReplaceKey(ctx, k, now().Add(remembered/2), payment.Key{Hash: [32]byte{2}, Business: business, Kind: payment.Secret, Created: moment}, actor))
	ahead.Add(int64(remembered))
	settled(false, held) // it ended while it was remembered
	k.Hash[0] = 2
	settled(true, held)
	changed(false, held, here.EndKey(ctx, k, actor))
}

// What is being read while something changes may be of before, and is not remembered.
func TestForgottenWhileRead(t *testing.T) {
	t.Parallel()
	now := moment
	clock := func() time.Time { return now }
	var r recent[string, int]
	reads := 0
	read := func(value int, meanwhile func()) func() (int, error) {
		return func() (int, error) {
			reads++
			meanwhile()
			return value, nil
		}
	}
	look := func(want, wantReads int, find func() (int, error)) {
		t.Helper()
		if got, err := r.get(clock, "k", find); got != want || reads != wantReads || err != nil {
			t.Errorf("%d after %d reads, want %d after %d; %v", got, reads, want, wantReads, err)
		}
	}
	look(1, 1, read(1, r.forget))
	look(2, 2, read(2, func() {}))
	look(2, 2, read(3, func() {}))
	now = now.Add(-time.Millisecond) // the clock is set back
	look(3, 3, read(3, func() {}))
	now = now.Add(remembered)
	look(4, 4, read(4, func() {}))
	if _, err := r.get(clock, "other", func() (int, error) { return 0, payment.ErrNotFound }); !errors.Is(err, payment.ErrNotFound) || len(r.found) != 1 {
		t.Errorf("%v, and %d are remembered, want one", err, len(r.found))
	}
	for i := range 2 * recentSize {
		if _, err := r.get(clock, fmt.Sprint(i), func() (int, error) { return i, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.found); n > recentSize {
		t.Errorf("%d are remembered, want at most %d", n, recentSize)
	}
}
