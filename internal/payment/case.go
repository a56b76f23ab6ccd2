package payment

import "time"

// Case is everything one decision about an attempt looks at: the merchant, the session, the stored card,
// and the attempt itself.
type Case struct {
	Merchant   Merchant
	Session    Session
	Token      Token
	Mismatches int // CVN mismatches of the card today

	// Request is the attempt asked for, or the session's open one; nil if there is none.
	Request *Request
}

// Changes is what a decision leads to: rows as they now stand and effects, all to be written in one
// commit. A version is the one that was read; 0 means a new row.
type Changes struct {
	Session  *Session // nil: unchanged
	Requests []Request
	Effects  []Effect
}

// After is the case once the changes are made.
func (c Case) After(ch Changes) Case {
	if ch.Session != nil {
		c.Session = *ch.Session
	}
	if n := len(ch.Requests); n > 0 {
		last := ch.Requests[n-1]
		c.Request = &last
	}
	return c
}

// Then joins a later decision to an earlier one, into one commit.
func (ch Changes) Then(later Changes) Changes {
	if later.Session == nil {
		later.Session = ch.Session
	}
	later.Requests = append(append([]Request(nil), ch.Requests...), later.Requests...)
	later.Effects = append(append([]Effect(nil), ch.Effects...), later.Effects...)
	return later
}

// CancelSession ends a session because the merchant asks, and drops an attempt that has not reached the
// acquirer.
func CancelSession(c Case, at time.Time) (Changes, error) {
	if c.Session.Status != SessionActive {
		return Changes{}, Refuse("INVALID_SESSION_STATUS", "Session status is "+string(c.Session.Status)+", expecting ACTIVE")
	}
	return end(c, at, SessionCanceled)
}

// ExpireSession ends a session whose time is over. An open attempt is waited for: the wake-up moves to the
// attempt's end.
func ExpireSession(c Case, at time.Time) (Changes, error) {
	if c.Session.Status != SessionActive {
		return Changes{Effects: []Effect{Rest{sessionWork(c.Session)}}}, nil
	}
	if c.Session.Open != "" && c.Request != nil {
		next := c.Request.Expires
		if !next.After(at) {
			next = at.Add(time.Minute) // with the acquirer: its outcome ends the session
		}
		return Changes{Effects: []Effect{Wake{sessionWork(c.Session), next}}}, nil
	}
	if at.Before(c.Session.Expires) {
		return Changes{Effects: []Effect{Wake{sessionWork(c.Session), c.Session.Expires}}}, nil
	}
	return end(c, at, SessionExpired)
}

// end drops the open attempt, if any, and gives the session its last status.
func end(c Case, at time.Time, status SessionStatus) (Changes, error) {
	var ch Changes
	if c.Session.Open != "" && c.Request != nil {
		var err error
		if ch, err = Apply(c, Event{Kind: Drop, At: at}); err != nil {
			return Changes{}, Refuse("INVALID_SESSION_STATUS", "Session has a payment that is being authorised; its outcome follows by webhook")
		}
		c = c.After(ch)
	}
	s := c.Session
	s.Status, s.Updated, s.Open = status, at, ""
	effects := []Effect{Rest{sessionWork(s)}}
	if status == SessionExpired {
		effects = append(effects, Tell{NoticeSessionExpired})
	}
	return ch.Then(Changes{Session: &s, Effects: effects}), nil
}

func sessionWork(s Session) Work { return Work{WorkSession, string(s.ID)} }
func attemptWork(r Request) Work { return Work{WorkAttempt, string(r.ID)} }

// AcceptsCVN caps the guessing of a card's CVN.
func (c Case) AcceptsCVN() error {
	if c.Mismatches >= MaxCVNMismatch {
		return tooManyAttempts()
	}
	return nil
}

// Payable says whether the session may be paid with the card now, or why not. It is asked when the payer
// submits, and again in the decision that sends the purchase.
func (c Case) Payable(now time.Time) error {
	if err := c.AcceptsCVN(); err != nil {
		return err
	}
	return c.Token.Usable(now)
}
