package payment

import "time"

// Trace is what identifies a message on the acquirer line, and all that a reversal of it needs, exactly
// as sent. It is committed before the first byte leaves, so that a crash leaves something to reverse.
type Trace struct {
	MTI            string // "0200", "0420"
	ProcessingCode string // DE3, a string: "000000"
	Amount         string // DE4, 12 digits
	Transmitted    string // DE7, MMDDhhmmss UTC
	STAN           string // DE11, 6 digits
	LocalTime      string // DE12, hhmmss
	LocalDate      string // DE13, MMDD
	Category       string // DE18, merchant category code
	Country        string // DE19, 3 digits
	Acquirer       string // DE32
	Forwarder      string // DE33
	RRN            string // DE37, 12 characters
	Terminal       string // DE41
	CardAcceptor   string // DE42
	Currency       string // DE49, 3 digits
}

// Key is the host's own key for duplicates: MTI class, DE32, DE41, DE7, DE11, DE37.
func (t Trace) Key() string {
	return t.MTI[:2] + "|" + t.Acquirer + "|" + t.Terminal + "|" + t.Transmitted + "|" + t.STAN + "|" + t.RRN
}

// Reversal takes back a message whose outcome is unknown, or that was approved and must not stand. It is
// repeated until the host acknowledges it.
type Reversal struct {
	ID       ReversalID
	Request  RequestID
	Original Trace
	Code     string // DE38 of the original, if it was approved
	Trace    Trace  // of the 0420: DE7 and DE11 of its own, DE37 of the original
	Tries    int
	NoTrace  int // how often the host answered 25: unable to locate the original
	Opened   time.Time
	Status   ReversalStatus
}

// ReversalStatus tells how far a reversal has come.
type ReversalStatus string

const (
	ReversalOpen    ReversalStatus = "OPEN"
	ReversalDone    ReversalStatus = "DONE"
	ReversalNoTrace ReversalStatus = "NO_TRACE" // the host never saw the original; listed for the operator
	ReversalGivenUp ReversalStatus = "GIVEN_UP" // not acknowledged within a day; listed for the operator
)
