package flow

import (
	"context"
	"errors"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

const (
	// settleMargin is added to the acquirer's time-out before an attempt whose answer nobody saw is taken
	// for unknown.
	settleMargin = 4 * time.Second
	// sendLimit is how long after its trace was committed a purchase may still be sent.
	sendLimit = 2 * time.Second
)

// ErrShare reports that a browser's share opens nothing: it is wrong, or the row is gone. Nothing has
// changed; the payer is asked for the CVN again.
var ErrShare = errors.New("flow: the share opens no CVN")

// Pay sends the purchase of an authenticated attempt with the CVN that the browser's share opens. An
// attempt in any other state is returned as it is.
func (f *Flow) Pay(ctx context.Context, page string, share []byte) (payment.Case, error) {
	c, err := f.Attempt(ctx, page)
	if err != nil || c.Request.State != payment.Authenticated {
		return c, err
	}
	verifier, err := f.Vault.Verifier(share)
	if err != nil {
		return c, ErrShare
	}
	sealed, err := f.Store.Escrow(ctx, c.Request.ID, verifier)
	if errors.Is(err, payment.ErrNotFound) {
		return c, ErrShare
	} else if err != nil {
		return c, err
	}
	cvn, err := f.Vault.OpenCVN(sealed, share, binding(c))
	if err != nil {
		f.Log.Warn("escrow row does not open", "payment_request", c.Request.ID, "error", err)
		return c, ErrShare
	}
	defer cvn.Wipe()
	return f.payProved(ctx, c, cvn, verifier)
}

// Retype sends the purchase of an authenticated attempt with a CVN typed anew, because the browser's share
// was lost. The proof already obtained is used; the CVN never rests.
func (f *Flow) Retype(ctx context.Context, page string, judge func(digits int) (card.CVN, error)) (payment.Case, error) {
	c, err := f.Attempt(ctx, page)
	if err != nil || c.Request.State != payment.Authenticated {
		return c, err
	}
	if err := c.AcceptsCVN(); err != nil {
		return c, err
	}
	cvn, err := judge(c.Token.CVNDigits)
	if err != nil {
		return c, err
	}
	defer cvn.Wipe()
	return f.payProved(ctx, c, cvn, nil)
}

// payProved authorises with the attempt's proof, or ends the attempt where the proof is not for it.
func (f *Flow) payProved(ctx context.Context, c payment.Case, cvn card.CVN, verifier []byte) (payment.Case, error) {
	l := payment.Lookup{Request: c.Request.ID}
	if !c.Request.Authentication.Covers(c.Request.Amount, c.Request.Business, c.Request.Token) {
		return f.disprove(ctx, l)
	}
	done, err := f.authorize(ctx, c, authorization{lookup: l, cvn: cvn, verifier: verifier})
	switch {
	case notNow(err):
		return f.Store.Case(ctx, l) // another tab was first
	case errors.Is(err, payment.ErrTaken):
		return f.whyTaken(ctx, l, verifier)
	}
	return done, err
}

// whyTaken tells apart the two guards of the commit: an escrow row that is gone, and an authentication
// value that was used before.
func (f *Flow) whyTaken(ctx context.Context, l payment.Lookup, verifier []byte) (payment.Case, error) {
	if verifier != nil {
		_, err := f.Store.Escrow(ctx, l.Request, verifier)
		if errors.Is(err, payment.ErrNotFound) {
			c, err := f.Store.Case(ctx, l)
			if err == nil && c.Request.State == payment.Authenticated {
				err = ErrShare
			}
			return c, err
		} else if err != nil {
			return payment.Case{}, err
		}
	}
	return f.disprove(ctx, l)
}

func (f *Flow) disprove(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	return f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		a := *c.Request.Authentication
		a.TransStatus, a.Value = "N", ""
		return payment.Apply(c, payment.Event{Kind: payment.Disprove, At: f.Now(), Authentication: &a})
	})
}

// authorization is one purchase to be made.
type authorization struct {
	lookup   payment.Lookup
	once     *payment.Once
	cvn      card.CVN
	verifier []byte // of the escrow row to take; nil where the CVN never rested
	// begin puts a new attempt in place first; nil where there is one.
	begin func(payment.Case) (payment.Changes, payment.Case, error)
}

// authorize commits the trace, sends the purchase and applies the answer, in that order: whatever dies in
// between leaves a trace that is reversed.
func (f *Flow) authorize(ctx context.Context, c payment.Case, a authorization) (payment.Case, error) {
	ctx = context.WithoutCancel(ctx) // a payer who leaves does not stop a purchase on its way
	pan, err := f.Vault.OpenPAN(c.Token.SealedPAN, c.Token.Business, c.Token.ID)
	if err != nil {
		return c, err
	}
	trace, err := f.Acquirer.Reserve(ctx, c.Merchant, c.Session.Amount)
	if err != nil {
		return c, err
	}
	start := f.Now()
	c, err = f.Store.Change(ctx, a.lookup, a.once, func(c payment.Case) (payment.Changes, error) {
		var before payment.Changes
		if a.begin != nil {
			var err error
			if before, c, err = a.begin(c); err != nil {
				return before, err
			}
		}
		ch, err := payment.Apply(c, payment.Event{
			Kind: payment.Authorize, At: start, Verifier: a.verifier, Trace: &trace,
			Deadline: start.Add(f.AnswerTimeout + settleMargin),
		})
		return before.Then(ch), err
	})
	if err != nil {
		return c, err
	}
	answer := f.Acquirer.Purchase(ctx, Purchase{
		Trace: trace, Merchant: c.Merchant, PAN: pan, Expiry: expiryOf(c.Token), CVN: a.cvn,
		Proof: c.Request.Authentication, NotAfter: start.Add(sendLimit),
	})
	done, err := f.conclude(ctx, c, answer)
	if notNow(err) {
		return f.Store.Case(ctx, payment.Lookup{Request: c.Request.ID}) // a late copy of the answer was first
	}
	return done, err
}

// conclude applies the acquirer's answer. If the commit fails, the attempt's deadline finds it and has it
// reversed. payment.ErrNotNow means that another has concluded the attempt.
func (f *Flow) conclude(ctx context.Context, c payment.Case, answer payment.Answer) (payment.Case, error) {
	e := payment.Event{Answer: &answer}
	switch answer.Outcome {
	case payment.Approved:
		e.Kind, e.Capture = payment.Approve, payment.CaptureID("cptr-"+f.newUUID())
	case payment.Declined:
		e.Kind = payment.Decline
	case payment.Unsent:
		e.Kind = payment.Unsend
	case payment.Unwanted:
		e.Kind = payment.Unwant
	default:
		e.Kind, e.Answer = payment.Lose, nil
	}
	if e.Kind == payment.Unwant || e.Kind == payment.Lose {
		reversal, err := f.newReversal(ctx, *c.Request, answer.Authorization.AuthorizationCode)
		if err != nil {
			return c, err
		}
		e.Reversal = &reversal
	}
	e.At = f.Now()
	return f.Store.Change(ctx, payment.Lookup{Request: c.Request.ID}, nil, func(c payment.Case) (payment.Changes, error) {
		return payment.Apply(c, e)
	})
}

func expiryOf(t payment.Token) card.Expiry {
	return card.Expiry{Year: t.ExpiryYear, Month: t.ExpiryMonth}
}
