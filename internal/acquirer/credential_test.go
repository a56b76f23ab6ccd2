package acquirer

import (
	"testing"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// id is the network transaction id of a first use.
const id = "016153570198200"

func use(kind payment.CardOnFileType, when payment.Sequence, first string) payment.CardOnFile {
	return payment.CardOnFile{Type: kind, Sequence: when, NetworkTransactionID: first}
}

func TestCredential(t *testing.T) {
	for name, c := range map[string]struct {
		on          payment.CardOnFile
		absent      bool
		entry, de48 string
	}{
		"used once and not kept":        {payment.CardOnFile{}, false, "012", ""},
		"kept for the payer":            {use(payment.CustomerUnscheduled, payment.Initial, ""), false, "012", "2204C101"},
		"kept for the merchant":         {use(payment.MerchantUnscheduled, payment.Initial, ""), false, "012", "2204C101"},
		"kept for a standing order":     {use(payment.Recurring, payment.Initial, ""), false, "012", "2204C102"},
		"by the payer":                  {use(payment.CustomerUnscheduled, payment.Subsequent, id), false, "102", "2204C1016315" + id},
		"by the payer, first unknown":   {use(payment.CustomerUnscheduled, payment.Subsequent, ""), false, "102", "2204C101"},
		"by the payer, merchant's card": {use(payment.MerchantUnscheduled, payment.Subsequent, id), false, "102", "2204C1016315" + id},
		"by the merchant":               {use(payment.MerchantUnscheduled, payment.Subsequent, id), true, "102", "2204M1016315" + id},
		"a standing order, by itself":   {use(payment.Recurring, payment.Subsequent, id), true, "102", "2204M1026315" + id},
		"a standing order begins":       {use(payment.Recurring, payment.Subsequent, "MCC123456"), false, "102", "2204C1026309MCC123456"},
	} {
		p := samplePurchase(t)
		p.Proof, p.CVN, p.OnFile, p.Absent = nil, card.CVN{}, c.on, c.absent
		m, err := buildAuthorisation(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.fields[22] != c.entry || m.fields[48] != c.de48 {
			t.Errorf("%s: DE22 %q, DE48 %q, want %q, %q", name, m.fields[22], m.fields[48], c.entry, c.de48)
		}
		if err := check(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCredentialRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		on     payment.CardOnFile
		absent bool
		cvn    bool
	}{
		"nobody there and nothing on file": {payment.CardOnFile{}, true, false},
		"the payer's card by the merchant": {use(payment.CustomerUnscheduled, payment.Subsequent, id), true, false},
		"first use by the merchant":        {use(payment.MerchantUnscheduled, payment.Initial, ""), true, false},
		"the first use is not named":       {use(payment.MerchantUnscheduled, payment.Subsequent, ""), true, false},
		"a CVN that nobody typed":          {use(payment.Recurring, payment.Subsequent, id), true, true},
		"neither first nor again":          {use(payment.Recurring, "", id), false, false},
		"no type":                          {use("", payment.Subsequent, id), false, false},
		"an id that is too long":           {use(payment.Recurring, payment.Subsequent, id+"1"), false, false},
		"an id that is none":               {use(payment.Recurring, payment.Subsequent, "016-53570198200"), false, false},
	} {
		p := samplePurchase(t)
		p.OnFile, p.Absent, p.Proof = c.on, c.absent, nil
		if !c.cvn {
			p.CVN = card.CVN{}
		}
		if _, err := buildAuthorisation(p); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
}
