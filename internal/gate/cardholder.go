package gate

import (
	"encoding/json"

	"reprise/internal/payment"
)

// Cardholder are the members by which both doors that a card enters by are told whom it belongs to.
type Cardholder struct {
	FirstName   string `json:"cardholder_first_name"`
	LastName    string `json:"cardholder_last_name"`
	Email       string `json:"cardholder_email"`
	PhoneNumber string `json:"cardholder_phone_number"`
}

// billing is billing_information. Null is as good as absent.
type billing struct {
	FirstName     string `json:"first_name"`
	LastName      string `json:"last_name"`
	Email         string `json:"email"`
	PhoneNumber   string `json:"phone_number"`
	StreetLine1   string `json:"street_line1"`
	StreetLine2   string `json:"street_line2"`
	City          string `json:"city"`
	ProvinceState string `json:"province_state"`
	Country       string `json:"country"`
	PostalCode    string `json:"postal_code"`
}

// Billed is the cardholder with billing_information as it was sent, which may be absent.
func (c Cardholder) Billed(information json.RawMessage) (payment.Cardholder, error) {
	var b billing
	if len(information) > 0 {
		if err := json.Unmarshal(information, &b); err != nil {
			return payment.Cardholder{}, err
		}
	}
	return payment.Cardholder{
		FirstName: c.FirstName, LastName: c.LastName, Email: c.Email, Phone: c.PhoneNumber,
		Billing: payment.Billing{
			FirstName: b.FirstName, LastName: b.LastName, Email: b.Email, Phone: b.PhoneNumber,
			Street1: b.StreetLine1, Street2: b.StreetLine2, City: b.City, ProvinceState: b.ProvinceState,
			Country: b.Country, PostalCode: b.PostalCode,
		},
	}, nil
}
