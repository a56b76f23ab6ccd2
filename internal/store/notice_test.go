package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"reprise/internal/payment"
)

// testNoticesByMany: two nodes change one session at once, and tell of each change. There is one notice for each, and
// their numbers are the order in which the changes were made: what a notice shows is what its number's change left.
func testNoticesByMany(t *testing.T, db *database) {
	render := func(o *Options) {
		o.Render = func(_ payment.NoticeKind, c payment.Case, _ time.Time) ([]byte, error) {
			return json.Marshal(map[string]any{"attempts": c.Session.Attempts, "status": c.Session.Status})
		}
	}
	a, b := db.open(t, render), db.open(t, render)
	seed(t, a)
	seedEndpoints(t, a, endpoints...)
	const n = 12
	errs := together(n, func(i int) error {
		_, err := []*Store{a, b}[i%2].Change(context.Background(), bySession, nil, func(c payment.Case) (payment.Changes, error) {
			c.Session.Attempts++
			ch := payment.Changes{Session: &c.Session}
			if c.Session.Attempts%4 != 0 { // not every change is told
				ch.Effects = []payment.Effect{payment.Tell{Kind: payment.NoticeSessionExpired}}
			}
			return ch, nil
		})
		return err
	})
	for _, err := range errs {
		must(t, err)
	}
	list, _, err := a.Deliveries(t.Context(), payment.DeliveryFilter{Business: business, Endpoint: endpoints[0].ID}, 2*n)
	must(t, err)
	var sequences []int64
	sent := map[payment.EventID]payment.Notice{}
	for came := errands(b); len(sent) < len(list); {
		e := <-came
		sent[e.notice.ID] = e.notice
	}
	for _, d := range list {
		notice := sent[d.Notice.ID]
		if notice.Sequence != d.Notice.Sequence || notice.Object != string(sessionID) {
			t.Errorf("listed as %d, sent as %d of %s", d.Notice.Sequence, notice.Sequence, notice.Object)
		}
		// The session was made by its first version, so the change that counts to n leaves n+1.
		if want := fmt.Sprintf(`{"attempts":%d,"status":"ACTIVE"}`, notice.Sequence-1); string(notice.Data) != want {
			t.Errorf("number %d tells %s, want %s", notice.Sequence, notice.Data, want)
		}
		sequences = append(sequences, notice.Sequence)
	}
	slices.Sort(sequences)
	if want := []int64{2, 3, 4, 6, 7, 8, 10, 11, 12}; !slices.Equal(sequences, want) {
		t.Errorf("numbers %v, want %v", sequences, want)
	}

	// Sent again, it keeps id and number.
	_, _, err = a.Resend(t.Context(), payment.DeliveryFilter{Business: business}, 100, nil, func([]payment.Delivery, bool) {})
	must(t, err)
	again, _, err := b.Deliveries(t.Context(), payment.DeliveryFilter{Business: business, Endpoint: endpoints[0].ID}, 2*n)
	must(t, err)
	if !slices.EqualFunc(list, again, func(a, b payment.Delivery) bool {
		return a.Notice.ID == b.Notice.ID && a.Notice.Sequence == b.Notice.Sequence
	}) {
		t.Errorf("resent as %v, were %v", again, list)
	}
}

// testNoticesOfNothing: a number that no change of this commit gave, or that it gave to another notice already, would
// order nothing.
func testNoticesOfNothing(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	tell := payment.Tell{Kind: payment.NoticeSessionExpired}
	for name, decide := range map[string]func(payment.Case) payment.Changes{
		"what does not change": func(c payment.Case) payment.Changes {
			return payment.Changes{Tokens: []payment.Token{c.Token}, Effects: []payment.Effect{tell}}
		},
		"what is told of already": func(c payment.Case) payment.Changes {
			return payment.Changes{Session: &c.Session, Effects: []payment.Effect{tell, payment.Tell{Kind: payment.NoticeSessionCompleted}}}
		},
	} {
		_, err := s.Change(t.Context(), bySession, nil, func(c payment.Case) (payment.Changes, error) { return decide(c), nil })
		if err == nil || rows(t, s, "notice", `1 = 1`) != 0 || rows(t, s, "session", `version = 1`) != 1 {
			t.Errorf("told of %s: %v", name, err)
		}
	}
}
