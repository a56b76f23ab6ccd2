package payment

import (
	"cmp"
	"fmt"
)

// Merchant is a business that sells through the gateway, with what the lines to the acquirer and to the
// directory server need to know of it.
type Merchant struct {
	ID      BusinessID
	Name    string // on the payer's statement and on the bank's page; at most 40 characters
	City    string
	Country string // ISO 3166-1 alpha-2
	MCC     string // merchant category code, 4 digits (ISO 18245)

	AcquirerBIN  string // acquiring institution, at most 11 digits (ISO 8583 DE32, EMV 3DS acquirerBIN)
	CardAcceptor string // merchant id at the acquirer, at most 15 characters (DE42, acquirerMerchantID)
	Terminal     string // at most 8 characters (DE41)
	Website      string // threeDSRequestorURL

	// AcquirerCountry is where the acquirer is (ISO 3166-1 alpha-2, EMV 3DS 2.3.1 acquirerCountryCode); empty: where
	// the merchant is.
	AcquirerCountry string

	// Accounts are the merchant's other ids at acquirers, by scheme and label. What none of them is for goes
	// under the ids above.
	Accounts []Account

	// AcquirerExponents and DirectoryExponents are the minor digits by which the acquirer (DE4) and the
	// directory servers (purchaseExponent) count a currency, where that is not what ISO 4217 says.
	AcquirerExponents  map[string]int
	DirectoryExponents map[string]int

	// AllowCardDetails lets the merchant's server send card numbers to the API, which puts that server
	// under PCI DSS too. Otherwise card_details are refused.
	AllowCardDetails bool

	// AllowSkipThreeDS lets the merchant pay without authenticating the payer; otherwise skip_three_ds is
	// refused with SKIP_3DS_FORBIDDEN.
	AllowSkipThreeDS bool

	// MaxDeclines is how often a card may be declined in 30 days before it is left alone; 0: MaxDeclines.
	MaxDeclines int

	// ReuseCustomers lets an inline customer whose reference_id is known be that customer; otherwise it
	// is refused with DUPLICATE_ERROR.
	ReuseCustomers bool

	// MandateChallenge asks the bank to challenge every payer (threeDSRequestorChallengeInd 04); otherwise
	// a challenge is only preferred (03), or an exemption asked for.
	MandateChallenge bool

	// Exemption asks the bank not to challenge; only then its answer I (informational) is accepted.
	Exemption Exemption

	// RefuseAttempts lets a payment fail where the scheme stood in for a bank that could not be asked (A);
	// otherwise it is paid.
	RefuseAttempts bool

	// AllowUnauthenticated lets the merchant be paid where the payer could not be authenticated (U, or a card of no
	// directory server), as if 3-D Secure was skipped; otherwise the payment fails.
	AllowUnauthenticated bool

	// Endpoints are those that are told of events, without the disabled. Read with the merchant, so that one
	// commit can write the deliveries.
	Endpoints []Endpoint

	Unread Unread `json:"-"`
}

// Account is what a merchant is to an acquirer for one scheme or one label.
type Account struct {
	Scheme string // "VISA"; empty: any
	Label  string // what a request names as mid_label; empty: none

	AcquirerBIN, CardAcceptor, Terminal, AcquirerCountry string // as in Merchant
}

// AcquiredIn is the country of the acquirer.
func (m Merchant) AcquiredIn() string { return cmp.Or(m.AcquirerCountry, m.Country) }

// For is the merchant under the ids of the account for a scheme and a label: of the accounts with the label
// the scheme's own, then the one for any, then the merchant's own ids. ok is false for a label that the merchant
// does not have.
func (m Merchant) For(scheme, label string) (as Merchant, ok bool) {
	ok = label == ""
	best := -1
	for i, a := range m.Accounts {
		if a.Label != label {
			continue
		}
		if ok = true; a.Scheme != "" && a.Scheme != scheme {
			continue
		}
		if best < 0 || m.Accounts[best].Scheme == "" {
			best = i
		}
	}
	if best >= 0 {
		a := m.Accounts[best]
		m.AcquirerBIN, m.CardAcceptor, m.Terminal, m.AcquirerCountry = a.AcquirerBIN, a.CardAcceptor, a.Terminal, a.AcquirerCountry
	}
	return m, ok
}

// AcquirerAmount writes an amount as the merchant's acquirer counts it: the 12 digits of DE4 and DE95. It fails
// where it does not fit or would have to be rounded.
func (m Merchant) AcquirerAmount(amount Money) (string, error) {
	exponent, ok := m.AcquirerExponents[amount.Currency]
	if !ok {
		exponent = Exponent(amount.Currency)
	}
	counted, err := amount.In(exponent)
	if err != nil {
		return "", err
	}
	if counted < 0 || counted > 999_999_999_999 {
		return "", fmt.Errorf("payment: an amount in %s does not fit 12 digits", amount.Currency)
	}
	return fmt.Sprintf("%012d", counted), nil
}
