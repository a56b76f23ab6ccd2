package card

import (
	"fmt"
	"strconv"
)

// Expiry is the last month in which a card is good. Its fields are cardholder data: they print masked with
// the card, and are stored beside the masked number, which PCI DSS 3.5.1 allows.
type Expiry struct {
	Year  int // four digits
	Month int // 1..12
}

// What ParseExpiry refuses.
const (
	ErrMonth problem = "expiry month must be two digits from 01 to 12"
	ErrYear  problem = "expiry year must be four digits from 2000 to 2099"
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
