package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

var byAttempt = payment.Lookup{Business: business, Request: "pr-1"}

// captured takes 100000 rupiah.
func captured(t *testing.T, s *Store) {
	t.Helper()
	seed(t, s)
	_, err := s.Change(t.Context(), bySession, nil, func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 1)
		r.State, r.Type, r.Trace = payment.Succeeded, payment.Pay, purchase(1)
		r.Capture = &payment.Capture{ID: "cptr-1", Amount: r.Amount, At: moment}
		return payment.Changes{Requests: []payment.Request{r}}, nil
	})
	must(t, err)
}

// back gives n rupiah back as refund number i.
func back(i int, n int64) func(payment.Case) (payment.Changes, error) {
	return func(c payment.Case) (payment.Changes, error) {
		r := payment.Refund{
			ID: payment.RefundID(fmt.Sprintf("rfd-%02d", i)), Business: business, Request: c.Request.ID, Reason: "OTHERS",
			Amount: payment.Money{Minor: 100 * n, Currency: "IDR"}, Echo: json.RawMessage(`{"a":"b"}`),
			Created: moment.Add(time.Duration(i)), Updated: moment.Add(time.Duration(i)),
		}
		a := payment.Advice{
			ID: payment.AdviceID(fmt.Sprintf("ad-%02d", i)), Kind: payment.RefundAdvice, Request: c.Request.ID, Original: *purchase(1),
			Trace: *purchase(100 + i), Opened: moment, Status: payment.AdviceOpen,
		}
		return payment.NewRefund(c, r, a, moment.Add(time.Minute))
	}
}

func testRefund(t *testing.T, db *database) {
	s := db.open(t)
	captured(t, s)
	seedEndpoints(t, s, endpoints[0])
	ctx := t.Context()
	want, err := s.Change(ctx, byAttempt, command("k"), back(1, 60000))
	must(t, err)
	if want.Refund.Version != 1 || want.Request.Version != 2 || want.Request.Refunded != 6000000 {
		t.Errorf("%+v of %+v", want.Refund, want.Request)
	}
	byRefund := payment.Lookup{Business: business, Refund: "rfd-01"}
	got, err := s.Case(ctx, byRefund)
	must(t, err)
	want.Merchant = got.Merchant
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read otherwise than written (-want +got):\n%s", diff)
	}
	for name, l := range map[string]payment.Lookup{
		"unknown": {Refund: "rfd-02"}, "another's": {Business: "other", Refund: "rfd-01"},
	} {
		if _, err := s.Case(ctx, l); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err = s.Change(ctx, byAttempt, command("k"), back(2, 30000)); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("a repeated command: %v", err)
	}
	advice, err := s.Advice(ctx, "ad-01")
	must(t, err)
	if advice.Refund != "rfd-01" || rows(t, s, "work", `kind = 'advice' AND ref = 'ad-01'`) != 1 {
		t.Errorf("%+v", advice)
	}
	advice.Status = payment.AdviceRefused
	got, err = s.Change(ctx, byRefund, nil, func(c payment.Case) (payment.Changes, error) {
		ch, err := payment.Acknowledged(c, advice, payment.Event{At: moment, Answer: &payment.Answer{}})
		ch.Effects = append(ch.Effects, payment.SaveAdvice{Advice: advice})
		return ch, err
	})
	must(t, err)
	if got.Refund.Status != payment.RefundFailed || got.Refund.Version != 2 || got.Request.Refunded != 0 {
		t.Errorf("%+v of %+v", got.Refund, got.Request)
	}
	if n := rows(t, s, "notice", `kind = 'refund.failed' AND object = 'rfd-01' AND sequence = 2`); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// testRefundsByMany: more at once than there is money for.
func testRefundsByMany(t *testing.T, db *database) {
	nodes := []*Store{db.open(t), db.open(t)}
	captured(t, nodes[0])
	var made int
	for _, err := range together(20, func(i int) error {
		_, err := nodes[i%2].Change(t.Context(), byAttempt, nil, back(i, 15000))
		return err
	}) {
		var refused *payment.Error
		switch {
		case err == nil:
			made++
		case !errors.As(err, &refused) || refused.Code != "REFUND_AMOUNT_EXCEEDED":
			t.Error(err)
		}
	}
	c, err := nodes[0].Case(t.Context(), byAttempt)
	must(t, err)
	if made != 6 || rows(t, nodes[0], "refund", `request = 'pr-1'`) != 6 || c.Request.Refunded != 6*1500000 {
		t.Errorf("%d made, %d counted", made, c.Request.Refunded)
	}
}

// testRefundsCrowdedOut: whoever loses too many races is told to try again, and has changed nothing.
func testRefundsCrowdedOut(t *testing.T, db *database) {
	s, rival := db.open(t), db.open(t)
	captured(t, s)
	rivals := 0
	_, err := s.Change(t.Context(), byAttempt, nil, func(c payment.Case) (payment.Changes, error) {
		rivals++
		_, err := rival.Change(t.Context(), byAttempt, nil, back(rivals, 1))
		must(t, err)
		return back(0, 1)(c)
	})
	if !errors.Is(err, payment.ErrUnavailable) || rivals < 20 || rows(t, s, "refund", `id = 'rfd-00'`) != 0 {
		t.Errorf("after %d rivals: %v", rivals, err)
	}
}

func testRefundReadBack(t *testing.T, db *database) {
	s := db.open(t)
	captured(t, s)
	real := s.engine
	s.engine = &losing{engine: real, after: true}
	if c, err := s.Change(t.Context(), byAttempt, nil, back(1, 1)); err != nil || c.Refund.ID != "rfd-01" {
		t.Errorf("a refund that was made: %v", err)
	}
	s.engine = &losing{engine: real}
	if _, err := s.Change(t.Context(), byAttempt, nil, back(2, 1)); !errors.Is(err, payment.ErrUnsure) || errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a refund that was not made: %v", err)
	}
	leave := func(c payment.Case) (payment.Changes, error) {
		return payment.Leaves(c, payment.Advice{ID: "ad-01", Kind: payment.RefundAdvice, Request: "pr-1", Refund: "rfd-01"})
	}
	if _, err := s.Change(t.Context(), payment.Lookup{Refund: "rfd-01"}, nil, leave); !errors.Is(err, payment.ErrUnsure) {
		t.Errorf("one that leaves, not written: %v", err)
	}
	s.engine = &losing{engine: real, after: true}
	if c, err := s.Change(t.Context(), payment.Lookup{Refund: "rfd-01"}, nil, leave); err != nil || !c.Refund.Sent {
		t.Errorf("one that leaves, written: %v", err)
	}
}

func testRefundsListed(t *testing.T, db *database) {
	s := db.open(t)
	captured(t, s)
	for i := range 7 {
		_, err := s.Change(t.Context(), byAttempt, nil, back(i, 1))
		must(t, err)
	}
	for name, test := range map[string]struct {
		business payment.BusinessID
		page     payment.RefundPage
		want     []payment.RefundID
	}{
		"the newest first":   {business, payment.RefundPage{Limit: 3}, []payment.RefundID{"rfd-06", "rfd-05", "rfd-04"}},
		"after one":          {business, payment.RefundPage{Limit: 3, After: "rfd-04"}, []payment.RefundID{"rfd-03", "rfd-02", "rfd-01"}},
		"the last":           {business, payment.RefundPage{Limit: 3, After: "rfd-01"}, []payment.RefundID{"rfd-00"}},
		"before one":         {business, payment.RefundPage{Limit: 2, Before: "rfd-02"}, []payment.RefundID{"rfd-04", "rfd-03"}},
		"before the first":   {business, payment.RefundPage{Limit: 2, Before: "rfd-06"}, nil},
		"between two":        {business, payment.RefundPage{Limit: 2, After: "rfd-05", Before: "rfd-01"}, []payment.RefundID{"rfd-04", "rfd-03"}},
		"of an attempt":      {business, payment.RefundPage{Limit: 1, Request: "pr-1"}, []payment.RefundID{"rfd-06"}},
		"of another attempt": {business, payment.RefundPage{Limit: 1, Request: "pr-2"}, nil},
		"of another":         {"other", payment.RefundPage{Limit: 9}, nil},
	} {
		list, err := s.Refunds(t.Context(), test.business, test.page)
		must(t, err)
		var got []payment.RefundID
		for _, r := range list {
			if got = append(got, r.ID); r.Version != 1 || string(r.Echo) != `{"a":"b"}` {
				t.Errorf("%+v", r)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
