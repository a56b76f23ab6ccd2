package payment

import (
	"bytes"
	"encoding/json"
	"time"
)

// CustomerType says what a customer is.
type CustomerType string

const (
	IndividualCustomer CustomerType = "INDIVIDUAL"
	BusinessCustomer   CustomerType = "BUSINESS"
)

// Customer is a merchant's record of a payer, a person or a business.
type Customer struct {
	ID          CustomerID
	Business    BusinessID
	Version     int64
	ReferenceID string // the merchant's own name for the customer, unique per business
	Type        CustomerType

	// Profile is what the merchant tells of the payer: a JSON object with the members that the API gives a
	// customer. What is not told is absent.
	Profile json.RawMessage

	Created, Updated time.Time
}

// CustomerPatch is what a merchant wants changed in a customer.
type CustomerPatch struct {
	// ReferenceID and Type are those of the customer for ever: they may be sent, but not differ. Empty: not
	// sent.
	ReferenceID string
	Type        CustomerType

	// Profile is a merge patch (RFC 7396) to the customer's: null clears a member, objects are merged, and
	// anything else, lists too, takes the place of what was there.
	Profile json.RawMessage
}

// maxCustomerMetadata bounds a customer's metadata where a patch adds to it: what is sent at once is bounded
// by the contract.
const maxCustomerMetadata = 50

// Patch is the customer once the patch is made. Errors: API_VALIDATION_ERROR.
func (c Customer) Patch(p CustomerPatch, at time.Time) (Customer, error) {
	switch {
	case p.ReferenceID != "" && p.ReferenceID != c.ReferenceID:
		return c, invalidCustomer("/body/reference_id", "must NOT change")
	case p.Type != "" && p.Type != c.Type:
		return c, invalidCustomer("/body/type", "must NOT change")
	}
	profile, err := object(c.Profile)
	if err != nil {
		return c, err
	}
	patch, err := object(p.Profile)
	if err != nil {
		return c, err
	}
	merge(profile, patch)
	if metadata, _ := profile["metadata"].(map[string]any); len(metadata) > maxCustomerMetadata {
		return c, invalidCustomer("/body/metadata", "must NOT have more than 50 properties")
	}
	if c.Profile, err = json.Marshal(profile); err != nil {
		return c, err
	}
	c.Updated = at
	return c, c.check()
}

// check says whether a customer is told of as what it is: a person has no business_detail, a business no
// individual_detail. Errors: API_VALIDATION_ERROR.
func (c Customer) check() error {
	profile, err := object(c.Profile)
	if err != nil {
		return err
	}
	others := map[CustomerType]string{IndividualCustomer: "business_detail", BusinessCustomer: "individual_detail"}[c.Type]
	if profile[others] != nil {
		return invalidCustomer("/body/"+others, "is not allowed for type "+string(c.Type))
	}
	return nil
}

// invalidCustomer refuses one field of a customer, in the words of the contract's own refusals.
func invalidCustomer(path, message string) error {
	return &Error{
		Code: "API_VALIDATION_ERROR", Message: "request" + path + " " + message,
		Fields: []Field{{Path: path, Message: message}},
	}
}

// object reads a JSON object with its numbers as they are written; nothing and null are the empty one.
func object(text json.RawMessage) (members map[string]any, err error) {
	if len(text) > 0 {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		err = d.Decode(&members)
	}
	if members == nil {
		members = map[string]any{}
	}
	return members, err
}

// merge applies a merge patch to an object (RFC 7396 section 2).
func merge(target, patch map[string]any) {
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			below, ok := target[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				target[name] = below
			}
			merge(below, value)
		default:
			target[name] = value
		}
	}
}
