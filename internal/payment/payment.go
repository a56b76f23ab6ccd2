// Package payment says what may happen: money, ids, the objects of the v3 card API, and the one state
// machine that decides what becomes of a payment. It is pure. Nothing in it reads a clock, draws a random
// number or talks to anyone, so the same input always gives the same output.
package payment

import "time"

// Error is a refusal that the caller may read. Message is public by construction: it never holds a value
// of a card field, a key, or anything internal. Any other error is internal and is answered with one plain
// sentence at the door.
type Error struct {
	Code    string  // machine-readable, as in the v3 API: "INVALID_SESSION_STATUS"
	Message string  // one sentence for a developer at the merchant
	Fields  []Field // for API_VALIDATION_ERROR: which fields, and what is wrong with each

	// RetryAfter, when not zero, asks the caller to try again no sooner.
	RetryAfter time.Duration
}

// Field names one part of a request that was refused. Path is a JSON pointer below "/body", "/path",
// "/query" or "/headers".
type Field struct{ Path, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Refuse makes an Error.
func Refuse(code, message string) *Error { return &Error{Code: code, Message: message} }
