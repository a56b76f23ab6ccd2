package acquirer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// counters is what the database does for Lease: one counter for each lane, shared by all nodes.
type counters struct {
	mu      sync.Mutex
	next    map[string]int64
	periods map[string]int64
	leases  int
}

func (c *counters) lease(_ context.Context, lane string, period, size int64) (from, at int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = map[string]int64{}
	}
	if c.periods == nil {
		c.periods = map[string]int64{}
	}
	c.leases++
	if last, begun := c.periods[lane]; begun && last < period {
		c.next[lane] = 0
	}
	c.periods[lane] = max(c.periods[lane], period)
	from = c.next[lane]
	c.next[lane] += size
	return from, c.periods[lane], nil
}

func reserving(t *testing.T, change func(*Options)) *Line {
	t.Helper()
	return newLine(t, "127.0.0.1:1", func(o *Options) {
		o.Now = func() time.Time { return sampleTime }
		if change != nil {
			change(o)
		}
	})
}

var hundredThousandRupiah = payment.Money{Minor: 100_000_00, Currency: "IDR"}

func TestReserve(t *testing.T) {
	shared := &counters{next: map[string]int64{"stan/400552/WEB00001": 416, "rrn/400552": 35*36 + 20}}
	jakarta := time.FixedZone("WIB", 7*3600)
	l := reserving(t, func(o *Options) { o.Lease, o.Location = shared.lease, jakarta })
	trace, err := l.Reserve(t.Context(), sampleMerchant, payment.Purchase, hundredThousandRupiah)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleTrace, trace); diff != "" {
		t.Error(diff)
	}

	reversal, err := l.ReserveAdvice(t.Context(), sampleMerchant, payment.Reversal, trace, payment.Money{})
	if err != nil {
		t.Fatal(err)
	}
	want := sampleTrace
	want.MTI, want.STAN = "0420", "000418"
	if diff := cmp.Diff(want, reversal); diff != "" {
		t.Error(diff)
	}
}

func TestReserveByPurpose(t *testing.T) {
	l := reserving(t, nil)
	for _, c := range []struct {
		why                    payment.Purpose
		amount                 int64
		mti, digits, condition string
	}{
		{payment.Purchase, 10000000, "0200", "000010000000", "59"},
		{payment.Authorisation, 10000000, "0100", "000010000000", "59"},
		{payment.Verification, 0, "0100", "000000000000", "51"},
	} {
		trace, err := l.Reserve(t.Context(), sampleMerchant, c.why, payment.Money{Minor: c.amount, Currency: "IDR"})
		if err != nil || trace.MTI != c.mti || trace.Amount != c.digits || trace.Condition != c.condition || trace.ProcessingCode != "000000" {
			t.Errorf("%s: %+v, %v", c.why, trace, err)
		}
	}
}

// An acquirer that counts the rupiah without decimals is sent what it counts, in every message.
func TestReserveCountsAsTheAcquirerDoes(t *testing.T) {
	l, m := reserving(t, nil), sampleMerchant
	m.AcquirerExponents = map[string]int{"IDR": 0}
	hold, err := l.Reserve(t.Context(), m, payment.Authorisation, hundredThousandRupiah)
	if err != nil || hold.Amount != "000000100000" {
		t.Fatalf("%+v, %v", hold, err)
	}
	capture, err := l.ReserveAdvice(t.Context(), m, payment.CaptureAdvice, hold, payment.Money{Minor: 2500000, Currency: "IDR"})
	if err != nil || capture.Amount != "000000025000" {
		t.Errorf("%+v, %v", capture, err)
	}
	if _, err := l.Reserve(t.Context(), m, payment.Purchase, payment.Money{Minor: 10000001, Currency: "IDR"}); err == nil {
		t.Error("a hundredth of a rupiah was lost")
	}
}

func TestReserveAdvice(t *testing.T) {
	jakarta := time.FixedZone("WIB", 7*3600)
	shared := &counters{next: map[string]int64{"stan/400552/WEB00001": 900}}
	l := reserving(t, func(o *Options) {
		o.Location, o.Lease = jakarta, shared.lease
		o.Now = func() time.Time { return sampleTime.Add(34 * time.Second) }
	})
	part := payment.Money{Minor: 6000000, Currency: "IDR"}
	for i, c := range []struct {
		kind     payment.AdviceKind
		original payment.Trace
		want     func(*payment.Trace)
	}{
		{payment.Reversal, sampleTrace, func(w *payment.Trace) { w.MTI = "0420" }},
		{payment.Release, sampleHold(), func(w *payment.Trace) { w.MTI = "0420" }},
		{payment.CaptureAdvice, sampleHold(), func(w *payment.Trace) { w.MTI, w.Amount = "0220", "000006000000" }},
		{payment.RefundAdvice, sampleHold(), func(w *payment.Trace) {
			w.MTI, w.Amount, w.ProcessingCode, w.LocalTime = "0220", "000006000000", "200000", "153005"
		}},
	} {
		want := c.original
		want.Transmitted, want.STAN = "0213083005", fmt.Sprintf("%06d", stanGroup+901+i) // the next period has begun
		c.want(&want)
		got, err := l.ReserveAdvice(t.Context(), sampleMerchant, c.kind, c.original, part)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", c.kind, diff)
		}
	}
}

func TestReserveAdviceRefuses(t *testing.T) {
	verification := sampleHold()
	verification.Amount, verification.Condition = nothing, accountStatus
	rupiah := func(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "IDR"} }
	for name, c := range map[string]struct {
		kind     payment.AdviceKind
		original payment.Trace
		amount   payment.Money
	}{
		"more than was held":         {payment.CaptureAdvice, sampleHold(), rupiah(10000001)},
		"nothing":                    {payment.RefundAdvice, sampleTrace, rupiah(0)},
		"another currency":           {payment.RefundAdvice, sampleTrace, payment.Money{Minor: 100, Currency: "USD"}},
		"no currency":                {payment.RefundAdvice, sampleTrace, payment.Money{Minor: 100}},
		"capture of what is taken":   {payment.CaptureAdvice, sampleTrace, rupiah(100)},
		"release of what is taken":   {payment.Release, sampleTrace, rupiah(0)},
		"reversal of a verification": {payment.Reversal, verification, rupiah(0)},
	} {
		if trace, err := reserving(t, nil).ReserveAdvice(t.Context(), sampleMerchant, c.kind, c.original, c.amount); err == nil {
			t.Errorf("%s: %+v", name, trace)
		}
	}
}

func TestReserveFillsWhatTheHostEchoesFilled(t *testing.T) {
	m := sampleMerchant
	m.Terminal = "W1"
	trace, err := reserving(t, nil).Reserve(t.Context(), m, payment.Purchase, hundredThousandRupiah)
	if err != nil {
		t.Fatal(err)
	}
	if trace.Terminal != "W1      " || len(trace.CardAcceptor) != 15 {
		t.Errorf("terminal %q, card acceptor %q", trace.Terminal, trace.CardAcceptor)
	}
}

func TestRRN(t *testing.T) {
	for want, c := range map[string]struct {
		at     time.Time
		serial int64
	}{
		"504408000000": {time.Date(2025, 2, 13, 8, 29, 0, 0, time.UTC), 0},
		"600100000001": {time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1},
		"836623ZZZZZZ": {time.Date(2028, 12, 31, 23, 59, 59, 0, time.UTC), serials - 1},
		"600117000000": {time.Date(2026, 1, 2, 0, 0, 0, 0, time.FixedZone("", 7*3600)), serials},
	} {
		if got := rrn(c.at, c.serial); got != want {
			t.Errorf("%s, %d: %s, want %s", c.at, c.serial, got, want)
		}
	}
}

// TestNoSTANComesBackWithinAnHour: nodes that draw now and then over half a day, one of them with a clock that is a
// second off, and one that keeps a block it hardly uses.
func TestNoSTANComesBackWithinAnHour(t *testing.T) {
	now, shared := sampleTime, &counters{}
	var nodes []*Line
	for _, off := range []time.Duration{0, time.Second, -time.Second} {
		nodes = append(nodes, reserving(t, func(o *Options) {
			o.Now, o.Lease = func() time.Time { return now.Add(off) }, shared.lease
		}))
	}
	drawn := map[string]time.Time{}
	closest := 24 * time.Hour
	for range 12 * 3600 / 7 {
		now = now.Add(7 * time.Second)
		for i, node := range nodes {
			if i == 2 && now.Unix()%10 != 0 {
				continue
			}
			for range 1 + now.Unix()%50 {
				stan, err := node.stan(t.Context(), "1", "T       ")
				if err != nil || len(stan) != 6 || stan == "000000" {
					t.Fatalf("STAN %q, %v", stan, err)
				}
				if last, again := drawn[stan]; again {
					closest = min(closest, now.Sub(last))
				}
				drawn[stan] = now
			}
		}
	}
	if closest < time.Hour || closest > 90*time.Minute {
		t.Errorf("a STAN came back after %v", closest)
	}
}

// TestTheGroupsOfSTANs: they have all six digits between them, and none is in two.
func TestTheGroupsOfSTANs(t *testing.T) {
	var now time.Time
	shared := &counters{next: map[string]int64{}}
	l := reserving(t, func(o *Options) { o.Now, o.Lease = func() time.Time { return now }, shared.lease })
	for period := range int64(2 * stanGroups) {
		group := period % stanGroups
		now = time.Unix(period*660+659, 0)
		first, err := l.stan(t.Context(), "1", "T")
		if want := fmt.Sprintf("%06d", 1+group*142_857); err != nil || first != want {
			t.Errorf("period %d begins with %s, %v, want %s", period, first, err, want)
		}
		shared.next["stan/1/T"] = 142_857 - 1
		l.lanes = lanes{lane: map[string]*lane{}}
		last, err := l.stan(t.Context(), "1", "T")
		if want := fmt.Sprintf("%06d", (group+1)*142_857); err != nil || last != want {
			t.Errorf("period %d ends with %s, %v, want %s", period, last, err, want)
		}
		if _, err := l.stan(t.Context(), "1", "T"); !errors.Is(err, payment.ErrUnavailable) {
			t.Errorf("period %d has no more: %v", period, err)
		}
	}
}

// TestBeyond: a database is lost, its backup is older, and what is given out after it was restored was given out
// neither within the hour before nor, of serials, at any time, however old the backup is, and how often it is restored.
func TestBeyond(t *testing.T) {
	for _, age := range []time.Duration{0, time.Second, 10 * time.Minute, 40 * time.Minute, 5 * time.Hour} {
		now, shared := sampleTime, &counters{}
		line := func() *Line {
			return reserving(t, func(o *Options) { o.Now, o.Lease = func() time.Time { return now }, shared.lease })
		}
		backup := map[string]int64{}
		periods := map[string]int64{}
		stans, rrns := map[string]time.Time{}, map[string]bool{}
		draw := func(l *Line, n int) {
			t.Helper()
			for range n {
				trace, err := l.Reserve(t.Context(), sampleMerchant, payment.Purchase, hundredThousandRupiah)
				if err != nil {
					t.Fatal(err)
				}
				if last, again := stans[trace.STAN]; again && now.Sub(last) < 55*time.Minute {
					t.Fatalf("backup of %v before: STAN %s again after %v", age, trace.STAN, now.Sub(last))
				}
				if rrns[trace.RRN] {
					t.Fatalf("backup of %v before: RRN %s again", age, trace.RRN)
				}
				stans[trace.STAN], rrns[trace.RRN] = now, true
			}
		}
		first := line()
		draw(first, 250)
		maps.Copy(backup, shared.next)
		maps.Copy(periods, shared.periods)
		for range 10 {
			now = now.Add(age / 10)
			draw(first, 250)
		}
		for range 3 {
			for lane, next := range backup {
				shared.periods[lane], shared.next[lane] = Beyond(lane, periods[lane], next, now)
			}
			draw(line(), 250)
			now = now.Add(20 * time.Second)
		}
	}
}

// Two nodes and many payments at a time: no number twice, and the database asked once in a hundred.
func TestReserveIsDisjoint(t *testing.T) {
	shared := &counters{}
	nodes := []*Line{
		reserving(t, func(o *Options) { o.Lease = shared.lease }), reserving(t, func(o *Options) { o.Lease = shared.lease }),
	}
	const each = 1000
	traces := make(chan payment.Trace, 2*each)
	var running sync.WaitGroup
	for _, node := range nodes {
		for range 10 {
			running.Go(func() {
				for range each / 10 {
					trace, err := node.Reserve(t.Context(), sampleMerchant, payment.Purchase, hundredThousandRupiah)
					if err != nil {
						t.Error(err)
						return
					}
					traces <- trace
				}
			})
		}
	}
	running.Wait()
	close(traces)
	stans, rrns := map[string]bool{}, map[string]bool{}
	for trace := range traces {
		stans[trace.STAN], rrns[trace.RRN] = true, true
	}
	if len(stans) != 2*each || len(rrns) != 2*each {
		t.Errorf("%d STANs and %d RRNs for %d payments", len(stans), len(rrns), 2*each)
	}
	if shared.leases != 2*2*each/block {
		t.Errorf("%d leases", shared.leases)
	}
}

// The lanes of two terminals are two lanes; the RRNs of one acquirer are one.
func TestReserveLanes(t *testing.T) {
	shared := &counters{}
	l := reserving(t, func(o *Options) { o.Lease = shared.lease })
	other := sampleMerchant
	other.Terminal = "WEB00002"
	a, errA := l.Reserve(t.Context(), sampleMerchant, payment.Purchase, hundredThousandRupiah)
	b, errB := l.Reserve(t.Context(), other, payment.Purchase, hundredThousandRupiah)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if a.STAN != b.STAN || a.RRN == b.RRN || a.Key() == b.Key() {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestReserveRefuses(t *testing.T) {
	for want, c := range map[string]struct {
		merchant func(*payment.Merchant)
		amount   payment.Money
	}{
		"currency \"XXQ\"":  {nil, payment.Money{Minor: 1, Currency: "XXQ"}},
		"has no amount":     {nil, payment.Money{Minor: 0, Currency: "IDR"}},
		"not fit 12 digits": {nil, payment.Money{Minor: 1_000_000_000_000, Currency: "IDR"}},
		"country \"AQ\"":    {func(m *payment.Merchant) { m.Country = "AQ" }, hundredThousandRupiah},
		"MCC":               {func(m *payment.Merchant) { m.MCC = "594" }, hundredThousandRupiah},
		"acquirer BIN":      {func(m *payment.Merchant) { m.AcquirerBIN = "4005-2" }, hundredThousandRupiah},
		"terminal":          {func(m *payment.Merchant) { m.Terminal = "" }, hundredThousandRupiah},
		"card acceptor":     {func(m *payment.Merchant) { m.CardAcceptor = strings.Repeat("M", 16) }, hundredThousandRupiah},
	} {
		m := sampleMerchant
		if c.merchant != nil {
			c.merchant(&m)
		}
		if _, err := reserving(t, nil).Reserve(t.Context(), m, payment.Purchase, c.amount); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestReserveSaysWhenNumbersCannotBeLeased(t *testing.T) {
	down := errors.New("the database is down")
	asked := 0
	l := reserving(t, func(o *Options) {
		o.Lease = func(_ context.Context, lane string, period, size int64) (int64, int64, error) {
			if asked++; asked == 1 {
				return 0, 0, fmt.Errorf("%s: %w", lane, down)
			}
			return 0, period, nil
		}
	})
	if _, err := l.Reserve(t.Context(), sampleMerchant, payment.Purchase, hundredThousandRupiah); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	if _, err := l.Reserve(t.Context(), sampleMerchant, payment.Purchase, hundredThousandRupiah); err != nil {
		t.Errorf("once the database is back: %v", err)
	}
}
