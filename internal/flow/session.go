package flow

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"reprise/internal/payment"
)

// NewSession is what a merchant asks for. Shapes and limits were checked against the contract.
type NewSession struct {
	Business         payment.BusinessID
	ReferenceID      string
	Amount           payment.Money
	Country          string
	Locale           string
	Token            payment.TokenID
	CustomerID       payment.CustomerID // one of CustomerID
	Customer         *NewCustomer       // and Customer
	SuccessReturnURL string
	FailureReturnURL string
	SkipThreeDS      bool
	Expires          time.Time       // zero: SessionLife from now
	Echo             json.RawMessage // see payment.Session
	Once             *payment.Once
}

// CreateSession opens a session. The stored card is looked at here, and again when the payer submits.
func (f *Flow) CreateSession(ctx context.Context, n NewSession) (payment.Session, error) {
	now := f.o.Now()
	if n.Amount.Minor == 0 {
		return payment.Session{}, payment.Refuse("INVALID_AMOUNT", "Amount must be greater than zero")
	}
	expires, err := expiry(n.Expires, now)
	if err != nil {
		return payment.Session{}, err
	}
	merchant, err := f.o.Store.Merchant(ctx, n.Business)
	if err != nil {
		return payment.Session{}, err
	}
	token, err := f.o.Store.Token(ctx, n.Business, n.Token)
	if errors.Is(err, payment.ErrNotFound) {
		return payment.Session{}, payment.UnusableToken()
	} else if err != nil {
		return payment.Session{}, err
	}
	if err := token.Usable(now); err != nil {
		return payment.Session{}, err
	}
	s := payment.Session{
		ID: f.newSessionID(), Business: n.Business, Version: 1, Status: payment.SessionActive,
		ReferenceID: n.ReferenceID, Type: "PAY", Mode: "CARDS_SESSION_JS",
		Amount: n.Amount, Country: n.Country, Locale: n.Locale, Token: n.Token,
		SuccessReturnURL: n.SuccessReturnURL, FailureReturnURL: n.FailureReturnURL,
		SkipThreeDS: n.SkipThreeDS, Echo: n.Echo,
		Created: now, Updated: now, Expires: expires,
	}
	for {
		customer, isNew, err := f.customer(ctx, merchant, token, n, now)
		if err != nil {
			return payment.Session{}, err
		}
		s.Customer = customer.ID
		if !isNew {
			return s, f.o.Store.CreateSession(ctx, s, nil, n.Once)
		}
		err = f.o.Store.CreateSession(ctx, s, &customer, n.Once)
		if !errors.Is(err, payment.ErrTaken) {
			return s, err
		}
		// Another session brought the same customer in between: it is known now.
	}
}

func expiry(asked, now time.Time) (time.Time, error) {
	if asked.IsZero() {
		return now.Add(payment.SessionLife), nil
	}
	if asked.Before(now.Add(payment.SessionLifeMin)) {
		return time.Time{}, payment.Refuse("INVALID_EXPIRY_DATE", "expires_at must be at least 10 minutes in the future")
	}
	if asked.After(now.Add(payment.SessionLifeMax)) {
		return time.Time{}, payment.Refuse("INVALID_EXPIRY_DATE", "expires_at must be at most 30 days in the future")
	}
	return asked, nil
}

// customer finds whom the session is for. A card is refused only where the session names, by its id, a
// customer who does not own it.
func (f *Flow) customer(ctx context.Context, m payment.Merchant, t payment.Token, n NewSession, now time.Time) (c payment.Customer, isNew bool, err error) {
	if n.CustomerID != "" {
		c, err = f.o.Store.Customer(ctx, n.Business, n.CustomerID)
		if errors.Is(err, payment.ErrNotFound) {
			return c, false, payment.Refuse("DATA_NOT_FOUND", "The customer ID provided in the request does not exist")
		}
		if err == nil && c.ID != t.Customer {
			return c, false, payment.UnusableToken()
		}
		return c, false, err
	}
	c, err = f.o.Store.CustomerByReference(ctx, n.Business, n.Customer.ReferenceID)
	switch {
	case errors.Is(err, payment.ErrNotFound):
		c, err = f.newCustomer(n.Business, *n.Customer, now)
		return c, true, err
	case err == nil && !m.ReuseCustomers:
		return c, false, payment.Refuse("DUPLICATE_ERROR", "customer: The reference_id entered has been used before. Please enter a unique reference_id")
	}
	return c, false, err
}

// Session reads a session of a business.
func (f *Flow) Session(ctx context.Context, b payment.BusinessID, id payment.SessionID) (payment.Session, error) {
	c, err := f.o.Store.Case(ctx, payment.Lookup{Business: b, Session: id})
	return c.Session, sessionError(err)
}

// Request reads a payment request of a business.
func (f *Flow) Request(ctx context.Context, b payment.BusinessID, id payment.RequestID) (payment.Case, error) {
	return f.o.Store.Case(ctx, payment.Lookup{Business: b, Request: id})
}

// Payment reads a payment of a business. There is none before the attempt has reached the acquirer or failed.
func (f *Flow) Payment(ctx context.Context, b payment.BusinessID, id payment.PaymentID) (payment.Case, error) {
	c, err := f.o.Store.Case(ctx, payment.Lookup{Business: b, Payment: id})
	if err == nil && !c.Request.HasPayment() {
		err = payment.ErrNotFound
	}
	return c, err
}

// CancelSession ends a session, and an attempt that has not reached the acquirer with it.
func (f *Flow) CancelSession(ctx context.Context, b payment.BusinessID, id payment.SessionID, once *payment.Once) (payment.Session, error) {
	c, err := f.o.Store.Change(ctx, payment.Lookup{Business: b, Session: id}, once, func(c payment.Case) (payment.Changes, error) {
		return payment.CancelSession(c, f.o.Now())
	})
	return c.Session, sessionError(err)
}

// ExpireSession is the work at a session's expiry.
func (f *Flow) ExpireSession(ctx context.Context, id payment.SessionID) error {
	_, err := f.o.Store.Change(ctx, payment.Lookup{Session: id}, nil, func(c payment.Case) (payment.Changes, error) {
		return payment.ExpireSession(c, f.o.Now())
	})
	return err
}

func sessionError(err error) error {
	if errors.Is(err, payment.ErrNotFound) {
		return payment.Refuse("NOT_FOUND", "Session not found")
	}
	return err
}
