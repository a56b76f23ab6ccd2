package payment

import (
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
	Succeeded      State = "SUCCEEDED"
	Failed         State = "FAILED"
	Canceled       State = "CANCELED" // dropped before it reached the acquirer; nobody is told
)

// EventKind is what can happen to an attempt.
type EventKind string

const (
	Submit    EventKind = "submit"    // the payer handed in a CVN
	Open      EventKind = "open"      // the page's script posted the browser's data
	Ask       EventKind = "ask"       // an AReq is about to be sent
	Challenge EventKind = "challenge" // the bank wants to talk with the payer
	Prove     EventKind = "prove"     // authenticated, by ARes or RReq
	Disprove  EventKind = "disprove"  // not authenticated, or the bank could not be asked
	Restart   EventKind = "restart"   // the challenge broke; authenticate anew with the same escrow
	Authorize EventKind = "authorize" // the purchase is about to be sent
	Approve   EventKind = "approve"   // the acquirer's answers
	Decline   EventKind = "decline"
	Unwant    EventKind = "unwant" // approved, but not as asked
	Unsend    EventKind = "unsend" // nothing left the house
	Lose      EventKind = "lose"   // no answer in time
	Settle    EventKind = "settle" // the reversal is acknowledged
	Lapse     EventKind = "lapse"  // the attempt's time is over
	Drop      EventKind = "drop"   // superseded by a later submit, or the session was cancelled
)

// Event is one thing that happened, with what the attempt must remember of it.
type Event struct {
	Kind EventKind
	At   time.Time

	Sealed         *SealedCVN      // Submit
	Authentication *Authentication // Open, Ask, Challenge, Prove, Disprove, Restart: as it now stands
	Verifier       []byte          // Authorize with a CVN from the escrow
	Trace          *Trace          // Authorize
	Deadline       time.Time       // Authorize: when no answer means unknown
	Answer         *Answer         // Approve, Decline, Unwant, Unsend
	Capture        CaptureID       // Approve
	Reversal       *Advice         // Unwant, Lose
}

// act is an effect by name; the table below is made of these so that it can be read and printed.
type act string

const (
	keepCVN      act = "keep CVN"
	forgetCVN    act = "forget CVN" // with a verifier: take it, once
	hold         act = "hold session"
	free         act = "free session" // and expire it if its time is over
	release      act = "release session"
	complete     act = "complete session"
	count        act = "count failure"
	note         act = "note authentication"
	noteTrace    act = "note trace"
	reverse      act = "reverse"
	wake         act = "wake at deadline"
	rest         act = "rest"
	tellCaptured act = "tell payment.capture"
	tellFailed   act = "tell payment.failure"
)

type move struct {
	to   State
	acts []act
}

var (
	proved  = move{Authenticated, nil}
	opened  = move{Opened, []act{note}}
	dropped = move{Canceled, []act{forgetCVN, rest, release}} // whoever drops says what becomes of the session
	failed  = move{Failed, []act{forgetCVN, rest, tellFailed, free}}
	unpaid  = move{Failed, []act{rest, tellFailed, free}} // the CVN is out of the escrow already
)

// table is the one state machine. A pair that is not here cannot happen.
var table = map[State]map[EventKind]move{
	None: {
		Submit:    {Submitted, []act{keepCVN, hold, wake}},
		Authorize: {Authorizing, []act{hold, noteTrace, wake}}, // 3DS skipped: the CVN never rests
	},
	Submitted: {
		Submit: {Submitted, []act{keepCVN}}, // two clicks, one payment, a share each
		Open:   opened,
		Lapse:  failed,
		Drop:   dropped,
	},
	Opened: {
		Ask:   {Authenticating, nil},
		Lapse: failed,
		Drop:  dropped,
	},
	Authenticating: {
		Ask:       {Authenticating, []act{note}}, // the one who asked died before the answer
		Challenge: {Challenging, nil},
		Prove:     proved,
		Disprove:  failed,
		Lapse:     failed,
		Drop:      dropped,
	},
	Challenging: {
		Prove:    proved,
		Disprove: failed,
		Restart:  opened,
		Lapse:    failed,
		Drop:     dropped,
	},
	Authenticated: {
		Authorize: {Authorizing, []act{forgetCVN, noteTrace, wake}},
		Disprove:  failed, // the proof was used before, or does not cover this payment
		Lapse:     failed,
		Drop:      dropped,
	},
	Authorizing: {
		Approve: {Succeeded, []act{rest, tellCaptured, complete}},
		Decline: {Failed, []act{rest, count, tellFailed, free}},
		Unwant:  {Failed, []act{rest, count, reverse, tellFailed, free}},
		Unsend:  unpaid,
		Lose:    {Reversing, []act{rest, reverse}}, // the reversal's own work is its deadline
	},
	Reversing: {
		Settle: unpaid,
	},
}

// Final says whether nothing more can happen to an attempt in this state. The states are named, so that a
// program that is older than a row does not take a state it never heard of for an end.
func (s State) Final() bool { return s == Succeeded || s == Failed || s == Canceled }

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
	r, s := *c.Request, c.Session
	from := r.State
	r.State, r.Updated = m.to, e.At
	remember(&r, from, e)

	ch := Changes{}
	for _, a := range m.acts {
		touched, effects := carry(a, &r, &s, e)
		if touched {
			s.Updated = e.At
			ch.Session = &s
		}
		ch.Effects = append(ch.Effects, effects...)
	}
	ch.Requests = []Request{r}
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
	if e.Reversal != nil {
		r.Reversal = e.Reversal.ID
	}
	if e.Answer != nil {
		answered := e.Answer.Authorization
		r.Authorization = &answered
	}
	switch e.Kind {
	case Approve:
		r.Capture = &Capture{ID: e.Capture, Amount: r.Amount, At: e.At}
	case Decline, Unwant, Unsend:
		r.Failure = e.Answer.Failure
	case Disprove:
		r.Failure = r.Authentication.Failure()
	case Settle:
		r.Failure = PartnerTimeout
	case Lapse:
		r.Failure = PaymentRequestExpired
		if from == Authenticating || from == Challenging {
			r.Failure = Timeout
		}
	}
}

// carry turns an act into effects, and into a change of the attempt or the session where it is about that;
// touched says that the session changed.
func carry(a act, r *Request, s *Session, e Event) (touched bool, effects []Effect) {
	switch a {
	case keepCVN:
		r.Submits++
		return false, []Effect{KeepCVN{*e.Sealed}}
	case forgetCVN:
		if e.Verifier != nil {
			return false, []Effect{TakeCVN{r.ID, e.Verifier}}
		}
		return false, []Effect{ForgetCVN{r.ID}}
	case note:
		return false, []Effect{NoteAuthentication{r.ID, e.Authentication.ServerTransID}}
	case noteTrace:
		value := ""
		if r.Authentication != nil {
			value = r.Authentication.Value
		}
		return false, []Effect{NoteTrace{r.ID, *e.Trace, value}}
	case wake:
		r.Deadline = r.Expires
		if e.Kind == Authorize {
			r.Deadline = e.Deadline
		}
		return false, []Effect{Wake{attemptWork(*r), r.Deadline}}
	case rest:
		r.Deadline = time.Time{}
		return false, []Effect{Rest{attemptWork(*r)}}
	case reverse:
		return false, []Effect{SaveAdvice{*e.Reversal}, Wake{Work{WorkAdvice, string(e.Reversal.ID)}, e.At}}
	case tellCaptured:
		return false, []Effect{Tell{NoticeCapture}}
	case tellFailed:
		return false, []Effect{Tell{NoticeFailure}}
	case hold:
		s.Open = r.ID
		return true, nil
	case complete:
		s.Status, s.Open, s.Request, s.Payment = SessionCompleted, "", r.ID, r.Payment
		return true, []Effect{Rest{sessionWork(*s)}, Tell{NoticeSessionCompleted}}
	case count:
		s.Failures++
		if e.Answer.Failure == InvalidCVN || e.Answer.Authorization.CVNResult == "N" {
			effects = []Effect{CountMismatch{r.Token, e.At.UTC().Format(time.DateOnly)}}
		}
		return true, effects
	case release:
		s.Open = ""
		return true, nil
	case free:
		s.Open = ""
		if s.Status == SessionActive && !e.At.Before(s.Expires) {
			s.Status = SessionExpired
			effects = []Effect{Rest{sessionWork(*s)}, Tell{NoticeSessionExpired}}
		}
		return true, effects
	}
	panic("payment: no such act: " + string(a))
}
