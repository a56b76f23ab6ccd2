package flow_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/internal/payment"
)

// cashier is a host that gives money back. It hears some messages and not others, and so are its answers heard; to
// a repeat it says what it said first.
type cashier struct {
	t     *rapid.T
	said  map[string]string // DE39, by trace
	given int64             // minor units
}

func (c *cashier) give(a payment.Advice) payment.Answer {
	key := a.Trace.Key()
	heard := rapid.SampledFrom([]string{"and answers", "and answers", "and is not heard", "no", "no line"}).Draw(c.t, "host hears")
	switch heard {
	case "no":
		return unknown
	case "no line":
		return unsent
	}
	if c.said[key] == "" {
		c.said[key] = rapid.SampledFrom([]string{"00", "00", "12", "51"}).Draw(c.t, "host says")
		if c.said[key] == "00" {
			amount, err := strconv.ParseInt(a.Trace.Amount, 10, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			c.given += amount
		}
	}
	if heard == "and is not heard" {
		return unknown
	}
	return acknowledged(c.said[key])
}

// TestRefundsAtAnyTime lets merchant, worker, host, clock and failures do anything in any order with the refunds of
// one payment. Every promise holds after every commit, and when all is over the host has given back exactly
// what the refunds say that succeeded.
func TestRefundsAtAnyTime(t *testing.T) {
	ends := map[payment.RefundStatus]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := setScene(t)
		id := s.taken()
		c := &cashier{t: t, said: map[string]string{}}
		s.host.acknowledge = c.give
		p := &payer{scene: s, t: t}
		ask := func() {
			amounts := []*payment.Money{nil, rupiah(500), rupiah(3000), rupiah(6000)}
			p.may(second(s.back(id, rapid.SampledFrom(amounts).Draw(t, "amount"))))
		}
		cancel := func() {
			if ids := slices.Sorted(maps.Keys(s.memory.refunds)); len(ids) > 0 {
				p.may(second(s.CancelRefund(ctx, shop, rapid.SampledFrom(ids).Draw(t, "refund"), nil)))
			}
		}
		work := func() { p.may(p.workOnce()) }
		t.Repeat(map[string]func(*rapid.T){
			"ask":    func(*rapid.T) { ask() },
			"cancel": func(*rapid.T) { cancel() },
			"work":   func(*rapid.T) { work() },
			"time passes": func(*rapid.T) {
				s.clock.pass(rapid.SampledFrom([]time.Duration{time.Second, 12 * time.Second, time.Hour, 25 * time.Hour}).Draw(t, "time"))
			},
			"a commit fails": func(*rapid.T) {
				left := rapid.IntRange(0, 2).Draw(t, "commits before")
				how := rapid.SampledFrom([]failure{notWritten, answerLost}).Draw(t, "failure")
				s.memory.fail = func(payment.Changes) failure {
					if left--; left == -1 {
						return how
					}
					return none
				}
				rapid.SampledFrom([]func(){ask, cancel, work}).Draw(t, "what")()
				s.memory.fail = nil
			},
			"": func(t *rapid.T) {
				for _, wrong := range append(s.memory.wrong, s.host.wrong...) {
					t.Fatalf("%s", wrong)
				}
			},
		})

		for range 500 { // until nothing is left to do
			if p.may(p.workOnce()); len(s.memory.work) == 0 {
				break
			}
			s.clock.pass(time.Hour)
		}
		s.verify()
		var sum int64
		for _, r := range s.memory.refunds {
			if ends[r.Status]++; r.Status == payment.RefundSucceeded {
				sum += r.Amount.Minor
			}
		}
		if q := s.at(ticket{id: id}); sum != c.given || sum != q.Refunded || sum > q.Capture.Amount.Minor || len(s.memory.work) != 0 {
			t.Fatalf("the host gave back %d, the refunds say %d, the payment %d; left: %v", c.given, sum, q.Refunded, s.memory.work)
		}
	})
	t.Logf("ended %v", ends)
}
