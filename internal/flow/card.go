package flow

import (
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// pick is the card that an attempt is to be paid with, and the CVN that was typed for it.
type pick struct {
	token payment.Token // without version: typed now
	cvn   card.CVN      // zero where none is asked for
}

// typed makes a card of what was typed: to be stored if the attempt succeeds, or for this attempt alone. Where
// nobody authenticates the payer the CVN is needed: who leaves it out must not get around its check. Errors are
// *card.FieldError or public.
func (f *Flow) typed(c payment.Case, fields card.Fields, holder payment.Cardholder, stores, cvnNeeded bool, now time.Time) (pick, error) {
	pan, err := fields.PAN()
	if err != nil {
		return pick{}, err
	}
	brand := pan.Brand()
	if brand == "" {
		return pick{}, &card.FieldError{Path: fields.Path("card_number"), Message: "must be the number of a Visa, Mastercard, American Express or JCB card"}
	}
	expiry, err := fields.Expiry()
	if err != nil {
		return pick{}, err
	}
	t := payment.Token{
		ID: payment.TokenID("pt-" + f.newUUID()), Business: c.Merchant.ID, Status: payment.TokenOneOff,
		Fingerprint: f.o.Vault.Fingerprint(pan, c.Merchant.ID), Masked: pan.Masked(), Brand: string(brand),
		CVNDigits: brand.CVNDigits(), ExpiryMonth: expiry.Month, ExpiryYear: expiry.Year, Cardholder: holder,
		Created: now, Updated: now,
	}
	if t.Expired(now) {
		return pick{}, payment.Refuse("CARD_EXPIRED", "Card expiry specified in the request should not be earlier than current month.")
	}
	if stores {
		t.Status = payment.TokenPending
	}
	p := pick{token: t}
	if fields.HasCVN() || cvnNeeded {
		if p.cvn, err = fields.CVN(t.CVNDigits); err != nil {
			return pick{}, err
		}
	}
	if p.token.SealedPAN, err = f.o.Vault.SealPAN(pan, c.Merchant.ID, t.ID); err != nil {
		p.cvn.Wipe()
		return pick{}, err
	}
	return p, nil
}

// isNew says whether the card was typed now.
func (p pick) isNew() bool { return p.token.Version == 0 }

// is says whether a card that an attempt has already is the one that was picked: two clicks are one payment.
func (p pick) is(t payment.Token) bool {
	if !p.isNew() {
		return p.token.ID == t.ID
	}
	return p.token.Fingerprint == t.Fingerprint && p.token.Status == t.Status &&
		p.token.ExpiryYear == t.ExpiryYear && p.token.ExpiryMonth == t.ExpiryMonth
}

// onFile says how the card is used: as the merchant asked, completed as the API's own defaults have it. Of a card
// that is not stored here the merchant may say that it is, or will be, kept elsewhere.
func (p pick) onFile(asked payment.CardOnFile) payment.CardOnFile {
	elsewhere := p.token.Status == payment.TokenOneOff
	if elsewhere && asked == (payment.CardOnFile{}) {
		return asked // used once
	}
	if asked.Type == "" {
		asked.Type = payment.CustomerUnscheduled
	}
	if asked.NetworkTransactionID == "" {
		asked.NetworkTransactionID = p.token.OnFile.NetworkTransactionID
	}
	switch {
	case p.token.Status == payment.TokenPending:
		asked.Sequence = payment.Initial
	case asked.Sequence != "":
	case elsewhere && asked.NetworkTransactionID == "":
		asked.Sequence = payment.Initial
	default:
		asked.Sequence = payment.Subsequent
	}
	return asked
}
