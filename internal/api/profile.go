package api

import (
	"encoding/json"
	"strings"

	"reprise/internal/payment"
)

// profile is what a merchant tells of a payer, in the shape in which payment.Customer.Profile is kept and
// API version 2020-10-31 answers it: what was not told is null, and lists and metadata are empty.
type profile struct {
	IndividualDetail       *individualDetail          `json:"individual_detail"`
	BusinessDetail         *businessDetail            `json:"business_detail"`
	Email                  *string                    `json:"email"`
	MobileNumber           *string                    `json:"mobile_number"`
	PhoneNumber            *string                    `json:"phone_number"`
	Addresses              []address                  `json:"addresses"`
	IdentityAccounts       []identityAccount          `json:"identity_accounts"`
	KYCDocuments           []kycDocument              `json:"kyc_documents"`
	Description            *string                    `json:"description"`
	DateOfRegistration     *string                    `json:"date_of_registration"`
	DomicileOfRegistration *string                    `json:"domicile_of_registration"`
	Metadata               map[string]json.RawMessage `json:"metadata"`
}

type individualDetail struct {
	GivenNames         *string     `json:"given_names"`
	GivenNamesNonRoman *string     `json:"given_names_non_roman"`
	MiddleName         *string     `json:"middle_name"`
	Surname            *string     `json:"surname"`
	SurnameNonRoman    *string     `json:"surname_non_roman"`
	MotherMaidenName   *string     `json:"mother_maiden_name"`
	Nationality        *string     `json:"nationality"`
	PlaceOfBirth       *string     `json:"place_of_birth"`
	DateOfBirth        *string     `json:"date_of_birth"`
	Gender             *string     `json:"gender"`
	Employment         *employment `json:"employment"`
}

type employment struct {
	EmployerName     *string `json:"employer_name"`
	NatureOfBusiness *string `json:"nature_of_business"`
	RoleDescription  *string `json:"role_description"`
}

type businessDetail struct {
	BusinessName       *string `json:"business_name"`
	TradingName        *string `json:"trading_name"`
	BusinessType       *string `json:"business_type"`
	NatureOfBusiness   *string `json:"nature_of_business"`
	BusinessDomicile   *string `json:"business_domicile"`
	DateOfRegistration *string `json:"date_of_registration"`
}

type address struct {
	Country       *string `json:"country"`
	StreetLine1   *string `json:"street_line1"`
	StreetLine2   *string `json:"street_line2"`
	City          *string `json:"city"`
	ProvinceState *string `json:"province_state"`
	PostalCode    *string `json:"postal_code"`
	Category      *string `json:"category"`
	IsPrimary     bool    `json:"is_primary"`
}

// UnmarshalJSON takes the names that the official SDKs send beside those of the reference.
func (a *address) UnmarshalJSON(text []byte) error {
	type reference address
	sent := struct {
		*reference
		CountryCode *string `json:"country_code"`
		Line1       *string `json:"line_1"`
		Line2       *string `json:"line_2"`
	}{reference: (*reference)(a)}
	if err := json.Unmarshal(text, &sent); err != nil {
		return err
	}
	for _, name := range []struct{ reference, sdk **string }{
		{&a.Country, &sent.CountryCode}, {&a.StreetLine1, &sent.Line1}, {&a.StreetLine2, &sent.Line2},
	} {
		if *name.reference == nil {
			*name.reference = *name.sdk
		}
	}
	return nil
}

type identityAccount struct {
	Type        *string            `json:"type"`
	Company     *string            `json:"company"`
	Description *string            `json:"description"`
	Country     *string            `json:"country"`
	HolderName  *string            `json:"holder_name"`
	Properties  map[string]*string `json:"properties"`
}

type kycDocument struct {
	Country        *string  `json:"country"`
	Type           *string  `json:"type"`
	SubType        *string  `json:"sub_type"`
	DocumentName   *string  `json:"document_name"`
	DocumentNumber *string  `json:"document_number"`
	ExpiresAt      *string  `json:"expires_at"`
	HolderName     *string  `json:"holder_name"`
	DocumentImages []string `json:"document_images"`
}

// readProfile reads what is kept of a customer.
func readProfile(kept json.RawMessage) (p profile, err error) {
	if len(kept) > 0 {
		err = json.Unmarshal(kept, &p)
	}
	p.Addresses, p.IdentityAccounts, p.KYCDocuments = some(p.Addresses), some(p.IdentityAccounts), some(p.KYCDocuments)
	for i := range p.KYCDocuments {
		p.KYCDocuments[i].DocumentImages = some(p.KYCDocuments[i].DocumentImages)
	}
	for i, account := range p.IdentityAccounts {
		if account.Properties == nil {
			p.IdentityAccounts[i].Properties = map[string]*string{}
		}
	}
	if p.Metadata == nil {
		p.Metadata = map[string]json.RawMessage{}
	}
	return p, err
}

// some is a list that is never null: the official Node client cannot read a customer without its lists.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// rootDetails are the members that API version 2020-05-19 has at the root of a customer and later ones in
// individual_detail.
var rootDetails = []string{"given_names", "middle_name", "surname", "nationality", "date_of_birth", "employment"}

// told is what a merchant sent of a customer.
type told struct {
	ReferenceID string
	Type        payment.CustomerType
	profile     json.RawMessage // the members of a profile that were sent, null among them
}

// readTold reads the body of POST and PATCH in either version. The contract has checked it, and names the
// members of both; those of the other version are dropped.
func readTold(body json.RawMessage, v version) (t told, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return t, err
	}
	if err := json.Unmarshal(body, &struct {
		ReferenceID *string               `json:"reference_id"`
		Type        *payment.CustomerType `json:"type"`
	}{&t.ReferenceID, &t.Type}); err != nil {
		return t, err
	}
	delete(members, "reference_id")
	delete(members, "type")
	details := map[string]json.RawMessage{}
	for _, name := range rootDetails {
		if value, sent := members[name]; sent {
			details[name] = value
			delete(members, name)
		}
	}
	if v == version20200519 {
		delete(members, "individual_detail")
		delete(members, "business_detail")
		t.Type = ""
		if len(details) > 0 {
			if members["individual_detail"], err = json.Marshal(details); err != nil {
				return t, err
			}
		}
	}
	if sent := members["addresses"]; sent != nil {
		var addresses []address
		if err := json.Unmarshal(sent, &addresses); err != nil {
			return t, err
		}
		if members["addresses"], err = json.Marshal(addresses); err != nil {
			return t, err
		}
	}
	t.profile, err = json.Marshal(members)
	return t, err
}

// hashed hides a phone number but for its first four characters and the last two, nil where there is none.
func hashed(number *string) *string {
	if number == nil {
		return nil
	}
	const first, last = 4, 2
	hidden := strings.Repeat("#", len(*number))
	if n := len(*number); n > first+last {
		hidden = (*number)[:first] + hidden[:n-first-last] + (*number)[n-last:]
	}
	return &hidden
}
