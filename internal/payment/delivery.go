package payment

import "time"

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

// ResendMax is how many deliveries are sent again at once, at most.
const ResendMax = 500

// DeliveryFilter says which deliveries of a business are meant. What is zero excludes nothing.
type DeliveryFilter struct {
	Business BusinessID
	Notice   EventID
	Endpoint EndpointID
	Kind     NoticeKind
	Object   string
	Status   DeliveryStatus
	From, To time.Time // when the notice was made: not before From, and before To; in milliseconds

	// Before is a place in the list, which has the newest first: what stands behind it is meant.
	Before *DeliveryPlace
}

// DeliveryPlace is where a delivery stands in the list of its business.
type DeliveryPlace struct {
	Notice   EventID
	Endpoint EndpointID
}
