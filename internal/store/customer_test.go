package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

func customer() payment.Customer {
	return payment.Customer{
		ID: "cust-1", Business: business, Version: 1, ReferenceID: "budi", Type: payment.IndividualCustomer,
		Profile: json.RawMessage(`{"email":"budi@example.com"}`), Created: moment, Updated: moment,
	}
}

func testCustomer(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	budi := customer()
	once := command("k1")
	once.Answer = func(payment.Case) (int, []byte, error) { return 200, []byte("budi"), nil }
	must(t, s.CreateCustomer(ctx, budi, once))
	if _, status, body, err := s.Answered(ctx, business, once.Endpoint, "k1"); err != nil || status != 200 || string(body) != "budi" {
		t.Errorf("kept: %d %q, %v", status, body, err)
	}

	again := budi
	again.ID = "cust-2"
	if err := s.CreateCustomer(ctx, again, once); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("under the same key: %v, want ErrRepeated", err)
	}
	if err := s.CreateCustomer(ctx, again, command("k2")); !errors.Is(err, payment.ErrTaken) {
		t.Errorf("a reference used again: %v, want ErrTaken", err)
	}
	if _, _, _, err := s.Answered(ctx, business, once.Endpoint, "k2"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("the answer of a refused commit: %v", err)
	}
	theirs := again
	theirs.Business = "other"
	must(t, s.CreateCustomer(ctx, theirs, nil)) // a reference belongs to its business

	later := moment.Add(time.Hour + time.Nanosecond)
	changed, err := s.ChangeCustomer(ctx, business, budi.ID, func(c payment.Customer) (payment.Customer, error) {
		c.Profile, c.Updated = json.RawMessage(`{"email":"b@example.com"}`), later
		return c, nil
	})
	must(t, err)
	want := budi
	want.Version, want.Profile, want.Updated = 2, json.RawMessage(`{"email":"b@example.com"}`), moment.Add(time.Hour)
	for how, read := range map[string]func() (payment.Customer, error){
		"returned":     func() (payment.Customer, error) { return changed, nil },
		"by id":        func() (payment.Customer, error) { return s.Customer(ctx, business, "cust-1") },
		"by reference": func() (payment.Customer, error) { return s.CustomerByReference(ctx, business, "budi") },
	} {
		got, err := read()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("changed, %s: %v (-want +got):\n%s", how, err, diff)
		}
	}

	refused := errors.New("no")
	if _, err := s.ChangeCustomer(ctx, business, budi.ID, func(c payment.Customer) (payment.Customer, error) { return c, refused }); !errors.Is(err, refused) {
		t.Errorf("fn's own error came back as %v", err)
	}
	if _, err := s.ChangeCustomer(ctx, business, theirs.ID, func(c payment.Customer) (payment.Customer, error) { return c, nil }); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a customer of another business: %v, want not found", err)
	}
}

// The answer to a commit may be lost with the connection. Then the row tells whether it was made.
func testCustomerReadBack(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	real := s.engine
	change := func() error {
		_, err := s.ChangeCustomer(ctx, business, "cust-1", func(c payment.Customer) (payment.Customer, error) {
			return c.Patch(payment.CustomerPatch{Profile: json.RawMessage(`{"email":null}`)}, moment)
		})
		return err
	}
	s.engine = &losing{engine: real, after: true}
	must(t, s.CreateCustomer(ctx, customer(), nil))
	must(t, change())
	s.engine = &losing{engine: real}
	other := customer()
	other.ID, other.ReferenceID = "cust-2", "siti"
	for name, err := range map[string]error{"new": s.CreateCustomer(ctx, other, nil), "changed": change()} {
		if !errors.Is(err, payment.ErrUnsure) || errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%s, and not made: %v, want unsure and nothing else", name, err)
		}
	}
}

// testCustomerByMany has many nodes' tasks add to one customer: none undoes another's.
func testCustomerByMany(t *testing.T, db *database) {
	a, b := db.open(t), db.open(t)
	budi := customer()
	budi.Profile = json.RawMessage(`{}`)
	must(t, a.CreateCustomer(t.Context(), budi, nil))
	const n = 10
	for i, err := range together(n, func(i int) error {
		s := a
		if i%2 == 1 {
			s = b
		}
		patch := payment.CustomerPatch{Profile: fmt.Appendf(nil, `{"metadata":{"k%d":"v"}}`, i)}
		_, err := s.ChangeCustomer(context.Background(), business, budi.ID, func(c payment.Customer) (payment.Customer, error) { return c.Patch(patch, moment) })
		return err
	}) {
		if err != nil {
			t.Errorf("task %d: %v", i, err)
		}
	}
	got, err := a.Customer(t.Context(), business, budi.ID)
	must(t, err)
	var profile struct{ Metadata map[string]string }
	must(t, json.Unmarshal(got.Profile, &profile))
	if len(profile.Metadata) != n || got.Version != n+1 {
		t.Errorf("version %d, %s", got.Version, got.Profile)
	}
}

// A customer who is asked for comes with a stored card, or with the merchant alone, or not at all.
func testCaseWithCustomer(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	seed(t, s)
	budi := customer()
	must(t, s.CreateCustomer(ctx, budi, nil))
	other := merchant()
	other.ID = "5f27a14a9bf05c73dd040bc9"
	must(t, s.SaveMerchant(ctx, payment.Merchant{}, other, actor))

	for name, test := range map[string]struct {
		lookup payment.Lookup
		there  bool
	}{
		"nobody":                 {payment.Lookup{}, false},
		"by id":                  {payment.Lookup{Customer: budi.ID}, true},
		"by reference":           {payment.Lookup{Reference: "budi"}, true},
		"by an unknown id":       {payment.Lookup{Customer: "cust-2"}, false},
		"by an unused reference": {payment.Lookup{Reference: "eve"}, false},
	} {
		for _, token := range []payment.TokenID{"", cardID} {
			l := test.lookup
			l.Business, l.Token = business, token
			want := payment.Case{Merchant: merchant()}
			if token != "" {
				want.Token = storedCard()
			}
			if test.there {
				want.Customer = &budi
			}
			got, err := s.Case(ctx, l)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s, card %q: %v (-want +got):\n%s", name, token, err, diff)
			}
		}
		l := test.lookup
		l.Business = other.ID
		if c, err := s.Case(ctx, l); err != nil || c.Customer != nil {
			t.Errorf("%s: another's customer is found; %v", name, err)
		}
	}
}
