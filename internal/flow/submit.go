package flow

import (
	"context"
	"encoding/base64"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// Submission is a payer's CVN for a session.
type Submission struct {
	Business payment.BusinessID
	Session  payment.SessionID
	// CVN judges what the payer typed by the number of digits the stored card has. The CVN is wiped before
	// Submit returns.
	CVN  func(digits int) (card.CVN, error)
	Once *payment.Once
	// Repeats is set where the same request was answered before with this attempt, which is kept.
	Repeats payment.RequestID
}

// Submitted is what a submission came to.
type Submitted struct {
	Request payment.RequestID
	// ActionURL is where the payer goes on, the browser's share in its fragment. Empty where nothing is
	// left to do for the payer. It is given once and stored nowhere.
	ActionURL string
}

// Submit takes a CVN for a session: into the escrow until the bank has authenticated the payer, or straight
// to the acquirer where the session skips 3-D Secure.
func (f *Flow) Submit(ctx context.Context, s Submission) (Submitted, error) {
	if s.Repeats != "" {
		return f.resubmit(ctx, s)
	}
	session := payment.Lookup{Business: s.Business, Session: s.Session}
	c, err := f.o.Store.Case(ctx, session)
	if err != nil {
		return Submitted{}, sessionError(err)
	}
	if err := acceptsSubmit(c, f.o.Now()); err != nil {
		return Submitted{}, err
	}
	cvn, err := s.CVN(c.Token.CVNDigits)
	if err != nil {
		return Submitted{}, err
	}
	defer cvn.Wipe()

	if c.Session.SkipThreeDS {
		c, err = f.authorize(ctx, c, authorization{lookup: session, once: s.Once, cvn: cvn, begin: f.newAttempt})
		if err != nil {
			return Submitted{}, err
		}
		return Submitted{Request: c.Request.ID}, nil
	}

	var share []byte
	c, err = f.o.Store.Change(ctx, session, s.Once, func(c payment.Case) (payment.Changes, error) {
		now := f.o.Now()
		before, c, err := f.joinAttempt(c, now)
		if err != nil {
			return payment.Changes{}, err
		}
		ch, sealed, err := f.seal(c, cvn, now)
		share = sealed
		return before.Then(ch), err
	})
	if err != nil {
		return Submitted{}, err
	}
	defer card.Wipe(share)
	return Submitted{Request: c.Request.ID, ActionURL: f.actionURL(c, share)}, nil
}

// resubmit answers a repetition: the attempt is the first one's, and while its page has not been opened the
// CVN sent now is sealed under a share of its own. Later the page has a share already, or asks for the CVN.
func (f *Flow) resubmit(ctx context.Context, s Submission) (Submitted, error) {
	l := payment.Lookup{Business: s.Business, Request: s.Repeats}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil {
		return Submitted{}, err
	}
	cvn, err := s.CVN(c.Token.CVNDigits)
	if err != nil {
		return Submitted{}, err
	}
	defer cvn.Wipe()
	var share []byte
	c, err = f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		now := f.o.Now()
		if share = nil; !joins(*c.Request, now) {
			return payment.Changes{}, nil
		}
		if err := acceptsSubmit(c, now); err != nil {
			return payment.Changes{}, err
		}
		ch, sealed, err := f.seal(c, cvn, now)
		share = sealed
		return ch, err
	})
	if err != nil || c.Request.State.Final() || c.Session.SkipThreeDS {
		return Submitted{Request: s.Repeats}, err
	}
	defer card.Wipe(share)
	return Submitted{Request: s.Repeats, ActionURL: f.actionURL(c, share)}, nil
}

// seal lets a CVN go into the escrow of the case's attempt, under a share of its own.
func (f *Flow) seal(c payment.Case, cvn card.CVN, now time.Time) (ch payment.Changes, share []byte, err error) {
	sealed, share, err := f.o.Vault.SealCVN(cvn, binding(c))
	if err != nil {
		return ch, nil, err
	}
	ch, err = payment.Apply(c, payment.Event{Kind: payment.Submit, At: now, Sealed: &sealed})
	return ch, share, err
}

// actionURL is the attempt's page, with the browser's share where there is a new one.
func (f *Flow) actionURL(c payment.Case, share []byte) string {
	url := f.o.PublicURL + "/pay/" + c.Request.Page
	if share != nil {
		url += "#k=" + base64.RawURLEncoding.EncodeToString(share)
	}
	return url
}

// acceptsSubmit says whether a CVN may be handed in now. While an earlier attempt is with the acquirer
// nobody knows yet whether the session is paid.
func acceptsSubmit(c payment.Case, now time.Time) error {
	if err := c.Session.AcceptsSubmit(now); err != nil {
		return err
	}
	if err := c.Payable(now); err != nil {
		return err
	}
	if c.Request != nil && c.Request.State.AtAcquirer() {
		return &payment.Error{
			Code:       "SERVICE_UNAVAILABLE",
			Message:    "A payment of this session is being processed. Its outcome follows; please wait before trying again.",
			RetryAfter: 5 * time.Second,
		}
	}
	return nil
}

// joinAttempt finds the attempt that a submission belongs to: the open one, while its page has not been
// opened, or a new one.
func (f *Flow) joinAttempt(c payment.Case, now time.Time) (payment.Changes, payment.Case, error) {
	if c.Request != nil && joins(*c.Request, now) {
		return payment.Changes{}, c, acceptsSubmit(c, now)
	}
	return f.newAttempt(c, now)
}

// joins says whether an attempt takes one more CVN: its page has not opened, and the payer has time left.
func joins(r payment.Request, now time.Time) bool {
	return r.State == payment.Submitted && r.Submits < payment.MaxSubmits && now.Add(payment.AttemptLife/2).Before(r.Expires)
}

// newAttempt supersedes the open attempt, if there is one, and puts a new one in its place.
func (f *Flow) newAttempt(c payment.Case, now time.Time) (payment.Changes, payment.Case, error) {
	if err := acceptsSubmit(c, now); err != nil {
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
	c.Request = &payment.Request{
		ID:      payment.RequestID("pr-" + f.newUUID()),
		Payment: payment.PaymentID("py-" + f.newUUID()),
		Session: c.Session.ID, Business: c.Session.Business, Customer: c.Session.Customer, Token: c.Token.ID,
		ReferenceID: c.Session.ReferenceID + "_" + f.newUUID()[26:],
		Amount:      c.Session.Amount, Country: c.Session.Country,
		Page:    f.newPage(),
		Created: now, Updated: now, Expires: now.Add(payment.AttemptLife),
	}
	return dropped, c, nil
}

// binding ties a CVN to the attempt it was typed for.
func binding(c payment.Case) payment.Binding {
	return payment.Binding{
		Business: c.Request.Business, Session: c.Request.Session, Request: c.Request.ID,
		Token: c.Request.Token, Amount: c.Request.Amount, Expires: c.Request.Expires,
	}
}
