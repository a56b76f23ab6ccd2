package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Result is what one measurement has come to. Rates are per second.
type Result struct {
	Name     string  `json:"name"`     // of a workload or a limit
	Database string  `json:"database"` // SQLite or PostgreSQL
	Round    int     `json:"round"`
	Stored   int     `json:"stored_payments,omitempty"` // growth: how many payments were there before
	Clients  int     `json:"clients,omitempty"`         // closed loop
	Asked    float64 `json:"asked_rate,omitempty"`      // open loop
	Count    int64   `json:"count"`
	Rate     float64 `json:"rate"`      // until the last was answered
	Full     float64 `json:"full_rate"` // until the last webhook had come, too
	Latency  Latency `json:"latency"`

	Webhooks float64  `json:"webhook_rate,omitempty"`
	Told     *Latency `json:"webhook_latency,omitempty"` // from the time of the change that it tells to its arrival
	Own      *Latency `json:"own_time,omitempty"`        // without what the acquirer took; one client
	Quiet    *Latency `json:"webhook_latency_one_client,omitempty"`

	// CPU is milliseconds of user and system time for each operation, Memory the bytes that were resident at most;
	// by process: gateway, simulator, PostgreSQL, load.
	CPU    map[string]float64 `json:"cpu_ms,omitempty"`
	Memory map[string]int64   `json:"memory,omitempty"`

	// Of PostgreSQL, for each operation.
	Transactions float64 `json:"transactions,omitempty"`
	WAL          float64 `json:"wal_bytes,omitempty"`
}

// String says what was measured. Rounds of the same thing have it in common.
func (r Result) String() string {
	text := r.Name + " on " + r.Database
	if r.Asked > 0 {
		text += fmt.Sprintf(" at %.0f a second", r.Asked)
	}
	if r.Stored > 0 {
		text += fmt.Sprintf(" with %d stored payments", r.Stored)
	}
	return text
}

// measure has a gateway do a workload under a load, and accounts for it until the last webhook has come.
func (s *site) measure(ctx context.Context, w workload, l load) (Result, error) {
	return s.account(ctx, w.name, l, w.on(s))
}

func (s *site) account(ctx context.Context, name string, l load, do operation) (r Result, err error) {
	r = Result{Name: name, Database: s.kind, Clients: l.clients, Asked: l.rate, CPU: map[string]float64{}, Memory: map[string]int64{}}
	if l.rate > 0 {
		r.Clients = 0
	}
	s.sink.take()
	var before map[string]usage
	var was written
	m, err := l.run(ctx, s.next, do, func() (err error) {
		if was, err = s.written(ctx); err == nil {
			before, err = s.used(ctx)
		}
		return err
	})
	if err == nil {
		err = s.sink.settled(ctx)
	}
	if err != nil {
		return r, fmt.Errorf("%s on %s: %w", name, s.kind, err)
	}
	after, err := s.used(ctx)
	if err != nil {
		return r, err
	}
	for who, used := range after {
		r.CPU[who] = milliseconds(used.CPU-before[who].CPU) / float64(m.count)
		r.Memory[who] = used.Peak
	}
	is, err := s.written(ctx)
	if err != nil {
		return r, err
	}
	r.Transactions, r.WAL = float64(is.transactions-was.transactions)/float64(m.count), float64(is.wal-was.wal)/float64(m.count)
	r.Count, r.Rate, r.Latency = m.count, m.perSecond(), m.histogram.latency()
	told, last := s.told(m)
	took := last.Sub(m.began).Seconds()
	r.Full = float64(m.count) / took
	if told != nil {
		r.Webhooks, r.Told = float64(told.Count)/took, told
	}
	return r, nil
}

// told is how long webhooks took that tell of what counts; nil where there are none. last is when everything was over.
func (s *site) told(m measured) (told *Latency, last time.Time) {
	came, last := newHistogram(), m.ended
	for _, a := range s.sink.take() {
		if a.changed.Before(m.began) {
			continue
		}
		came.add(a.at.Sub(a.changed))
		if a.at.After(last) {
			last = a.at
		}
	}
	if all := came.latency(); all.Count > 0 {
		told = &all
	}
	return told, last
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// passage is a message on the simulator's side of the line to the acquirer.
type passage struct {
	At     time.Time
	Line   string
	Type   string
	STAN   string `json:"stan"`
	RRN    string `json:"rrn"`
	Amount int64
}

// remembered is how many payments the simulator's history holds for certain.
const remembered = 2000

// ownTime measures how long one payment takes of which nobody else is waited for: the time from the merchant's request
// for a session to the answer to the CVN, less the time from the acquirer host's having read the 0200 to its having
// written the 0210. The way there and back, and its encryption, count as ours. One client, so that nothing waits for
// the processors but what we do at once; quiet is how long webhooks take then.
func (s *site) ownTime(ctx context.Context, l load) (own, quiet *Latency, err error) {
	s.sink.take()
	var took []sample
	l.clients, l.rate = 1, 0
	m, err := l.run(ctx, s.next, func(ctx context.Context, n int64) error {
		if len(took) > remembered {
			took = took[1:]
		}
		at := time.Now()
		_, err := s.oneclick(ctx, n)
		took = append(took, sample{n, at, time.Since(at)})
		return err
	}, func() error { return nil })
	if err == nil {
		err = s.sink.settled(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	var history struct{ Passages []passage }
	if err := s.tell(ctx, "/history", &history); err != nil {
		return nil, nil, err
	}
	h := newHistogram()
	elsewhere := waits(history.Passages)
	for _, one := range took {
		if one.at.Before(m.began) {
			continue
		}
		waited, there := elsewhere[firstAmount+one.n]
		if !there {
			return nil, nil, fmt.Errorf("the simulator's history has nothing of order %d", one.n)
		}
		h.add(one.took - waited)
	}
	all := h.latency()
	quiet, _ = s.told(m)
	return &all, quiet, nil
}

// sample is how long one order took.
type sample struct {
	n    int64
	at   time.Time
	took time.Duration
}

// minor are the minor units of one unit of IDR (ISO 4217).
const minor = 100

// waits is how long the acquirer host took for each purchase, by its amount.
func waits(all []passage) map[int64]time.Duration {
	took := map[int64]time.Duration{}
	read := map[string]passage{}
	for _, p := range slices.SortedStableFunc(slices.Values(all), func(a, b passage) int { return a.At.Compare(b.At) }) {
		switch {
		case p.Line != "acquirer":
		case p.Type == "0200":
			read[p.STAN+p.RRN] = p
		case p.Type == "0210":
			if asked, there := read[p.STAN+p.RRN]; there {
				took[asked.Amount/minor] = p.At.Sub(asked.At)
			}
		}
	}
	return took
}
