package payment

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/bojanz/currency"
)

// Money is an amount in the minor units of its currency by ISO 4217: 100000 rupiah are 10000000, because
// ISO gives the rupiah two digits although nobody uses them.
type Money struct {
	Minor    int64  // minor units, never negative
	Currency string // ISO 4217 alphabetic, upper case
}

// fewerDigits lists currencies whose merchants quote no decimals although ISO 4217 has some.
var fewerDigits = map[string]int{"IDR": 0}

// isoDigits overrides the CLDR digits of the currency library where they differ from ISO 4217, which is
// what DE4 and purchaseExponent are counted in.
var isoDigits = map[string]int{"IDR": 2}

// Exponent is the number of minor digits by ISO 4217.
func Exponent(code string) int {
	if d, ok := isoDigits[code]; ok {
		return d
	}
	d, _ := currency.GetDigits(code)
	return int(d)
}

// NumericCurrency is the ISO 4217 numeric code of three digits, as DE49 and purchaseCurrency want it;
// ok is false for an unknown currency.
func NumericCurrency(code string) (string, bool) { return currency.GetNumericCode(code) }

// largest is the amount that just fits DE4, in minor units.
const largest = 999_999_999_999

// ParseMoney reads an amount as the API writes it: a JSON number in major units ("100000", "10.5"). It
// refuses signs, exponents, more decimals than the currency's merchants use, and what does not fit DE4
// (12 digits), each with the error code that is given, for operations differ in it.
func ParseMoney(number, code, refusal string) (Money, error) {
	whole, fraction, _ := strings.Cut(number, ".")
	digits := Exponent(code)
	allowed := digits
	if d, ok := fewerDigits[code]; ok {
		allowed = d
	}
	fraction = strings.TrimRight(fraction, "0")
	for _, c := range whole + fraction {
		if c < '0' || c > '9' {
			return Money{}, Refuse(refusal, "Amount must be a plain number, without sign and exponent")
		}
	}
	if len(fraction) > allowed {
		return Money{}, Refuse(refusal, fmt.Sprintf("Amount in %s must have at most %d decimal places", code, allowed))
	}
	minor, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 63)
	switch {
	case whole == "":
		return Money{}, Refuse(refusal, "Amount must be a plain number, without sign and exponent")
	case err != nil || minor > largest: // all are digits, so there are too many
		return Money{}, Refuse(refusal, fmt.Sprintf("Amount in %s must be at most %s", code, largestIn(code, digits-allowed)))
	}
	return Money{Minor: int64(minor), Currency: code}, nil
}

// largestIn writes the largest amount of a currency, of whose minor digits so many are not used.
func largestIn(code string, unused int) string {
	m := Money{Minor: largest, Currency: code}
	for range unused {
		m.Minor /= 10
	}
	for range unused {
		m.Minor *= 10
	}
	return m.Number()
}

// In counts the amount in units of exponent minor digits, for a counterparty that does not count the currency
// as ISO 4217 does. It fails where that would lose a fraction or does not fit: an amount is never rounded.
func (m Money) In(exponent int) (int64, error) {
	n := m.Minor
	for digits := Exponent(m.Currency); digits != exponent; {
		switch {
		case digits < exponent && n > math.MaxInt64/10:
			return 0, fmt.Errorf("payment: an amount in %s does not fit with %d minor digits", m.Currency, exponent)
		case digits < exponent:
			n, digits = n*10, digits+1
		case n%10 != 0:
			return 0, fmt.Errorf("payment: an amount in %s is no whole number with %d minor digits", m.Currency, exponent)
		default:
			n, digits = n/10, digits-1
		}
	}
	return n, nil
}

// Number writes the amount as the API does: a JSON number in major units without needless zeros.
func (m Money) Number() string {
	digits := Exponent(m.Currency)
	s := fmt.Sprintf("%0*d", digits+1, m.Minor)
	if digits == 0 {
		return s
	}
	whole, fraction := s[:len(s)-digits], strings.TrimRight(s[len(s)-digits:], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
