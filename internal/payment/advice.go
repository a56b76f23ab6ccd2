package payment

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// AdviceKind is what an advice tells the acquirer's host.
type AdviceKind string

const (
	// Reversal (0420) takes back a message whose outcome is unknown, that was approved and must not stand,
	// or whose hold the merchant gives up.
	Reversal AdviceKind = "REVERSAL"
	// Release (0420 with DE95) gives back what a partial capture left of a hold.
	Release AdviceKind = "RELEASE"
	// CaptureAdvice (0220) takes money that an 0100 holds.
	CaptureAdvice AdviceKind = "CAPTURE"
	// RefundAdvice (0220, DE3 20xxxx) gives captured money back.
	RefundAdvice AdviceKind = "REFUND"
)

// Advice tells the acquirer of something that has been decided. It is repeated, equal in all but the MTI,
// until the host acknowledges it.
type Advice struct {
	ID       AdviceID
	Kind     AdviceKind
	Request  RequestID
	Refund   RefundID // of a RefundAdvice
	Original Trace    // of the message that it is about
	Code     string   // DE38 of the original, if it was approved
	Trace    Trace    // its own: DE7 and DE11, and the amount that it is about; DE37 of the original
	Retained string   // DE95 of a Release: what stays captured, 12 digits in DE49's minor units
	Tries    int      // how often it may have left
	NoTrace  int      // how often the host answered 25: unable to locate the original
	Opened   time.Time
	Status   AdviceStatus
	Reason   string `json:",omitempty"` // why the operator closed it
	Unread   Unread `json:"-"`
}

// AdviceStatus tells how far an advice has come.
type AdviceStatus string

const (
	AdviceOpen    AdviceStatus = "OPEN"
	AdviceDone    AdviceStatus = "DONE"
	AdviceRefused AdviceStatus = "REFUSED"  // the host said no
	AdviceNoTrace AdviceStatus = "NO_TRACE" // the host never saw the original; listed for the operator
	AdviceGivenUp AdviceStatus = "GIVEN_UP" // not acknowledged within a day; listed for the operator
	AdviceDropped AdviceStatus = "DROPPED"  // called off before it ever left
	AdviceClosed  AdviceStatus = "CLOSED"   // ended otherwise than acknowledged, and settled by the operator
)

// Leaves notes that an advice may be on its way. What it is about is written as it is, so that of two who note it at
// once one looks again. A refund that was called off meanwhile stays where it is.
func Leaves(c Case, a Advice) (Changes, error) {
	ch := Changes{Effects: []Effect{SaveAdvice{a}}}
	if a.Kind != RefundAdvice {
		ch.Requests = []Request{*c.Request}
		return ch, nil
	}
	if c.Refund.Status != RefundPending {
		return Changes{}, nil
	}
	r := *c.Refund
	r.Sent = true
	ch.Refund = &r
	return ch, nil
}

// Waits is what a try that was not acknowledged means: a refund that never left can be called off again.
func Waits(c Case, a Advice) Changes {
	if a.Kind != RefundAdvice || a.Tries > 0 || c.Refund.Status != RefundPending {
		return Changes{}
	}
	r := *c.Refund
	r.Sent = false
	return Changes{Refund: &r}
}

// Acknowledged is what the end of an advice means for what it is about. Reversals of attempts that had failed
// before, and releases, only let money go.
func Acknowledged(c Case, a Advice, e Event) (Changes, error) {
	switch {
	case a.Kind == RefundAdvice:
		return concludeRefund(c, a.Status == AdviceDone, e), nil
	case a.Kind == CaptureAdvice && c.Request.State == Capturing && c.Request.CaptureAdvice == a.ID:
		if e.Kind = Collect; a.Status != AdviceDone {
			e.Kind = Reject
		}
		return Apply(c, e)
	case a.Kind == Reversal && c.Request.State == Reversing && c.Request.Reversal == a.ID:
		return Apply(c, Event{Kind: Settle, At: e.At})
	}
	return Changes{}, nil
}

// ApprovedLate notes that the acquirer has approved what is being reversed already.
func ApprovedLate(c Case, approved Authorization) Changes {
	r := *c.Request
	r.Authorization = &approved
	return Changes{Requests: []Request{r}}
}

// Outrun says whether the end of a reversal is none, because an approval came that its last try cannot have been
// about: one that came while the try was under way, or one of a message of which the host finds no trace. left is
// the case as it stood when the try was sent.
func Outrun(left, c Case, a Advice) bool {
	if a.Kind != Reversal || c.Request.State != Reversing || c.Request.Authorization == nil {
		return false
	}
	return a.Status == AdviceDone && left.Request.Authorization == nil || a.Status == AdviceNoTrace
}

// UndoLate has money given back that was approved when the attempt had ended without it.
func UndoLate(c Case, reversal Advice, approved Authorization, at time.Time) Changes {
	r := *c.Request
	r.Reversal, r.Authorization = reversal.ID, &approved
	return Changes{Requests: []Request{r}, Effects: []Effect{
		SaveAdvice{reversal}, Wake{Work{WorkAdvice, string(reversal.ID)}, at},
	}}
}

// Unsettled are the statuses of advices that ended otherwise than acknowledged. Nothing happens to them by itself any
// more: what is right by the acquirer's book is the operator's to say.
func Unsettled() []AdviceStatus {
	return []AdviceStatus{AdviceGivenUp, AdviceNoTrace, AdviceRefused}
}

// RetryAdvice has the acquirer told again. Only what gives back can be told again: of a capture or a refund the
// merchant was told that it failed, and may have asked for another.
func RetryAdvice(c Case, a Advice, at time.Time) (Advice, error) {
	switch {
	case !slices.Contains(Unsettled(), a.Status):
		return a, fmt.Errorf("it is %s: only what was given up, or is without trace, can be told again", a.Status)
	case a.Kind != Reversal && a.Kind != Release:
		return a, fmt.Errorf("the merchant was told that this %s failed: it has to be asked for anew", strings.ToLower(string(a.Kind)))
	case len(c.Token.SealedPAN) == 0:
		return a, errors.New("the card's number is erased, so no message can name it: settle it with the acquirer, and close it")
	}
	a.Status, a.NoTrace, a.Opened = AdviceOpen, 0, at
	return a, nil
}

// CloseAdvice says that the operator has settled it. What is still repeated, or was acknowledged, is not closed.
func CloseAdvice(a Advice, reason string) (Advice, error) {
	switch {
	case a.Status == AdviceOpen:
		return a, errors.New("it is OPEN: it is repeated, and may still be acknowledged")
	case !slices.Contains(Unsettled(), a.Status):
		return a, fmt.Errorf("it is %s: there is nothing to settle", a.Status)
	case strings.TrimSpace(reason) == "":
		return a, errors.New("it needs a reason: what was agreed with the acquirer, and with whom")
	}
	a.Status, a.Reason = AdviceClosed, reason
	return a, nil
}
