package payment

import "time"

// Request is one attempt to pay: the payment request of the v3 API and the payment it leads to.
type Request struct {
	ID          RequestID
	Payment     PaymentID
	Session     SessionID
	Business    BusinessID
	Customer    CustomerID
	Token       TokenID
	Version     int64
	State       State
	ReferenceID string
	Amount      Money
	Country     string

	Submits int // CVNs handed in for it; each has an escrow row

	// Page is the unguessable last part of the attempt's own page. It opens nothing without the browser's
	// share.
	Page string

	Authentication *Authentication
	Trace          *Trace // of the purchase, once it is on its way
	Authorization  *Authorization
	Failure        FailureCode
	Capture        *Capture
	Reversal       AdviceID // the last one opened for the trace

	Created time.Time
	Updated time.Time
	Expires time.Time // the attempt ends here unless it is with the acquirer

	// Deadline is when something happens to the attempt by itself: Expires, or with the acquirer when no
	// answer means that the outcome is unknown. Zero where the attempt is final or waits for its reversal.
	Deadline time.Time
}

// Capture is money taken.
type Capture struct {
	ID     CaptureID
	Amount Money
	At     time.Time
}

// MaxSubmits is how many submits one attempt takes; the next one begins another.
const MaxSubmits = 5

// HasPayment tells whether a payment exists: once the attempt went to the acquirer or came to an end that
// the merchant is told of.
func (r Request) HasPayment() bool { return r.Trace != nil || r.State == Failed }
