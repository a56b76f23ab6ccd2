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

// ErrUnavailable reports that the memory could not be reached, or could not do its work just now. Nothing
// has changed; try again.
var ErrUnavailable = errors.New("payment: memory unavailable")

// ErrUnsure reports that the answer to a commit was lost and could not be found out: it may have been made,
// or may still be. What depends on it must neither be taken as done nor as not done.
var ErrUnsure = errors.New("payment: a commit may have been made")

// Lookup names a case by one of the ways in. Exactly one of the fields below Business is set. Where
// Business is set too, a case of another business is not found.
type Lookup struct {
	Business BusinessID

	Session       SessionID // its open attempt is the case's Request
	Request       RequestID
	Payment       PaymentID
	Page          string        // the attempt's page
	ServerTransID ServerTransID // of any AReq made for the attempt, the last or an earlier one
	Trace         string        // Trace.Key of a purchase
}

// Once makes a command happen once: the key and the answer are written in the command's own commit.
type Once struct {
	Business    BusinessID
	Endpoint    string // environment and operation: "test POST /sessions"
	Key         string // the idempotency-key header
	Fingerprint []byte // keyed hash of the request, without card data

	// Answer renders what the door will answer, so that the same answer can be given again.
	Answer func(Case) (status int, body []byte, err error)
}
