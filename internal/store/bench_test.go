package store

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"reprise/internal/payment"
)

// BenchmarkPayment is all that a payment by challenge asks of the store: eight commits, and the reads that
// go with them.
func BenchmarkPayment(b *testing.B) {
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		b.Run(kind, func(b *testing.B) {
			if kind == "PostgreSQL" && os.Getenv("REPRISE_TEST_POSTGRES") == "" {
				b.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
			}
			s := newDatabase(b, kind).open(b)
			seed(b, s)
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

func pay(s *Store, n int) error {
	ctx := context.Background()
	session := openSession()
	session.ID = payment.SessionID(fmt.Sprintf("ps-%024d", n))
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
		approve,
	} {
		if _, err := s.Change(ctx, payment.Lookup{Session: session.ID}, nil, step); err != nil {
			return err
		}
	}
	return nil
}
