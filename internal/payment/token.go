package payment

import (
	"encoding/json"
	"time"
)

// TokenStatus is the life of a stored card.
type TokenStatus string

const (
	// TokenOneOff is a card that was typed to pay once. No merchant sees it as a payment token; it is kept
	// while a reversal, a capture or a refund may need its number.
	TokenOneOff   TokenStatus = "ONE_OFF"
	TokenPending  TokenStatus = "PENDING" // becomes ACTIVE with the attempt that stores it
	TokenActive   TokenStatus = "ACTIVE"
	TokenFailed   TokenStatus = "FAILED"
	TokenCanceled TokenStatus = "CANCELED"
	TokenExpired  TokenStatus = "EXPIRED"
)

// Token is a stored card, or one that is about to be. Its number is sealed by the vault and is bytes to
// everyone else.
type Token struct {
	ID       TokenID
	Business BusinessID
	Customer CustomerID // may be empty for a card that is not stored
	Version  int64
	Status   TokenStatus

	SealedPAN   []byte // empty once the number has been erased
	Fingerprint string // keyed hash of the PAN, 24 hex digits: equal cards of one business compare equal
	Masked      string // first six, Xs, last four: "400000XXXXXX1091"
	Brand       string // "VISA", "MASTERCARD", "AMEX", "JCB"
	CVNDigits   int    // 3, or 4 for Amex
	ExpiryMonth int    // 1..12
	ExpiryYear  int    // four digits
	Cardholder  Cardholder
	OnFile      CardOnFile // the agreement under which it was stored, and its first use
	Request     RequestID  // the attempt that stores it

	// What the API says of a payment token.
	ReferenceID string
	Country     string
	Currency    string
	Failure     FailureCode
	Echo        json.RawMessage `json:",omitempty"` // description, metadata, what was sent of channel_properties

	// Stopped: the issuer said that this card is never to be tried again.
	Stopped bool

	Created time.Time
	Updated time.Time

	Unread Unread `json:"-"`
}

// MaxDeclines is how often a card may be declined in 30 days before it is left alone. It is Visa's rule of 15
// reattempts, and the strictest.
const MaxDeclines = 15

// Visible says whether merchants see it as a payment token.
func (t Token) Visible() bool { return t.ID != "" && t.Status != TokenOneOff }

// Ends is the moment at which the card's last month is over wherever the payer is: the last time zone decides.
func (t Token) Ends() time.Time {
	return time.Date(t.ExpiryYear, time.Month(t.ExpiryMonth)+1, 1, 12, 0, 0, 0, time.UTC)
}

// Expired reports whether the card's last month is over at a moment.
func (t Token) Expired(now time.Time) bool { return !now.Before(t.Ends()) }

// Usable says whether a payment may be made with the card, or why not.
func (t Token) Usable(now time.Time) error {
	switch {
	case t.Status == TokenCanceled, t.Status == TokenExpired, t.Status == TokenActive && t.Expired(now):
		return Refuse("INVALID_TOKEN", "Payment token ID specified in the payment request has expired or has been cancelled. Please reinitiate linking before retrying.")
	case t.Status != TokenActive:
		return UnknownToken()
	case t.Stopped:
		return Refuse("ACCOUNT_ACCESS_BLOCKED", "Payment token ID specified in the request was denied access by the payment method provider.")
	}
	return nil
}

// UnknownToken is the refusal of a card that is not there, not the merchant's, not the customer's, or not stored
// because it was never verified: which of these is not said.
func UnknownToken() error {
	return Refuse("INVALID_TOKEN", "Payment token ID specified in the payment request does not exist, was never active, or belongs to another customer.")
}

// numberSettles is how long the number of a card that has just ended stays in any case: a payment that was
// decided while the card was good may be committed a moment later.
const numberSettles = AttemptLife

// CancelToken ends a stored card because the merchant asks. Its number stays while open work needs it.
func CancelToken(c Case, at time.Time) (Changes, error) {
	t := c.Token
	switch t.Status {
	case TokenActive:
	case TokenPending:
		return Changes{}, Refuse("INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment token because of its current status: it is being saved.")
	default:
		return Changes{}, Refuse("INACTIVE_PAYMENT_REQUEST", "Payment token is already inactive.")
	}
	t.Status, t.Updated = TokenCanceled, at
	return Changes{Tokens: []Token{t}, Effects: []Effect{Wake{tokenWork(t), at.Add(numberSettles)}}}, nil
}

// numberLater is when the number of a card that is needed without a known end is looked at again.
const numberLater = 24 * time.Hour

// TokenDue is what is to be done at a card's dates: it expires with its last month, and once it is over and no open
// payment, reversal, capture or refund needs its number, the number is erased (PCI DSS 3.2.1). until and forever
// say how long the number is needed.
func TokenDue(c Case, until time.Time, forever bool, now time.Time) Changes {
	t := c.Token
	again := func(at time.Time) Changes { return Changes{Effects: []Effect{Wake{tokenWork(t), at}}} }
	switch {
	case t.Status == TokenActive && !t.Expired(now):
		return again(t.Ends())
	case t.Status == TokenActive:
		t.Status, t.Updated = TokenExpired, now
		return Changes{Tokens: []Token{t}, Effects: []Effect{Tell{NoticeTokenExpired}, Wake{tokenWork(t), now.Add(numberSettles)}}}
	case len(t.SealedPAN) == 0:
		return Changes{Effects: []Effect{Rest{tokenWork(t)}}}
	case forever || t.Status == TokenPending:
		return again(now.Add(numberLater))
	case until.After(now):
		return again(until)
	}
	return EraseNumber(c, now)
}

// EraseNumber forgets the number of a card that nothing needs any more, and with it the fingerprint and the
// cardholder that the bank was told of. What is left is what a receipt shows (PCI DSS 3.2.1), and what the merchant
// asked to have repeated.
func EraseNumber(c Case, at time.Time) Changes {
	t := c.Token
	t.SealedPAN, t.Fingerprint, t.Cardholder, t.Updated = nil, "", Cardholder{}, at
	return Changes{Tokens: []Token{t}, Effects: []Effect{Rest{tokenWork(t)}}}
}

func tokenWork(t Token) Work { return Work{WorkToken, string(t.ID)} }
