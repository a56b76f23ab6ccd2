package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/payment"
)

// testRecords: payments are read with what followed them by when they were made, by when that was told, by what of it is
// open, and by the message that was sent, each once and in pages.
func testRecords(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	day := 24 * time.Hour
	made := payment.RequestID("pr-" + payment.UUID7(moment, [10]byte{1}))
	told := payment.AdviceID(payment.UUID7(moment.Add(day), [10]byte{2}))
	_, err := s.Change(ctx, bySession, nil, func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 1)
		r.ID, r.State, r.Type, r.Trace = made, payment.Succeeded, payment.Pay, purchase(1)
		r.Capture = &payment.Capture{ID: "cptr-1", Amount: r.Amount, At: moment}
		return payment.Changes{Requests: []payment.Request{r}, Effects: []payment.Effect{payment.NoteTrace{Request: made, Trace: *r.Trace}}}, nil
	})
	must(t, err)
	_, err = s.Change(ctx, payment.Lookup{Request: made}, nil, func(c payment.Case) (payment.Changes, error) {
		refund := payment.Refund{ID: "rfd-1", Business: business, Request: made, Amount: payment.Money{Minor: 100, Currency: "IDR"}, Created: moment}
		advice := payment.Advice{ID: told, Kind: payment.RefundAdvice, Request: made, Original: *purchase(1), Trace: *purchase(2), Opened: moment, Status: payment.AdviceOpen}
		return payment.NewRefund(c, refund, advice, moment.Add(time.Minute))
	})
	must(t, err)

	for name, read := range map[string]func(each func(payment.Record) error) error{
		"made": func(each func(payment.Record) error) error {
			return s.RecordsMade(ctx, moment, moment.Add(time.Second), each)
		},
		"advised": func(each func(payment.Record) error) error {
			return s.RecordsAdvised(ctx, moment.Add(day), moment.Add(day+time.Second), each)
		},
		"open": func(each func(payment.Record) error) error { return s.RecordsOpen(ctx, each) },
		"sent": func(each func(payment.Record) error) error {
			r, err := s.RecordSent(ctx, purchase(1).Key())
			return errors.Join(err, each(r))
		},
		"none made": func(each func(payment.Record) error) error {
			return s.RecordsMade(ctx, moment.Add(day), moment.Add(2*day), each)
		},
		"none advised": func(each func(payment.Record) error) error {
			return s.RecordsAdvised(ctx, moment, moment.Add(day), each)
		},
	} {
		var found []payment.Record
		must(t, read(func(r payment.Record) error { found = append(found, r); return nil }))
		want := 1
		if slices.Contains([]string{"none made", "none advised"}, name) {
			want = 0
		}
		if len(found) != want {
			t.Errorf("%s: %d records, want %d", name, len(found), want)
			continue
		}
		for _, r := range found {
			if len(r.Advices) != 1 || r.Advices[0].ID != told || len(r.Refunds) != 1 || r.Refunds[0].ID != "rfd-1" || r.Request.Version != 2 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	if _, err := s.RecordSent(ctx, "never"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a message that was never sent: %v", err)
	}
	if _, err := s.Record(ctx, "pr-0"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a payment that is not there: %v", err)
	}
}
