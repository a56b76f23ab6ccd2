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
	if c.Request.WithoutCVN {
		return f.payProved(ctx, c, card.CVN{}, nil, nil)
	}
	verifier, err := f.o.Vault.Verifier(share)
	if err != nil {
		return c, ErrShare
	}
	sealed, err := f.o.Store.Escrow(ctx, c.Request.ID, verifier)
	if errors.Is(err, payment.ErrNotFound) {
		return f.withoutRow(ctx, payment.Lookup{Request: c.Request.ID})
	} else if err != nil {
		return c, err
	}
	cvn, err := f.o.Vault.OpenCVN(sealed, share, binding(c))
	if err != nil {
		f.o.Log.Warn("escrow row does not open", "payment_request", c.Request.ID, "error", err)
		return c, ErrShare
	}
	defer cvn.Wipe()
	return f.payProved(ctx, c, cvn, verifier, nil)
}

// Retype sends the purchase of an authenticated attempt with a CVN typed anew, because the browser's share
// was lost. The proof already obtained is used; the CVN never rests. An attempt that is paid without a CVN is
// returned as it is.
func (f *Flow) Retype(ctx context.Context, page string, judge func(digits int) (card.CVN, error)) (payment.Case, error) {
	c, err := f.Attempt(ctx, page)
	if err != nil || c.Request.State != payment.Authenticated || c.Request.WithoutCVN {
		return c, err
	}
	if err := c.Payable(f.o.Now()); err != nil {
		return c, err
	}
	cvn, err := judge(c.Token.CVNDigits)
	if err != nil {
		return c, err
	}
	defer cvn.Wipe()
	return f.payProved(ctx, c, cvn, nil, nil)
}

// payProved authorises with the attempt's proof, or ends the attempt where the proof is not for it. proving brings the
// proof to the attempt in the commit that uses it; nil where it has it.
func (f *Flow) payProved(ctx context.Context, c payment.Case, cvn card.CVN, verifier []byte, proving begin) (payment.Case, error) {
	l := payment.Lookup{Request: c.Request.ID}
	if !c.Request.Authentication.Covers(c.Request.Amount, c.Request.Business, c.Request.Token) {
		return f.disprove(ctx, l)
	}
	done, err := f.authorize(ctx, authorization{
		lookup: l, cvn: cvn, verifier: verifier,
		merchant: c.Merchant, token: c.Token, terms: c.Request.Terms, amount: c.Request.Amount, begin: proving,
	})
	switch {
	case notNow(err):
		return f.o.Store.Case(ctx, l) // another tab was first
	case errors.Is(err, payment.ErrTaken):
		return f.whyTaken(ctx, l, verifier)
	}
	return done, err
}

// whyTaken tells apart the two guards of the commit: an escrow row that is gone, and an authentication
// value that was used before.
func (f *Flow) whyTaken(ctx context.Context, l payment.Lookup, verifier []byte) (payment.Case, error) {
	if verifier != nil {
		_, err := f.o.Store.Escrow(ctx, l.Request, verifier)
		if errors.Is(err, payment.ErrNotFound) {
			return f.withoutRow(ctx, l)
		} else if err != nil {
			return payment.Case{}, err
		}
	}
	return f.disprove(ctx, l)
}

// withoutRow says what it means that the escrow has no row for a share: another tab was first, and then the
// attempt is past this; or the share is lost.
func (f *Flow) withoutRow(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	c, err := f.o.Store.Case(ctx, l)
	if err == nil && c.Request.State == payment.Authenticated {
		err = ErrShare
	}
	return c, err
}

func (f *Flow) disprove(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	return f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		if c.Request.Authentication == nil { // declined softly meanwhile
			return payment.Changes{}, nil
		}
		a := *c.Request.Authentication
		a.TransStatus, a.Value = "N", ""
		return payment.Apply(c, payment.Event{Kind: payment.Disprove, At: f.o.Now(), Authentication: &a})
	})
}

// authorization is one authorisation to be asked for.
type authorization struct {
	lookup   payment.Lookup
	seen     sight // the case, where the command has just read it
	once     *payment.Once
	cvn      card.CVN // zero where none is asked for
	verifier []byte   // of the escrow row to take; nil where the CVN never rested
	merchant payment.Merchant
	token    payment.Token
	terms    payment.Terms
	amount   payment.Money
	// begin puts a new attempt in place first, or has its proof; nil where there is one.
	begin begin
}

// authorize commits the trace, sends the message and applies the answer, in that order: whatever dies in
// between leaves a trace that is reversed. Once the trace is committed there is no error any more: what
// became of the message is the attempt's to tell.
func (f *Flow) authorize(ctx context.Context, a authorization) (payment.Case, error) {
	ctx, done := f.through(ctx) // a payer who leaves does not stop a purchase on its way
	defer done()
	pan, err := f.o.Vault.OpenPAN(a.token.SealedPAN, a.token.Business, a.token.ID)
	if err != nil {
		return payment.Case{}, err
	}
	merchant, ok := a.merchant.For(a.token.Brand, a.terms.MIDLabel)
	if !ok {
		return payment.Case{}, unknownAccount()
	}
	trace, err := f.o.Acquirer.Reserve(ctx, merchant, payment.Request{Terms: a.terms}.Purpose(), a.amount)
	if err != nil {
		return payment.Case{}, err
	}
	start := f.o.Now()
	c, err := f.changeSeen(ctx, a.seen, a.lookup, a.once, func(c payment.Case) (payment.Changes, error) {
		var before payment.Changes
		if a.begin != nil {
			var err error
			if before, c, err = a.begin(c, start); err != nil {
				return before, err
			}
		}
		ch, err := decidePurchase(c, payment.Event{
			Kind: payment.Authorize, At: start, Verifier: a.verifier, Trace: &trace,
			Deadline: start.Add(f.o.AnswerTimeout + settleMargin),
		})
		return before.Then(ch), err
	})
	if err != nil || c.Request.State != payment.Authorizing {
		return c, err
	}
	answer := f.o.Acquirer.Authorise(ctx, Authorisation{
		Trace: trace, Merchant: merchant, PAN: pan, Expiry: expiryOf(c.Token), CVN: a.cvn,
		Proof: c.Request.Proof(), OnFile: c.Request.OnFile, Absent: c.Request.Absent, NotAfter: start.Add(sendLimit),
	})
	a.cvn.Wipe() // and not when the answer is written down, which may take as long again (PCI DSS 3.3.1)
	concluded, err := f.conclude(ctx, c, answer, a.once.Amended())
	if notNow(err) { // a copy of the answer was first
		concluded, err = f.o.Store.Case(ctx, payment.Lookup{Request: c.Request.ID})
	}
	if err != nil {
		f.o.Log.Error("outcome not written: the attempt's deadline will have it reversed", "payment_request", c.Request.ID, "error", err)
		return c, nil
	}
	return concluded, nil
}

// decidePurchase looks once more, in the decision that sends the purchase, at what may have changed since
// the payer submitted: the attempt's time, the card, and the guesses of its CVN.
func decidePurchase(c payment.Case, authorize payment.Event) (payment.Changes, error) {
	if !authorize.At.Before(c.Request.Expires) {
		return payment.Apply(c, payment.Event{Kind: over(c), At: authorize.At})
	}
	if err := c.Payable(authorize.At); err != nil {
		return payment.Changes{}, err
	}
	return payment.Apply(c, authorize)
}

// concludeTries is how often an outcome is written: a connection to the database may be lost just then.
const concludeTries = 3

// conclude applies the acquirer's answer; once is that of the command that waited for it, if any. If that cannot be
// written, the attempt's deadline finds it and has it reversed. payment.ErrNotNow means that another has concluded
// the attempt.
func (f *Flow) conclude(ctx context.Context, c payment.Case, answer payment.Answer, once *payment.Once) (payment.Case, error) {
	e := payment.Event{At: f.o.Now(), Kind: meant(c.Request.Purpose(), answer.Outcome), Answer: &answer}
	if c.StepsUp(answer) {
		e.Kind = payment.StepUp
	}
	switch e.Kind {
	case payment.Approve:
		e.Capture = &payment.Capture{ID: f.newCaptureID(), Amount: c.Request.Amount, At: e.At}
	case payment.Lose:
		e.Answer = nil
	case payment.Miss:
		e.Answer = &payment.Answer{Outcome: payment.Unknown, Failure: payment.PartnerTimeout}
	}
	if e.Kind == payment.Unwant || e.Kind == payment.Lose {
		reversal, err := f.newAdvice(ctx, c, payment.Reversal, payment.Money{}, answer.Authorization.AuthorizationCode)
		if err != nil {
			return c, err
		}
		e.Reversal = &reversal
	}
	var err error
	sent := c.Request.Trace.Key()
	for range concludeTries {
		var concluded payment.Case
		// c is as the trace was committed with it. All that an outcome decides about is guarded by the versions in it.
		concluded, err = f.o.Store.ChangeFrom(ctx, c, payment.Lookup{Request: c.Request.ID}, once, func(c payment.Case) (payment.Changes, error) {
			if t := c.Request.Trace; t == nil || t.Key() != sent { // another authorisation has followed meanwhile
				return payment.Changes{}, &payment.ErrNotNow{State: c.Request.State, Event: e.Kind}
			}
			return payment.Apply(c, e)
		})
		if err == nil || notNow(err) {
			return concluded, err
		}
	}
	return c, err
}

// meant is the event that an outcome is for an attempt. A verification moves no money: what is approved
// otherwise than wanted is as good as declined, and no answer leaves nothing to undo.
func meant(why payment.Purpose, o payment.Outcome) payment.EventKind {
	switch o {
	case payment.Approved:
		return map[payment.Purpose]payment.EventKind{
			payment.Purchase: payment.Approve, payment.Authorisation: payment.Hold, payment.Verification: payment.Verify,
		}[why]
	case payment.Declined:
		return payment.Decline
	case payment.Unsent:
		return payment.Unsend
	case payment.Unwanted:
		if why == payment.Verification {
			return payment.Decline
		}
		return payment.Unwant
	}
	if why == payment.Verification {
		return payment.Miss
	}
	return payment.Lose
}

// unknownAccount is the refusal of a label that the merchant does not have, or no longer.
func unknownAccount() error {
	return payment.Refuse("INVALID_MERCHANT_SETTINGS", "Merchant credentials met with an error with the provider: the merchant has no account under this mid_label.")
}

func expiryOf(t payment.Token) card.Expiry {
	return card.Expiry{Year: t.ExpiryYear, Month: t.ExpiryMonth}
}
