package payment

import (
	"encoding/json"
	"fmt"
	"time"
)

// SessionStatus is the life of a payment session.
type SessionStatus string

const (
	SessionActive    SessionStatus = "ACTIVE"
	SessionCompleted SessionStatus = "COMPLETED"
	SessionExpired   SessionStatus = "EXPIRED"
	SessionCanceled  SessionStatus = "CANCELED"
)

// SessionType says what a session is for.
type SessionType string

const (
	SessionPay  SessionType = "PAY"
	SessionSave SessionType = "SAVE"
)

// SessionMode says whose page the payer is on.
type SessionMode string

const (
	ModeCardsSessionJS SessionMode = "CARDS_SESSION_JS" // the merchant's
	ModePaymentLink    SessionMode = "PAYMENT_LINK"     // ours
)

// AllowSave says whether a card that is typed to pay is also stored.
type AllowSave string

const (
	SaveDisabled AllowSave = "DISABLED"
	SaveOptional AllowSave = "OPTIONAL" // if the payer says so
	SaveForced   AllowSave = "FORCED"
)

// Limits of a session and its attempts.
const (
	SessionLife    = 30 * time.Minute // when the merchant names no expires_at
	SessionLifeMin = 10 * time.Minute
	SessionLifeMax = 30 * 24 * time.Hour
	AttemptLife    = 15 * time.Minute // an attempt, and a CVN in escrow, live no longer
	MaxFailures    = 5                // failed authorisations of a session
	MaxAttempts    = 20               // attempts of a session, whatever became of them
	MaxCVNTries    = 5                // CVN mismatches of a card in a day
)

// Session is what a merchant wants paid, and the door through which the payer pays it.
type Session struct {
	ID          SessionID
	Business    BusinessID
	Version     int64
	Status      SessionStatus
	ReferenceID string
	Type        SessionType
	Mode        SessionMode
	Amount      Money
	Country     string
	Locale      string
	Customer    CustomerID
	Token       TokenID // the stored card that is to be paid with; empty: the payer types a card

	SuccessReturnURL string
	FailureReturnURL string
	CancelReturnURL  string // where the hosted page's way back leads
	SkipThreeDS      bool
	CaptureMethod    CaptureMethod // empty for SAVE
	AllowSave        AllowSave
	MIDLabel         string
	OnFile           CardOnFile      // how the card is to be used, if it is a stored one or becomes one
	Link             string          // PAYMENT_LINK: the unguessable last part of the hosted page's address
	Echo             json.RawMessage // what the API repeats and nobody here reads: items, metadata, description …

	Created time.Time
	Updated time.Time
	Expires time.Time

	Saved    TokenID   // the card that was stored
	Open     RequestID // the attempt under way, if any
	Request  RequestID // the attempt that paid
	Payment  PaymentID
	Failures int // authorisations that failed
	Attempts int // that were begun

	// StepUp: an issuer has declined to authorise before it knows who pays. No attempt skips 3-D Secure any more.
	StepUp bool

	Unread Unread `json:"-"`
}

// NewSession opens a session; created is its customer where that is new.
func NewSession(s Session, created *Customer) Changes {
	return Changes{Session: &s, Customer: created, Effects: []Effect{Wake{sessionWork(s), s.Expires}}}
}

// acceptsSubmit says whether the payer may hand in a CVN now, or why not.
func (s Session) acceptsSubmit(now time.Time) error {
	if s.Status != SessionActive {
		return Refuse("INVALID_SESSION_STATUS", fmt.Sprintf("Session status is %s, expecting ACTIVE", s.Status))
	}
	if !now.Before(s.Expires) {
		return Refuse("INVALID_SESSION_STATUS", "Session status is EXPIRED, expecting ACTIVE")
	}
	if s.Failures >= MaxFailures {
		return tooManyAttempts()
	}
	return nil
}

// AcceptsAttempt says whether one more attempt may be begun, or why not: whatever becomes of them, a session is not
// there to try cards out.
func (s Session) AcceptsAttempt() error {
	if s.Attempts >= MaxAttempts {
		return tooManyAttempts()
	}
	return nil
}

// Unasked says whether the session is paid without asking the bank who pays.
func (s Session) Unasked() bool { return s.SkipThreeDS && !s.StepUp }

// LinkPath is where the hosted page of a payment link is, under the gateway's public URL.
func (s Session) LinkPath() string { return "/link/" + s.Link }

// Saves says whether a card that is typed into the session is stored, if the payer wants that or not.
func (s Session) Saves(wanted bool) bool {
	return s.Type == SessionSave || s.AllowSave == SaveForced || s.AllowSave == SaveOptional && wanted
}

func tooManyAttempts() *Error {
	return Refuse("PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "Too many attempts in this session. Please go on in a new one.")
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
