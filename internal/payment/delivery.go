package payment

import (
	"fmt"
	"strings"
	"time"
)

// DeliveryStatus is what became of a delivery.
type DeliveryStatus string

const (
	DeliveryPending   DeliveryStatus = "PENDING"   // it will be tried, or tried again
	DeliveryDelivered DeliveryStatus = "DELIVERED" // the endpoint took it
	DeliveryFailed    DeliveryStatus = "FAILED"    // the schedule is at its end, or the endpoint is disabled or gone
)

// Delivery is one notice on its way to one endpoint.
type Delivery struct {
	Notice   Notice
	Endpoint EndpointID
	Status   DeliveryStatus
	Attempts []DeliveryAttempt // the oldest first
}

// Place is where the delivery stands in the list of its business.
func (d Delivery) Place() DeliveryPlace { return DeliveryPlace{d.Notice.ID, d.Endpoint} }

// Work is what has the delivery tried.
func (d Delivery) Work() Work {
	return Work{Kind: WorkWebhook, Ref: string(d.Notice.ID) + "/" + string(d.Endpoint)}
}

// DeliveryAttempt is one try to deliver a notice.
type DeliveryAttempt struct {
	At      time.Time
	Status  int    // HTTP status; 0 when no answer came
	Problem string // why no answer came, in a word or two: "timeout", "connection"; never the answer's text
	Took    time.Duration
}

// Taken says whether the endpoint took the notice: any 2xx.
func (a DeliveryAttempt) Taken() bool { return a.Status >= 200 && a.Status <= 299 }

// Tried is what a try to deliver a notice came to.
type Tried struct {
	Delivery           // its status from now on, and the attempt that was made, if any was
	Next     time.Time // when it is tried again; zero: not by itself
	Disable  string    // why its endpoint is told nothing from now on, in words for the merchant; empty: it is told
}

// ResendMax is how many deliveries are sent again at once, at most.
const ResendMax = 500

// Undelivered are the statuses of what an endpoint has not taken.
func Undelivered() []DeliveryStatus { return []DeliveryStatus{DeliveryPending, DeliveryFailed} }

// DeliveryFilter says which deliveries of a business are meant. What is zero excludes nothing.
type DeliveryFilter struct {
	Business BusinessID
	Notice   EventID
	Endpoint EndpointID
	Kind     NoticeKind
	Object   string
	Statuses []DeliveryStatus // any of these
	From, To time.Time        // when the notice was made: not before From, and before To; in milliseconds

	// Before is a place in the list, which has the newest first: what stands behind it is meant.
	Before *DeliveryPlace
}

// DeliveryPlace is where a delivery stands in the list of its business. Its text is what the API knows the
// delivery by: the two ids, with a dot between.
type DeliveryPlace struct {
	Notice   EventID
	Endpoint EndpointID
}

func (p DeliveryPlace) String() string { return string(p.Notice) + "." + string(p.Endpoint) }

// UnmarshalText reads what String writes.
func (p *DeliveryPlace) UnmarshalText(text []byte) error {
	notice, endpoint, found := strings.Cut(string(text), ".")
	if !found || notice == "" || endpoint == "" {
		return fmt.Errorf("payment: %q is no id of a delivery", text)
	}
	p.Notice, p.Endpoint = EventID(notice), EndpointID(endpoint)
	return nil
}
