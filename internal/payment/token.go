package payment

import "time"

// TokenStatus is the life of a stored card.
type TokenStatus string

const (
	TokenActive   TokenStatus = "ACTIVE"
	TokenCanceled TokenStatus = "CANCELED"
	TokenExpired  TokenStatus = "EXPIRED"
)

// Token is a stored card. Its number is sealed by the vault and is bytes to everyone else.
type Token struct {
	ID       TokenID
	Business BusinessID
	Customer CustomerID
	Version  int64
	Status   TokenStatus

	SealedPAN   []byte
	Fingerprint string // keyed hash of the PAN, 24 hex digits: equal cards of one business compare equal
	Masked      string // first six, Xs, last four: "400000XXXXXX1091"
	Brand       string // "VISA", "MASTERCARD", "AMEX", "JCB"
	CVNDigits   int    // 3, or 4 for Amex
	ExpiryMonth int    // 1..12
	ExpiryYear  int    // four digits
	Cardholder  Cardholder
	Created     time.Time
}

// Expired reports whether the card's last month is over at a moment. A card is good to the end of its
// month wherever the payer is, so the last time zone decides.
func (t Token) Expired(now time.Time) bool {
	end := time.Date(t.ExpiryYear, time.Month(t.ExpiryMonth)+1, 1, 12, 0, 0, 0, time.UTC)
	return !now.Before(end)
}

// Usable says whether a payment may be made with the card, or why not.
func (t Token) Usable(now time.Time) error {
	if t.Status != TokenActive || t.Expired(now) {
		return UnusableToken()
	}
	return nil
}

// UnusableToken is the refusal of a card that is not there, not the merchant's or the customer's, expired or
// cancelled: which of these is not said.
func UnusableToken() error {
	return Refuse("INVALID_TOKEN", "Payment token ID specified in the payment request has expired or has been cancelled. Please reinitiate linking before retrying.")
}
