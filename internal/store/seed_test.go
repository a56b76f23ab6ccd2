package store

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"reprise/internal/payment"
)

const (
	business  = payment.BusinessID("5f27a14a9bf05c73dd040bc8")
	cardID    = payment.TokenID("pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e")
	actor     = payment.Actor("cli:alice")
	sessionID = payment.SessionID("ps-66f7e0f1a1b2c3d4e5f60718")
)

var (
	bySession = payment.Lookup{Session: sessionID}
	moment    = time.Date(2026, 3, 4, 5, 6, 7, 891234000, time.UTC)
	endpoints = []payment.Endpoint{
		{ID: "00000000-0000-4000-8000-000000000001", URL: "https://shop.example/hooks?a=1"},
		{ID: "00000000-0000-4000-8000-000000000002", URL: "https://books.example/hooks"},
	}
)

func merchant() payment.Merchant {
	return payment.Merchant{
		ID: business, Name: "Kopi & Co", City: "Jakarta", Country: "ID", MCC: "5814",
		AcquirerBIN: "400001", CardAcceptor: "KOPI00000000001", Terminal: "KOPI0001", ReuseCustomers: true,
	}
}

func storedCard() payment.Token {
	return payment.Token{
		ID: cardID, Business: business, Customer: "cust-1", Version: 1, Status: payment.TokenActive,
		SealedPAN: []byte{0, 1, 2, 0xff}, Fingerprint: "61f632879e9e27001a8165f2", Masked: "400000XXXXXX1091",
		Brand: "VISA", CVNDigits: 3, ExpiryMonth: 12, ExpiryYear: 2034, Cardholder: payment.Cardholder{FirstName: "Budi", LastName: "Santoso"}, Created: moment,
	}
}

func openSession() payment.Session {
	return payment.Session{
		ID: sessionID, Business: business, Status: payment.SessionActive, ReferenceID: "order-1", Type: "PAY",
		Mode: "CARDS_SESSION_JS", Amount: payment.Money{Minor: 10000000, Currency: "IDR"}, Country: "ID", Locale: "en",
		Customer: "cust-1", Token: cardID, SuccessReturnURL: "https://shop.example/ok", Echo: json.RawMessage(`{"items":[1]}`),
		Created: moment, Updated: moment, Expires: moment.Add(payment.SessionLife),
	}
}

// seed puts a merchant, a card and a session there.
func seed(t testing.TB, s *Store) {
	t.Helper()
	ctx := t.Context()
	must(t, s.SaveMerchant(ctx, payment.Merchant{}, merchant(), actor))
	must(t, s.SaveToken(ctx, storedCard()))
	must(t, createSession(s, ctx, openSession(), nil, nil))
}

// seedEndpoints gives the merchant somewhere to be told.
func seedEndpoints(t *testing.T, s *Store, e ...payment.Endpoint) {
	t.Helper()
	for _, e := range e {
		must(t, s.SaveEndpoint(t.Context(), business, e, actor, nil))
	}
}

func attempt(c payment.Case, n int) payment.Request {
	return payment.Request{
		ID: payment.RequestID(fmt.Sprintf("pr-%d", n)), Payment: payment.PaymentID(fmt.Sprintf("py-%d", n)),
		Session: c.Session.ID, Business: c.Session.Business, Customer: c.Session.Customer, Token: c.Session.Token,
		ReferenceID: fmt.Sprintf("order-1_%d", n), Amount: c.Session.Amount, Country: "ID", Page: fmt.Sprintf("page-%d", n),
		Created: moment, Updated: moment, Expires: moment.Add(payment.AttemptLife),
	}
}

func sealed(r payment.RequestID, verifier string) payment.SealedCVN {
	return payment.SealedCVN{
		Request: r, Verifier: []byte(verifier), Ciphertext: []byte{9, 8, 0, 7}, Nonce: []byte("123456789012"),
		MasterKey: "k1", Expires: time.Now().Add(time.Hour).Truncate(time.Microsecond).UTC(),
	}
}

// submit begins attempt n with a CVN in escrow, or joins the one that is there and not opened.
func submit(n int, verifier string) func(payment.Case) (payment.Changes, error) {
	return func(c payment.Case) (payment.Changes, error) {
		var before payment.Changes
		if c.Request != nil && c.Request.State != payment.Submitted {
			var err error
			if before, err = payment.Apply(c, payment.Event{Kind: payment.Drop, At: moment}); err != nil {
				return before, err
			}
			c = c.After(before)
			c.Request = nil
		}
		if c.Request == nil {
			r := attempt(c, n)
			c.Request = &r
		}
		row := sealed(c.Request.ID, verifier)
		ch, err := payment.Apply(c, payment.Event{Kind: payment.Submit, At: moment, Sealed: &row})
		return before.Then(ch), err
	}
}

// events lets events happen, in one commit.
func events(list ...payment.Event) func(payment.Case) (payment.Changes, error) {
	return func(c payment.Case) (payment.Changes, error) {
		var all payment.Changes
		for _, e := range list {
			e.At = moment
			ch, err := payment.Apply(c, e)
			if err != nil {
				return all, err
			}
			c, all = c.After(ch), all.Then(ch)
		}
		return all, nil
	}
}

func proof(id, value string) *payment.Authentication {
	return &payment.Authentication{ServerTransID: payment.ServerTransID(id), Version: "2.2.0", TransStatus: "Y", ECI: "05", Value: value}
}

// authenticated takes the session's attempt to where it has a proof.
func authenticated(t *testing.T, s *Store, l payment.Lookup, id, value string) payment.Case {
	t.Helper()
	c, err := s.Change(t.Context(), l, nil, events(
		payment.Event{Kind: payment.Open, Authentication: &payment.Authentication{ServerTransID: payment.ServerTransID(id)}},
		payment.Event{Kind: payment.Ask}, payment.Event{Kind: payment.Prove, Authentication: proof(id, value)},
	))
	must(t, err)
	return c
}

func purchase(n int) *payment.Trace {
	return &payment.Trace{
		MTI: "0200", Acquirer: "400001", Terminal: "KOPI0001", Transmitted: "0304050607",
		STAN: fmt.Sprintf("%06d", n), RRN: fmt.Sprintf("6063050000%02d", n),
	}
}

func authorize(n int, verifier string) func(payment.Case) (payment.Changes, error) {
	e := payment.Event{Kind: payment.Authorize, Trace: purchase(n), Deadline: moment.Add(time.Minute)}
	if verifier != "" {
		e.Verifier = []byte(verifier)
	}
	return events(e)
}

var (
	approve = events(payment.Event{Kind: payment.Approve, Capture: &payment.Capture{ID: "cptr-1"}, Answer: &payment.Answer{
		Outcome: payment.Approved, Authorization: payment.Authorization{AuthorizationCode: "123456", ResponseCode: "00"},
	}})
	declineCVN = events(payment.Event{Kind: payment.Decline, Answer: &payment.Answer{
		Outcome: payment.Declined, Failure: payment.InvalidCVN, Authorization: payment.Authorization{ResponseCode: "05", CVNResult: "N"},
	}})
)

// createSession opens a session as flow does.
func createSession(s *Store, ctx context.Context, session payment.Session, customer *payment.Customer, once *payment.Once) error {
	session.Version = 0
	_, err := s.Change(ctx, payment.Lookup{Business: session.Business}, once, func(payment.Case) (payment.Changes, error) {
		return payment.Changes{Session: &session, Customer: customer, Effects: []payment.Effect{
			payment.Wake{Work: payment.Work{Kind: payment.WorkSession, Ref: string(session.ID)}, At: session.Expires},
		}}, nil
	})
	return err
}
