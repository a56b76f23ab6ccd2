package card

import (
	"fmt"
	"strconv"
)

// Expiry is the last month in which a card is good. It prints masked like the rest of the card, but is not
// hidden as well as that: fmt sees its fields when it lies in an unexported one. It may, because it is stored
// in the clear beside the masked number anyway, and says nothing without the whole one (PCI DSS 3.5.1).
type Expiry struct {
	Year  int // four digits
	Month int // 1..12
}

// What ParseExpiry refuses.
const (
	ErrMonth problem = "must be two digits from 01 to 12"
	ErrYear  problem = "must be four digits from 2000 to 2099"
)

// ParseExpiry reads "MM" and "YYYY". Whether the card has expired is for those who know the time. The error
// is ErrMonth or ErrYear.
func ParseExpiry(month, year string) (Expiry, error) {
	m, _ := strconv.Atoi(month)
	if len(month) != 2 || !onlyDigits(month) || m < 1 || m > 12 {
		return Expiry{}, ErrMonth
	}
	y, _ := strconv.Atoi(year)
	if len(year) != 4 || !onlyDigits(year) || y < 2000 || y > 2099 { // YYMM has no century
		return Expiry{}, ErrYear
	}
	return Expiry{Year: y, Month: m}, nil
}

// YYMM is the form of ISO 8583 DE14 and of EMV 3DS cardExpiryDate.
func (e Expiry) YYMM() string { return fmt.Sprintf("%02d%02d", e.Year%100, e.Month) }

// IsZero reports whether there is no expiry.
func (e Expiry) IsZero() bool { return e == Expiry{} }
