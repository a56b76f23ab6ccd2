package acquirer

import (
	"strings"
	"testing"

	"reprise/internal/payment"
)

// All that does not fit is said at once, and of an account which one it is.
func TestCheckMerchant(t *testing.T) {
	right := sampleMerchant
	right.Accounts = []payment.Account{
		{AcquirerBIN: "1", CardAcceptor: "M", Terminal: "T"},
		{Scheme: "VISA", Label: "online", AcquirerBIN: "12345678901", CardAcceptor: strings.Repeat("M", 15), Terminal: strings.Repeat("T", 8), AcquirerCountry: "SG"},
	}
	if err := CheckMerchant(right); err != nil {
		t.Error(err)
	}
	wrong := payment.Merchant{Country: "XX", MCC: "59a4", AcquirerBIN: strings.Repeat("1", 12), CardAcceptor: "caf\u00e9", Terminal: "", AcquirerCountry: "YY", Accounts: []payment.Account{
		{Scheme: "VISTA", Label: "online", AcquirerBIN: "x", CardAcceptor: "", Terminal: strings.Repeat("T", 9), AcquirerCountry: "ZZ"},
	}}
	err := CheckMerchant(wrong)
	if err == nil {
		t.Fatal("fits")
	}
	for _, want := range []string{
		`country "XX"`, "MCC is", "acquirer BIN is", "card acceptor (merchant id) is", "terminal is",
		`account of scheme "VISTA" with label "online": acquirer BIN is`, `label "online": scheme is not VISA`,
		`the acquirer's country "YY"`, `label "online": the acquirer's country "ZZ"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q in:\n%v", want, err)
		}
	}
}
