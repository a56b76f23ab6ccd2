package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/payment"
)

// BenchmarkPayment is all that a payment by challenge asks of the store: eight commits, and the reads that
// go with them.
func BenchmarkPayment(b *testing.B) {
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		b.Run(kind, func(b *testing.B) {
			if kind == "PostgreSQL" {
				needPostgres(b)
			}
			s := newDatabase(b, kind).open(b)
			seed(b, s)
			for n := range benchCards {
				card := storedCard()
				card.ID, card.Fingerprint = benchCard(n), fmt.Sprintf("%024d", n)
				must(b, s.SaveToken(b.Context(), card))
			}
			b.ResetTimer()
			var payments atomic.Int64
			b.SetParallelism(8)
			b.RunParallel(func(each *testing.PB) {
				for each.Next() {
					if err := pay(s, int(payments.Add(1))); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
		})
	}
}

// benchCards are as many that no card is ever tried more often at once than it may be.
const benchCards = 256

func benchCard(n int) payment.TokenID { return payment.TokenID(fmt.Sprint("pt-bench-", n%benchCards)) }

func pay(s *Store, n int) error {
	ctx := context.Background()
	session := openSession()
	session.ID, session.Token = payment.SessionID(fmt.Sprintf("ps-%024d", n)), benchCard(n)
	if err := createSession(s, ctx, session, nil, nil); err != nil {
		return err
	}
	for _, step := range []func(payment.Case) (payment.Changes, error){
		submit(n, "v"),
		events(payment.Event{Kind: payment.Open, Authentication: &payment.Authentication{ServerTransID: payment.ServerTransID(fmt.Sprint("t", n))}}),
		events(payment.Event{Kind: payment.Ask}),
		events(payment.Event{Kind: payment.Challenge}),
		events(payment.Event{Kind: payment.Prove, Authentication: proof(fmt.Sprint("t", n), fmt.Sprint("CAVV", n))}),
		authorize(n, "v"),
		events(payment.Event{Kind: payment.Approve, Capture: &payment.Capture{ID: payment.CaptureID(fmt.Sprint("cptr-", n))}, Answer: &payment.Answer{
			Outcome: payment.Approved, Authorization: payment.Authorization{AuthorizationCode: "123456", ResponseCode: "00"},
		}}),
	} {
		if _, err := s.Change(ctx, payment.Lookup{Session: session.ID}, nil, step); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkBacklog delivers what waits for one endpoint, which takes a millisecond for each, and reports how many trips
// to the database each delivery costs: claims, and commits of what came of it.
func BenchmarkBacklog(b *testing.B) {
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		b.Run(kind, func(b *testing.B) {
			if kind == "PostgreSQL" {
				needPostgres(b)
			}
			var trips atomic.Int64
			s := newDatabase(b, kind).open(b, func(o *Options) {
				o.Poll = time.Second
				o.Watch = func(_ string, _ []any, do func() error) error {
					trips.Add(1)
					return do()
				}
			})
			d := s.newDraft()
			for i := range b.N {
				d.deliver(payment.Notice{ID: payment.EventID(fmt.Sprintf("e%09d", i))}, payment.Endpoint{ID: "shop"})
			}
			must(b, d.commit(b.Context()))
			var done sync.WaitGroup
			done.Add(b.N)
			s.Courier(Courier{
				Deliver: func(_ context.Context, n payment.Notice, to payment.Endpoint, _ int) payment.Tried {
					time.Sleep(time.Millisecond)
					return taken(n, to)
				},
				Kept: func(payment.Tried) { done.Done() },
			})
			trips.Store(0)
			b.ResetTimer()
			s.StartWork()
			done.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(trips.Load())/float64(b.N), "trips/delivery")
		})
	}
}
