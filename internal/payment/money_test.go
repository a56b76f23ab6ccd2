package payment

import (
	"errors"
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
		{"9999999999", "IDR", 999999999900, "9999999999"},
		{"000000000000010", "USD", 1000, "10"},
	} {
		m, err := ParseMoney(test.number, test.currency, "BAD")
		if err != nil || m.Minor != test.minor || m.Number() != test.number2 {
			t.Errorf("%s %s: %+v, %v, written %s", test.number, test.currency, m, err, m.Number())
		}
	}
	const plain = "Amount must be a plain number, without sign and exponent"
	for _, bad := range [][3]string{
		{"10.5", "IDR", "Amount in IDR must have at most 0 decimal places"}, {"0.5", "VND", "Amount in VND must have at most 0 decimal places"},
		{"1.234", "USD", "Amount in USD must have at most 2 decimal places"},
		{"-1", "USD", plain}, {"1e3", "USD", plain}, {"+1", "USD", plain}, {"", "USD", plain}, {".", "USD", plain}, {".5", "USD", plain},
		{"1.-1", "USD", plain}, {"1 ", "USD", plain}, {"0x10", "VND", plain}, {"1_0", "VND", plain},
		{"10000000000", "USD", "Amount in USD must be at most 9999999999.99"}, {"10000000000", "IDR", "Amount in IDR must be at most 9999999999"},
		{"1000000000000", "VND", "Amount in VND must be at most 999999999999"}, {"99999999999999999999999999999999", "IDR", "Amount in IDR must be at most 9999999999"},
	} {
		m, err := ParseMoney(bad[0], bad[1], "BAD")
		var e *Error
		if !errors.As(err, &e) || e.Code != "BAD" || e.Message != bad[2] {
			t.Errorf("%q %s: %+v, %v, want %s", bad[0], bad[1], m, err, bad[2])
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
		got, err := ParseMoney(m.Number(), m.Currency, "BAD")
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
