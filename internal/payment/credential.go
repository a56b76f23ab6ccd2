package payment

import "strings"

// CardOnFileType says on what agreement a stored card is used, as the v3 API names it.
type CardOnFileType string

const (
	CustomerUnscheduled CardOnFileType = "CUSTOMER_UNSCHEDULED"
	MerchantUnscheduled CardOnFileType = "MERCHANT_UNSCHEDULED"
	Recurring           CardOnFileType = "RECURRING"
)

// Sequence says whether a card on file is used for the first time, which stores it, or again.
type Sequence string

const (
	Initial    Sequence = "INITIAL"
	Subsequent Sequence = "SUBSEQUENT"
)

// CardOnFile says how a stored card is used. The zero value is a card that is used once and not stored.
type CardOnFile struct {
	Type      CardOnFileType
	Sequence  Sequence
	Frequency int    // days between payments of a recurring agreement
	Expiry    string // its last day, YYYY-MM-DD

	// NetworkTransactionID is that of the first use (DE62 of its answer), which later ones refer to.
	NetworkTransactionID string
}

// Cardholder is who a card belongs to, as far as anybody said. Empty strings were not given.
type Cardholder struct {
	FirstName, LastName string
	Email               string
	Phone               string // E.164
	Billing             Billing
}

// Billing is where a card's statements go.
type Billing struct {
	FirstName, LastName, Email, Phone                          string
	Street1, Street2, City, ProvinceState, Country, PostalCode string // Country: ISO 3166-1 alpha-2
}

// Name is the cardholder's whole name, may be empty.
func (c Cardholder) Name() string {
	return strings.TrimSpace(c.FirstName + " " + c.LastName)
}
