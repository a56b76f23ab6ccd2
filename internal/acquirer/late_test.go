package acquirer

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reprise/internal/payment"
)

func TestNoAnswerIsUnknown(t *testing.T) {
	late := make(chan string, 10)
	later := make(chan func(more map[int]string), 1)
	inTime(t, managed(func(p *peer, m message) bool {
		later <- func(more map[int]string) { p.send(answerTo(m, more)) }
		return true
	}), func(o *Options) {
		o.Late = func(_ context.Context, key string, judge func(payment.Trace) payment.Answer) error {
			a := judge(nthPurchase(t, 1).Trace)
			late <- key + " " + string(a.Outcome) + " " + a.Authorization.AuthorizationCode
			return nil
		}
	}, func(t *testing.T, l *Line) {
		p := nthPurchase(t, 1)
		start := time.Now()
		if a := l.Authorise(t.Context(), p); a != (payment.Answer{Outcome: payment.Unknown}) {
			t.Errorf("%v", a)
		}
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("gave up after %v", took)
		}

		// A decline that comes late is of no use to anybody; an approval is money.
		answer := <-later
		answer(map[int]string{39: "05", 38: ""})
		answer(nil)
		answer(map[int]string{39: "10"})
		synctest.Wait()
		got := []string{<-late, <-late}
		slices.Sort(got)
		if want := []string{p.Trace.Key() + " APPROVED 831000", p.Trace.Key() + " UNWANTED 831000"}; !slices.Equal(want, got) {
			t.Errorf("%v", got)
		}
		if got := l.Counts(); got != (Counts{Connections: 1, Late: 2, Unmatched: 1}) {
			t.Errorf("%+v", got)
		}
	})
}

// A hold that comes late is told as a purchase is; a verification or an acknowledgement has nothing to give back.
func TestOnlyMoneyIsLate(t *testing.T) {
	late := make(chan string, 10)
	inTime(t, managed(func(p *peer, m message) bool {
		if m.mti == "0100" {
			return true
		}
		return approving(p, m) && approving(p, m)
	}), func(o *Options) {
		o.Late = func(_ context.Context, key string, _ func(payment.Trace) payment.Answer) error {
			late <- key
			return nil
		}
	}, func(t *testing.T, l *Line) {
		hold, check := nthPurchase(t, 1), nthPurchase(t, 2)
		hold.Trace.MTI = "0100"
		check.Trace.MTI, check.Trace.Amount, check.Trace.Condition = "0100", nothing, accountStatus
		for _, p := range []Authorisation{hold, check} {
			if a := l.Authorise(t.Context(), p); a.Outcome != payment.Unknown {
				t.Errorf("%s", a.Outcome)
			}
		}
		capture := sampleAdvice(payment.CaptureAdvice, sampleHold())
		if a := l.Advise(t.Context(), capture, hold.PAN); a.Outcome != payment.Approved { // and its second copy
			t.Errorf("%s", a.Outcome)
		}
		for _, p := range []Authorisation{hold, check} {
			m, err := buildAuthorisation(p)
			if err != nil {
				t.Fatal(err)
			}
			l.unwanted(answerTo(m, nil))
		}
		synctest.Wait()
		if key := <-late; key != hold.Trace.Key() || len(late) > 0 {
			t.Errorf("%s, and %d more", key, len(late))
		}
		if got := l.Counts(); got.Late != 1 || got.Unmatched != 2 {
			t.Errorf("%+v", got)
		}
	})
}

func TestSecondCopyOfAnAnswerIsLate(t *testing.T) {
	late := make(chan string, 1)
	inTime(t, managed(func(p *peer, m message) bool { return approving(p, m) && approving(p, m) }), func(o *Options) {
		o.Late = func(_ context.Context, key string, _ func(payment.Trace) payment.Answer) error {
			late <- key
			return nil
		}
	}, func(t *testing.T, l *Line) {
		p := nthPurchase(t, 1)
		if a := l.Authorise(t.Context(), p); a.Outcome != payment.Approved {
			t.Errorf("%s", a.Outcome)
		}
		if key := <-late; key != p.Trace.Key() {
			t.Errorf("%s", key)
		}
	})
}

// A Late that takes its time holds up nobody, and a host that floods us fills no memory.
func TestLateNeverBlocks(t *testing.T) {
	var told atomic.Int32
	release := make(chan struct{})
	inTime(t, managed(func(p *peer, m message) bool {
		for i := range 500 {
			p.send(answerTo(m, map[int]string{11: nthPurchase(t, 1000+i).Trace.STAN}))
		}
		return approving(p, m)
	}), func(o *Options) {
		o.MaxInFlight = 64
		o.Late = func(context.Context, string, func(payment.Trace) payment.Answer) error {
			told.Add(1)
			<-release
			return nil
		}
	}, func(t *testing.T, l *Line) {
		if a := l.Authorise(t.Context(), nthPurchase(t, 1)); a.Outcome != payment.Approved {
			t.Errorf("%s", a.Outcome)
		}
		if l.Counts().Late != 500 || told.Load() != 64 {
			t.Errorf("%d late, %d told at once", l.Counts().Late, told.Load())
		}
		close(release)
	})
}
