package payment

import (
	"fmt"
	"strings"
	"time"
)

// BookingKind is a movement in the acquirer's book.
type BookingKind string

const (
	BookedPurchase BookingKind = "purchase" // an 0200: money taken
	BookedHold     BookingKind = "hold"     // an 0100: money held
	BookedCapture  BookingKind = "capture"  // of a hold
	BookedRelease  BookingKind = "release"  // of what a capture left of a hold
	BookedRefund   BookingKind = "refund"
	BookedReversal BookingKind = "reversal" // of a purchase or a hold
)

// BookingKinds are all of them.
func BookingKinds() []BookingKind {
	return []BookingKind{BookedPurchase, BookedHold, BookedCapture, BookedRelease, BookedRefund, BookedReversal}
}

// Authorises says whether the booking is that of an 0100 or 0200, and not of an advice about one.
func (k BookingKind) Authorises() bool { return k == BookedPurchase || k == BookedHold }

// BookingState is how a movement stands by now.
type BookingState string

const (
	BookingKept     BookingState = "kept"
	BookingReversed BookingState = "reversed" // of a purchase or a hold: given back as a whole
	BookingCaptured BookingState = "captured" // of a hold
)

// Booking is one row of the acquirer's book: what it did because of one message of ours.
type Booking struct {
	Line   int // where it stands in the acquirer's file; the header is line 1
	Key    BookingKey
	Kind   BookingKind
	State  BookingState
	Amount Money // minor units of ISO 4217, however the acquirer counts on the line
	At     time.Time
}

// Sound says whether a movement of this kind can be in this state.
func (b Booking) Sound() bool {
	switch b.State {
	case BookingKept:
		return true
	case BookingReversed:
		return b.Kind.Authorises()
	case BookingCaptured:
		return b.Kind == BookedHold
	}
	return false
}

// Sent is the Trace.Key of the 0100 or 0200 that led to the booking.
func (b Booking) Sent() string {
	mti := "0200"
	if b.Kind == BookedHold {
		mti = "0100"
	}
	return Trace{
		MTI: mti, Acquirer: b.Key.Acquirer, Terminal: fmt.Sprintf("%-8s", b.Key.Terminal), Transmitted: b.Key.Transmitted,
		STAN: b.Key.STAN, RRN: b.Key.RRN,
	}.Key()
}

// Taken is what the booking took from the cardholder by now, less what it gave back.
func (b Booking) Taken() int64 {
	switch {
	case b.Kind == BookedPurchase && b.State == BookingKept, b.Kind == BookedCapture:
		return b.Amount.Minor
	case b.Kind == BookedRefund:
		return -b.Amount.Minor
	}
	return 0
}

// BookingKey is what a booking and the message that led to it have in common. No two messages share one: see
// Trace.Key, which tells apart besides what kind of message it was.
type BookingKey struct {
	Acquirer    string // DE32
	Terminal    string // DE41, without the spaces that fill it
	Transmitted string // DE7, MMDDhhmmss UTC
	STAN        string // DE11
	RRN         string // DE37
}

// Booking is how the acquirer's book names the message.
func (t Trace) Booking() BookingKey {
	return BookingKey{t.Acquirer, strings.TrimRight(t.Terminal, " "), t.Transmitted, t.STAN, t.RRN}
}

// booked is what a message asks the acquirer to book.
func (t Trace) booked() BookingKind {
	if t.MTI == "0100" {
		return BookedHold
	}
	return BookedPurchase
}

// At is when the message was sent, which it says without a year: the one that brings it nearest to a time.
func (t Trace) At(near time.Time) time.Time {
	at, err := time.Parse("20060102150405", near.UTC().Format("2006")+t.Transmitted)
	if err != nil { // the 29th of February, seen from a year that has none
		return near
	}
	for _, years := range []int{-1, 1} {
		if other := at.AddDate(years, 0, 0); other.Sub(near).Abs() < at.Sub(near).Abs() {
			at = other
		}
	}
	return at
}

// bookedAs is what an advice of a kind asks the acquirer to book.
var bookedAs = map[AdviceKind]BookingKind{
	CaptureAdvice: BookedCapture, Release: BookedRelease, RefundAdvice: BookedRefund, Reversal: BookedReversal,
}
