package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// NewRequest is a payment request, or a payment token, that a merchant's server makes without a session: with a
// stored card, or with a card whose number the merchant may handle.
type NewRequest struct {
	Business    payment.BusinessID
	ReferenceID string
	Amount      payment.Money // zero to save a card
	Country     string
	Terms       payment.Terms // WithoutCVN and Absent are found out here
	Token       payment.TokenID
	Fields      card.Fields // card_details; wiped by the caller
	Cardholder  payment.Cardholder
	Buyer       Buyer
	Once        *payment.Once
}

// CreateRequest makes an attempt. Where 3-D Secure is skipped it is authorised at once; else the payer is to be
// sent to the ActionURL.
func (f *Flow) CreateRequest(ctx context.Context, n NewRequest) (Submitted, error) {
	now := f.o.Now()
	c, err := f.stored(ctx, n.Business, n.Token, n.Buyer, now)
	if err != nil {
		return Submitted{}, err
	}
	if n.Fields.HasCard() || n.Fields.HasCVN() {
		if !c.Merchant.AllowCardDetails {
			return Submitted{}, payment.Refuse("REQUEST_FORBIDDEN_ERROR", "Card details are not allowed for this merchant. Use a payment session, where the payer's browser hands them in.")
		}
	}
	if n.Terms.SkipThreeDS && !c.Merchant.AllowSkipThreeDS {
		return Submitted{}, skipForbidden()
	}
	p, err := f.given(c, n, now)
	if err != nil {
		return Submitted{}, err
	}
	defer p.cvn.Wipe()
	if _, ok := c.Merchant.For(p.token.Brand, n.Terms.MIDLabel); !ok {
		return Submitted{}, unknownAccount()
	}
	if n.Terms = requestTerms(n.Terms, p); n.Terms.Absent && n.Terms.OnFile.NetworkTransactionID == "" {
		return Submitted{}, payment.Refuse("INVALID_VALUE_ERROR", "A payment without the payer refers to the card's first use, whose network_transaction_id is not known. Please send it.")
	}
	var made Submitted
	err = f.withBuyer(ctx, c, n.Buyer, now, func(buyer payment.CustomerID, created *payment.Customer) (err error) {
		made, err = f.make(ctx, sight{c, now}, n, p, buyer, created)
		return err
	})
	if errors.Is(err, payment.ErrDuplicate) {
		err = payment.Refuse("DUPLICATE_ERROR", "Duplication is not allowed. The reference_id has been used for another payment request.")
	}
	return made, err
}

// given is the card that a request is to be paid with.
func (f *Flow) given(c payment.Case, n NewRequest, now time.Time) (pick, error) {
	if c.Token.ID == "" {
		return f.typed(c, n.Fields, n.Cardholder, n.Terms.Type != payment.Pay, false, now)
	}
	p := pick{token: c.Token}
	if n.Fields.HasCard() {
		return p, &card.FieldError{Path: n.Fields.Path("card_number"), Message: "must NOT be sent with payment_token_id"}
	}
	if !n.Fields.HasCVN() {
		return p, nil
	}
	var err error
	p.cvn, err = n.Fields.CVN(c.Token.CVNDigits)
	return p, err
}

// requestTerms completes what the merchant asked for. A stored card is used by the merchant alone where there
// is nobody to authenticate and the agreement is one that lets the merchant do so.
func requestTerms(t payment.Terms, p pick) payment.Terms {
	t.WithoutCVN = p.cvn.IsZero()
	t.OnFile = p.onFile(t.OnFile)
	t.Absent = t.SkipThreeDS && t.WithoutCVN && t.OnFile.Sequence == payment.Subsequent &&
		(t.OnFile.Type == payment.MerchantUnscheduled || t.OnFile.Type == payment.Recurring)
	return t
}

// make commits the attempt, with its customer where that is new, and authorises it where nobody is asked.
func (f *Flow) make(ctx context.Context, seen sight, n NewRequest, p pick, buyer payment.CustomerID, created *payment.Customer) (Submitted, error) {
	l, merchant := payment.Lookup{Business: n.Business, Token: n.Token}, seen.c.Merchant
	if p.isNew() {
		l = payment.Lookup{Business: n.Business, Card: p.token.Fingerprint}
		seen = sight{} // what speaks against that card was not looked at
	}
	begin := func(c payment.Case, now time.Time) (payment.Changes, payment.Case, error) {
		p := p
		if !p.isNew() {
			p.token = c.Token // as it is now
		} else {
			p.token.ReferenceID, p.token.Echo = n.ReferenceID, n.Terms.Echo
		}
		c.Request = f.attempt(n.ReferenceID, n.Business, n.Amount, n.Country, n.Terms, now)
		if n.Terms.Type == payment.Save { // the reference is the payment token's, and need not be unique
			c.Request.ReferenceID = string(c.Request.ID)
		}
		c.Request.Customer = buyer
		ch := take(&c, p)
		ch.Customer = created
		return ch, c, c.Payable(now)
	}
	if n.Terms.SkipThreeDS {
		c, err := f.authorize(ctx, authorization{
			lookup: l, seen: seen, once: n.Once, cvn: p.cvn, merchant: merchant, token: p.token, terms: n.Terms, amount: n.Amount, begin: begin,
		})
		return Submitted{Case: c}, err
	}
	return f.await(ctx, l, seen, n.Once, p.cvn, begin)
}

// Request reads a payment request of a business.
func (f *Flow) Request(ctx context.Context, b payment.BusinessID, id payment.RequestID) (payment.Case, error) {
	c, err := f.o.Store.Case(ctx, payment.Lookup{Business: b, Request: id})
	if err == nil && c.Request.Type == payment.Save {
		err = payment.ErrNotFound // a payment token's own attempt
	}
	return c, err
}

// Requests lists payment requests of a business, the newest first; more says whether there are older ones.
func (f *Flow) Requests(ctx context.Context, b payment.BusinessID, reference string, before payment.RequestID, limit int) (cases []payment.Case, more bool, err error) {
	ids, err := f.o.Store.Requests(ctx, b, reference, before, limit+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(ids) > limit; more {
		ids = ids[:limit]
	}
	for _, id := range ids {
		c, err := f.o.Store.Case(ctx, payment.Lookup{Business: b, Request: id})
		if err != nil {
			return nil, false, err
		}
		cases = append(cases, c)
	}
	return cases, more, nil
}

// Payment reads a payment of a business. There is none before the attempt has reached the acquirer or failed.
func (f *Flow) Payment(ctx context.Context, b payment.BusinessID, id payment.PaymentID) (payment.Case, error) {
	return f.existing(ctx, payment.Lookup{Business: b, Payment: id})
}

// CancelRequest drops a payment request that waits for the payer.
func (f *Flow) CancelRequest(ctx context.Context, b payment.BusinessID, id payment.RequestID, once *payment.Once) (payment.Case, error) {
	return f.amend(ctx, b, id, once, func(c payment.Case) (payment.Changes, error) {
		return payment.Apply(c, payment.Event{Kind: payment.Drop, At: f.o.Now()})
	})
}

// Amendment is what a merchant may change of a payment request that waits for the payer; nil leaves it.
type Amendment struct {
	Amount      *payment.Money
	Description *string
	Metadata    json.RawMessage // null takes it away
}

// AmendRequest changes a payment request that waits for the payer.
func (f *Flow) AmendRequest(ctx context.Context, b payment.BusinessID, id payment.RequestID, a Amendment) (payment.Case, error) {
	return f.amend(ctx, b, id, nil, func(c payment.Case) (payment.Changes, error) {
		echo, err := amended(c.Request.Echo, a.Description, a.Metadata)
		if err != nil {
			return payment.Changes{}, err
		}
		return payment.AmendRequest(c, *cmp.Or(a.Amount, &c.Request.Amount), echo, f.o.Now())
	})
}

// amended is what the API repeats, with a description and metadata in place of those before.
func amended(echo json.RawMessage, description *string, metadata json.RawMessage) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if len(echo) > 0 {
		if err := json.Unmarshal(echo, &members); err != nil {
			return nil, err
		}
	}
	if description != nil {
		text, err := json.Marshal(*description)
		if err != nil {
			return nil, err
		}
		members["description"] = text
	}
	switch {
	case string(metadata) == "null":
		delete(members, "metadata")
	case len(metadata) > 0:
		members["metadata"] = metadata
	}
	return json.Marshal(members)
}

// amend changes a payment request that waits for the payer, or says why it cannot be changed.
func (f *Flow) amend(ctx context.Context, b payment.BusinessID, id payment.RequestID, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	if _, err := f.Request(ctx, b, id); err != nil {
		return payment.Case{}, err
	}
	return f.o.Store.Change(ctx, payment.Lookup{Business: b, Request: id}, once, func(c payment.Case) (payment.Changes, error) {
		if err := payment.Amendable(c); err != nil {
			return payment.Changes{}, err
		}
		return fn(c)
	})
}

// Simulate plays the payer of a payment request that waits for one, where nobody is real: the authorisation is
// sent as if 3-D Secure was skipped and no CVN was asked for. What comes of it is told by webhook. An amount that is
// named has to be the payment request's: a card is never paid with in part.
func (f *Flow) Simulate(ctx context.Context, b payment.BusinessID, id payment.RequestID, amount *payment.Money, once *payment.Once) (payment.Case, error) {
	c, err := f.Request(ctx, b, id)
	if err != nil {
		return c, err
	}
	if !f.o.Simulates {
		return c, payment.Refuse("REQUEST_FORBIDDEN_ERROR", "Payments can be simulated in a sandbox only.")
	}
	if err := payment.Simulable(c); err != nil {
		return c, err
	}
	if amount != nil && *amount != c.Request.Amount {
		return c, payment.Refuse("INVALID_VALUE_ERROR", "amount must be the request_amount of the payment request.")
	}
	c, err = f.authorize(ctx, authorization{
		lookup: payment.Lookup{Business: b, Request: id}, once: once, merchant: c.Merchant, token: c.Token,
		terms: c.Request.Terms, amount: c.Request.Amount,
	})
	if notNow(err) { // another was first
		if c, err = f.Request(ctx, b, id); err == nil {
			err = payment.Simulable(c)
		}
	}
	return c, err
}
