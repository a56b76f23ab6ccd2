package flow

import (
	"context"
	"errors"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// Submission is what a payer typed for a session: the CVN of the stored card that the session names, or a card.
type Submission struct {
	Business payment.BusinessID
	Session  payment.SessionID
	Link     string // of the hosted page, instead of both
	// Fields are the card fields. What is kept of them is sealed; the CVN is wiped before Submit returns.
	Fields     card.Fields
	Cardholder payment.Cardholder
	Save       bool // the payer wants the card to be stored, where the session leaves it to them
	// Browser is what the payer's browser says of itself, so that the bank can be asked within the call; nil where
	// the client is none, and the attempt's page finds it out.
	Browser *Browser
	// Preparation is what Prepare gave, as the browser brings it back; MethodCompleted is how the 3DS Method ended
	// meanwhile (threeDSCompInd).
	Preparation, MethodCompleted string
	Once                         *payment.Once
	// Repeats is set where the same request was answered before.
	Repeats *Earlier
}

// Earlier is what an earlier answer to the same request named: the attempt, or the card that it stores. The
// attempt is kept.
type Earlier struct {
	Request payment.RequestID
	Token   payment.TokenID // where Request is empty
}

// Submitted is what a submission came to.
type Submitted struct {
	Case payment.Case
	// ActionURL is where the payer goes on, the browser's share in its fragment. Empty where nothing is
	// left to do for the payer. It is given once and stored nowhere.
	ActionURL string
}

// Submit takes what the payer typed. Where the session skips 3-D Secure, or the bank can be asked within the call and
// asks nothing of the payer, the CVN goes straight to the acquirer; else into the escrow, until the bank has
// authenticated the payer.
func (f *Flow) Submit(ctx context.Context, s Submission) (Submitted, error) {
	if s.Repeats != nil {
		return f.resubmit(ctx, s)
	}
	session := payment.Lookup{Business: s.Business, Session: s.Session, Link: s.Link}
	now := f.o.Now()
	c, err := f.o.Store.Case(ctx, session)
	if err != nil {
		return Submitted{}, sessionError(err)
	}
	seen := sight{c, now}
	if err := c.AcceptsSubmit(f.o.Now()); err != nil {
		return Submitted{}, err
	}
	p, err := f.pick(ctx, c, s)
	if err != nil {
		return Submitted{}, err
	}
	defer p.cvn.Wipe()
	if p.isNew() {
		session.Card, seen = p.token.Fingerprint, sight{} // what speaks against that card was not looked at
	}

	if c.Session.Unasked() {
		paid, err := f.authorize(ctx, authorization{
			lookup: session, seen: seen, once: s.Once, cvn: p.cvn,
			merchant: c.Merchant, token: p.token, terms: f.terms(c.Session, p), amount: c.Session.Amount,
			begin: func(c payment.Case, now time.Time) (payment.Changes, payment.Case, error) {
				if !c.Session.Unasked() {
					return payment.Changes{}, c, errAsked
				}
				return f.newAttempt(c, p, now)
			},
		})
		if !errors.Is(err, errAsked) {
			return f.onward(paid, nil, err)
		}
	}

	if s.Browser != nil {
		submitted, err := f.submitAsking(ctx, session, seen, s, p)
		if !errors.Is(err, errPage) {
			return submitted, err
		}
	}
	return f.await(ctx, session, seen, s.Once, p.cvn, func(c payment.Case, now time.Time) (payment.Changes, payment.Case, error) {
		return f.joinAttempt(c, p, now)
	})
}

// errAsked reports that meanwhile an issuer wanted the payer of the session authenticated.
var errAsked = errors.New("flow: the payer is to be authenticated")

// pick takes the stored card that the session names, of which only the CVN was typed, or else the card that was
// typed. A CVN is required for the stored card: that is what the session is for.
func (f *Flow) pick(ctx context.Context, c payment.Case, s Submission) (pick, error) {
	if c.Session.Token == "" {
		unasked := c.Session.SkipThreeDS || c.Merchant.AllowUnauthenticated
		return f.typed(c, s.Fields, s.Cardholder, c.Session.Saves(s.Save), unasked, f.o.Now())
	}
	if s.Fields.HasCard() {
		return pick{}, &card.FieldError{Path: s.Fields.Path("card_number"), Message: "must NOT be sent: the session names a stored card"}
	}
	token := c.Token
	if token.ID != c.Session.Token { // an attempt is open with another card
		var err error
		if token, err = f.o.Store.Token(ctx, c.Session.Business, c.Session.Token); err != nil {
			return pick{}, err
		}
	}
	cvn, err := s.Fields.CVN(token.CVNDigits)
	return pick{token: token, cvn: cvn}, err
}

// resubmit answers a repetition: the attempt is the first one's, and while its page has not been opened the
// CVN sent now is sealed under a share of its own. Later the page has a share already, or asks for the CVN.
func (f *Flow) resubmit(ctx context.Context, s Submission) (Submitted, error) {
	l := payment.Lookup{Business: s.Business, Request: s.Repeats.Request}
	if l.Request == "" {
		t, err := f.o.Store.Token(ctx, s.Business, s.Repeats.Token)
		if err != nil {
			return Submitted{}, err
		}
		l.Request = t.Request
	}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil {
		return Submitted{}, err
	}
	var cvn card.CVN
	if !c.Request.WithoutCVN {
		if cvn, err = s.Fields.CVN(c.Token.CVNDigits); err != nil {
			return Submitted{}, err
		}
		defer cvn.Wipe()
	}
	var share []byte
	c, err = f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		now := f.o.Now()
		card.Wipe(share)
		if share = nil; cvn.IsZero() || !joins(*c.Request, now) {
			return payment.Changes{}, nil
		}
		if err := c.AcceptsSubmit(now); err != nil {
			return payment.Changes{}, err
		}
		ch, sealed, err := f.start(c, cvn, now)
		share = sealed
		return ch, err
	})
	defer card.Wipe(share)
	if err != nil || c.Request.State.Final() || c.Request.Unasked() {
		return Submitted{Case: c}, err
	}
	return Submitted{Case: c, ActionURL: f.actionURL(c, share)}, nil
}

// joinAttempt finds the attempt that a submission belongs to: the open one, while its page has not been
// opened and if it is to be paid with the same card, or a new one.
func (f *Flow) joinAttempt(c payment.Case, p pick, now time.Time) (payment.Changes, payment.Case, error) {
	if c.Request != nil && joins(*c.Request, now) && p.is(c.Token) && c.Request.WithoutCVN == p.cvn.IsZero() {
		return payment.Changes{}, c, c.AcceptsSubmit(now)
	}
	return f.newAttempt(c, p, now)
}

// joins says whether an attempt takes one more CVN: its page has not opened, and the payer has time left.
func joins(r payment.Request, now time.Time) bool {
	return r.State == payment.Submitted && r.Submits < payment.MaxSubmits && now.Add(payment.AttemptLife/2).Before(r.Expires)
}

// newAttempt supersedes the open attempt, if there is one, and puts a new one in its place.
func (f *Flow) newAttempt(c payment.Case, p pick, now time.Time) (payment.Changes, payment.Case, error) {
	if err := c.AcceptsSubmit(now); err != nil {
		return payment.Changes{}, c, err
	}
	if err := c.Session.AcceptsAttempt(); err != nil {
		return payment.Changes{}, c, err
	}
	var dropped payment.Changes
	if c.Request != nil && !c.Request.State.Final() {
		var err error
		if dropped, err = payment.Apply(c, payment.Event{Kind: payment.Drop, At: now}); err != nil {
			return dropped, c, err
		}
		c = c.After(dropped)
	}
	c.Request = f.attempt(c.Session.ReferenceID+"_"+f.newUUID()[26:], c.Merchant.ID, c.Session.Amount, c.Session.Country, f.terms(c.Session, p), now)
	c.Request.Session, c.Request.Customer = c.Session.ID, c.Session.Customer
	made := take(&c, p)
	return dropped.Then(made), c, c.Payable(now)
}

// terms are how a session is to be paid with a card. One that is typed and not stored is used once, whatever the
// merchant said of cards on file: nobody keeps its number.
func (f *Flow) terms(s payment.Session, p pick) payment.Terms {
	var onFile payment.CardOnFile
	if p.token.Status != payment.TokenOneOff {
		onFile = p.onFile(s.OnFile)
	}
	t := payment.Terms{
		Type: payment.Pay, CaptureMethod: s.CaptureMethod,
		SuccessReturnURL: s.SuccessReturnURL, FailureReturnURL: s.FailureReturnURL,
		SkipThreeDS: s.Unasked(), WithoutCVN: p.cvn.IsZero(), MIDLabel: s.MIDLabel, OnFile: onFile, Locale: s.Locale,
	}
	switch {
	case s.Type == payment.SessionSave:
		t.Type, t.CaptureMethod = payment.Save, ""
	case p.token.Status == payment.TokenPending:
		t.Type = payment.PayAndSave
	}
	if s.Mode == payment.ModePaymentLink { // the hosted page takes the payer back, and says what the session is
		link := f.o.PublicURL + s.LinkPath()
		if t.FailureReturnURL = link + "?failed"; t.SuccessReturnURL == "" {
			t.SuccessReturnURL = link
		}
	}
	return t
}
