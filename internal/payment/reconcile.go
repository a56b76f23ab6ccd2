package payment

import (
	"fmt"
	"slices"
	"time"
)

// Record is what our books say of one attempt: itself, and everything that was told the acquirer about it.
type Record struct {
	Request Request
	Advices []Advice // the oldest first
	Refunds []Refund
}

// Window is the time that is reconciled, by when we sent and the acquirer booked.
type Window struct {
	From, To time.Time // from From on, before To
	Now      time.Time // when our books were read; not before To
	// Grace is for what was under way when the acquirer cut its file: younger than that at To, a message of ours
	// may not be booked yet, and a booking not acknowledged.
	Grace time.Duration
	// Kinds are those that the acquirer's file lists. What it never lists is not missed in it. Nil: all.
	Kinds []BookingKind
}

// Covers says whether a time is in the window.
func (w Window) Covers(at time.Time) bool { return !at.Before(w.From) && at.Before(w.To) }

func (w Window) young(at time.Time) bool { return !at.Before(w.To.Add(-w.Grace)) }

func (w Window) lists(k BookingKind) bool { return w.Kinds == nil || slices.Contains(w.Kinds, k) }

// FindingKind is in what the two books differ.
type FindingKind string

const (
	OnlyThere    FindingKind = "ONLY_THERE"    // at the acquirer, and no message of ours
	OnlyHere     FindingKind = "ONLY_HERE"     // ours, and not at the acquirer
	OtherAmount  FindingKind = "AMOUNT"        // both, for another amount
	OtherMoney   FindingKind = "CURRENCY"      // both, in another currency
	OtherState   FindingKind = "STATE"         // both, and one took it back, or refused it
	KeptThere    FindingKind = "KEPT_THERE"    // money that the acquirer keeps and no payment of ours stands for
	TwiceThere   FindingKind = "TWICE_THERE"   // booked once more at the acquirer
	AdviceIsOpen FindingKind = "ADVICE_OPEN"   // still repeated
	AdviceEnded  FindingKind = "ADVICE_ENDED"  // given up, without trace, refused, or closed by hand
	PastDeadline FindingKind = "PAST_DEADLINE" // an attempt that is not over, though its time is
	TooYoung     FindingKind = "TOO_YOUNG"     // under way when the file was cut: the next file tells
)

// Finding is one thing about which the books differ, or that the operator has to know.
type Finding struct {
	Kind FindingKind `json:"kind"`
	// Differs: the books differ, or something is not over, and somebody has to act. Otherwise it is listed for
	// who asks: the books agree, or it is too early to say.
	Differs bool `json:"differs"`

	Line       int          `json:"line,omitempty"` // in the acquirer's file; 0: it is not there
	Booked     BookingKind  `json:"booked,omitempty"`
	Request    RequestID    `json:"payment_request_id,omitempty"` // empty: not ours
	Business   BusinessID   `json:"business_id,omitempty"`
	Advice     AdviceID     `json:"advice_id,omitempty"`
	AdviceIs   AdviceStatus `json:"advice_status,omitempty"`
	AdviceKind AdviceKind   `json:"advice_kind,omitempty"`
	RRN        string       `json:"rrn,omitempty"`
	STAN       string       `json:"stan,omitempty"`
	Terminal   string       `json:"terminal,omitempty"`
	At         time.Time    `json:"at"` // when we sent; of what is not ours, when it was booked

	Ours   string `json:"ours"`   // what our books say, in words
	Theirs string `json:"theirs"` // what the acquirer's book says
}

// Early says that it is too early to judge: the next file of the acquirer tells.
func (f Finding) Early() bool { return f.Kind == TooYoung }

// Judgement is what came of comparing one record.
type Judgement struct {
	Findings []Finding
	// Taken is what of the window our books say was taken, refunds subtracted.
	Taken int64
}

// Judge compares a record with the acquirer's book. find looks a booking up by its key and kind, and notes that it
// is ours.
func (r Record) Judge(find func(BookingKey, ...BookingKind) *Booking, w Window) Judgement {
	j := judge{Record: r, w: w, find: find}
	j.attempt()
	for _, a := range r.Advices {
		j.advice(a)
	}
	return Judgement{j.findings, j.taken}
}

// Foreign is the finding of a booking that is no message of ours.
func Foreign(b Booking) Finding {
	return Finding{
		Kind: OnlyThere, Differs: true, Line: b.Line, Booked: b.Kind, RRN: b.Key.RRN, STAN: b.Key.STAN, Terminal: b.Key.Terminal,
		At: b.At, Ours: "no such message", Theirs: b.String(),
	}
}

// Again is the finding of a booking that the acquirer has made before.
func (b Booking) Again(first int) Finding {
	f := Foreign(b)
	f.Kind, f.Ours = TwiceThere, fmt.Sprintf("one message, booked on line %d", first)
	return f
}

// String is the booking in words.
func (b Booking) String() string {
	return fmt.Sprintf("%s %s, %s %s", b.Kind, b.State, b.Amount.Number(), b.Amount.Currency)
}

// judge is where a record is compared.
type judge struct {
	Record
	w        Window
	find     func(BookingKey, ...BookingKind) *Booking
	original *Booking // of the purchase or the hold
	soft     *Booking // of what was declined until the payer was authenticated
	findings []Finding
	taken    int64
}

const notThere = "not booked"

// add writes a finding down. What is too young to be a difference is listed as that.
func (j *judge) add(kind FindingKind, differs, young bool, b *Booking, a *Advice, ours string) {
	if young {
		kind, differs = TooYoung, false
	}
	f := Finding{
		Kind: kind, Differs: differs, Request: j.Request.ID, Business: j.Request.Business, At: j.Request.Created,
		Ours: ours, Theirs: notThere,
	}
	t := j.Request.Trace
	if a != nil {
		f.Advice, f.AdviceIs, f.AdviceKind, t = a.ID, a.Status, a.Kind, &a.Trace
	}
	if t != nil {
		f.RRN, f.STAN, f.Terminal, f.At = t.RRN, t.STAN, t.Booking().Terminal, j.sent(a)
	}
	if b != nil {
		f.Line, f.Booked, f.Theirs = b.Line, b.Kind, b.String()
	}
	j.findings = append(j.findings, f)
}

// sent is when the message of the attempt left, or that of an advice about it.
func (j *judge) sent(a *Advice) time.Time {
	if a != nil {
		return a.Opened
	}
	return j.Request.Trace.At(j.Request.Created)
}

// attempt compares the purchase or the hold, and says what is not over though its time is.
func (j *judge) attempt() {
	r := j.Request
	late := !r.State.Final() && !r.Deadline.IsZero() && r.Deadline.Add(j.w.Grace).Before(j.w.Now)
	moved := r.Trace != nil && r.Purpose() != Verification
	if moved {
		j.original = j.find(r.Trace.Booking(), BookedPurchase, BookedHold)
	}
	if r.SoftDecline != nil && r.Purpose() != Verification {
		j.declined(*r.SoftDecline)
	}
	switch {
	case late:
		j.add(PastDeadline, true, false, j.original, nil, string(r.State))
	case !moved:
	case r.State == Authorizing:
		if j.original == nil && !j.w.Covers(j.sent(nil)) {
			return
		}
		j.add(TooYoung, false, true, j.original, nil, string(r.State))
	case r.State == Reversing: // its reversal is open
	case r.State == Authorized, r.State == Capturing, r.State == Succeeded:
		j.kept()
	default:
		j.undone()
	}
}

// declined compares what the issuer declined until the payer was authenticated: the acquirer must not keep it.
func (j *judge) declined(d SoftDecline) {
	b := j.find(d.Trace.Booking(), BookedPurchase, BookedHold)
	j.soft = b
	if b == nil || b.State == BookingReversed {
		return
	}
	for _, a := range j.Advices {
		if a.ID == d.Reversal && (a.Status == AdviceOpen || a.Status == AdviceClosed) {
			return // said of the advice
		}
	}
	j.add(KeptThere, true, j.later(Reversal), b, nil, "declined until the payer is authenticated ("+d.Authorization.ResponseCode+")")
	f := &j.findings[len(j.findings)-1]
	f.RRN, f.STAN, f.Terminal, f.At = d.Trace.RRN, d.Trace.STAN, d.Trace.Booking().Terminal, d.Trace.At(j.Request.Created)
}

// isOfSoft says whether a reversal is about what was declined until the payer was authenticated.
func (j *judge) isOfSoft(a Advice) bool {
	return j.Request.SoftDecline != nil && a.ID == j.Request.SoftDecline.Reversal
}

// kept compares a purchase or a hold that our books say stands.
func (j *judge) kept() {
	r, b, kind := j.Request, j.original, j.Request.Trace.booked()
	covered := j.w.Covers(j.sent(nil))
	if kind == BookedPurchase && r.Capture != nil && covered {
		j.taken += r.Capture.Amount.Minor
	}
	says := fmt.Sprintf("%s, %s %s", r.State, r.Amount.Number(), r.Amount.Currency)
	young := j.w.young(j.sent(nil))
	switch {
	case b == nil && covered && j.w.lists(kind):
		j.add(OnlyHere, true, young, b, nil, says)
	case b == nil:
	case b.Kind != kind, b.State == BookingReversed:
		j.add(OtherState, true, false, b, nil, says)
	case b.Amount.Currency != r.Amount.Currency:
		j.add(OtherMoney, true, false, b, nil, says)
	case b.Amount != r.Amount:
		j.add(OtherAmount, true, false, b, nil, says)
	case b.State == BookingCaptured && r.State == Authorized:
		j.add(OtherState, true, false, b, nil, says)
	case kind == BookedHold && b.State == BookingKept && r.State == Succeeded:
		j.add(OtherState, true, j.later(CaptureAdvice), b, nil, says)
	}
}

// later says whether an advice of a kind began so late that the acquirer's file need not know what it changed.
func (j *judge) later(kind AdviceKind) bool {
	return slices.ContainsFunc(j.Advices, func(a Advice) bool {
		return a.Kind == kind && j.w.young(a.Opened)
	})
}

// undone compares an attempt that took nothing, or gave it back: the acquirer may have booked it, and must not
// keep it. Where its reversal is open, that is what has to be known.
func (j *judge) undone() {
	b := j.original
	if b == nil || b.State == BookingReversed {
		return
	}
	a := j.reversal()
	says := string(j.Request.State)
	switch {
	case a == nil:
	case a.Status == AdviceOpen, a.Status == AdviceClosed:
		return // said of the advice
	default:
		says += ", reversal " + string(a.Status)
	}
	j.add(KeptThere, true, j.later(Reversal), b, nil, says)
	if a != nil {
		f := &j.findings[len(j.findings)-1]
		f.Advice, f.AdviceIs, f.AdviceKind = a.ID, a.Status, a.Kind
	}
}

// reversal is the last one that was opened for the attempt, or nil.
func (j *judge) reversal() *Advice {
	for i, a := range slices.Backward(j.Advices) {
		if a.Kind == Reversal && !j.isOfSoft(a) {
			return &j.Advices[i]
		}
	}
	return nil
}

// advice compares what one advice is about.
func (j *judge) advice(a Advice) {
	kind := bookedAs[a.Kind]
	b := j.find(a.Trace.Booking(), kind)
	amount, known := j.amount(a)
	covered, young := j.w.Covers(a.Opened), j.w.young(a.Opened)
	says := fmt.Sprintf("%s %s", a.Kind, a.Status)
	if known {
		says += fmt.Sprintf(", %s %s", amount.Number(), amount.Currency)
	}
	if a.Status == AdviceDone && covered {
		switch a.Kind {
		case CaptureAdvice:
			j.taken += amount.Minor
		case RefundAdvice:
			j.taken -= amount.Minor
		}
	}
	if a.Kind == Reversal {
		j.reversed(a, b, says)
		return
	}
	switch a.Status {
	case AdviceOpen:
		j.add(AdviceIsOpen, true, young, b, &a, says)
	case AdviceDone:
		switch {
		case b == nil && covered && j.w.lists(kind):
			j.add(OnlyHere, true, young, b, &a, says)
		case b == nil:
		case b.Amount.Currency != amount.Currency:
			j.add(OtherMoney, true, false, b, &a, says)
		case b.Amount != amount:
			j.add(OtherAmount, true, false, b, &a, says)
		}
	case AdviceClosed:
		j.add(AdviceEnded, false, false, b, &a, says+": "+a.Reason)
	case AdviceDropped:
		if b != nil {
			j.add(OtherState, true, false, b, &a, says)
		}
	default: // the money did not move by our books; what a release should have given back is still held
		if agree := (b != nil) == (a.Kind == Release); agree || a.Kind == Release && !j.w.lists(kind) {
			j.add(AdviceEnded, false, false, b, &a, says)
		} else if b != nil {
			j.add(OtherState, true, false, b, &a, says)
		} else if covered {
			j.add(AdviceEnded, true, false, b, &a, says)
		}
	}
}

// reversed says how a reversal ended. It may have been acknowledged without a booking, where nothing was held; what
// counts is whether the original still stands, and that is said of the attempt.
func (j *judge) reversed(a Advice, b *Booking, says string) {
	original := j.original
	if j.isOfSoft(a) {
		original = j.soft
	}
	if b == nil {
		b = original
	}
	switch a.Status {
	case AdviceOpen:
		j.add(AdviceIsOpen, true, j.w.young(a.Opened), b, &a, says)
	case AdviceClosed:
		j.add(AdviceEnded, false, false, b, &a, says+": "+a.Reason)
	case AdviceGivenUp, AdviceNoTrace:
		if original == nil || original.State == BookingReversed {
			j.add(AdviceEnded, false, false, b, &a, says)
		}
	}
}

// amount is what an advice moves, where our books still say so: what was captured of a hold is forgotten when the
// acquirer refuses to.
func (j *judge) amount(a Advice) (Money, bool) {
	r := j.Request
	switch a.Kind {
	case CaptureAdvice:
		if r.Capture != nil && r.CaptureAdvice == a.ID {
			return r.Capture.Amount, true
		}
	case Release:
		if r.Capture != nil {
			return Money{r.Amount.Minor - r.Capture.Amount.Minor, r.Amount.Currency}, true
		}
	case RefundAdvice:
		for _, f := range j.Refunds {
			if f.ID == a.Refund {
				return f.Amount, true
			}
		}
	case Reversal:
		return r.Amount, true
	}
	return Money{}, false
}
