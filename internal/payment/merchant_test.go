package payment

import "testing"

func TestAccountForASchemeAndALabel(t *testing.T) {
	m := Merchant{Terminal: "own", Accounts: []Account{
		{Scheme: "VISA", Terminal: "visa"}, {Label: "shop", Terminal: "shop"}, {Label: "shop", Scheme: "AMEX", Terminal: "amex"},
		{Label: "travel", Scheme: "JCB", Terminal: "jcb"},
	}}
	for _, test := range []struct {
		scheme, label, terminal string
		ok                      bool
	}{
		{"VISA", "", "visa", true}, {"MASTERCARD", "", "own", true},
		{"VISA", "shop", "shop", true}, {"AMEX", "shop", "amex", true}, {"", "shop", "shop", true},
		{"JCB", "travel", "jcb", true}, {"VISA", "travel", "own", true},
		{"VISA", "elsewhere", "own", false},
	} {
		if as, ok := m.For(test.scheme, test.label); as.Terminal != test.terminal || ok != test.ok {
			t.Errorf("%s, %q: %s %t", test.scheme, test.label, as.Terminal, ok)
		}
	}
}
