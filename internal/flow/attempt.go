package flow

import (
	"context"
	"encoding/base64"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// begin finds or makes the attempt that a command is about, in the decision that writes it.
type begin func(c payment.Case, now time.Time) (payment.Changes, payment.Case, error)

// await writes an attempt that waits for its payer, the CVN in the escrow where there is one.
func (f *Flow) await(ctx context.Context, l payment.Lookup, seen sight, once *payment.Once, cvn card.CVN, find begin) (Submitted, error) {
	var share []byte
	c, err := f.changeSeen(ctx, seen, l, once, func(c payment.Case) (payment.Changes, error) {
		now := f.o.Now()
		before, c, err := find(c, now)
		if err != nil {
			return payment.Changes{}, err
		}
		card.Wipe(share) // of a race that was lost
		ch, sealed, err := f.start(c, cvn, now)
		share = sealed
		return before.Then(ch), err
	})
	defer card.Wipe(share)
	if err != nil {
		return Submitted{}, err
	}
	return Submitted{Case: c, ActionURL: f.actionURL(c, share)}, nil
}

// onward is where the payer goes after a submit that asked the bank or the acquirer itself: to the attempt's page, where
// the bank talks with them, or the issuer wants to know who pays (a soft decline; the CVN was sent, so it is gone, and
// no share opens anything), or where the bank's own words about its no are shown (cardholderInfo, EMV 3DS 2.2 table A.1).
func (f *Flow) onward(c payment.Case, share []byte, err error) (Submitted, error) {
	s := Submitted{Case: c}
	if err != nil {
		return s, err
	}
	r := c.Request
	told := r.State == payment.Failed && r.Authentication != nil && r.Authentication.Cardholder != ""
	if r.State.BeforeAcquirer() || told {
		s.ActionURL = f.actionURL(c, share)
	}
	return s, nil
}

// attempt is a new one, at no state yet.
func (f *Flow) attempt(reference string, b payment.BusinessID, amount payment.Money, country string, t payment.Terms, now time.Time) *payment.Request {
	return &payment.Request{
		ID:       payment.RequestID("pr-" + f.newUUID()),
		Payment:  payment.PaymentID("py-" + f.newUUID()),
		Business: b, ReferenceID: reference, Amount: amount, Country: country, Terms: t,
		Page:    f.newPage(),
		Created: now, Updated: now, Expires: now.Add(payment.AttemptLife),
	}
}

// take has the case's new attempt paid with a card. One that was typed becomes a row.
func take(c *payment.Case, p pick) payment.Changes {
	var ch payment.Changes
	if p.isNew() {
		t := p.token
		t.Customer, t.Request, t.Country, t.Currency = c.Request.Customer, c.Request.ID, c.Request.Country, c.Request.Amount.Currency
		t.OnFile = c.Request.OnFile
		if t.ReferenceID == "" {
			t.ReferenceID = c.Request.ReferenceID
		}
		ch.Tokens = []payment.Token{t}
		c.Token = t
	} else {
		c.Token = p.token
	}
	c.Request.Token = c.Token.ID
	return ch
}

// start lets a CVN go into the escrow of the case's attempt, under a share of its own, or begins without one.
func (f *Flow) start(c payment.Case, cvn card.CVN, now time.Time) (ch payment.Changes, share []byte, err error) {
	if cvn.IsZero() {
		if c.Request.State != payment.None {
			return ch, nil, nil // the second of two clicks
		}
		ch, err = payment.Apply(c, payment.Event{Kind: payment.Begin, At: now})
		return ch, nil, err
	}
	sealed, share, err := f.o.Vault.SealCVN(cvn, binding(c))
	if err != nil {
		return ch, nil, err
	}
	ch, err = payment.Apply(c, payment.Event{Kind: payment.Submit, At: now, Sealed: &sealed})
	return ch, share, err
}

// actionURL is the attempt's page, with the browser's share where there is a new one.
func (f *Flow) actionURL(c payment.Case, share []byte) string {
	url := f.o.PublicURL + c.Request.PagePath()
	if share != nil {
		url += "#k=" + base64.RawURLEncoding.EncodeToString(share)
	}
	return url
}

// binding ties a CVN to the attempt it was typed for.
func binding(c payment.Case) payment.Binding {
	return payment.Binding{
		Business: c.Request.Business, Session: c.Request.Session, Request: c.Request.ID,
		Token: c.Request.Token, Amount: c.Request.Amount, Expires: c.Request.Expires,
	}
}
