package api

import (
	"encoding/json"

	"reprise/internal/payment"
)

// How an amount that cannot be taken is refused: sessions have a code of their own for it, all else has the one for
// values out of range.
const (
	badSessionAmount = "INVALID_AMOUNT"
	badAmount        = "INVALID_VALUE_ERROR"
)

// positive reads a member that is an amount of more than nothing.
func positive(member string, number json.Number, currency string) (payment.Money, error) {
	m, err := payment.ParseMoney(number.String(), currency, badAmount)
	if err == nil && m.Minor == 0 {
		err = payment.Refuse(badAmount, member+" must be greater than zero.")
	}
	return m, err
}
