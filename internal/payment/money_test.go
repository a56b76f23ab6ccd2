package payment

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParseMoney(t *testing.T) {
	for _, test := range []struct {
		number, currency string
		minor            int64
		number2          string
	}{
		{"100000", "IDR", 10000000, "100000"},
		{"10000.00", "IDR", 1000000, "10000"},
		{"10.5", "USD", 1050, "10.5"},
		{"10.51", "PHP", 1051, "10.51"},
		{"405400", "VND", 405400, "405400"},
		{"0", "IDR", 0, "0"},
		{"0.05", "USD", 5, "0.05"},
		{"9999999999.99", "USD", 999999999999, "9999999999.99"},
	} {
		m, err := ParseMoney(test.number, test.currency)
		if err != nil || m.Minor != test.minor || m.Number() != test.number2 {
			t.Errorf("%s %s: %+v, %v, written %s", test.number, test.currency, m, err, m.Number())
		}
	}
	for _, bad := range [][2]string{
		{"10.5", "IDR"}, {"0.5", "VND"}, {"1.234", "USD"}, {"-1", "USD"}, {"1e3", "USD"}, {"+1", "USD"}, {"", "USD"},
		{"10000000000", "USD"}, {".", "USD"}, {"1.-1", "USD"}, {"1 ", "USD"}, {"0x10", "VND"}, {"1_0", "VND"},
	} {
		if m, err := ParseMoney(bad[0], bad[1]); err == nil {
			t.Errorf("%q %s is taken for %+v", bad[0], bad[1], m)
		}
	}
}

func TestMoneyIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money{
			Minor:    rapid.Int64Range(0, 9999999999).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]string{"IDR", "PHP", "VND", "THB", "SGD", "MYR", "USD"}).Draw(t, "currency"),
		}
		if m.Currency == "IDR" {
			m.Minor *= 100
		}
		got, err := ParseMoney(m.Number(), m.Currency)
		if err != nil || got != m {
			t.Fatalf("%+v is written %s and read as %+v, %v", m, m.Number(), got, err)
		}
	})
}

func TestMoneyIsCountedByOthers(t *testing.T) {
	for _, test := range []struct {
		money    Money
		exponent int
		want     int64 // -1 is refused
	}{
		{Money{10000000, "IDR"}, 2, 10000000},
		{Money{10000000, "IDR"}, 0, 100000},
		{Money{10000001, "IDR"}, 0, -1},
		{Money{10000010, "IDR"}, 1, 1000001},
		{Money{405400, "VND"}, 2, 40540000},
		{Money{1234, "KWD"}, 3, 1234},
		{Money{0, "USD"}, 0, 0},
		{Money{math.MaxInt64 / 10, "JPY"}, 1, math.MaxInt64 / 10 * 10},
		{Money{math.MaxInt64/10 + 1, "JPY"}, 1, -1},
	} {
		got, err := test.money.In(test.exponent)
		if test.want < 0 && err == nil || test.want >= 0 && (err != nil || got != test.want) {
			t.Errorf("%+v with %d digits: %d, %v", test.money, test.exponent, got, err)
		}
	}
}
