package payment

import (
	"cmp"
	"time"
)

// Case is everything one decision looks at: the merchant, and of session, stored card, attempt and refund what
// the way in leads to.
type Case struct {
	Merchant Merchant
	Session  Session // without ID: there is none
	Token    Token   // without ID: there is none
	Counts   Counts

	// Request is the attempt asked for, or the session's open one; nil if there is none.
	Request *Request
	Refund  *Refund

	// Customer is who was asked for beside the case; nil where nobody was, or there is none such. No decision looks at it.
	Customer *Customer
}

// Counts are what speaks against the card.
type Counts struct {
	Tries    int // of its CVN today: mismatches, and those whose outcome is not known yet
	Declines int // in the last 30 days
}

// Changes is what a decision leads to: rows as they now stand and effects, all to be written in one
// commit. A version is the one that was read; 0 means a new row.
type Changes struct {
	Customer *Customer // new
	Session  *Session  // nil: unchanged
	Tokens   []Token
	Requests []Request
	Refund   *Refund // nil: unchanged
	Effects  []Effect
}

// Empty says that nothing changes.
func (ch Changes) Empty() bool {
	return !ch.Rows() && len(ch.Effects) == 0
}

// Rows says whether an object changes.
func (ch Changes) Rows() bool {
	return ch.Customer != nil || ch.Session != nil || len(ch.Tokens) > 0 || len(ch.Requests) > 0 || ch.Refund != nil
}

// After is the case once the changes are made.
func (c Case) After(ch Changes) Case {
	if ch.Session != nil {
		c.Session = *ch.Session
	}
	if n := len(ch.Tokens); n > 0 {
		c.Token = ch.Tokens[n-1]
	}
	if n := len(ch.Requests); n > 0 {
		last := ch.Requests[n-1]
		c.Request = &last
	}
	if ch.Refund != nil {
		c.Refund = ch.Refund
	}
	return c
}

// Then joins a later decision to an earlier one, into one commit. Of several states of one row the last one
// counts.
func (ch Changes) Then(later Changes) Changes {
	if later.Customer == nil {
		later.Customer = ch.Customer
	}
	if later.Session == nil {
		later.Session = ch.Session
	}
	if later.Refund == nil {
		later.Refund = ch.Refund
	}
	later.Tokens = append(append([]Token(nil), ch.Tokens...), later.Tokens...)
	later.Requests = append(append([]Request(nil), ch.Requests...), later.Requests...)
	later.Effects = append(append([]Effect(nil), ch.Effects...), later.Effects...)
	return later
}

// AcceptsSubmit says whether the case's session takes what a payer hands in now, or why not. While an earlier
// attempt is with the acquirer nobody knows yet whether the session is paid.
func (c Case) AcceptsSubmit(now time.Time) error {
	if err := c.Session.acceptsSubmit(now); err != nil {
		return err
	}
	if c.Session.Token != "" {
		if err := c.Payable(now); err != nil {
			return err
		}
	}
	if c.Request != nil && c.Request.State.AtAcquirer() {
		return &Error{
			Code:       "SERVICE_UNAVAILABLE",
			Message:    "A payment of this session is being processed. Its outcome follows; please wait before trying again.",
			RetryAfter: 5 * time.Second,
		}
	}
	return nil
}

// Payable says whether the card may be tried now, or why not. It is asked when the payer submits, and again in
// the decision that sends the authorisation. It caps the guessing of a card's CVN, and the retries of one that
// is declined.
func (c Case) Payable(now time.Time) error {
	if c.Counts.Tries >= MaxCVNTries || c.Counts.Declines >= cmp.Or(c.Merchant.MaxDeclines, MaxDeclines) {
		if c.Session.ID == "" {
			return Refuse("PAYMENT_REQUEST_RATE_LIMITED", "Maximum number of requests to this payment channel has been exceeded in a given time frame.")
		}
		return Refuse("PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "Too many failed attempts. Please use another card or try again another day.")
	}
	if c.Token.Status == TokenOneOff || c.Token.Status == TokenPending {
		return nil // typed for this attempt
	}
	return c.Token.Usable(now)
}
