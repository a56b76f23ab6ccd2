package payment

import (
	"cmp"
	"fmt"
	"time"
)

// State of an attempt.
type State string

const (
	None           State = ""               // not there yet
	Submitted      State = "SUBMITTED"      // the CVN is in escrow; the payer's page has not opened
	Opened         State = "OPENED"         // the page is there; the 3DS Method may run
	Authenticating State = "AUTHENTICATING" // an AReq is on its way
	Challenging    State = "CHALLENGING"    // the bank talks with the payer
	Authenticated  State = "AUTHENTICATED"  // the proof is here; the browser's share is awaited
	Authorizing    State = "AUTHORIZING"    // the purchase is on its way; the CVN is out of the escrow
	Reversing      State = "REVERSING"      // no answer came; being reversed, the payment is pending
	Authorized     State = "AUTHORIZED"     // the money is held; the merchant captures or cancels
	Capturing      State = "CAPTURING"      // the capture is on its way, and repeated until it is acknowledged
	// SteppingUp: declined until the bank has seen the payer, whose page begins anew, without a CVN.
	SteppingUp State = "STEPPING_UP"
	Succeeded  State = "SUCCEEDED"
	Failed     State = "FAILED"
	Canceled   State = "CANCELED" // dropped before it reached the acquirer, or the hold given up; nobody is told
	Expired    State = "EXPIRED"  // nobody paid in time, or nobody captured
)

// States are all states that an attempt can be in, in the order of its life; None is not one of them.
func States() []State {
	return []State{
		Submitted, Opened, Authenticating, Challenging, Authenticated, Authorizing, SteppingUp, Reversing, Authorized,
		Capturing, Succeeded, Failed, Canceled, Expired,
	}
}

// EventKind is what can happen to an attempt.
type EventKind string

const (
	Submit    EventKind = "submit"    // the payer handed in a CVN
	Begin     EventKind = "begin"     // an attempt for which no CVN is asked, and the payer is sent to the bank
	Open      EventKind = "open"      // the page's script posted the browser's data
	Ask       EventKind = "ask"       // an AReq is about to be sent
	Challenge EventKind = "challenge" // the bank wants to talk with the payer
	Prove     EventKind = "prove"     // authenticated, by ARes or RReq
	Disprove  EventKind = "disprove"  // not authenticated, the bank could not be asked, or its proof cannot be used
	Restart   EventKind = "restart"   // the challenge broke; authenticate anew with the same escrow
	Authorize EventKind = "authorize" // the purchase is about to be sent
	Approve   EventKind = "approve"   // the acquirer's answers: captured,
	Hold      EventKind = "hold"      // held,
	Verify    EventKind = "verify"    // a good card
	Decline   EventKind = "decline"
	StepUp    EventKind = "step up" // declined, until the payer is authenticated
	Unwant    EventKind = "unwant"  // approved, but not as asked
	Unsend    EventKind = "unsend"  // nothing left the house
	Lose      EventKind = "lose"    // no answer in time
	Miss      EventKind = "miss"    // no answer to a verification, which leaves nothing to undo
	Settle    EventKind = "settle"  // the reversal is acknowledged
	Claim     EventKind = "claim"   // the merchant captures the hold
	Collect   EventKind = "collect" // the capture is acknowledged
	Reject    EventKind = "reject"  // the capture is refused
	Void      EventKind = "void"    // the merchant gives the hold up
	Lapse     EventKind = "lapse"   // the attempt's time is over
	Expire    EventKind = "expire"  // so is that of a payment request without a session, or of a hold
	Drop      EventKind = "drop"    // superseded by a later submit, or the session was cancelled
	GiveUp    EventKind = "give up" // the payer does not want to pay
)

// Event is one thing that happened, with what the attempt must remember of it.
type Event struct {
	Kind EventKind
	At   time.Time

	Sealed         *SealedCVN      // Submit; Challenge, where the CVN was handed in with the submit that asked the bank
	Authentication *Authentication // Open, Ask, Challenge, Prove, Disprove, Restart: as it now stands
	Failure        FailureCode     // Disprove, where the bank did not say no; empty: what the authentication says
	Verifier       []byte          // Authorize with a CVN from the escrow
	Trace          *Trace          // Authorize
	Deadline       time.Time       // Authorize: when no answer means unknown; Claim: when a worker takes the capture up
	Answer         *Answer         // Approve, Hold, Verify, Decline, StepUp, Unwant, Unsend, Miss, Reject
	Capture        *Capture        // Approve, Claim
	Reversal       *Advice         // Unwant, Lose, Void, Expire of a hold, Reject; Collect of a part: its Release
	Advice         *Advice         // Claim: the capture
}

// act is an effect by name; the table below is made of these so that it can be read and printed.
type act string

const (
	keepCVN        act = "keep CVN"
	keepHanded     act = "keep CVN in hand" // that of a submit which asked the bank itself: until now it rested nowhere
	forgetCVN      act = "forget CVN"       // with a verifier: take it, once
	holdSession    act = "hold session"
	free           act = "free session" // and expire it if its time is over
	releaseSession act = "release session"
	complete       act = "complete session"
	count          act = "count failure"
	note           act = "note authentication"
	noteTrace      act = "note trace"
	takeTry        act = "take try"      // of the card's CVN, where one is sent
	giveTry        act = "give try back" // unless the CVN was wrong
	reverse        act = "reverse"
	wake           act = "wake at deadline"
	demand         act = "demand authentication" // of later attempts of the session, too
	rest           act = "rest"
	storeCard      act = "store card"  // if it was to be stored; and remember its first use
	dropCard       act = "drop card"   // that was to be stored: it is not
	letCardGo      act = "let card go" // that was typed for this attempt: no money was taken
	claim          act = "capture"
	giveBack       act = "release the rest" // of a hold that was captured in part
	tellCaptured   act = "tell payment.capture"
	tellHeld       act = "tell payment.authorization"
	tellFailed     act = "tell payment.failure" // of a payment; a card that is not stored has a notice of its own
	tellExpired    act = "tell payment.expiry"
	tellUnpaid     act = "tell payment_request.expiry"
)

type move struct {
	to   State
	acts []act
}

var (
	proved  = move{Authenticated, nil}
	opened  = move{Opened, []act{note}}
	dropped = move{Canceled, []act{forgetCVN, rest, dropCard, releaseSession}} // whoever drops says what becomes of the session
	failed  = move{Failed, []act{forgetCVN, rest, tellFailed, dropCard, free}}
	unpaid  = move{Failed, []act{rest, giveTry, tellFailed, dropCard, free}} // the CVN is out of the escrow already
	expired = move{Expired, []act{forgetCVN, rest, tellUnpaid, dropCard, free}}
)

// table is the one state machine. A pair that is not here cannot happen.
var table = map[State]map[EventKind]move{
	None: {
		Submit:    {Submitted, []act{keepCVN, holdSession, wake}},
		Begin:     {Submitted, []act{holdSession, wake}},
		Authorize: {Authorizing, []act{holdSession, noteTrace, takeTry, wake}}, // 3DS skipped: the CVN never rests
	},
	Submitted: {
		Submit:    {Submitted, []act{keepCVN}},                               // two clicks, one payment, a share each
		Authorize: {Authorizing, []act{forgetCVN, noteTrace, takeTry, wake}}, // the payer is played, in a sandbox
		Open:      opened,
		Lapse:     failed,
		Expire:    expired,
		Drop:      dropped,
		GiveUp:    failed,
	},
	Opened: {
		Ask:    {Authenticating, nil},
		Lapse:  failed,
		Expire: expired,
		Drop:   dropped,
		GiveUp: failed,
	},
	Authenticating: {
		Ask:       {Authenticating, []act{note}}, // the one who asked died before the answer
		Challenge: {Challenging, []act{keepHanded}},
		Prove:     proved,
		Disprove:  failed,
		Lapse:     failed,
		Expire:    expired,
		Drop:      dropped,
		GiveUp:    failed,
	},
	Challenging: {
		Prove:    proved,
		Disprove: failed,
		Restart:  opened,
		Lapse:    failed,
		Expire:   expired,
		Drop:     dropped,
		GiveUp:   failed,
	},
	Authenticated: {
		Authorize: {Authorizing, []act{forgetCVN, noteTrace, takeTry, wake}},
		Disprove:  failed, // the proof was used before, or does not cover this payment
		Lapse:     failed,
		Expire:    expired,
		Drop:      dropped,
		GiveUp:    failed,
	},
	Authorizing: {
		Approve: {Succeeded, []act{rest, giveTry, tellCaptured, storeCard, complete}},
		Hold:    {Authorized, []act{wake, giveTry, tellHeld, storeCard, complete}},
		Verify:  {Succeeded, []act{rest, giveTry, storeCard, complete}},
		Decline: {Failed, []act{rest, giveTry, count, tellFailed, dropCard, free}},
		Unwant:  {Failed, []act{rest, giveTry, count, reverse, tellFailed, dropCard, free}},
		StepUp:  {SteppingUp, []act{giveTry, demand, wake}},
		Unsend:  unpaid,
		Miss:    unpaid,
		Lose:    {Reversing, []act{rest, reverse}}, // the reversal's own work is its deadline
	},
	SteppingUp: {
		Open:   opened,
		Lapse:  failed,
		Expire: expired,
		Drop:   dropped,
		GiveUp: failed,
	},
	Reversing: {
		Settle: unpaid,
	},
	Authorized: {
		Claim:  {Capturing, []act{rest, claim}}, // the advice's own work is its deadline
		Void:   {Canceled, []act{rest, reverse, letCardGo}},
		Expire: {Expired, []act{rest, reverse, tellExpired, letCardGo}},
	},
	Capturing: {
		Collect: {Succeeded, []act{giveBack, tellCaptured}},
		Reject:  {Failed, []act{reverse, tellFailed, letCardGo}},
	},
}

// Final says whether nothing more can happen to an attempt in this state. The states are named, so that a
// program that is older than a row does not take a state it never heard of for an end.
func (s State) Final() bool { return s == Succeeded || s == Failed || s == Canceled || s == Expired }

// BeforeAcquirer says whether the attempt waits for the payer or the bank, and nothing is with the acquirer.
func (s State) BeforeAcquirer() bool {
	switch s {
	case Submitted, Opened, Authenticating, Challenging, Authenticated, SteppingUp:
		return true
	}
	return false
}

// AtAcquirer says whether money may be on its way.
func (s State) AtAcquirer() bool { return s == Authorizing || s == Reversing }

// ErrNotNow reports an event that cannot happen in the attempt's state. Nothing has changed.
type ErrNotNow struct {
	State State
	Event EventKind
}

func (e *ErrNotNow) Error() string {
	return fmt.Sprintf("payment: %s cannot happen to an attempt that is %q", e.Event, e.State)
}

// Apply lets one event happen to the case's attempt. It changes nothing by itself.
func Apply(c Case, e Event) (Changes, error) {
	if c.Request == nil {
		return Changes{}, &ErrNotNow{None, e.Kind}
	}
	m, ok := table[c.Request.State][e.Kind]
	if !ok {
		return Changes{}, &ErrNotNow{c.Request.State, e.Kind}
	}
	b := bench{request: *c.Request, session: c.Session, token: c.Token, event: e}
	from := b.request.State
	b.request.State, b.request.Updated = m.to, e.At
	remember(&b.request, from, e)
	for _, a := range m.acts {
		b.carry(a)
	}
	ch := Changes{Requests: []Request{b.request}, Effects: b.effects}
	if b.sessionChanged {
		b.session.Updated = e.At
		ch.Session = &b.session
	}
	if b.tokenChanged {
		b.token.Updated = e.At
		ch.Tokens = []Token{b.token}
	}
	return ch, nil
}

// remember writes down what the event taught about the attempt.
func remember(r *Request, from State, e Event) {
	if e.Authentication != nil {
		r.Authentication = e.Authentication
	}
	if e.Trace != nil {
		r.Trace = e.Trace
	}
	if e.Reversal != nil && e.Reversal.Kind == Reversal {
		r.Reversal = e.Reversal.ID
	}
	if e.Answer != nil && from == Authorizing { // what comes later is about a capture
		answered := e.Answer.Authorization
		r.Authorization = &answered
	}
	if e.Capture != nil {
		r.Capture = e.Capture
	}
	if e.Advice != nil {
		r.CaptureAdvice = e.Advice.ID
	}
	switch e.Kind {
	case Collect:
		taken := *r.Capture
		taken.At = e.At
		r.Capture = &taken
	case Reject:
		r.Capture, r.Failure = nil, e.Answer.Failure
	case Decline, Unwant, Unsend, Miss:
		r.Failure = e.Answer.Failure
	case Disprove:
		r.Failure = cmp.Or(e.Failure, r.Authentication.Failure())
	case StepUp:
		r.stepUp(e)
	case Settle:
		r.Failure = PartnerTimeout
	case GiveUp:
		r.Failure = UserDeclined
	case Lapse:
		r.Failure = PaymentRequestExpired
		switch {
		case r.SoftDecline != nil:
			r.Failure = AuthenticationFailed
		case from == Authenticating, from == Challenging:
			r.Failure = Timeout
		}
	}
}
