package simulator

import "strings"

// cardRange is one row of the directory's card range data, and at the same time one block of
// accounts at the issuer.
type cardRange struct {
	scheme   string // visa, mastercard, amex, jcb
	low, end string // first and last PAN of the range, same length
	noMethod bool   // no threeDSMethodURL: the gateway must say threeDSCompInd U
	newest   bool   // its ACS speaks 2.3.1, too
}

var cardRanges = []cardRange{
	{scheme: "mastercard", low: "2221000000000000", end: "2720999999999999", newest: true},
	{scheme: "jcb", low: "3337000000000000", end: "3337999999999999", noMethod: true},
	{scheme: "amex", low: "340000000000000", end: "349999999999999"},
	{scheme: "jcb", low: "3528000000000000", end: "3589999999999999", noMethod: true},
	{scheme: "amex", low: "370000000000000", end: "379999999999999"},
	{scheme: "visa", low: "4000000000000", end: "4999999999999"},
	{scheme: "visa", low: "4000000000000000", end: "4999999999999999"},
	{scheme: "visa", low: "4000000000000000000", end: "4999999999999999999"},
	{scheme: "mastercard", low: "5100000000000000", end: "5599999999999999", newest: true},
}

// rangeOf finds the range that issues a PAN.
func rangeOf(pan string) (cardRange, bool) {
	for _, r := range cardRanges {
		if len(pan) == len(r.low) && pan >= r.low && pan <= r.end {
			return r, num.holds(pan) && luhn(pan)
		}
	}
	return cardRange{}, false
}

// luhn is the check digit of ISO/IEC 7812-1.
func luhn(pan string) bool {
	sum := 0
	for i := range len(pan) {
		d := int(pan[len(pan)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// mask leaves the last four digits, less than PCI DSS 3.4.1 permits.
func mask(pan string) string {
	return strings.Repeat("•", 4) + " " + pan[len(pan)-4:]
}

// scheme is what differs between the schemes on our wires.
type scheme struct {
	program    string // what the scheme calls 3-D Secure, shown to the cardholder
	eci        string // of a full authentication
	attempted  string // of an attempt (A)
	informed   string // of what is for information only (I)
	eciAdded   string // of a full authentication of a card that is added, without a payment
	eciRefused string // of a card that is not added; empty: none is said
	bareAdded  bool   // a card is added without an authentication value, which EMV 3DS allows
	avBytes    int    // length of the authentication value before base64: always 28 characters after
	badCVN     string // DE39 for a wrong CVN
	cvnSize    int
	mismatch   string // the CVN that never matches
	waved      string // the CVN that does not match and is approved all the same
}

var schemes = map[string]scheme{
	"visa":       {program: "Visa Secure", eci: "05", attempted: "06", informed: "07", eciAdded: "05", avBytes: 20, badCVN: "N7", cvnSize: 3, mismatch: "999", waved: "998"},
	"mastercard": {program: "Mastercard Identity Check", eci: "02", attempted: "01", informed: "06", eciAdded: "N2", eciRefused: "N0", bareAdded: true, avBytes: 21, badCVN: "82", cvnSize: 3, mismatch: "999", waved: "998"},
	"amex":       {program: "American Express SafeKey", eci: "05", attempted: "06", informed: "07", eciAdded: "05", avBytes: 20, badCVN: "82", cvnSize: 4, mismatch: "9999", waved: "9998"},
	"jcb":        {program: "J/Secure", eci: "05", attempted: "06", informed: "07", eciAdded: "05", avBytes: 20, badCVN: "82", cvnSize: 3, mismatch: "999", waved: "998"},
}

// eciFor is the electronic commerce indicator of a transStatus.
func (s scheme) eciFor(status string, added bool) string {
	switch {
	case status == "A":
		return s.attempted
	case status == "I":
		return s.informed
	case added:
		return s.eciAdded
	}
	return s.eci
}
