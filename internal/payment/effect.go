package payment

import "time"

// Effect is something that must happen because a state changed. The machine only names it; the store
// carries it out in the commit that writes the state, or writes the work that will, so that nobody can
// forget it.
type Effect interface{ effect() }

// KeepCVN puts a sealed CVN into the escrow.
type KeepCVN struct{ Sealed SealedCVN }

// TakeCVN lets the commit succeed only if the escrow still holds the row with this verifier, and deletes
// every row of the attempt. Of two who take, one wins.
type TakeCVN struct {
	Request  RequestID
	Verifier []byte
}

// ForgetCVN deletes every row of the attempt, if there is any.
type ForgetCVN struct{ Request RequestID }

// NoteTrace makes the message findable by its key, and refuses an authentication value used before.
type NoteTrace struct {
	Request             RequestID
	Trace               Trace
	AuthenticationValue string // empty without 3DS
}

// NoteAuthentication makes the attempt findable by the transaction's id, also when a later AReq has
// replaced it. An id is noted once: a commit that brings one that is there already fails with ErrTaken.
type NoteAuthentication struct {
	Request       RequestID
	ServerTransID ServerTransID
}

// Tell writes a notice and a delivery for each endpoint of the merchant that wants it.
type Tell struct{ Kind NoticeKind }

// SaveAdvice writes an advice as it now stands.
type SaveAdvice struct{ Advice Advice }

// CardDay is a card on a day: what speaks against it is counted so.
type CardDay struct {
	Card string // Token.Fingerprint
	Day  string // 2006-01-02, UTC
}

// TakeTry lets the commit succeed only if fewer than MaxCVNTries tries of the card's CVN are taken that day,
// and takes one: it is taken before the CVN leaves, so that many at once cannot exceed the limit.
type TakeTry struct{ CardDay }

// GiveTryBack gives a try back: the CVN was not found wrong.
type GiveTryBack struct{ CardDay }

// CountDecline counts an authorisation that was declined.
type CountDecline struct{ CardDay }

// Wake schedules work, or moves work that is already scheduled.
type Wake struct {
	Work Work
	At   time.Time
}

// Rest takes work off the schedule.
type Rest struct{ Work Work }

func (KeepCVN) effect()            {}
func (TakeCVN) effect()            {}
func (ForgetCVN) effect()          {}
func (NoteTrace) effect()          {}
func (NoteAuthentication) effect() {}
func (Tell) effect()               {}
func (SaveAdvice) effect()         {}
func (TakeTry) effect()            {}
func (GiveTryBack) effect()        {}
func (CountDecline) effect()       {}
func (Wake) effect()               {}
func (Rest) effect()               {}

// Work is something to be done at a time: by whom (Kind) and about what (Ref). There is at most one entry
// of a kind for one thing.
type Work struct {
	Kind WorkKind
	Ref  string
}

// WorkKind names who does a piece of work.
type WorkKind string

const (
	WorkAttempt WorkKind = "attempt" // an attempt reached its deadline; Ref is a RequestID
	WorkSession WorkKind = "session" // a session expires; Ref is a SessionID
	WorkAdvice  WorkKind = "advice"  // an advice is to be sent (again); Ref is an AdviceID
	WorkToken   WorkKind = "token"   // a stored card expires, or its number may no longer be needed; Ref is a TokenID
	WorkWebhook WorkKind = "webhook" // a notice is to be delivered; Ref is EventID/EndpointID
)
