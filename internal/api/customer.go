package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// version is the shape in which a customer is sent and answered, by the header api-version.
type version string

const (
	version20200519 version = "2020-05-19" // a person's names are at the root, ids are bare UUIDs
	version20201031 version = "2020-10-31" // they are in individual_detail, ids begin with cust-
)

func versionOf(r *gate.Request) version {
	if r.Header.Get("api-version") == string(version20200519) {
		return version20200519
	}
	return version20201031
}

// customerView is a customer of API version 2020-10-31.
type customerView struct {
	ID          payment.CustomerID   `json:"id"`
	ReferenceID string               `json:"reference_id"`
	Type        payment.CustomerType `json:"type"`
	profile
	HashedPhoneNumber *string      `json:"hashed_phone_number"`
	Created           milliseconds `json:"created"`
	Updated           milliseconds `json:"updated"`
}

// customerView20200519 is a customer of API version 2020-05-19.
type customerView20200519 struct {
	ID                string                     `json:"id"`
	ReferenceID       string                     `json:"reference_id"`
	GivenNames        *string                    `json:"given_names"`
	MiddleName        *string                    `json:"middle_name"`
	Surname           *string                    `json:"surname"`
	Nationality       *string                    `json:"nationality"`
	DateOfBirth       *string                    `json:"date_of_birth"`
	Employment        *employment                `json:"employment"`
	Email             *string                    `json:"email"`
	MobileNumber      *string                    `json:"mobile_number"`
	PhoneNumber       *string                    `json:"phone_number"`
	HashedPhoneNumber *string                    `json:"hashed_phone_number"`
	Addresses         []address                  `json:"addresses"`
	IdentityAccounts  []identityAccount          `json:"identity_accounts"`
	KYCDocuments      []kycDocument              `json:"kyc_documents"`
	Description       *string                    `json:"description"`
	Metadata          map[string]json.RawMessage `json:"metadata"`
	Created           milliseconds               `json:"created"`
	Updated           milliseconds               `json:"updated"`
}

const customerPrefix = "cust-"

// viewCustomer is a customer as a version answers it.
func viewCustomer(c payment.Customer, v version) (any, error) {
	p, err := readProfile(c.Profile)
	if err != nil {
		return nil, err
	}
	phone := hashed(p.PhoneNumber)
	if phone == nil {
		phone = hashed(p.MobileNumber)
	}
	if v != version20200519 {
		return customerView{
			ID: c.ID, ReferenceID: c.ReferenceID, Type: c.Type, profile: p, HashedPhoneNumber: phone,
			Created: milliseconds(c.Created), Updated: milliseconds(c.Updated),
		}, nil
	}
	person := p.IndividualDetail
	if person == nil {
		person = &individualDetail{}
	}
	return customerView20200519{
		ID: strings.TrimPrefix(string(c.ID), customerPrefix), ReferenceID: c.ReferenceID,
		GivenNames: person.GivenNames, MiddleName: person.MiddleName, Surname: person.Surname,
		Nationality: person.Nationality, DateOfBirth: person.DateOfBirth, Employment: person.Employment,
		Email: p.Email, MobileNumber: p.MobileNumber, PhoneNumber: p.PhoneNumber, HashedPhoneNumber: phone,
		Addresses: p.Addresses, IdentityAccounts: p.IdentityAccounts, KYCDocuments: p.KYCDocuments,
		Description: p.Description, Metadata: p.Metadata,
		Created: milliseconds(c.Created), Updated: milliseconds(c.Updated),
	}, nil
}

// newCustomer reads a new customer, of a request of its own or within a session's.
func newCustomer(body json.RawMessage, v version) (n flow.NewCustomer, err error) {
	t, err := readTold(body, v)
	if t.Type == "" {
		t.Type = payment.IndividualCustomer
	}
	return flow.NewCustomer{ReferenceID: t.ReferenceID, Type: t.Type, Profile: t.profile}, err
}

func (a *API) createCustomer(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	v := versionOf(r)
	n, err := newCustomer(r.Body, v)
	if err != nil {
		return gate.Answer{}, err
	}
	if p, err := readProfile(n.Profile); err != nil {
		return gate.Answer{}, err
	} else if v == version20200519 && p.IndividualDetail == nil {
		// What is required depends on a header here, which no schema of the body can see.
		return gate.Answer{}, gate.Invalid(payment.Field{Path: "/body/given_names", Message: "must be sent"})
	}
	c, err := a.Flow.CreateCustomer(ctx, r.Business, n, r.Once, func(c payment.Customer) (int, []byte, error) {
		view, err := viewCustomer(c, v)
		if err != nil {
			return 0, nil, err
		}
		body, err := json.Marshal(view)
		return http.StatusOK, body, err
	})
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(viewCustomer(c, v))
}

func (a *API) listCustomers(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	customers, err := a.Flow.CustomersByReference(ctx, r.Business, r.HTTP.URL.Query().Get("reference_id"))
	if err != nil {
		return gate.Answer{}, err
	}
	v := versionOf(r)
	views := []any{}
	for _, c := range customers {
		view, err := viewCustomer(c, v)
		if err != nil {
			return gate.Answer{}, err
		}
		views = append(views, view)
	}
	if v == version20200519 {
		return ok(views, nil)
	}
	return ok(struct {
		Data    []any `json:"data"`
		HasMore bool  `json:"has_more"`
	}{views, false}, nil)
}

func (a *API) getCustomer(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	c, err := a.Flow.Customer(ctx, r.Business, customerID(r))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(viewCustomer(c, versionOf(r)))
}

func (a *API) patchCustomer(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	t, err := readTold(r.Body, versionOf(r))
	if err != nil {
		return gate.Answer{}, err
	}
	c, err := a.Flow.PatchCustomer(ctx, r.Business, customerID(r), payment.CustomerPatch{
		ReferenceID: t.ReferenceID, Type: t.Type, Profile: t.profile,
	})
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(viewCustomer(c, versionOf(r)))
}

// customerID reads the id in the path, which clients of the older version know without its prefix.
func customerID(r *gate.Request) payment.CustomerID {
	return payment.CustomerID(customerPrefix + strings.TrimPrefix(r.Path("id"), customerPrefix))
}
