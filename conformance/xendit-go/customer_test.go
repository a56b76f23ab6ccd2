package conformance_test

import (
	"testing"

	"github.com/xendit/xendit-go/v7/customer"
)

func ptr[T any](value T) *T { return &value }

// person is a customer with what the SDK lets one say of a person.
func person(reference string) customer.CustomerRequest {
	detail := customer.NewIndividualDetail()
	detail.SetGivenNames("Ayu")
	detail.SetSurname("Lestari")
	detail.SetNationality("ID")
	detail.SetDateOfBirth("1990-04-21")
	detail.SetGender("FEMALE")
	employment := customer.NewEmploymentDetail()
	employment.SetEmployerName("Toko Melati")
	detail.SetEmployment(*employment)

	home := customer.NewAddressRequest()
	home.SetCategory("HOME")
	home.SetCountryCode("ID")
	home.SetLine1("Jalan Kenanga 7")
	home.SetCity("Bandung")
	home.SetPostalCode("40115")
	home.SetIsPrimary(true)

	passport := customer.NewKYCDocumentRequest()
	passport.SetCountry("ID")
	passport.SetType(customer.KYCDOCUMENTTYPE_PASSPORT)
	passport.SetDocumentNumber("A1234567")

	account := customer.NewIdentityAccountRequest()
	account.SetType(customer.IDENTITYACCOUNTTYPE_BANK_ACCOUNT)
	account.SetCompany("BCA")
	account.SetProperties(customer.IdentityAccountRequestProperties{AccountBank: &customer.AccountBank{AccountNumber: ptr("0070012345")}})

	q := customer.NewCustomerRequest(reference)
	q.SetIndividualDetail(*detail)
	q.SetEmail("ayu@example.com")
	q.SetMobileNumber("+6281295412345")
	q.SetDescription("a regular")
	q.SetAddresses([]customer.AddressRequest{*home})
	q.SetKycDocuments([]customer.KYCDocumentRequest{*passport})
	q.SetIdentityAccounts([]customer.IdentityAccountRequest{*account})
	q.SetMetadata(map[string]any{"segment": "regular"})
	return *q
}

func create(t *testing.T, q customer.CustomerRequest) *customer.Customer {
	t.Helper()
	made, _, err := merchant().CustomerApi.CreateCustomer(within(t)).CustomerRequest(q).Execute()
	done(t, err)
	return made
}

// isAyu compares a customer, however it was come by, with what was sent.
func isAyu(t *testing.T, c *customer.Customer, reference string) {
	t.Helper()
	detail := c.IndividualDetail.Get()
	if c.Type != "INDIVIDUAL" || c.ReferenceId != reference || detail == nil {
		t.Fatalf("%+v", c)
	}
	employment, _ := detail.Employment.Get().ToMap()
	for name, pair := range map[string][2]any{
		"given names": {*detail.GivenNames, "Ayu"}, "surname": {*detail.Surname.Get(), "Lestari"},
		"nationality": {*detail.Nationality.Get(), "ID"}, "born": {*detail.DateOfBirth.Get(), "1990-04-21"},
		"gender": {*detail.Gender.Get(), "FEMALE"}, "employer": {*employment["employer_name"].(*string), "Toko Melati"},
		"email": {*c.Email.Get(), "ayu@example.com"}, "mobile number": {*c.MobileNumber.Get(), "+6281295412345"},
		"description": {*c.Description.Get(), "a regular"}, "metadata": {c.Metadata["segment"], "regular"},
		"addresses": {len(c.Addresses), 1}, "documents": {len(c.KycDocuments), 1}, "accounts": {len(c.IdentityAccounts), 1},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
		}
	}
	if t.Failed() {
		return
	}
	home, passport, account := c.Addresses[0], c.KycDocuments[0], c.IdentityAccounts[0]
	if home.Country != "ID" || *home.StreetLine1.Get() != "Jalan Kenanga 7" || *home.City.Get() != "Bandung" || !*home.IsPrimary.Get() {
		t.Errorf("address: %+v", home)
	}
	if passport.Type != customer.KYCDOCUMENTTYPE_PASSPORT || *passport.DocumentNumber.Get() != "A1234567" {
		t.Errorf("document: %+v", passport)
	}
	if *account.Company.Get() != "BCA" || *account.Properties.AccountBank.AccountNumber != "0070012345" {
		t.Errorf("account: %+v", account)
	}
	if c.Created.IsZero() || c.Updated.Before(c.Created) {
		t.Errorf("created %v, updated %v", c.Created, c.Updated)
	}
}

func TestCustomer(t *testing.T) {
	made := create(t, person("sdk-1"))
	isAyu(t, made, "sdk-1")

	got, response, err := merchant().CustomerApi.GetCustomer(within(t), made.Id).ForUserId("5dbf20d7c8eb0c0896f811b6").Execute()
	done(t, err)
	isAyu(t, got, "sdk-1")
	if got.Id != made.Id || response.StatusCode != 200 {
		t.Errorf("%d %s, want %s", response.StatusCode, got.Id, made.Id)
	}

	list, _, err := merchant().CustomerApi.GetCustomerByReferenceID(within(t)).ReferenceId("sdk-1").Execute()
	done(t, err)
	if *list.HasMore || len(list.Data) != 1 || list.Data[0].Id != made.Id {
		t.Fatalf("%+v", list)
	}
	isAyu(t, &list.Data[0], "sdk-1")

	nobody, _, err := merchant().CustomerApi.GetCustomerByReferenceID(within(t)).ReferenceId("nobody").Execute()
	done(t, err)
	if *nobody.HasMore || len(nobody.Data) != 0 {
		t.Errorf("%+v", nobody)
	}
}

// TestCustomerOfReferenceAlone is what the SDK sends when nothing else is said.
func TestCustomerOfReferenceAlone(t *testing.T) {
	made := create(t, *customer.NewCustomerRequest("sdk-alone"))
	if made.Type != "INDIVIDUAL" || made.IndividualDetail.Get() != nil || made.Email.Get() != nil ||
		made.Addresses == nil || made.IdentityAccounts == nil || made.KycDocuments == nil || made.Metadata == nil {
		t.Errorf("%+v", made)
	}
}

func TestBusinessCustomer(t *testing.T) {
	detail := customer.NewBusinessDetail()
	detail.SetBusinessName("Toko Melati")
	detail.SetBusinessType("SOLE_PROPRIETOR")
	detail.SetBusinessDomicile("ID")
	q := customer.NewCustomerRequest("sdk-business")
	q.SetType("BUSINESS")
	q.SetBusinessDetail(*detail)
	made := create(t, *q)
	if got := made.BusinessDetail.Get(); made.Type != "BUSINESS" || got == nil || *got.BusinessName != "Toko Melati" || *got.BusinessType.Get() != "SOLE_PROPRIETOR" {
		t.Errorf("%+v", made)
	}
}

func TestUpdateCustomer(t *testing.T) {
	made := create(t, person("sdk-update"))
	patch := customer.NewPatchCustomer()
	patch.SetEmail("lestari@example.com")
	patch.SetMobileNumberNil()
	patch.SetMetadata(map[string]any{"segment": "gold"})
	detail := customer.NewIndividualDetail()
	detail.SetSurname("Wijaya")
	patch.SetIndividualDetail(*detail)
	changed, _, err := merchant().CustomerApi.UpdateCustomer(within(t), made.Id).PatchCustomer(*patch).Execute()
	done(t, err)
	got, _, err := merchant().CustomerApi.GetCustomer(within(t), made.Id).Execute()
	done(t, err)
	for how, c := range map[string]*customer.Customer{"answered": changed, "read": got} {
		person := c.IndividualDetail.Get()
		if *c.Email.Get() != "lestari@example.com" || c.MobileNumber.Get() != nil || c.Metadata["segment"] != "gold" ||
			*person.Surname.Get() != "Wijaya" || *person.GivenNames != "Ayu" || len(c.Addresses) != 1 || c.ReferenceId != "sdk-update" {
			t.Errorf("%s: %+v", how, c)
		}
	}

	other := customer.NewPatchCustomer()
	other.SetReferenceId("sdk-other")
	_, _, err = merchant().CustomerApi.UpdateCustomer(within(t), made.Id).PatchCustomer(*other).Execute()
	refused(t, err, "400", "API_VALIDATION_ERROR")
	_, _, err = merchant().CustomerApi.UpdateCustomer(within(t), "cust-00000000-0000-4000-8000-00000000dead").PatchCustomer(*patch).Execute()
	refused(t, err, "404", "DATA_NOT_FOUND")
}

func TestRefusedCustomers(t *testing.T) {
	create(t, person("sdk-twice"))
	_, _, err := merchant().CustomerApi.CreateCustomer(within(t)).CustomerRequest(person("sdk-twice")).Execute()
	refused(t, err, "409", "DUPLICATE_ERROR")

	wrong := person("sdk-wrong")
	wrong.SetEmail("nobody")
	_, _, err = merchant().CustomerApi.CreateCustomer(within(t)).CustomerRequest(wrong).Execute()
	refused(t, err, "400", "API_VALIDATION_ERROR")

	_, _, err = merchant().CustomerApi.GetCustomer(within(t), "cust-00000000-0000-4000-8000-00000000dead").Execute()
	refused(t, err, "404", "DATA_NOT_FOUND")

	for _, key := range []string{"", "xnd_development_nobody"} {
		_, _, err = client(key).CustomerApi.CreateCustomer(within(t)).CustomerRequest(person("sdk-stranger")).Execute()
		refused(t, err, "401", "INVALID_API_KEY")
		_, _, err = client(key).CustomerApi.GetCustomerByReferenceID(within(t)).ReferenceId("sdk-twice").Execute()
		refused(t, err, "401", "INVALID_API_KEY")
	}
}

func TestCustomerOnce(t *testing.T) {
	send := func(q customer.CustomerRequest) (*customer.Customer, error) {
		made, _, err := merchant().CustomerApi.CreateCustomer(within(t)).IdempotencyKey("sdk-key").CustomerRequest(q).Execute()
		if err != nil {
			refused(t, err, "409", "DUPLICATE_ERROR")
			return nil, err
		}
		return made, nil
	}
	first, err := send(person("sdk-once"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := send(person("sdk-once"))
	if err != nil || again.Id != first.Id || !again.Created.Equal(first.Created) {
		t.Errorf("%+v, %v, want %s", again, err, first.Id)
	}
	if other, err := send(person("sdk-another")); err == nil {
		t.Errorf("another request under the same key: %+v", other)
	}
}
