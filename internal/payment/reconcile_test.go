package payment

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// sentRecord is an attempt in a state that was sent at noon, with an advice of each kind that is given.
func sentRecord(state State, mti string, advices ...Advice) Record {
	money := Money{1000000, "IDR"}
	r := Request{
		ID: "pr-1", State: state, Amount: money, Created: noon, Updated: noon, Deadline: noon.Add(time.Minute),
		Trace: &Trace{MTI: mti, Acquirer: "400551", Terminal: "A       ", Transmitted: "0314120000", STAN: "000001", RRN: "607312000001"},
		Terms: Terms{Type: Pay, CaptureMethod: CaptureAutomatic},
	}
	if mti == "0100" {
		r.CaptureMethod = CaptureManual
	}
	if state.Final() {
		r.Deadline = time.Time{}
	}
	if state == Succeeded || state == Capturing {
		r.Capture, r.CaptureAdvice = &Capture{ID: "c", Amount: money, At: noon}, "CAPTURE"
	}
	for i := range advices {
		a := &advices[i]
		a.ID, a.Request, a.Opened = AdviceID(a.Kind), r.ID, noon
		a.Trace = *r.Trace
		a.Trace.STAN = fmt.Sprintf("%06d", 100+i)
		if a.Kind == Reversal {
			r.Reversal = a.ID
		}
	}
	return Record{Request: r, Advices: advices}
}

// TestJudge: every state of an attempt against every state of its booking. Money that is kept is a difference unless
// our books say so too; that it is missing is one only where they do.
func TestJudge(t *testing.T) {
	w := Window{To: noon.Add(time.Hour), Now: noon.Add(time.Hour), Grace: time.Minute}
	for _, test := range []struct {
		state                            State
		mti                              string
		absent, kept, reversed, captured FindingKind // what is wrong with such a booking; empty: nothing
	}{
		{Submitted, "", PastDeadline, PastDeadline, PastDeadline, PastDeadline},
		{Authorizing, "0200", PastDeadline, PastDeadline, PastDeadline, PastDeadline},
		{Succeeded, "0200", OnlyHere, "", OtherState, ""}, // a purchase cannot be captured
		{Failed, "0200", "", KeptThere, "", KeptThere},
		{Canceled, "0100", "", KeptThere, "", KeptThere},
		{Expired, "0100", "", KeptThere, "", KeptThere},
		{Succeeded, "0100", OnlyHere, OtherState, OtherState, ""},
	} {
		for state, want := range map[BookingState]FindingKind{"": test.absent, BookingKept: test.kept, BookingReversed: test.reversed, BookingCaptured: test.captured} {
			r := sentRecord(test.state, test.mti)
			if test.mti == "" {
				r.Request.Trace = nil
			}
			booking := &Booking{Line: 2, Kind: BookedPurchase, State: state, Amount: r.Request.Amount, At: noon}
			if test.mti == "0100" {
				booking.Kind = BookedHold
			}
			found := r.Judge(func(_ BookingKey, kinds ...BookingKind) *Booking {
				if state == "" || !slices.Contains(kinds, booking.Kind) {
					return nil
				}
				return booking
			}, w).Findings
			var got FindingKind
			if len(found) > 0 {
				got = found[0].Kind
			}
			if got != want || len(found) > 1 || len(found) == 1 && !found[0].Differs {
				t.Errorf("%s by %s, booked %q: %+v, want %q", test.state, test.mti, state, found, want)
			}
		}
	}
}

// TestJudgeAdvice: every status of every advice, booked and not.
func TestJudgeAdvice(t *testing.T) {
	w := Window{To: noon.Add(time.Hour), Now: noon.Add(time.Hour), Grace: time.Minute}
	type want struct {
		kind    FindingKind
		differs bool
	}
	none, listed := want{}, want{AdviceEnded, false}
	for _, test := range []struct {
		kind           AdviceKind
		status         AdviceStatus
		absent, booked want
	}{
		{CaptureAdvice, AdviceOpen, want{AdviceIsOpen, true}, want{AdviceIsOpen, true}},
		{CaptureAdvice, AdviceDone, want{OnlyHere, true}, none},
		{CaptureAdvice, AdviceRefused, listed, want{OtherState, true}},
		{CaptureAdvice, AdviceNoTrace, listed, want{OtherState, true}},
		{CaptureAdvice, AdviceClosed, listed, listed},
		{RefundAdvice, AdviceDone, want{OnlyHere, true}, none},
		{RefundAdvice, AdviceRefused, listed, want{OtherState, true}},
		{RefundAdvice, AdviceDropped, none, want{OtherState, true}},
		{Release, AdviceDone, want{OnlyHere, true}, none},
		{Release, AdviceGivenUp, want{AdviceEnded, true}, listed},
		{Release, AdviceNoTrace, want{AdviceEnded, true}, listed},
		{Release, AdviceClosed, listed, listed},
		{Reversal, AdviceOpen, want{AdviceIsOpen, true}, want{AdviceIsOpen, true}},
		{Reversal, AdviceDone, none, none},
		{Reversal, AdviceGivenUp, listed, listed},
		{Reversal, AdviceNoTrace, listed, listed},
		{Reversal, AdviceClosed, listed, listed},
	} {
		for booked, want := range map[bool]want{false: test.absent, true: test.booked} {
			state := Succeeded
			if test.kind == Reversal {
				state = Failed
			}
			r := sentRecord(state, "0100", Advice{Kind: test.kind, Status: test.status, Refund: "rfd-1"})
			r.Request.CaptureAdvice = "CAPTURE"
			r.Refunds = []Refund{{ID: "rfd-1", Amount: r.Request.Amount}}
			amount, original := r.Request.Amount, &Booking{Kind: BookedHold, State: BookingCaptured, Amount: r.Request.Amount}
			if test.kind == Release {
				r.Request.Capture.Amount.Minor, amount.Minor = 400000, 600000
			}
			if test.kind == Reversal {
				original.State = BookingReversed
			}
			found := r.Judge(func(key BookingKey, kinds ...BookingKind) *Booking {
				switch {
				case key == r.Request.Trace.Booking():
					return original
				case booked:
					return &Booking{Line: 3, Kind: kinds[0], State: BookingKept, Amount: amount}
				}
				return nil
			}, w).Findings
			got := none
			if len(found) > 0 {
				got.kind, got.differs = found[0].Kind, found[0].Differs
			}
			if got != want || len(found) > 1 {
				t.Errorf("%s %s, booked %t: %+v, want %+v", test.kind, test.status, booked, found, want)
			}
		}
	}
}

// TestJudgeReversal: what the acquirer keeps although it was to be reversed, by how the reversal ended.
func TestJudgeReversal(t *testing.T) {
	w := Window{To: noon.Add(time.Hour), Now: noon.Add(time.Hour), Grace: time.Minute}
	for status, want := range map[AdviceStatus]FindingKind{
		AdviceDone: KeptThere, AdviceGivenUp: KeptThere, AdviceNoTrace: KeptThere, AdviceOpen: AdviceIsOpen, AdviceClosed: AdviceEnded,
	} {
		r := sentRecord(Failed, "0200", Advice{Kind: Reversal, Status: status})
		judge := func(w Window) []Finding {
			return r.Judge(func(key BookingKey, _ ...BookingKind) *Booking {
				if key != r.Request.Trace.Booking() {
					return nil
				}
				return &Booking{Line: 2, Kind: BookedPurchase, State: BookingKept, Amount: r.Request.Amount}
			}, w).Findings
		}
		if found := judge(w); len(found) != 1 || found[0].Kind != want || found[0].Advice != "REVERSAL" || found[0].Differs != (status != AdviceClosed) {
			t.Errorf("%s: %+v, want %s", status, found, want)
		}
		w.Grace = 2 * time.Hour
		if found := judge(w); len(found) != 1 || found[0].Differs || status != AdviceClosed && !found[0].Early() {
			t.Errorf("%s, sent just now: %+v", status, found)
		}
		w.Grace = time.Minute
	}
}

// TestTraceAt: a message is of the year that it is nearest to.
func TestTraceAt(t *testing.T) {
	for _, test := range []struct{ sent, near, want string }{
		{"0314120000", "2026-03-14T11:59:00Z", "2026-03-14T12:00:00Z"},
		{"0101000001", "2025-12-31T23:59:59Z", "2026-01-01T00:00:01Z"},
		{"1231235959", "2026-01-01T00:00:01Z", "2025-12-31T23:59:59Z"},
		{"0229100000", "2028-02-29T10:00:01Z", "2028-02-29T10:00:00Z"},
		{"0229100000", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"},
	} {
		near, err := time.Parse(time.RFC3339, test.near)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Trace{Transmitted: test.sent}).At(near).Format(time.RFC3339); got != test.want {
			t.Errorf("%s near %s: %s, want %s", test.sent, test.near, got, test.want)
		}
	}
}

// TestJudgeSoftDecline: what the issuer declined until the payer was authenticated must not be kept beside what
// followed it. Its reversal says nothing of the other.
func TestJudgeSoftDecline(t *testing.T) {
	w := Window{To: noon.Add(time.Hour), Now: noon.Add(time.Hour), Grace: time.Minute}
	for name, test := range map[string]struct {
		soft    BookingState
		advices []Advice
		want    []FindingKind
	}{
		"not booked":             {"", nil, nil},
		"kept":                   {BookingKept, nil, []FindingKind{KeptThere}},
		"reversed":               {BookingReversed, []Advice{{ID: "soft", Kind: Reversal, Status: AdviceDone}}, nil},
		"being reversed":         {BookingKept, []Advice{{ID: "soft", Kind: Reversal, Status: AdviceOpen}}, []FindingKind{AdviceIsOpen}},
		"given up":               {BookingKept, []Advice{{ID: "soft", Kind: Reversal, Status: AdviceGivenUp}}, []FindingKind{KeptThere}},
		"given up, and reversed": {BookingReversed, []Advice{{ID: "soft", Kind: Reversal, Status: AdviceGivenUp}}, []FindingKind{AdviceEnded}},
	} {
		r := sentRecord(Succeeded, "0200", test.advices...)
		soft := *r.Request.Trace
		soft.STAN, soft.RRN = "000777", "000000000777"
		r.Request.SoftDecline = &SoftDecline{Trace: soft, Authorization: Authorization{ResponseCode: "1A"}, Reversal: "soft"}
		for i := range r.Advices {
			r.Advices[i].ID, r.Advices[i].Opened = "soft", noon
		}
		found := r.Judge(func(key BookingKey, kinds ...BookingKind) *Booking {
			b := &Booking{Line: 2, Kind: BookedPurchase, State: BookingKept, Amount: r.Request.Amount, At: noon}
			switch {
			case !slices.Contains(kinds, BookedPurchase):
				return nil
			case key == r.Request.Trace.Booking():
				return b
			case key == soft.Booking() && test.soft != "":
				b.State = test.soft
				return b
			}
			return nil
		}, w).Findings
		var kinds []FindingKind
		for _, f := range found {
			kinds = append(kinds, f.Kind)
			if f.Kind == KeptThere && (f.RRN != soft.RRN || f.Line != 2) {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if !slices.Equal(kinds, test.want) {
			t.Errorf("%s: %v, want %v", name, kinds, test.want)
		}
	}
}
