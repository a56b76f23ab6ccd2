package shop

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// status is where an order stands, as far as webhooks have told.
type status string

const (
	statusOpen    status = "open"    // nobody has tried to pay yet
	statusWaiting status = "waiting" // a payment has been started
	statusPaid    status = "paid"    // final: payment.capture came
	statusFailed  status = "failed"  // the last payment failed; another may follow
	statusExpired status = "expired" // the session ran out; another may follow
)

// order is one basket and everything that happened to it.
type order struct {
	opening sync.Mutex // held while the gateway is asked for a session; taken before Shop.mu

	id      string
	created time.Time
	card    SavedCard
	status  status

	session   string // ps-…, the session of the last checkout, with its card
	reference string // its reference_id
	begun     string // the last session in which the payer clicked

	request     string // pr-…, the attempt under way, once known
	past        []string
	failedHere  bool   // the payer came back by the failure address in this attempt
	failureCode string // from payment.failure

	event json.RawMessage // the webhook that decided, as it came
	paid  payment         // its data
}

// number is the order's id as people say it.
func (o *order) number() string {
	id := strings.ToUpper(strings.ReplaceAll(o.id, "-", ""))
	return "KP-" + id[:min(len(id), 8)]
}

// begin starts another attempt. One before that is not over still counts until the gateway has taken this one:
// it may refuse, for that very reason.
func (o *order) begin() {
	if o.status == statusFailed {
		o.leave()
	}
	o.failedHere, o.failureCode, o.event, o.paid = false, "", nil, payment{}
	o.begun, o.status = o.session, statusWaiting
}

// leave puts the attempt under way among those whose failure is of no interest any more.
func (o *order) leave() {
	if o.request != "" && !slices.Contains(o.past, o.request) {
		o.past = append(o.past, o.request)
	}
	o.request = ""
}

// attempted notes the payment request that the page was told of; two clicks may share one. What is still told
// of earlier ones no longer counts, unless it says that one of them was paid.
func (o *order) attempted(request string) {
	if request == o.request {
		return // its webhook was faster
	}
	o.leave()
	if i := slices.Index(o.past, request); i >= 0 {
		o.past = slices.Delete(o.past, i, i+1)
	}
	o.request, o.status = request, statusWaiting
	o.failedHere, o.failureCode, o.event, o.paid = false, "", nil, payment{}
}

// The shop keeps its orders in memory, and no more than these many: the oldest give way.
const (
	mostOrders   = 1000
	mostWebhooks = 4000
)

type orders struct {
	byID        map[string]*order
	byReference map[string]*order // also references of the order's earlier sessions
	bySession   map[string]*order
	age         []*order // oldest first

	seen   recent[bool]  // ids of webhooks that were dealt with
	latest recent[int64] // the highest webhook-sequence of each object that one was about
}

// recent remembers the last things that it was told.
type recent[V any] struct {
	of  map[string]V
	age []string // oldest first
}

func (r *recent[V]) remember(key string, value V) {
	if _, known := r.of[key]; !known {
		if len(r.age) == mostWebhooks {
			delete(r.of, r.age[0])
			r.age = slices.Delete(r.age, 0, 1)
		}
		r.age = append(r.age, key)
	}
	r.of[key] = value
}

func newOrders() orders {
	return orders{
		byID:        map[string]*order{},
		byReference: map[string]*order{},
		bySession:   map[string]*order{},
		seen:        recent[bool]{of: map[string]bool{}},
		latest:      recent[int64]{of: map[string]int64{}},
	}
}

func (os *orders) add(o *order) {
	if len(os.age) == mostOrders {
		oldest := os.age[0]
		os.age = slices.Delete(os.age, 0, 1)
		delete(os.byID, oldest.id)
		for _, index := range []map[string]*order{os.byReference, os.bySession} {
			for key, o := range index {
				if o == oldest {
					delete(index, key)
				}
			}
		}
	}
	os.byID[o.id] = o
	os.age = append(os.age, o)
}

// index makes an order's present session findable. Earlier ones stay so: their webhooks may be late.
func (os *orders) index(o *order) {
	if os.byID[o.id] == o {
		os.byReference[o.reference], os.bySession[o.session] = o, o
	}
}

// news reports whether a webhook tells what is not known yet. Webhooks are delivered at least once, and in any order:
// webhook-id tells a repeat, webhook-sequence what a later state of the same object has overtaken.
func (os *orders) news(id, object string, sequence int64) bool {
	if id != "" {
		if os.seen.of[id] {
			return false
		}
		os.seen.remember(id, true)
	}
	if object != "" {
		if sequence <= os.latest.of[object] {
			return false
		}
		os.latest.remember(object, sequence)
	}
	return true
}
