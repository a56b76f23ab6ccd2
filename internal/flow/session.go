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
	Type             payment.SessionType
	Mode             payment.SessionMode
	Amount           payment.Money
	Country          string
	Locale           string
	CaptureMethod    payment.CaptureMethod // empty: automatic
	AllowSave        payment.AllowSave     // empty: disabled
	Token            payment.TokenID       // empty: the payer types a card
	Buyer            Buyer
	SuccessReturnURL string
	FailureReturnURL string // of CARDS_SESSION_JS
	CancelReturnURL  string // of PAYMENT_LINK
	SkipThreeDS      bool
	MIDLabel         string
	OnFile           payment.CardOnFile
	Expires          time.Time       // zero: SessionLife from now
	Echo             json.RawMessage // see payment.Session
	Once             *payment.Once
}

// CreateSession opens a session. A stored card is looked at here, and again when the payer submits.
func (f *Flow) CreateSession(ctx context.Context, n NewSession) (payment.Session, error) {
	now := f.o.Now()
	if err := sessionAmount(n.Type, n.Amount); err != nil {
		return payment.Session{}, err
	}
	expires, err := expiry(n.Expires, now)
	if err != nil {
		return payment.Session{}, err
	}
	c, err := f.stored(ctx, n.Business, n.Token, n.Buyer, now)
	if err != nil {
		return payment.Session{}, err
	}
	if n.SkipThreeDS && !c.Merchant.AllowSkipThreeDS {
		return payment.Session{}, skipForbidden()
	}
	if _, ok := c.Merchant.For("", n.MIDLabel); !ok {
		return payment.Session{}, badField("/body/channel_properties/cards/mid_label", "must be a label of the merchant's")
	}
	s := payment.Session{
		ID: f.newSessionID(), Business: n.Business, Status: payment.SessionActive,
		ReferenceID: n.ReferenceID, Type: n.Type, Mode: n.Mode,
		Amount: n.Amount, Country: n.Country, Locale: n.Locale, Token: n.Token,
		SuccessReturnURL: n.SuccessReturnURL, FailureReturnURL: n.FailureReturnURL, CancelReturnURL: n.CancelReturnURL,
		SkipThreeDS: n.SkipThreeDS, CaptureMethod: n.CaptureMethod, AllowSave: n.AllowSave, MIDLabel: n.MIDLabel,
		OnFile: n.OnFile, Echo: n.Echo,
		Created: now, Updated: now, Expires: expires,
	}
	if s.Mode == payment.ModePaymentLink {
		s.Link = f.newPage()
	}
	err = f.withBuyer(ctx, c, n.Buyer, now, func(id payment.CustomerID, created *payment.Customer) error {
		s.Customer = id
		alone := payment.Case{Merchant: c.Merchant} // a session begins without a card of its own to decide about
		c, err := f.o.Store.ChangeFrom(ctx, alone, payment.Lookup{Business: n.Business}, n.Once, func(payment.Case) (payment.Changes, error) {
			return payment.NewSession(s, created), nil
		})
		if err == nil {
			s = c.Session
		}
		return err
	})
	return s, err
}

func sessionAmount(kind payment.SessionType, amount payment.Money) error {
	switch {
	case kind == payment.SessionSave && amount.Minor != 0:
		return payment.Refuse("INVALID_AMOUNT", "Amount must be zero for session type SAVE")
	case kind != payment.SessionSave && amount.Minor == 0:
		return payment.Refuse("INVALID_AMOUNT", "Amount must be greater than zero")
	}
	return nil
}

// stored is the case of a stored card of the business that can be paid with; without one, the merchant's alone. The
// customer is read with it.
func (f *Flow) stored(ctx context.Context, b payment.BusinessID, t payment.TokenID, by Buyer, now time.Time) (payment.Case, error) {
	l := payment.Lookup{Business: b, Token: t}
	by.ask(&l)
	c, err := f.o.Store.Case(ctx, l)
	if t == "" {
		return c, err
	}
	if errors.Is(err, payment.ErrNotFound) {
		return c, payment.UnknownToken()
	} else if err != nil {
		return c, err
	}
	return c, c.Token.Usable(now)
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

func skipForbidden() error {
	return payment.Refuse("SKIP_3DS_FORBIDDEN", "Non 3DS card payment requests is not allowed. Please activate the feature on Xendit dashboard before proceeding")
}

// badField refuses a field that the contract alone cannot judge.
func badField(path, message string) error {
	return &payment.Error{
		Code: "API_VALIDATION_ERROR", Message: "request" + path + " " + message,
		Fields: []payment.Field{{Path: path, Message: message}},
	}
}

// Session reads a session of a business.
func (f *Flow) Session(ctx context.Context, b payment.BusinessID, id payment.SessionID) (payment.Session, error) {
	c, err := f.o.Store.Case(ctx, payment.Lookup{Business: b, Session: id})
	return c.Session, sessionError(err)
}

// Link reads the session of a hosted page.
func (f *Flow) Link(ctx context.Context, link string) (payment.Case, error) {
	return f.o.Store.Case(ctx, payment.Lookup{Link: link})
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
