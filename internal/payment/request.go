package payment

import (
	"encoding/json"
	"time"
)

// RequestType says what an attempt is for, as the v3 API names it; SAVE is a payment token's own attempt, which
// moves no money.
type RequestType string

const (
	Pay        RequestType = "PAY"
	PayAndSave RequestType = "PAY_AND_SAVE"
	Save       RequestType = "SAVE"
)

// CaptureMethod says who captures: we, at once, or the merchant, later.
type CaptureMethod string

const (
	CaptureAutomatic CaptureMethod = "AUTOMATIC"
	CaptureManual    CaptureMethod = "MANUAL"
)

// Request is one attempt to pay, or to save a card: the payment request of the v3 API and the payment that it
// leads to.
type Request struct {
	ID          RequestID
	Payment     PaymentID
	Session     SessionID // empty where the merchant's server asked without a session
	Business    BusinessID
	Customer    CustomerID // may be empty without a session
	Token       TokenID
	Version     int64
	State       State
	ReferenceID string
	Amount      Money
	Country     string
	Terms

	Tried   string // the day on which a try of the card's CVN was taken for it, 2006-01-02; empty: none
	Submits int    // CVNs handed in for it; each has an escrow row

	// Page is the unguessable last part of the attempt's own page. It opens nothing without the browser's
	// share.
	Page string

	Authentication *Authentication
	Trace          *Trace // of the purchase, once it is on its way
	Authorization  *Authorization
	SoftDecline    *SoftDecline // what was declined until the payer is authenticated, if anything was
	Failure        FailureCode
	Capture        *Capture
	Refunded       int64    // minor units given back, or on their way back
	Reversal       AdviceID // the last one opened for the trace
	CaptureAdvice  AdviceID // of the capture of a hold, once the merchant asked for it

	Created time.Time
	Updated time.Time
	Expires time.Time // the attempt ends here unless it is with the acquirer

	// Deadline is when something happens to the attempt by itself: Expires, or with the acquirer when no
	// answer means that the outcome is unknown, or the end of a hold. Zero where the attempt is final or waits
	// for an advice.
	Deadline time.Time

	Unread Unread `json:"-"`
}

// Terms are how an attempt is to be paid: what the merchant asked for.
type Terms struct {
	Type             RequestType
	CaptureMethod    CaptureMethod // empty for SAVE
	SuccessReturnURL string
	FailureReturnURL string
	SkipThreeDS      bool
	WithoutCVN       bool // none is asked for
	Absent           bool // the merchant pays on its own, the payer is not there
	MIDLabel         string
	OnFile           CardOnFile
	Locale           string
	Echo             json.RawMessage `json:",omitempty"` // what the API repeats and nobody here reads: description, metadata, items …
}

// Capture is money taken.
type Capture struct {
	ID     CaptureID
	Amount Money
	At     time.Time
}

// Limits of attempts and of what follows them.
const (
	// MaxSubmits is how many submits one attempt takes; the next one begins another.
	MaxSubmits = 5
	// HoldLife is how long an authorisation waits for its capture
	// (https://docs.xendit.co/docs/authorize-and-capture: 7 days).
	HoldLife = 7 * 24 * time.Hour
	// RefundPeriod is how long captured money can be given back
	// (https://docs.xendit.co/docs/id-credit-cards: 365 days).
	RefundPeriod = 365 * 24 * time.Hour
)

// PagePath is where the attempt's page is, under the gateway's public URL.
func (r Request) PagePath() string { return "/pay/" + r.Page }

// HasPayment tells whether a payment exists: once the attempt went to the acquirer or came to an end that
// the merchant is told of. An attempt to save a card has none.
func (r Request) HasPayment() bool { return r.Type != Save && (r.Trace != nil || r.State == Failed) }

// Sent says whether an authorisation may have left the house.
func (r Request) Sent() bool { return r.Trace != nil || r.SoftDecline != nil }

// Proof is what an authorisation shows of the authentication; nil where there is nothing to show. An ECI without its
// value would claim what nobody can check, except of a card that is stored (EMV 3DS 2.2 table B.2).
func (r Request) Proof() *Authentication {
	a := r.Authentication
	if a == nil || a.TransStatus == "U" || a.Value == "" && !a.NonPayment {
		return nil
	}
	return a
}

// NeedsNumberUntil is when the card's number is no longer needed for the attempt: for a late answer, a reversal,
// a refund. Zero while it is not over.
func (r Request) NeedsNumberUntil() time.Time {
	switch {
	case !r.State.Final():
		return time.Time{}
	case !r.Sent():
		return r.Updated // nothing left the house
	case r.Capture != nil && r.Refunded < r.Capture.Amount.Minor:
		return r.Capture.At.Add(RefundPeriod + NumberKept) // a refund of the last moment has yet to leave
	}
	return r.Updated.Add(NumberKept)
}

// Held says whether the attempt's money is or was held for the merchant to capture, and not captured at once.
func (r Request) WasHeld() bool {
	switch r.State {
	case Authorized, Capturing:
		return true
	case Succeeded, Canceled, Expired:
		return r.CaptureMethod == CaptureManual && r.Trace != nil
	}
	return false
}

// Purpose is what the attempt's message asks of the issuer.
func (r Request) Purpose() Purpose {
	switch {
	case r.Type == Save:
		return Verification
	case r.CaptureMethod == CaptureManual:
		return Authorisation
	}
	return Purchase
}

// Stores says whether the attempt stores its card, if it succeeds.
func (r Request) Stores() bool { return r.Type == PayAndSave || r.Type == Save }

func attemptWork(r Request) Work { return Work{WorkAttempt, string(r.ID)} }
