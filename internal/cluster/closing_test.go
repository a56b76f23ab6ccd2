package cluster

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// close asks again for what was not answered, and ends what customers left open: a merchant's server would do so
// when it finds orders that nobody came back for.
func (s *shop) close(ctx context.Context) {
	var all sync.WaitGroup
	turns := make(chan bool, 16)
	for _, o := range s.all() {
		turns <- true
		all.Go(func() {
			defer func() { <-turns }()
			o.mu.Lock()
			open := o.open
			o.open = nil
			o.mu.Unlock()
			for _, c := range open {
				s.commandAs(ctx, o, c.again, c.path, c.body, c.took)
			}
			if o.session != "" {
				s.endSession(ctx, o)
			}
			s.endHolds(ctx, o)
		})
	}
	all.Wait()
}

// endSession cancels a session that is open, as soon as no attempt of it is at the acquirer.
func (s *shop) endSession(ctx context.Context, o *order) {
	now, err := s.read(ctx, "/sessions/"+o.session)
	if err == nil && text(now, "status") == "ACTIVE" {
		s.cancelSession(ctx, o)
	}
}

// endHolds gives up what is still held.
func (s *shop) endHolds(ctx context.Context, o *order) {
	for _, id := range o.requests {
		now, err := s.read(ctx, "/v3/payment_requests/"+id)
		if err != nil || text(now, "status") != "AUTHORIZED" {
			continue
		}
		if held, err := s.read(ctx, "/v3/payments/"+text(now, "latest_payment_id")); err == nil && text(held, "status") == "AUTHORIZED" {
			o.payment = text(now, "latest_payment_id")
			s.void(ctx, o)
		}
	}
}

// settle closes the shop again and again until everything has ended that must. What the acquirer is to be asked
// about three times, a minute apart, may remain, unless there is time for that, too.
func settle(ctx context.Context, t *testing.T, s *shop, db *sql.DB, within time.Duration, all bool) (b books) {
	t.Helper()
	if all {
		within += 5 * time.Minute
	}
	for end := time.Now().Add(within); ; {
		s.close(ctx)
		for range 4 {
			if b = readBooks(t, db); len(b.waiting()) == 0 {
				return b
			}
			time.Sleep(500 * time.Millisecond)
		}
		asked, late := b.untraced(), false
		for _, a := range b.attempts {
			late = late || !a.final() && (all || !asked[a.id])
		}
		for _, v := range b.advices {
			late = late || v.status == "OPEN" && (all || !asked[v.request])
		}
		if !late {
			return b
		}
		if time.Now().After(end) || ctx.Err() != nil {
			t.Logf("after %s there is still:\n  %s", within, strings.Join(b.waiting(), "\n  "))
			return b
		}
	}
}

// deliver has everything sent again that the merchant did not take, and waits until all of it came.
func deliver(ctx context.Context, t *testing.T, s *shop, hook *sink, db *sql.DB, since time.Time) (resent int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		heard := map[string]bool{}
		for _, d := range hook.deliveries() {
			heard[d.id] = true
		}
		missing := 0
		for _, n := range readBooks(t, db).notices {
			if !heard[n.id] {
				missing++
			}
		}
		if missing == 0 {
			return resent
		}
		a, err := s.insist(ctx, http.MethodPost, "/webhook_deliveries/resend", s.secret, fmt.Sprint("resend-", resent, "-", time.Now().UnixNano()),
			object{"created_from": since.UTC().Format(time.RFC3339)})
		if err != nil || !a.good() {
			t.Errorf("resend: %s %v", a, err)
			return resent
		}
		resent += missing
	}
	return resent
}
