package cluster

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// trial holds the gateway's promises against what the bank, the merchant and the database know in the end.
type trial struct {
	t      *testing.T
	shop   *shop
	books  books
	ledger []entry
	came   []delivery
	logs   []string // files

	attempts map[string]attempt // by id
	byRRN    map[string]attempt
	shown    map[string]bool // histories that were printed
}

func hold(t *testing.T, s *shop, b books, ledger []entry, came []delivery, logs []string) *trial {
	tr := &trial{
		t: t, shop: s, books: b, ledger: ledger, came: came, logs: logs,
		attempts: map[string]attempt{}, byRRN: map[string]attempt{}, shown: map[string]bool{},
	}
	for _, a := range b.attempts {
		tr.attempts[a.id] = a
		if rrn := a.rrn(); rrn != "" {
			if other, twice := tr.byRRN[rrn]; twice {
				tr.broken(a.id, "promise 1: it was sent under the reference number of %s", other.id)
			}
			tr.byRRN[rrn] = a
		}
	}
	return tr
}

// broken reports a promise that was not kept, and the history of what it is about, once.
func (tr *trial) broken(id, format string, args ...any) {
	tr.t.Helper()
	tr.t.Errorf("%s: %s", id, fmt.Sprintf(format, args...))
	if tr.shown[id] || len(tr.shown) >= 10 {
		return
	}
	tr.shown[id] = true
	tr.t.Log(tr.story(id))
}

// story is everything that is known of a payment request, or of what has an id beside.
func (tr *trial) story(id string) string {
	var b strings.Builder
	ids := []string{id}
	a, known := tr.attempts[id]
	if known {
		fmt.Fprintf(&b, "  %s of session %s is %s, payment %s, reference number %s\n", a.id, a.session, a.state, a.payment, a.rrn())
		ids = append(ids, a.payment, a.session)
	}
	ids = slices.DeleteFunc(ids, func(s string) bool { return s == "" })
	for _, o := range tr.shop.all() {
		if o.session != "" && slices.Contains(ids, o.session) || slices.ContainsFunc(o.requests, func(r string) bool { return slices.Contains(ids, r) }) {
			fmt.Fprintf(&b, "  order %d (%s) of %d:\n    %s\n", o.n, o.kind, o.amount, strings.Join(o.history, "\n    "))
		}
	}
	for _, e := range tr.ledger {
		if known && e.RRN == a.rrn() || e.RRN == id {
			fmt.Fprintf(&b, "  ledger %d at %s: %s %s %d, about %d, trace number %s\n", e.ID, e.At.UTC().Format("15:04:05.000"), e.Kind, e.State, e.Amount, e.Original, e.STAN)
		}
	}
	for _, v := range tr.books.advices {
		if v.request == id {
			fmt.Fprintf(&b, "  advice %s: %s is %s, tried %d times, no trace %d times\n", v.id, v.kind, v.status, v.number("Tries"), v.number("NoTrace"))
		}
	}
	for _, d := range tr.came {
		if slices.Contains(ids, d.object) {
			fmt.Fprintf(&b, "  webhook %s at %s: %s, sequence %s, answered %d\n", d.id, d.at.UTC().Format("15:04:05.000"), d.event, d.header.Get("Webhook-Sequence"), d.verdict)
		}
	}
	lines := 0
	for _, file := range tr.logs {
		text, _ := os.ReadFile(file)
		for line := range bytes.Lines(text) {
			if lines < 40 && slices.ContainsFunc(ids, func(id string) bool { return bytes.Contains(line, []byte(id)) }) {
				fmt.Fprintf(&b, "  %s: %s", file[strings.LastIndexByte(file, '/')+1:], line)
				lines++
			}
		}
	}
	return b.String()
}

// minor is an amount of rupiah as ISO 4217 counts it, in hundredths.
func minor(amount any) int64 {
	n, _ := amount.(float64)
	return int64(n * 100)
}

// keptOnce is promise 1: of each attempt at most one authorisation is kept, what is reported as SUCCEEDED was taken
// once and to the last rupiah, and nothing else was.
func (tr *trial) keptOnce(ctx context.Context) {
	tr.t.Helper()
	entries := map[string][]entry{}
	for _, e := range tr.ledger {
		entries[e.RRN] = append(entries[e.RRN], e)
		if _, known := tr.byRRN[e.RRN]; !known {
			tr.broken(e.RRN, "promise 1: the bank booked a %s of %d of which the gateway knows nothing", e.Kind, e.Amount)
		}
	}
	bought := map[int64]int{}
	for _, a := range tr.books.attempts {
		var asked, kept, taken int
		var sum, back int64
		for _, e := range entries[a.rrn()] {
			switch {
			case a.rrn() == "":
			case e.Kind == "purchase" || e.Kind == "hold":
				asked++
				if e.State != "reversed" {
					kept++
				}
				if e.Kind == "purchase" && e.State == "kept" {
					taken, sum = taken+1, sum+e.Amount
				}
			case e.Kind == "capture":
				taken, sum = taken+1, sum+e.Amount
			case e.Kind == "refund":
				back += e.Amount
			}
		}
		if asked > 1 || kept > 1 || taken > 1 {
			tr.broken(a.id, "promise 1: the bank was asked %d times, keeps %d and took money %d times", asked, kept, taken)
		}
		if a.kind == "SAVE" {
			continue
		}
		request, err := tr.shop.read(ctx, "/v3/payment_requests/"+a.id)
		if err != nil {
			tr.broken(a.id, "it cannot be read: %v", err)
			continue
		}
		status, paid := text(request, "status"), int64(0)
		if id := text(request, "latest_payment_id"); id != "" && status != "REQUIRES_ACTION" {
			p, err := tr.shop.read(ctx, "/v3/payments/"+id)
			if err != nil {
				tr.broken(a.id, "its payment cannot be read: %v", err)
				continue
			}
			if status = text(p, "status"); status == "SUCCEEDED" {
				captures, _ := p["captures"].([]any)
				for _, c := range captures {
					paid += minor(c.(object)["capture_amount"])
				}
				if len(captures) != 1 || text(p, "capture_method") == "AUTOMATIC" && paid != minor(request["request_amount"]) {
					tr.broken(a.id, "promise 1: it says that it captured %v of %v", captures, request["request_amount"])
				}
			}
		}
		if status != a.state && a.final() {
			tr.broken(a.id, "the API says %s, the database %s", status, a.state)
		}
		if paid != sum {
			tr.broken(a.id, "promise 1: it is %s and says that it took %d, the bank took %d", status, paid, sum)
		}
		if status != "SUCCEEDED" && status != "AUTHORIZED" && kept > 0 {
			tr.broken(a.id, "promise 1: it is %s, and the bank keeps what it authorised", status)
		}
		if back > 0 || status == "SUCCEEDED" {
			tr.refunded(ctx, a, back)
		}
		if taken > 0 {
			bought[minor(request["request_amount"])] += taken
		}
	}
	for amount, n := range bought {
		if n > 1 {
			tr.t.Errorf("promise 1: an order of %d was paid %d times", amount, n)
		}
	}
}

// refunded compares what was given back.
func (tr *trial) refunded(ctx context.Context, a attempt, back int64) {
	tr.t.Helper()
	list, err := tr.shop.read(ctx, "/refunds?payment_request_id="+a.id)
	if err != nil {
		tr.broken(a.id, "its refunds cannot be read: %v", err)
		return
	}
	var given int64
	refunds, _ := list["data"].([]any)
	for _, r := range refunds {
		switch refund := r.(object); text(refund, "status") {
		case "SUCCEEDED":
			given += minor(refund["amount"])
		case "PENDING":
			tr.broken(a.id, "promise 2: refund %s has not ended", text(refund, "id"))
		}
	}
	if given != back {
		tr.broken(a.id, "promise 1: it says that it gave back %d, the bank gave back %d", given, back)
	}
}

// ended is promise 2: everything is over, but for what the acquirer is still to be asked about.
func (tr *trial) ended() (untraced int) {
	tr.t.Helper()
	asked := tr.books.untraced()
	for _, a := range tr.books.attempts {
		if !a.final() && !asked[a.id] {
			tr.broken(a.id, "promise 2: it is still %s", a.state)
		}
	}
	for _, v := range tr.books.advices {
		if v.status == "OPEN" && !asked[v.request] {
			tr.broken(v.request, "promise 2: its %s is still open", v.kind)
		}
	}
	return len(asked)
}

// settled is promise 3: what was unknown was taken back, or the bank never had it; nothing is the operator's to
// settle that the bank keeps.
func (tr *trial) settled() (untraced int) {
	tr.t.Helper()
	keeps := map[string]bool{}
	for _, e := range tr.ledger {
		keeps[e.RRN] = keeps[e.RRN] || (e.Kind == "purchase" || e.Kind == "hold") && e.State == "kept"
	}
	for _, v := range tr.books.advices {
		switch a := tr.attempts[v.request]; v.status {
		case "NO_TRACE":
			if untraced++; keeps[a.rrn()] {
				tr.broken(a.id, "promise 3: a %s was closed because the bank never saw the original, and it keeps it", v.kind)
			}
		case "GIVEN_UP", "REFUSED":
			tr.broken(v.request, "promise 3: its %s is %s", v.kind, v.status)
		}
	}
	return untraced
}

// toldOnce is promise 4: each change has one event, which came, under one id and with one number, that rises.
func (tr *trial) toldOnce() {
	tr.t.Helper()
	byID := map[string]notice{}
	last := map[string]notice{}
	once := map[[2]string]string{}
	for _, n := range tr.books.notices {
		byID[n.id] = n
		if before, ok := last[n.object]; ok && n.sequence <= before.sequence {
			tr.broken(n.object, "promise 4: %s has number %d, and %s before it %d", n.kind, n.sequence, before.kind, before.sequence)
		}
		last[n.object] = n
		if first, twice := once[[2]string{n.kind, n.object}]; twice {
			tr.broken(n.object, "promise 4: %s happened twice, as %s and %s", n.kind, first, n.id)
		}
		once[[2]string{n.kind, n.object}] = n.id
	}
	heard := map[string]delivery{}
	for _, d := range tr.came {
		n, known := byID[d.id]
		switch first, again := heard[d.id]; {
		case !known:
			tr.broken(d.object, "promise 4: the merchant was told %s as %s, of which the gateway knows nothing", d.event, d.id)
		case n.kind != d.event || n.object != d.object || d.header.Get("Webhook-Object") != n.object || d.header.Get("Webhook-Sequence") != fmt.Sprint(n.sequence):
			tr.broken(d.object, "promise 4: %s came as %s about %s, number %s; it is %+v", d.id, d.event, d.object, d.header.Get("Webhook-Sequence"), n)
		case again && fmt.Sprint(first.data) != fmt.Sprint(d.data):
			tr.broken(d.object, "promise 4: %s came again with other words", d.id)
		}
		heard[d.id] = d
	}
	for _, n := range tr.books.notices {
		if _, came := heard[n.id]; !came {
			tr.broken(n.object, "promise 4: %s (%s) never came", n.kind, n.id)
		}
	}
	missing := func(id, kind, object string) {
		if once[[2]string{kind, object}] == "" {
			tr.broken(id, "promise 4: nobody was told %s", kind)
		}
	}
	for _, a := range tr.books.attempts {
		manual := text(a.data, "CaptureMethod") == "MANUAL"
		switch {
		case a.kind == "SAVE" && a.state == "SUCCEEDED":
			missing(a.id, "payment_token.activation", text(a.data, "Token"))
		case a.kind == "SAVE" && a.state == "FAILED":
			missing(a.id, "payment_token.failure", text(a.data, "Token"))
		case a.state == "SUCCEEDED":
			missing(a.id, "payment.capture", a.payment)
			if manual {
				missing(a.id, "payment.authorization", a.payment)
			}
			if a.session != "" {
				missing(a.id, "payment_session.completed", a.session)
			}
		case a.state == "FAILED":
			missing(a.id, "payment.failure", a.payment)
		}
	}
}

// taken is promise 5: no CVN outlives the end of its attempt.
func (tr *trial) taken() {
	tr.t.Helper()
	for id := range maps.Keys(tr.books.escrow) {
		if a := tr.attempts[id]; a.final() || a.state == "AUTHORIZING" || a.state == "REVERSING" || a.state == "AUTHORIZED" || a.state == "CAPTURING" {
			tr.broken(id, "promise 5: it is %s, and its CVN is still in escrow", a.state)
		}
	}
}

// keepsItsWord: whatever was answered to anybody is still so.
func (tr *trial) keepsItsWord(ctx context.Context) {
	tr.t.Helper()
	for _, o := range tr.shop.all() {
		for _, promise := range o.promised {
			words := strings.Fields(promise)
			kind, id, state := words[0], words[1], strings.Join(words[2:], "")
			path := map[string]string{
				"session": "/sessions/", "payment_request": "/v3/payment_requests/", "payment": "/v3/payments/", "refund": "/refunds/",
			}[kind] + id
			now, err := tr.shop.read(ctx, path)
			if err != nil {
				tr.broken(id, "order %d: %q was answered, and now: %v", o.n, promise, err)
				continue
			}
			status := text(now, "status")
			if state == "paid" && status != "SUCCEEDED" && status != "AUTHORIZED" || state != "" && state != "paid" && status != state {
				tr.broken(id, "order %d: %q was answered, and now it is %s", o.n, promise, status)
			}
		}
	}
}

// behaved: nobody had to be surprised by an answer, and work of dead nodes did not lie about.
func (tr *trial) behaved(t *trouble) {
	tr.t.Helper()
	for _, answer := range tr.shop.strange {
		tr.t.Errorf("nobody expected this: %s", answer)
	}
	if n := tr.shop.broken.Load(); n > 0 {
		tr.t.Errorf("%d requests were answered 500", n)
	}
	for _, complaint := range t.world.complaints() {
		if complaint != "directory: RReq: the gateway could not be reached" { // it was out of reach
			tr.t.Errorf("the world complains about %s", complaint)
		}
	}
	for _, n := range t.nodes {
		if n.deaths > 0 {
			tr.t.Errorf("%s ended by itself %d times", n.name, n.deaths)
		}
	}
	for _, p := range t.pickUps {
		if p.after-p.delayed(t.incidents) > pickUpLimit {
			tr.t.Errorf("work of a dead node was taken up after %s: %s", p.after.Round(time.Millisecond), p.work)
		}
	}
}

// count fills a report with what there is in the end.
func (tr *trial) count(r *report) {
	r.orders, r.deliveries, r.completed = len(tr.shop.all()), len(tr.came), len(tr.shop.paid)
	r.repeats = tr.shop.repeats.Load()
	r.states = map[string]int{}
	for _, a := range tr.books.attempts {
		r.states[a.state]++
	}
	for _, e := range tr.ledger {
		switch e.Kind {
		case "purchase", "hold":
			r.purchases++
		case "refund":
			r.refunds++
		}
	}
	r.retold = len(tr.came)
	for _, ids := range told(tr.came) {
		r.retold -= len(ids)
	}
}
