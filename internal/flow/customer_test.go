package flow_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

const used = "The reference_id entered has been used before. Please enter a unique reference_id"

func eve() flow.NewCustomer {
	return flow.NewCustomer{ReferenceID: "eve", Type: payment.IndividualCustomer, Profile: json.RawMessage(`{"email":"eve@example.com"}`)}
}

func TestCustomer(t *testing.T) {
	s := newScene(t)
	made, err := s.CreateCustomer(ctx, shop, eve(), nil, nil)
	if err != nil || made.Type != payment.IndividualCustomer || made.ReferenceID != "eve" || !made.Created.Equal(noon) || !made.Updated.Equal(noon) {
		t.Fatalf("%+v, %v", made, err)
	}
	if got, err := s.Customer(ctx, shop, made.ID); err != nil || !cmp.Equal(made, got) {
		t.Errorf("read: %v\n%s", err, cmp.Diff(made, got))
	}
	if got, err := s.CustomersByReference(ctx, shop, "eve"); err != nil || !cmp.Equal([]payment.Customer{made}, got) {
		t.Errorf("listed: %v\n%s", err, cmp.Diff([]payment.Customer{made}, got))
	}
	if got, err := s.CustomersByReference(ctx, shop, "nobody"); err != nil || len(got) != 0 {
		t.Errorf("nobody: %v, %v", got, err)
	}
	s.pass(time.Hour)
	changed, err := s.PatchCustomer(ctx, shop, made.ID, payment.CustomerPatch{Profile: json.RawMessage(`{"email":null,"description":"d"}`)})
	if err != nil || string(changed.Profile) != `{"description":"d"}` || changed.Version != 2 || !changed.Updated.Equal(noon.Add(time.Hour)) || !changed.Created.Equal(noon) {
		t.Errorf("%+v, %v", changed, err)
	}

	_, err = s.CreateCustomer(ctx, shop, eve(), nil, nil)
	refused(t, err, "DUPLICATE_ERROR", used)
	if _, err := s.CreateCustomer(ctx, stranger, eve(), nil, nil); err != nil {
		t.Errorf("the reference of another's customer: %v", err)
	}
	wrong := eve()
	wrong.ReferenceID, wrong.Profile = "mallory", json.RawMessage(`{"business_detail":{"business_name":"M"}}`)
	_, err = s.CreateCustomer(ctx, shop, wrong, nil, nil)
	refused(t, err, "API_VALIDATION_ERROR", "request/body/business_detail is not allowed for type INDIVIDUAL")

	_, read := s.Customer(ctx, stranger, made.ID)
	_, patched := s.PatchCustomer(ctx, stranger, made.ID, payment.CustomerPatch{})
	theirs, listed := s.CustomersByReference(ctx, stranger, "ada")
	if !errors.Is(read, payment.ErrNotFound) || !errors.Is(patched, payment.ErrNotFound) || listed != nil || len(theirs) != 0 {
		t.Errorf("of another business: %v, %v, %v %v", read, patched, theirs, listed)
	}
}

func TestCustomerOnce(t *testing.T) {
	s := newScene(t)
	once := key(shop, "POST /customers")
	made, err := s.CreateCustomer(ctx, shop, eve(), once, func(c payment.Customer) (int, []byte, error) { return 200, []byte(c.ID), nil })
	if err != nil {
		t.Fatal(err)
	}
	if kept := s.memory.answers[command{shop, "POST /customers", "k1"}]; kept.status != 200 || string(kept.body) != string(made.ID) {
		t.Errorf("kept %d %s", kept.status, kept.body)
	}
	_, err = s.CreateCustomer(ctx, shop, eve(), once, func(payment.Customer) (int, []byte, error) { return 200, nil, nil })
	if !errors.Is(err, payment.ErrRepeated) || len(s.memory.customers) != 3 {
		t.Errorf("%v, %d customers", err, len(s.memory.customers))
	}
}

// TestCustomersAtOnce: of two customers of one reference one is there, and of two patches both are made.
func TestCustomersAtOnce(t *testing.T) {
	s := newScene(t)
	s.memory.between = meet(2)
	create := func() error {
		_, err := s.CreateCustomer(ctx, shop, eve(), nil, nil)
		return err
	}
	errs := slices.DeleteFunc(together(create, create), func(err error) bool { return err == nil })
	if len(errs) != 1 {
		t.Fatalf("%v", errs)
	}
	refused(t, errs[0], "DUPLICATE_ERROR", used)

	s.memory.between = meet(2)
	patch := func(text string) func() error {
		return func() error {
			_, err := s.PatchCustomer(ctx, shop, ada, payment.CustomerPatch{Profile: json.RawMessage(text)})
			return err
		}
	}
	errs = together(patch(`{"email":"ada@example.com"}`), patch(`{"description":"d"}`))
	got, err := s.Customer(ctx, shop, ada)
	if errors.Join(append(errs, err)...) != nil || string(got.Profile) != `{"description":"d","email":"ada@example.com"}` {
		t.Errorf("%s, %v, %v", got.Profile, errs, err)
	}
}
