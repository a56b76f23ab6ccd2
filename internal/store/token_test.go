package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// typedCard is a card that an attempt brings.
func typedCard(id payment.TokenID, r payment.RequestID) payment.Token {
	t := storedCard()
	t.ID, t.Version, t.Status, t.Request, t.Fingerprint = id, 0, payment.TokenPending, r, "typed"
	t.OnFile = payment.CardOnFile{Type: payment.CustomerUnscheduled, Sequence: payment.Initial}
	t.Updated = moment
	return t
}

// testTypedCard: a card comes with its attempt, is dropped with it while another takes its place, and changes with
// what becomes of it, each in one commit.
func testTypedCard(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	stored, err := s.Token(ctx, business, cardID)
	if diff := cmp.Diff(storedCard(), stored); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := s.Token(ctx, "another", cardID); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("another merchant's card: %v", err)
	}
	bring := func(n int, card payment.TokenID) func(payment.Case) (payment.Changes, error) {
		return func(c payment.Case) (payment.Changes, error) {
			var dropped payment.Changes
			if c.Request != nil {
				var err error
				if dropped, err = payment.Apply(c, payment.Event{Kind: payment.Drop, At: moment}); err != nil {
					return dropped, err
				}
				c = c.After(dropped)
			}
			r := order(n, fmt.Sprint("order-", n))
			r.Type, r.Session, r.Token = payment.PayAndSave, sessionID, card
			c.Token, c.Request = typedCard(card, r.ID), &r
			began, err := payment.Apply(c, payment.Event{Kind: payment.Begin, At: moment})
			return dropped.Then(payment.Changes{Tokens: []payment.Token{c.Token}}).Then(began), err
		}
	}
	c, err := s.Change(ctx, bySession, nil, bring(1, "pt-1"))
	must(t, err)
	want := typedCard("pt-1", "pr-1")
	want.Version = 1
	if diff := cmp.Diff(want, c.Token); diff != "" {
		t.Errorf("returned (-want +got):\n%s", diff)
	}
	got, err := s.Token(ctx, business, "pt-1")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("read: %v (-want +got):\n%s", err, diff)
	}
	if c, err = s.Change(ctx, bySession, nil, bring(2, "pt-2")); err != nil || c.Token.ID != "pt-2" || c.Request.ID != "pr-2" {
		t.Fatalf("%s for %s, %v", c.Token.ID, c.Request.ID, err)
	}
	if first, err := s.Token(ctx, business, "pt-1"); err != nil || first.Status != payment.TokenCanceled || first.Version != 2 {
		t.Errorf("the first card: %+v, %v", first, err)
	}
	c, err = s.Change(ctx, payment.Lookup{Request: "pr-2"}, nil, events(
		payment.Event{Kind: payment.Drop},
	))
	if err != nil || c.Token.Status != payment.TokenCanceled || c.Token.Version != 2 {
		t.Errorf("%+v, %v", c.Token, err)
	}
	erased, err := s.Change(ctx, payment.Lookup{Token: "pt-2"}, nil, func(c payment.Case) (payment.Changes, error) {
		return payment.EraseNumber(c, moment), nil
	})
	must(t, err)
	if got, err = s.Token(ctx, business, "pt-2"); err != nil || len(got.SealedPAN) != 0 || got.Version != erased.Token.Version || got.Masked == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// testCardByMany: a card changes as an attempt does, one after the other; no change is lost.
func testCardByMany(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	for _, err := range together(10, func(i int) error {
		_, err := s.Change(ctx, byCard, nil, func(c payment.Case) (payment.Changes, error) {
			c.Token.Masked += fmt.Sprint(i)
			return payment.Changes{Tokens: []payment.Token{c.Token}}, nil
		})
		return err
	}) {
		must(t, err)
	}
	got, err := s.Token(ctx, business, cardID)
	if err != nil || len(got.Masked) != len(storedCard().Masked)+10 || got.Version != 11 {
		t.Errorf("%s at version %d, %v", got.Masked, got.Version, err)
	}
}

// testCardCounts: what speaks against a card is counted by its fingerprint, tries of its CVN for the day and no more
// than it has, whoever takes them at once, declines for 30 days.
func testCardCounts(t *testing.T, db *database) {
	c := &clock{}
	c.advance(time.Until(moment))
	s := db.open(t, at(c))
	seed(t, s)
	ctx := t.Context()
	day := moment.Format(time.DateOnly)
	spent := errors.New("no try is left")
	count := func(e payment.Effect) error {
		_, err := s.Change(ctx, byCard, nil, func(c payment.Case) (payment.Changes, error) {
			if _, tries := e.(payment.TakeTry); tries && c.Counts.Tries >= payment.MaxCVNTries {
				return payment.Changes{}, spent
			}
			return payment.Changes{Tokens: []payment.Token{c.Token}, Effects: []payment.Effect{e}}, nil
		})
		return err
	}
	counted := storedCard().Fingerprint
	for _, e := range []payment.Effect{
		payment.TakeTry{CardDay: payment.CardDay{Card: counted, Day: day}},
		payment.GiveTryBack{CardDay: payment.CardDay{Card: counted, Day: day}},
		payment.GiveTryBack{CardDay: payment.CardDay{Card: counted, Day: day}}, // there is none to give back
		payment.TakeTry{CardDay: payment.CardDay{Card: counted, Day: day}},
		payment.CountDecline{CardDay: payment.CardDay{Card: counted, Day: day}},
		payment.CountDecline{CardDay: payment.CardDay{Card: counted, Day: day}},
		payment.CountDecline{CardDay: payment.CardDay{Card: "typed", Day: day}},
	} {
		must(t, count(e))
	}
	typed, unknown := byCard, byCard
	typed.Card, unknown.Card = "typed", "nobody's"
	look := func(when string, want map[payment.Lookup]payment.Counts) {
		t.Helper()
		for l, counts := range want {
			if got, err := s.Case(ctx, l); err != nil || got.Counts != counts {
				t.Errorf("%s, card %q: %+v, %v, want %+v", when, l.Card, got.Counts, err, counts)
			}
		}
	}
	session, merchantOnly := bySession, payment.Lookup{Business: business, Card: "typed"}
	session.Card = "typed"
	look("the same day", map[payment.Lookup]payment.Counts{
		byCard: {Tries: 1, Declines: 2}, bySession: {Tries: 1, Declines: 2}, typed: {Declines: 1}, session: {Declines: 1}, merchantOnly: {Declines: 1}, unknown: {},
	})
	taken := 1
	for _, err := range together(3*payment.MaxCVNTries, func(int) error { return count(payment.TakeTry{CardDay: payment.CardDay{Card: counted, Day: day}}) }) {
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, spent):
			t.Error(err)
		}
	}
	if taken != payment.MaxCVNTries {
		t.Errorf("%d tries were taken, want %d", taken, payment.MaxCVNTries)
	}
	look("all tries taken", map[payment.Lookup]payment.Counts{byCard: {Tries: payment.MaxCVNTries, Declines: 2}})
	c.advance(24 * time.Hour)
	look("the next day", map[payment.Lookup]payment.Counts{byCard: {Declines: 2}, typed: {Declines: 1}})
	c.advance(29 * 24 * time.Hour)
	look("after 30 days", map[payment.Lookup]payment.Counts{byCard: {Declines: 2}})
	c.advance(24 * time.Hour)
	look("after 31 days", map[payment.Lookup]payment.Counts{byCard: {}, typed: {}})
}

func testNumberNeeded(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	needed := func(when string, until time.Time, forever bool) {
		t.Helper()
		got, ever, err := s.NumberNeeded(ctx, cardID)
		if err != nil || ever != forever || !forever && !got.Equal(until) {
			t.Errorf("%s: until %v, for ever: %v, %v", when, got, ever, err)
		}
	}
	if until, forever, err := s.NumberNeeded(ctx, "pt-none"); err != nil || forever || until.After(moment) {
		t.Errorf("a card that nobody paid with: %v, %v, %v", until, forever, err)
	}
	_, err := s.Change(ctx, byCard, nil, begin(order(1, "order-1")))
	must(t, err)
	needed("under way", time.Time{}, true)
	lost := payment.Advice{ID: "rv-1", Kind: payment.Reversal, Request: "pr-1", Status: payment.AdviceOpen, Original: *purchase(1), Trace: *purchase(2)}
	_, err = s.Change(ctx, payment.Lookup{Request: "pr-1"}, nil, events(
		payment.Event{Kind: payment.Authorize, Trace: purchase(1), Deadline: moment.Add(time.Minute)},
		payment.Event{Kind: payment.Unwant, Reversal: &lost, Answer: &payment.Answer{Failure: payment.InvalidCVN}},
	))
	must(t, err)
	needed("failed, its reversal open", time.Time{}, true)
	lost.Status = payment.AdviceDone
	_, err = s.Change(ctx, payment.Lookup{Request: "pr-1"}, nil, func(c payment.Case) (payment.Changes, error) {
		return payment.Changes{Effects: []payment.Effect{payment.SaveAdvice{Advice: lost}}}, nil
	})
	must(t, err)
	needed("reversed", moment.Add(payment.NumberKept), false)
	_, err = s.Change(ctx, byCard, nil, func(c payment.Case) (payment.Changes, error) {
		r := order(2, "order-2")
		c.Request = &r
		return events(
			payment.Event{Kind: payment.Authorize, Trace: purchase(3), Deadline: moment.Add(time.Minute)},
			payment.Event{Kind: payment.Approve, Capture: &payment.Capture{ID: "cptr-2", Amount: r.Amount, At: moment}, Answer: &payment.Answer{Outcome: payment.Approved}},
		)(c)
	})
	must(t, err)
	needed("another is captured", moment.Add(payment.RefundPeriod+payment.NumberKept), false)
}
