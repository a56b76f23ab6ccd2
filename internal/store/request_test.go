package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

var byCard = payment.Lookup{Business: business, Token: cardID}

// order is an attempt without a session.
func order(n int, reference string) payment.Request {
	return payment.Request{
		ID: payment.RequestID(fmt.Sprintf("pr-%d", n)), Payment: payment.PaymentID(fmt.Sprintf("py-%d", n)), Business: business,
		Customer: "cust-1", Token: cardID, ReferenceID: reference, Amount: payment.Money{Minor: 5000, Currency: "IDR"}, Country: "ID",
		Terms: payment.Terms{Type: payment.Pay, CaptureMethod: payment.CaptureManual, WithoutCVN: true},
		Page:  fmt.Sprintf("page-%d", n), Created: moment, Updated: moment, Expires: moment.Add(payment.AttemptLife),
	}
}

// begin makes an attempt.
func begin(r payment.Request) func(payment.Case) (payment.Changes, error) {
	return func(c payment.Case) (payment.Changes, error) {
		c.Request = &r
		return payment.Apply(c, payment.Event{Kind: payment.Begin, At: moment})
	}
}

func testWithoutSession(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	want, err := s.Change(ctx, byCard, nil, begin(order(1, "order-1")))
	must(t, err)
	if want.Session.ID != "" || want.Request.Version != 1 || want.Token.ID != cardID {
		t.Errorf("made %+v", want)
	}
	for name, l := range map[string]payment.Lookup{
		"request": {Business: business, Request: "pr-1"}, "payment": {Payment: "py-1"}, "page": {Page: "page-1"},
	} {
		if got, err := s.Case(ctx, l); err != nil || !cmp.Equal(want, got) {
			t.Errorf("by %s: %v (-want +got):\n%s", name, err, cmp.Diff(want, got))
		}
	}
	if c, err := s.Case(ctx, byCard); err != nil || c.Request != nil || c.Token.ID != cardID {
		t.Errorf("by card: %+v, %v", c, err)
	}
	if _, err := s.Case(ctx, payment.Lookup{Business: "other", Token: cardID}); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("another's card: %v", err)
	}
	held := events(
		payment.Event{Kind: payment.Authorize, Trace: purchase(1), Deadline: moment.Add(time.Minute)},
		payment.Event{Kind: payment.Hold, Answer: &payment.Answer{Outcome: payment.Approved, Authorization: payment.Authorization{AuthorizationCode: "123456"}}},
	)
	c, err := s.Change(ctx, payment.Lookup{Payment: "py-1"}, nil, held)
	if err != nil || c.Request.State != payment.Authorized || c.Request.Version != 2 {
		t.Errorf("%+v, %v", c.Request, err)
	}
}

// testReferenceOnce: of attempts with one reference a business has one, and the others leave nothing.
func testReferenceOnce(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	made := 0
	for _, err := range together(10, func(i int) error {
		_, err := s.Change(ctx, byCard, command(fmt.Sprint("k", i)), begin(order(i, "order-1")))
		return err
	}) {
		if err == nil {
			made++
		} else if !errors.Is(err, payment.ErrDuplicate) {
			t.Error(err)
		}
	}
	if made != 1 || rows(t, s, "request", `1 = 1`) != 1 || rows(t, s, "idempotency", `1 = 1`) != 1 || rows(t, s, "work", `kind = 'attempt'`) != 1 {
		t.Errorf("%d made, %d rows", made, rows(t, s, "request", `1 = 1`))
	}
	other := merchant()
	other.ID = "5f27a14a9bf05c73dd040bc9"
	must(t, s.SaveMerchant(ctx, payment.Merchant{}, other, actor))
	foreign := order(20, "order-1")
	foreign.Business = other.ID
	_, err := s.Change(ctx, payment.Lookup{Business: other.ID}, nil, begin(foreign))
	must(t, err)
	_, err = s.Change(ctx, byCard, command("k"), begin(order(21, "order-2")))
	must(t, err)
	if _, err := s.Change(ctx, byCard, command("k"), begin(order(22, "order-2"))); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("the same command: %v, want ErrRepeated", err)
	}
}

func testRequestsListed(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	for n := 1; n <= 4; n++ {
		r := order(n, fmt.Sprint("order-", n))
		if n == 3 {
			r.Type, r.CaptureMethod = payment.Save, ""
		}
		_, err := s.Change(ctx, byCard, nil, begin(r))
		must(t, err)
	}
	for name, test := range map[string]struct {
		business  payment.BusinessID
		reference string
		before    payment.RequestID
		limit     int
		want      []payment.RequestID
	}{
		"all":           {business, "", "", 10, []payment.RequestID{"pr-4", "pr-2", "pr-1"}},
		"the first two": {business, "", "", 2, []payment.RequestID{"pr-4", "pr-2"}},
		"older":         {business, "", "pr-4", 10, []payment.RequestID{"pr-2", "pr-1"}},
		"a reference":   {business, "order-2", "", 10, []payment.RequestID{"pr-2"}},
		"a card's":      {business, "order-3", "", 10, nil},
		"another's":     {"other", "", "", 10, nil},
	} {
		if got, err := s.Requests(ctx, test.business, test.reference, test.before, test.limit); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, test.want)
		}
	}
}

func testLink(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s) // whose session has no link
	ctx := t.Context()
	linked := openSession()
	linked.ID, linked.Mode, linked.Link, linked.Token = "ps-2", payment.ModePaymentLink, "link-2", ""
	must(t, createSession(s, ctx, linked, nil, nil))
	linked.ID, linked.Link = "ps-3", "" // a second one without a link is in nobody's way
	must(t, createSession(s, ctx, linked, nil, nil))
	if c, err := s.Case(ctx, payment.Lookup{Link: "link-2"}); err != nil || c.Session.ID != "ps-2" || c.Merchant.ID != business || c.Token.ID != "" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, l := range []payment.Lookup{{Link: "link"}, {Link: ""}, {Link: "link-2", Business: "other"}} {
		if _, err := s.Case(ctx, l); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	linked.ID, linked.Link = "ps-4", "link-2"
	if err := createSession(s, ctx, linked, nil, nil); err == nil {
		t.Error("two sessions have one link")
	}
}

// testAmends: the answer to a command that told more later takes the place of the one that was kept first.
func testAmends(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	first := command("k")
	first.Answer = func(c payment.Case) (int, []byte, error) { return 201, []byte(c.Request.State), nil }
	_, err := s.Change(ctx, byCard, first, begin(order(1, "order-1")))
	must(t, err)
	_, err = s.Change(ctx, payment.Lookup{Request: "pr-1"}, first.Amended(), events(payment.Event{Kind: payment.Drop}))
	must(t, err)
	fingerprint, status, body, err := s.Answered(ctx, business, first.Endpoint, "k")
	if err != nil || string(fingerprint) != "\x01\x00\x02" || status != 201 || string(body) != string(payment.Canceled) {
		t.Errorf("kept %q %d %q, %v", fingerprint, status, body, err)
	}
	if _, err := s.Change(ctx, byCard, first, begin(order(2, "order-2"))); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("the key is free again: %v", err)
	}
	if rows(t, s, "idempotency", `1 = 1`) != 1 || (*payment.Once)(nil).Amended() != nil {
		t.Error("another key was kept")
	}
}
