package payment

import (
	"math"
	"testing"
)

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

// TestAcquiredIn: where nothing else is said, the acquirer is where the merchant is.
func TestAcquiredIn(t *testing.T) {
	m := Merchant{Country: "ID", Accounts: []Account{{Scheme: "AMEX", AcquirerCountry: "SG"}, {Scheme: "JCB"}}}
	abroad := Merchant{Country: "ID", AcquirerCountry: "MY"}
	for of, want := range map[*Merchant]string{&m: "ID", &abroad: "MY"} {
		if got := of.AcquiredIn(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for scheme, want := range map[string]string{"VISA": "ID", "AMEX": "SG", "JCB": "ID"} {
		if as, _ := m.For(scheme, ""); as.AcquiredIn() != want {
			t.Errorf("%s: %s, want %s", scheme, as.AcquiredIn(), want)
		}
	}
}

func TestAmountAsTheAcquirerCountsIt(t *testing.T) {
	odd := Merchant{AcquirerExponents: map[string]int{"IDR": 0, "VND": 2, "USD": 0}}
	for _, test := range []struct {
		merchant Merchant
		amount   Money
		want     string // empty: refused
	}{
		{Merchant{}, Money{10000000, "IDR"}, "000010000000"},
		{odd, Money{10000000, "IDR"}, "000000100000"},
		{odd, Money{405400, "VND"}, "000040540000"},
		{odd, Money{1050, "USD"}, ""},
		{odd, Money{1000, "USD"}, "000000000010"},
		{odd, Money{1050, "PHP"}, "000000001050"},
		{odd, Money{0, "IDR"}, "000000000000"},
		{Merchant{}, Money{999_999_999_999, "USD"}, "999999999999"},
		{Merchant{}, Money{1_000_000_000_000, "USD"}, ""},
		{odd, Money{10_000_000_000, "VND"}, ""},
		{odd, Money{math.MaxInt64, "VND"}, ""},
		{Merchant{}, Money{-1, "USD"}, ""},
	} {
		got, err := test.merchant.AcquirerAmount(test.amount)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: %q, %v, want %q", test.amount, got, err, test.want)
		}
	}
}
