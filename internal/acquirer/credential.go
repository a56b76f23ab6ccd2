package acquirer

import "reprise/internal/payment"

// DE22: how the PAN came to the merchant. No terminal on the internet takes a PIN (third digit 2).
const (
	entryTyped  = "012" // the payer typed it just now
	entryOnFile = "102" // it was stored before
)

// DE48 tag 22: who begins the payment, and on what agreement a card is on file. There are more in the networks'
// lists (instalments, resubmissions); the API has no word for them.
const (
	cardholderOnce  = "C101" // cardholder-initiated, a card that is stored or put on file, for use when it suits
	cardholderOrder = "C102" // cardholder-initiated, begins or belongs to a standing order
	merchantOnce    = "M101" // merchant-initiated, unscheduled
	merchantOrder   = "M102" // merchant-initiated, a standing order: fixed frequency, the amount may vary
)

// entryMode is DE22. A card that is put on file with this very payment was typed for it.
func entryMode(on payment.CardOnFile) string {
	if on.Sequence == payment.Subsequent {
		return entryOnFile
	}
	return entryTyped
}

// credential is what DE48 says about a card on file: nothing where it is used once and not kept. rule is the
// rule that the use breaks, empty where there is none.
func credential(p Authorisation) (tags []tag, rule string) {
	on := p.OnFile
	if on == (payment.CardOnFile{}) {
		if p.Absent {
			return nil, "the cardholder is absent and no card is on file"
		}
		return nil, ""
	}
	indicator := cardholderOnce
	switch on.Type {
	case payment.CustomerUnscheduled:
		if p.Absent {
			return nil, "the cardholder is absent, and nothing but the cardholder may use this card"
		}
	case payment.MerchantUnscheduled:
		if p.Absent {
			indicator = merchantOnce
		}
	case payment.Recurring:
		if indicator = cardholderOrder; p.Absent {
			indicator = merchantOrder
		}
	default:
		return nil, "a card is on file for no reason that the profile knows"
	}
	first := on.Sequence == payment.Initial
	switch {
	case !first && on.Sequence != payment.Subsequent:
		return nil, "a card on file is used neither for the first time nor again"
	case p.Absent && first:
		return nil, "the cardholder is absent from the first use of a card on file"
	case p.Absent && on.NetworkTransactionID == "":
		return nil, "a merchant-initiated payment does not name the first use"
	case p.Absent && !p.CVN.IsZero(): // nobody is there to type one, so it would have been kept (PCI DSS 3.3.1)
		return nil, "a merchant-initiated payment has a CVN"
	}
	tags = []tag{{tagStoredCredential, indicator}}
	if !first && on.NetworkTransactionID != "" {
		if !an.holds(on.NetworkTransactionID) || len(on.NetworkTransactionID) > 15 {
			return nil, "the network transaction id of the first use is not in its shape"
		}
		tags = append(tags, tag{tagFirstUse, on.NetworkTransactionID})
	}
	return tags, ""
}
