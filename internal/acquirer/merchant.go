package acquirer

import (
	"errors"
	"fmt"
	"slices"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// CheckMerchant says all that would keep a merchant from being paid over the line, under its own ids and
// under those of each account, so that it is known before somebody pays.
func CheckMerchant(m payment.Merchant) error {
	problems := unfit(m)
	for _, a := range m.Accounts {
		of := append(unfitIDs(a.AcquirerBIN, a.CardAcceptor, a.Terminal), unknownCountry(a.AcquirerCountry)...)
		if schemes := []card.Brand{"", card.Visa, card.Mastercard, card.Amex, card.JCB}; !slices.Contains(schemes, card.Brand(a.Scheme)) {
			of = append(of, errors.New("scheme is not VISA, MASTERCARD, AMEX or JCB"))
		}
		for _, problem := range of {
			problems = append(problems, fmt.Errorf("account of scheme %q with label %q: %w", a.Scheme, a.Label, problem))
		}
	}
	return errors.Join(problems...)
}

// unfit says why messages cannot be made for a merchant under its own ids.
func unfit(m payment.Merchant) []error {
	var problems []error
	if countries[m.Country] == "" {
		problems = append(problems, fmt.Errorf("country %q is not one that the acquirer line knows (ISO 3166-1 alpha-2)", m.Country))
	}
	if !n.holds(m.MCC) || len(m.MCC) != 4 {
		problems = append(problems, errors.New("MCC is not 4 digits"))
	}
	problems = append(problems, unfitIDs(m.AcquirerBIN, m.CardAcceptor, m.Terminal)...)
	return append(problems, unknownCountry(m.AcquirerCountry)...)
}

func unknownCountry(acquirer string) []error {
	if acquirer == "" || countries[acquirer] != "" {
		return nil
	}
	return []error{fmt.Errorf("the acquirer's country %q is not one that the acquirer line knows (ISO 3166-1 alpha-2)", acquirer)}
}

func unfitIDs(acquirerBIN, cardAcceptor, terminal string) []error {
	var problems []error
	if !n.holds(acquirerBIN) || acquirerBIN == "" || len(acquirerBIN) > 11 {
		problems = append(problems, errors.New("acquirer BIN is not 1 to 11 digits"))
	}
	if !ans.holds(cardAcceptor) || cardAcceptor == "" || len(cardAcceptor) > 15 {
		problems = append(problems, errors.New("card acceptor (merchant id) is not 1 to 15 characters of ASCII"))
	}
	if !ans.holds(terminal) || terminal == "" || len(terminal) > 8 {
		problems = append(problems, errors.New("terminal is not 1 to 8 characters of ASCII"))
	}
	return problems
}
