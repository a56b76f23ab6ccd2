package app

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

// metrics is what a house says about itself to who watches it, in the format of Prometheus, on a listener of its own.
// What can be read off a room is read when it is asked for; here is counted only what nobody would know any more. No
// label is anything that somebody outside chose, and none is an id: there are as many series as the program has names.
type metrics struct {
	house *House

	requests *prometheus.CounterVec   // operation, status
	took     *prometheus.HistogramVec // operation
	ended    *prometheus.CounterVec   // state, failure
	tries    *prometheus.CounterVec   // result
	notices  *prometheus.CounterVec   // status
}

func newMetrics(h *House) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &metrics{
		house:    h,
		requests: counter("reprise_requests_total", "Requests answered at the public door.", "operation", "status"),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "reprise_request_seconds", Help: "Time from the head of a request to its answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"operation"}),
		ended:   counter("reprise_attempts_total", "Attempts that came to an end here, or to money that is held.", "state", "failure"),
		tries:   counter("reprise_webhook_tries_total", "Tries to deliver a webhook.", "result"),
		notices: counter("reprise_webhooks_total", "Webhooks that were delivered, or given up.", "status"),
	}
}

// collectors are all that is told.
func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.took, m.ended, m.tries, m.notices, readings{m.house}}
}

// handler answers GET /metrics, two at a time: who asks more often than it can be answered is told to wait.
func (m *metrics) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.collectors()...)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2}))
	return mux
}

// served counts an answer at the public door.
func (m *metrics) served(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(operation).Observe(took.Seconds())
}

// delivery counts what came of a try to deliver a notice, once it is kept.
func (m *metrics) delivery(t payment.Tried) {
	for _, try := range t.Attempts {
		result := try.Problem
		switch {
		case try.Taken():
			result = "taken"
		case try.Status != 0:
			result = "refused"
		}
		m.tries.WithLabelValues(result).Inc()
	}
	if t.Status != payment.DeliveryPending {
		m.notices.WithLabelValues(string(t.Status)).Inc()
	}
}

// counted is the memory as flow has it, with somebody who counts what ends.
type counted struct {
	flow.Store
	ended *prometheus.CounterVec
}

func (c counted) Change(ctx context.Context, l payment.Lookup, once *payment.Once, fn decision) (payment.Case, error) {
	return c.count(fn, func(fn decision) (payment.Case, error) { return c.Store.Change(ctx, l, once, fn) })
}

func (c counted) ChangeFrom(ctx context.Context, from payment.Case, l payment.Lookup, once *payment.Once, fn decision) (payment.Case, error) {
	return c.count(fn, func(fn decision) (payment.Case, error) { return c.Store.ChangeFrom(ctx, from, l, once, fn) })
}

// decision is what a change is made of.
type decision = func(payment.Case) (payment.Changes, error)

// count counts the attempts that a change put into a state from which nothing more comes by itself.
func (c counted) count(fn decision, change func(decision) (payment.Case, error)) (payment.Case, error) {
	var ended []payment.Request // by the last call of fn, which is the one that counts
	after, err := change(func(before payment.Case) (payment.Changes, error) {
		ch, err := fn(before)
		ended = ended[:0]
		last := map[payment.RequestID]payment.Request{}
		for _, r := range ch.Requests {
			last[r.ID] = r
		}
		for _, r := range last {
			was := payment.None
			if before.Request != nil && before.Request.ID == r.ID {
				was = before.Request.State
			}
			if r.State != was && (r.State.Final() || r.State == payment.Authorized) {
				ended = append(ended, r)
			}
		}
		return ch, err
	})
	if err == nil {
		for _, r := range ended {
			c.ended.WithLabelValues(string(r.State), string(r.Failure)).Inc()
		}
	}
	return after, err
}

// readings are what is read off the rooms when somebody asks.
type readings struct{ *House }

func (readings) Describe(to chan<- *prometheus.Desc) {
	for _, f := range figures() {
		to <- f.desc
	}
}

// Collect asks every room. What a room cannot say in time is left out; that it could not is told.
func (h readings) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	all := figures()
	tell := func(name string, value float64, labels ...string) {
		f := all[name]
		to <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
	}
	h.tellReady(ctx, tell)
	h.tellDoors(tell)
	h.tellLine(tell)
	h.tellMemory(ctx, tell)
	for _, r := range h.threeDS.Ranges() {
		tell("reprise_card_ranges", float64(r.N), r.Directory)
		tell("reprise_card_range_failures_total", float64(r.Failures), r.Directory)
		if !r.Loaded.IsZero() {
			tell("reprise_card_ranges_age_seconds", h.outside.Now().Sub(r.Loaded).Seconds(), r.Directory)
		}
	}
	for name, paper := range h.papers {
		tell("reprise_certificate_expires_timestamp_seconds", float64(paper.Ends().Unix()), name)
	}
}

func (h readings) tellReady(ctx context.Context, tell func(string, float64, ...string)) {
	for room, why := range h.rooms(ctx) {
		ready := 0.0
		if why == "" {
			ready = 1
		}
		tell("reprise_ready", ready, room)
	}
}

func (h readings) tellDoors(tell func(string, float64, ...string)) {
	inside := h.gate.Crowd()
	tell("reprise_requests_in_flight", float64(inside.Ordinary), "ordinary")
	tell("reprise_requests_in_flight", float64(inside.Begins), "begins")
	tell("reprise_requests_in_flight", float64(inside.Finishes), "finishes")
	tell("reprise_requests_waiting", float64(inside.Waiting))
	tell("reprise_requests_shed_total", float64(inside.Shed))
	for _, d := range h.doors {
		open, turned := d.held()
		tell("reprise_connections", float64(open), d.name)
		tell("reprise_connections_shed_total", float64(turned), d.name)
	}
}

func (h readings) tellLine(tell func(string, float64, ...string)) {
	line := h.line.Counts()
	tell("reprise_acquirer_in_flight", float64(line.Calls))
	tell("reprise_acquirer_connections_total", float64(line.Connections))
	tell("reprise_acquirer_late_total", float64(line.Late))
	tell("reprise_acquirer_unmatched_total", float64(line.Unmatched))
	tell("reprise_acquirer_refused_total", float64(line.Refused))
}

func (h readings) tellMemory(ctx context.Context, tell func(string, float64, ...string)) {
	connections := h.store.Connections()
	tell("reprise_database_connections", float64(connections.Busy), "busy")
	tell("reprise_database_connections", float64(connections.Idle), "idle")
	tell("reprise_database_connections_max", float64(connections.Max))
	tell("reprise_database_waits_total", float64(connections.Waits))
	for kind, n := range h.store.Busy() {
		tell("reprise_work_busy", float64(n), string(kind))
	}
	f, err := h.store.Figures(ctx)
	if err != nil {
		h.log.Debug("no figures of the database", "error", err)
		return
	}
	tell("reprise_payments_unknown", float64(f.Unknown))
	advices := map[[2]string]int{}
	for _, kind := range []payment.AdviceKind{payment.Reversal, payment.Release, payment.CaptureAdvice, payment.RefundAdvice} {
		for _, status := range []payment.AdviceStatus{payment.AdviceOpen, payment.AdviceNoTrace, payment.AdviceGivenUp} {
			advices[[2]string{string(kind), string(status)}] = 0 // a series that begins at its first event shows no change
		}
	}
	for _, a := range f.Advices {
		advices[[2]string{string(a.Kind), string(a.Status)}] = a.N
	}
	for name, n := range advices {
		tell("reprise_advices", float64(n), name[:]...)
	}
	due := map[payment.WorkKind]time.Duration{}
	for kind := range h.work() {
		due[kind] = 0
	}
	for _, w := range f.Due {
		tell("reprise_work_due", float64(w.N), string(w.Kind))
		due[w.Kind] = w.Overdue
	}
	for kind, overdue := range due {
		tell("reprise_work_overdue_seconds", overdue.Seconds(), string(kind))
	}
}

// figure is one thing that is read off a room.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func figures() map[string]figure {
	all := map[string]figure{}
	add := func(kind prometheus.ValueType, name, help string, labels ...string) {
		all[name] = figure{prometheus.NewDesc(name, help, labels, nil), kind}
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	add(gauge, "reprise_ready", "1 where a room is ready for its part of a payment, as /readyz has it.", "room")
	add(gauge, "reprise_requests_in_flight", "Requests being answered, by what they mean to a gateway that has too much to do.", "load")
	add(gauge, "reprise_requests_waiting", "Requests that can only go on when their client sends more of a body or takes more of an answer.")
	add(counter, "reprise_requests_shed_total", "Requests turned away for want of room.")
	add(gauge, "reprise_connections", "Connections that clients have open.", "door")
	add(counter, "reprise_connections_shed_total", "Connections closed for want of room, idle ones first.", "door")
	add(gauge, "reprise_acquirer_in_flight", "Messages that wait for the acquirer's answer.")
	add(counter, "reprise_acquirer_connections_total", "Times that the acquirer has let us in.")
	add(counter, "reprise_acquirer_late_total", "Approvals that came when nobody waited any more.")
	add(counter, "reprise_acquirer_unmatched_total", "Other answers that nobody waited for.")
	add(counter, "reprise_acquirer_refused_total", "Messages of the acquirer that broke the profile.")
	add(gauge, "reprise_database_connections", "Connections to the database.", "state")
	add(gauge, "reprise_database_connections_max", "The most connections to the database that this node makes.")
	add(counter, "reprise_database_waits_total", "Times that somebody had to wait for a connection to the database.")
	add(gauge, "reprise_payments_unknown", "Payments of which nobody knows whether money was taken. All nodes.")
	add(gauge, "reprise_advices", "Advices that are open, or were closed without the acquirer's word. All nodes.", "kind", "status")
	add(gauge, "reprise_work_busy", "Work that this node is doing.", "kind")
	add(gauge, "reprise_work_due", "Work that is due and in nobody's hands. All nodes.", "kind")
	add(gauge, "reprise_work_overdue_seconds", "For how long the oldest of it has been due. All nodes.", "kind")
	add(gauge, "reprise_card_ranges", "Card ranges that a directory server has told of.", "directory")
	add(gauge, "reprise_card_ranges_age_seconds", "Time since it told of them, whichever node asked.", "directory")
	add(counter, "reprise_card_range_failures_total", "Times that this node asked for them in vain.", "directory")
	add(gauge, "reprise_certificate_expires_timestamp_seconds", "When a certificate of ours ends, or one by which others are known.", "certificate")
	return all
}
