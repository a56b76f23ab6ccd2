package app

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// faced is a payer on the page of an attempt whose purchase meets what the knobs say.
type faced struct {
	*visitor
	w        *town
	session  map[string]any
	accepted map[string]any
	request  string
	tasks    sync.WaitGroup
}

// faces has a payer pay without friction, and returns when the purchase is on its way.
func (w *town) faces(knobs string, change ...func(map[string]any)) *faced {
	w.t.Helper()
	f := &faced{w: w, session: w.newSession(visaFrictionless, change...)}
	f.accepted = w.submitted(f.session, "123")
	f.request = f.accepted["payment_request_id"].(string)
	f.visitor = w.visitor(f.accepted)
	if s := f.must(f.arrive()); s["do"] != "confirm" {
		w.t.Fatalf("not authenticated: %v", s)
	}
	w.bank.turn(knobs)
	f.tasks.Go(func() {
		if _, err := f.confirm(); err != nil {
			w.t.Error(err)
		}
	})
	w.eventually("the purchase is on its way", func() bool { return f.sees()["do"] != "confirm" })
	return f
}

// sees is what the page shows now.
func (f *faced) sees() step { f.t.Helper(); return f.must(f.look()) }

// unknown holds what everybody sees while nobody knows how the payment ends.
func (f *faced) unknown() {
	f.w.t.Helper()
	if s := f.sees(); s["do"] != "pending" {
		f.w.t.Errorf("the page: %v", s)
	}
	f.w.pending(f.session, f.request)
}

// ends lets time pass until the page says how the payment ended.
func (f *faced) ends() (outcome any) {
	f.w.t.Helper()
	for range 60 {
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if s := f.sees(); s["do"] == "done" {
				f.tasks.Wait()
				return s["outcome"]
			}
		}
		f.w.clock.forward(4 * time.Second)
	}
	f.w.t.Fatal("the payment never ends")
	return nil
}

// wasReversed holds that the payment failed for want of an answer, and that nothing of it is kept.
func (f *faced) wasReversed(purchases int) {
	f.w.t.Helper()
	if outcome := f.ends(); outcome != "failed" {
		f.w.t.Errorf("the payment %v", outcome)
	}
	f.w.failed(f.session, f.accepted, "PARTNER_TIMEOUT_ERROR")
	f.isBooked(slices.Repeat([]string{"purchase reversed", "reversal kept"}, purchases)...)
	if n := len(f.w.about("", f.request)); n != 1 {
		f.w.t.Errorf("the merchant is told %d times", n)
	}
	f.again()
}

// again shows that the session is free: its payer pays with a new CVN.
func (f *faced) again() {
	f.w.t.Helper()
	accepted := f.w.submitted(f.session, "123")
	if end := f.w.visitor(accepted).pay(); end["outcome"] != "succeeded" {
		f.w.t.Errorf("the next try: %v", end)
	}
	f.w.succeeded(f.session, accepted)
}

// isBooked holds what the issuer has of an attempt.
func (f *faced) isBooked(want ...string) {
	f.w.t.Helper()
	var got []string
	_, entries := f.w.booking(f.request)
	for _, e := range entries {
		got = append(got, e.Kind+" "+e.State)
	}
	if !slices.Equal(got, want) {
		f.w.t.Errorf("the issuer has %q, want %q", got, want)
	}
}

// TestAnswersThatAreNone: whatever comes instead of an answer, the payment is pending until its reversal is
// acknowledged, and then it has failed and nothing of it is kept.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for behaviour, line := range map[string]string{
		"garbled": "stays", "other_stan": "stays", "silence": "stays",
		"wrong_length": "breaks", "half_answer": "breaks", "drop_connection": "breaks", "reconnect": "breaks",
		"half_open": "is deaf",
	} {
		t.Run(behaviour, func(t *testing.T) {
			w := town.in(t)
			connections := w.bank.connections()
			f := w.faces(`{"next_acquirer":{"behaviour":"` + behaviour + `"}}`)
			if line != "breaks" || behaviour == "wrong_length" {
				f.unknown()
			}
			f.wasReversed(1)
			if again := w.bank.connections() > connections; again == (line == "stays") {
				t.Errorf("the line was connected anew: %t", again)
			}
		})
	}
	town.balanced()
}
