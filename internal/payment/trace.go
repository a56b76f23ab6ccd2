package payment

// Purpose is what a message asks of the issuer.
type Purpose string

const (
	Purchase      Purpose = "PURCHASE"      // 0200: authorise and capture at once
	Authorisation Purpose = "AUTHORISATION" // 0100: hold the money, to be captured later
	Verification  Purpose = "VERIFICATION"  // 0100 of amount zero, DE25 51: is the card good?
)

// Trace is what identifies a message on the acquirer line, and all that a reversal of it needs, exactly
// as sent. It is committed before the first byte leaves, so that a crash leaves something to reverse.
type Trace struct {
	MTI            string // "0200", "0100", "0420", "0220"
	ProcessingCode string // DE3, a string: "000000"
	Amount         string // DE4, 12 digits
	Transmitted    string // DE7, MMDDhhmmss UTC
	STAN           string // DE11, 6 digits
	LocalTime      string // DE12, hhmmss
	LocalDate      string // DE13, MMDD
	Category       string // DE18, merchant category code
	Country        string // DE19, 3 digits
	Condition      string // DE25: 59 electronic commerce, 51 account status check; in an advice as in its original
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
