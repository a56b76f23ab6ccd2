package card

import "slices"

// CVN is the card verification number that a payer has just typed. It must not outlive the answer to the
// authorisation (PCI DSS 3.3.1), so whoever holds one wipes it.
//
// Copies share one buffer: Wipe on any of them empties all. It is not safe for concurrent use.
type CVN struct{ digits hidden[[]byte] }

// What ParseCVN refuses.
const (
	ErrCVNMissing problem = "is required"
	ErrCVN3       problem = "must be 3 digits"
	ErrCVN4       problem = "must be 4 digits"
)

// ParseCVN copies the digits typed. want is 3, or 4 for Amex: Brand.CVNDigits. The caller wipes digits. The
// error is ErrCVNMissing, ErrCVN3 or ErrCVN4.
func ParseCVN(digits []byte, want int) (CVN, error) {
	switch {
	case len(digits) == 0:
		return CVN{}, ErrCVNMissing
	case len(digits) == want && onlyDigits(digits):
	case want == 4:
		return CVN{}, ErrCVN4
	default:
		return CVN{}, ErrCVN3
	}
	return CVN{hide(slices.Clone(digits))}, nil
}

// Reveal returns the digits themselves, not a copy: they become zeros when the CVN is wiped. Only the vault
// (to seal them into the escrow) and the line to the acquirer (the field of the 0200 that carries the CVN)
// may call it. nil when there is none, or none any more.
func (c CVN) Reveal() []byte {
	if digits := c.digits.get(); digits != nil {
		return *digits
	}
	return nil
}

// Wipe overwrites the digits and leaves every copy of this CVN empty. It may be called twice.
func (c CVN) Wipe() {
	if digits := c.digits.get(); digits != nil {
		Wipe(*digits)
		*digits = nil
	}
}

// IsZero reports whether there is no CVN, or none any more.
func (c CVN) IsZero() bool { return len(c.Reveal()) == 0 }
