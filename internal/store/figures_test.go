package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reprise/internal/payment"
)

// testFigures: what is not settled is counted by what it is, and nothing else is.
func testFigures(t *testing.T, db *database) {
	now := moment
	s := db.open(t, func(o *Options) { o.Now = func() time.Time { return now } })
	captured(t, s)
	ctx := t.Context()
	must(t, s.commit(ctx, stmt{sql: `DELETE FROM work`}))
	if got, err := s.Figures(ctx); err != nil || got.Unknown != 0 || got.Advices != nil || got.Due != nil {
		t.Errorf("where all is settled: %+v %v", got, err)
	}

	_, err := s.Change(ctx, byAttempt, nil, func(c payment.Case) (payment.Changes, error) {
		lost := attempt(c, 2)
		lost.State, lost.Trace = payment.Reversing, purchase(2)
		ch := payment.Changes{Requests: []payment.Request{lost}}
		for i, a := range []struct {
			of     payment.RequestID
			kind   payment.AdviceKind
			status payment.AdviceStatus
		}{
			{"pr-2", payment.Reversal, payment.AdviceOpen}, {"pr-1", payment.Reversal, payment.AdviceOpen},
			{"pr-1", payment.Reversal, payment.AdviceNoTrace}, {"pr-1", payment.RefundAdvice, payment.AdviceOpen},
			{"pr-1", payment.CaptureAdvice, payment.AdviceDone}, {"pr-1", payment.Release, payment.AdviceGivenUp},
			{"pr-1", payment.CaptureAdvice, payment.AdviceOpen},
		} {
			ch.Effects = append(ch.Effects, payment.SaveAdvice{Advice: payment.Advice{
				ID: payment.AdviceID(fmt.Sprintf("ad-%d", i)), Kind: a.kind, Request: a.of, Status: a.status, Opened: moment,
			}})
		}
		for ref, at := range map[string]time.Duration{"a": 0, "b": time.Second, "c": time.Hour} {
			ch.Effects = append(ch.Effects, payment.Wake{Work: payment.Work{Kind: payment.WorkSession, Ref: ref}, At: moment.Add(at)})
		}
		return ch, nil
	})
	must(t, err)
	must(t, s.commit(ctx, stmt{sql: `DELETE FROM work WHERE kind <> 'session'`}))
	now = moment.Add(3 * time.Second)
	got, err := s.Figures(ctx)
	must(t, err)
	want := Figures{
		Unknown: 1,
		Advices: []AdviceFigures{
			{payment.CaptureAdvice, payment.AdviceOpen, 1}, {payment.RefundAdvice, payment.AdviceOpen, 1},
			{payment.Release, payment.AdviceGivenUp, 1}, {payment.Reversal, payment.AdviceNoTrace, 1}, {payment.Reversal, payment.AdviceOpen, 2},
		},
		Due: []WorkFigures{{payment.WorkSession, 2, 3 * time.Second}},
	}
	byName := cmpopts.SortSlices(func(a, b AdviceFigures) bool {
		return string(a.Kind)+string(a.Status) < string(b.Kind)+string(b.Status)
	})
	if diff := cmp.Diff(want, got, byName); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

// testPing: nothing is written, and whoever has a connection is counted.
func testPing(t *testing.T, db *database) {
	s := db.open(t)
	must(t, s.Ping(t.Context()))
	if n := s.Connections(); n.Max < 2 || n.Busy < 0 || n.Busy+n.Idle > n.Max {
		t.Errorf("%+v", n)
	}
}
