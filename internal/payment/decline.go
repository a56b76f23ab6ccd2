package payment

import "time"

// SoftDecline is an authorisation that the issuer declined until the payer is authenticated: DE39 1A at Visa, 65 at
// Mastercard. The attempt goes on with another one.
type SoftDecline struct {
	Trace          Trace
	Authorization  Authorization
	Authentication *Authentication // what it was sent with, without the value; nil where nobody was asked
	Reversal       AdviceID        // of an approval that came all the same
	At             time.Time
}

// StepsUp says whether the attempt can meet a soft decline: once, where the payer was not challenged before, can be
// reached on a page, and has a CVN to type again. A merchant's server that paid without the payer is told of a
// failure. An issuer that forbids to try again means it.
func (c Case) StepsUp(a Answer) bool {
	r := c.Request
	switch {
	case !a.StepUp, a.Outcome != Declined, r.SoftDecline != nil, r.WithoutCVN, r.Absent, a.Authorization.Stops(c.Token.Brand):
		return false
	case r.Authentication != nil:
		return !r.Authentication.Challenged // the payer is on the attempt's page, or came from a session
	}
	return r.Session != ""
}

// stepUp puts what was declined aside, and gives the payer the time of a new attempt: the CVN is typed again, so none
// rests longer for it.
func (r *Request) stepUp(e Event) {
	r.SoftDecline = &SoftDecline{Trace: *r.Trace, Authorization: e.Answer.Authorization, At: e.At}
	if r.Authentication != nil {
		spent := *r.Authentication
		spent.Value = "" // it was good for the one that was declined, and is kept no longer (PCI DSS 3.2.1)
		r.SoftDecline.Authentication = &spent
	}
	r.Trace, r.Authorization, r.Authentication = nil, nil, nil
	r.Expires = e.At.Add(AttemptLife)
}

// Unasked says whether the attempt is paid without asking the bank who pays.
func (r Request) Unasked() bool { return r.SkipThreeDS && r.SoftDecline == nil }

// UndoSoft has money given back that the acquirer approved although its issuer had declined it.
func UndoSoft(c Case, reversal Advice, at time.Time) Changes {
	r := *c.Request
	soft := *r.SoftDecline
	soft.Reversal = reversal.ID
	r.SoftDecline = &soft
	return Changes{Requests: []Request{r}, Effects: []Effect{
		SaveAdvice{reversal}, Wake{Work{WorkAdvice, string(reversal.ID)}, at},
	}}
}
