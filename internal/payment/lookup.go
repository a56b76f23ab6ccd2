package payment

import "errors"

// ErrNotFound reports that nothing is there, or nothing of this business.
var ErrNotFound = errors.New("payment: not found")

// ErrRepeated reports that the idempotency key of a command was used before. Nothing has changed; the
// first answer is kept.
var ErrRepeated = errors.New("payment: idempotency key used before")

// ErrTaken reports that a commit was refused by a guard other than a lost race: the escrow no longer holds
// the CVN that was to be taken, or the authentication value was used before.
var ErrTaken = errors.New("payment: already taken")

// ErrDuplicate reports that another attempt of the business has the reference. Nothing has changed.
var ErrDuplicate = errors.New("payment: reference used before")

// ErrUnavailable reports that the memory could not be reached, or could not do its work just now. Nothing
// has changed; try again.
var ErrUnavailable = errors.New("payment: memory unavailable")

// ErrUnsure reports that the answer to a commit was lost and could not be found out: it may have been made,
// or may still be. What depends on it must neither be taken as done nor as not done.
var ErrUnsure = errors.New("payment: a commit may have been made")

// Lookup names a case by one of the ways in. At most one of the fields below Reference is set. Where Business is
// set too, a case of another business is not found. Without any, it is a case with the merchant and no
// object.
type Lookup struct {
	Business BusinessID
	// Card is the fingerprint of the card whose counts are wanted; empty: the case's stored card.
	Card string
	// Customer or Reference, the merchant's own name, is whose record is wanted beside a Token or the merchant alone;
	// Business is set then. Both empty: nobody's.
	Customer  CustomerID
	Reference string

	Session       SessionID // its open attempt is the case's Request
	Request       RequestID
	Payment       PaymentID
	Page          string        // the attempt's page
	Token         TokenID       // the case has no session and no attempt
	Link          string        // of a session
	Refund        RefundID      // with the attempt that it gives back
	ServerTransID ServerTransID // of any AReq made for the attempt, the last or an earlier one
	Trace         string        // Trace.Key of an authorisation
}
