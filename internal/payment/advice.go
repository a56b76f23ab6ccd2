package payment

import "time"

// AdviceKind is what an advice tells the acquirer's host.
type AdviceKind string

const (
	// Reversal (0420) takes back a message whose outcome is unknown, that was approved and must not stand,
	// or whose hold the merchant gives up.
	Reversal AdviceKind = "REVERSAL"
	// Release (0420 with DE95) gives back what a partial capture left of a hold.
	Release AdviceKind = "RELEASE"
	// CaptureAdvice (0220) takes money that an 0100 holds.
	CaptureAdvice AdviceKind = "CAPTURE"
	// RefundAdvice (0220, DE3 20xxxx) gives captured money back.
	RefundAdvice AdviceKind = "REFUND"
)

// Advice tells the acquirer of something that has been decided. It is repeated, equal in all but the MTI,
// until the host acknowledges it.
type Advice struct {
	ID       AdviceID
	Kind     AdviceKind
	Request  RequestID
	Refund   RefundID // of a RefundAdvice
	Original Trace    // of the message that it is about
	Code     string   // DE38 of the original, if it was approved
	Trace    Trace    // its own: DE7 and DE11, and the amount that it is about; DE37 of the original
	Retained string   // DE95 of a Release: what stays captured, 12 digits in DE49's minor units
	Tries    int      // how often it may have left
	NoTrace  int      // how often the host answered 25: unable to locate the original
	Opened   time.Time
	Status   AdviceStatus
}

// AdviceStatus tells how far an advice has come.
type AdviceStatus string

const (
	AdviceOpen    AdviceStatus = "OPEN"
	AdviceDone    AdviceStatus = "DONE"
	AdviceRefused AdviceStatus = "REFUSED"  // the host said no
	AdviceNoTrace AdviceStatus = "NO_TRACE" // the host never saw the original; listed for the operator
	AdviceGivenUp AdviceStatus = "GIVEN_UP" // not acknowledged within a day; listed for the operator
	AdviceDropped AdviceStatus = "DROPPED"  // called off before it ever left
)
