package card

import (
	"strconv"
	"strings"
)

// PAN is a primary account number: 12 to 19 digits with a right check digit (ISO/IEC 7812-1). The zero
// value is no number.
//
// == compares addresses; use Equal.
type PAN struct{ digits hidden[string] }

// What ParsePAN refuses.
const (
	ErrPANDigits problem = "must be digits only"
	ErrPANLength problem = "must be 12 to 19 digits"
	ErrPANCheck  problem = "must be a valid card number, please check for a mistyped digit"
)

// ParsePAN reads the digits of a card number. Spaces and dashes are refused: whoever typed them is asked
// again, nobody guesses. The error is ErrPANDigits, ErrPANLength or ErrPANCheck.
func ParsePAN(digits string) (PAN, error) {
	switch {
	case !onlyDigits(digits):
		return PAN{}, ErrPANDigits
	case len(digits) < 12 || len(digits) > 19:
		return PAN{}, ErrPANLength
	case !luhn(digits):
		return PAN{}, ErrPANCheck
	}
	digits = strings.Clone(digits) // not a piece of a longer string that nobody knows to hold a card
	return PAN{hide(digits)}, nil
}

// luhn checks the last digit (ISO/IEC 7812-1 annex B).
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// Reveal returns the digits. Only the vault (to seal them), the line to the directory server
// (acctNumber, card ranges), and the line to the acquirer (ISO 8583 DE2) may call it; what they make of it
// goes onto their wire and nowhere else. Being a string, it cannot be wiped.
func (p PAN) Reveal() string {
	if digits := p.digits.get(); digits != nil {
		return *digits
	}
	return ""
}

// IsZero reports whether there is no number.
func (p PAN) IsZero() bool { return p.digits.get() == nil }

// Equal reports whether two numbers are the same.
func (p PAN) Equal(q PAN) bool { return p.Reveal() == q.Reveal() }

// Masked shows what PCI DSS 3.4.1 lets anyone see: the first six and the last four, "400000XXXXXX1091".
// Of a number shorter than 15 digits it shows less at the front, so that at least five stay hidden and the
// check digit does not give the rest away. The zero value is "".
func (p PAN) Masked() string {
	digits := p.Reveal()
	if digits == "" {
		return ""
	}
	front := min(6, len(digits)-9)
	return digits[:front] + strings.Repeat("X", len(digits)-front-4) + p.Last4()
}

// Last4 returns the last four digits, or "" for the zero value.
func (p PAN) Last4() string {
	digits := p.Reveal()
	return digits[max(0, len(digits)-4):]
}

// Brand is a card scheme as the API writes it. Unknown is "".
type Brand string

const (
	Visa       Brand = "VISA"
	Mastercard Brand = "MASTERCARD"
	Amex       Brand = "AMEX"
	JCB        Brand = "JCB"
)

// Brands are all that we know.
var Brands = []Brand{Visa, Mastercard, Amex, JCB}

// Brand tells the scheme from the first digits.
func (p PAN) Brand() Brand {
	if p.IsZero() {
		return ""
	}
	iin, _ := strconv.Atoi(p.Reveal()[:4])
	return BrandOf(iin)
}

// BrandOf tells the scheme from the first four digits, as a number. 3337 is the range of the API's JCB test cards.
func BrandOf(iin int) Brand {
	switch {
	case iin/1000 == 4:
		return Visa
	case iin >= 5100 && iin <= 5599, iin >= 2221 && iin <= 2720:
		return Mastercard
	case iin/100 == 34, iin/100 == 37:
		return Amex
	case iin >= 3528 && iin <= 3589, iin == 3337:
		return JCB
	}
	return ""
}

// CVNDigits is the length of the brand's CVN: four on an Amex, three on all others.
func (b Brand) CVNDigits() int {
	if b == Amex {
		return 4
	}
	return 3
}
