package payment

import (
	"time"

	"pgregory.net/rapid"
)

// advice is a new one about the attempt.
func (l *life) advice(kind AdviceKind, r *Request) *Advice {
	return &Advice{ID: AdviceID(l.id("ad")), Kind: kind, Request: r.ID, Opened: l.now, Status: AdviceOpen}
}

// complete is an event with what flow would give it in the state that the case is in.
func (l *life) complete(kind EventKind, c Case) Event {
	e := Event{Kind: kind, At: l.now}
	r := c.Request
	a := Authentication{ServerTransID: ServerTransID(l.id("trans")), Asked: l.now}
	if r.Authentication != nil {
		a = *r.Authentication
	}
	answer := func(code string) *Answer {
		return &Answer{Outcome: Approved, Authorization: Authorization{ResponseCode: code, NetworkTransactionID: "MCC0001", CVNResult: "M"}}
	}
	no := func(codes ...FailureCode) *Answer {
		n := answer("05")
		n.Outcome, n.Failure = Declined, rapid.SampledFrom(codes).Draw(l.t, "because")
		return n
	}
	switch kind {
	case Submit:
		e.Sealed = &SealedCVN{Request: r.ID, Verifier: []byte(l.id("verifier")), Expires: r.Expires}
	case Open, Ask:
		e.Authentication = &a
	case Challenge:
		a.TransStatus = "C"
		e.Authentication = &a
	case Prove:
		a.Challenged = r.State == Challenging
		a.TransStatus, a.Value = "Y", l.id("proof")
		e.Authentication = &a
	case Disprove:
		a.TransStatus, a.Value = "N", ""
		a.Cancel = rapid.SampledFrom([]string{"", "01", "04", "06"}).Draw(l.t, "cancel")
		e.Authentication = &a
	case Restart:
		e.Authentication = &Authentication{ServerTransID: ServerTransID(l.id("trans")), Restarts: a.Restarts + 1}
	case Authorize:
		e.Trace, e.Deadline = &Trace{MTI: "0200", STAN: l.id("stan"), RRN: l.id("rrn")}, l.now.Add(12*time.Second)
		if rows := l.escrow[r.ID]; len(rows) > 0 && rapid.IntRange(1, 5).Draw(l.t, "share") > 1 { // else it was typed again
			e.Verifier = []byte(rapid.SampledFrom(rows).Draw(l.t, "row"))
		}
	case Approve:
		e.Answer, e.Capture = answer("00"), &Capture{ID: CaptureID(l.id("cptr")), Amount: r.Amount, At: l.now}
	case Hold, Verify:
		e.Answer = answer("00")
	case Decline:
		e.Answer = no(InsufficientBalance, InvalidCVN, StolenCard)
		e.Answer.Authorization.AdviceCode = rapid.SampledFrom([]string{"", "", "", "03"}).Draw(l.t, "advice code")
	case StepUp:
		e.Answer = no(AuthenticationFailed)
		e.Answer.StepUp = true
	case Unwant:
		e.Answer, e.Reversal = no(ProcessorError, InvalidCVN), l.advice(Reversal, r)
	case Unsend:
		e.Answer = &Answer{Outcome: Unsent, Failure: ChannelUnavailable}
	case Miss:
		e.Answer = &Answer{Outcome: Unknown, Failure: PartnerTimeout}
	case Lose, Void:
		e.Reversal = l.advice(Reversal, r)
	case Expire:
		if r.State == Authorized {
			e.Reversal = l.advice(Reversal, r)
		}
	case Claim:
		amount := rapid.Int64Range(1, r.Amount.Minor).Draw(l.t, "claimed")
		e.Advice, e.Deadline = l.advice(CaptureAdvice, r), l.now.Add(12*time.Second)
		e.Capture = &Capture{ID: CaptureID(l.id("cptr")), Amount: Money{amount, r.Amount.Currency}, At: l.now}
	}
	return e
}

// comes says whether flow would ever bring such an event to an attempt in this state; the machine takes it if so.
// What an advice leads to comes from there.
func (l *life) comes(kind EventKind, c Case) bool {
	r := c.Request
	if _, ok := table[r.State][kind]; !ok {
		return false
	}
	switch kind {
	case Submit:
		return !r.WithoutCVN && r.Submits < MaxSubmits
	case Restart:
		return r.Authentication.Restarts < MaxRestarts
	case Authorize:
		return c.Payable(l.now) == nil && l.now.Before(r.Expires)
	case Approve:
		return r.Purpose() == Purchase
	case Hold:
		return r.Purpose() == Authorisation
	case Verify, Miss:
		return r.Purpose() == Verification
	case Lose, Unwant:
		return r.Purpose() != Verification
	case StepUp:
		return c.StepsUp(Answer{Outcome: Declined, StepUp: true})
	case Lapse:
		return r.Session != "" && !l.now.Before(r.Expires)
	case Expire:
		return r.State == Authorized && !l.now.Before(r.Deadline) || r.State != Authorized && r.Session == "" && !l.now.Before(r.Expires)
	case Settle, Collect, Reject:
		return false
	}
	return true
}
