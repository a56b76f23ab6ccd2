package simulator

import "strings"

// currency is one of ISO 4217: how many decimals its minor unit has, and how a bank of its country
// writes an amount.
type currency struct {
	alpha     string
	exponent  int
	prefix    string // printed before the amount; empty means the alphabetic code
	thousands string
	decimal   string
	whole     bool // decimals that are zero are not printed
}

// currencies by numeric code. IDR has two decimals by ISO 4217, though nobody prints them.
var currencies = map[string]currency{
	"036": {alpha: "AUD", exponent: 2, prefix: "A$"},
	"048": {alpha: "BHD", exponent: 3},
	"096": {alpha: "BND", exponent: 2, prefix: "B$"},
	"116": {alpha: "KHR", exponent: 2},
	"124": {alpha: "CAD", exponent: 2, prefix: "C$"},
	"152": {alpha: "CLP", exponent: 0, prefix: "$", thousands: "."},
	"156": {alpha: "CNY", exponent: 2, prefix: "¥"},
	"203": {alpha: "CZK", exponent: 2},
	"208": {alpha: "DKK", exponent: 2},
	"344": {alpha: "HKD", exponent: 2, prefix: "HK$"},
	"348": {alpha: "HUF", exponent: 2},
	"352": {alpha: "ISK", exponent: 0},
	"356": {alpha: "INR", exponent: 2, prefix: "₹"},
	"360": {alpha: "IDR", exponent: 2, prefix: "Rp\u00a0", thousands: ".", decimal: ",", whole: true},
	"376": {alpha: "ILS", exponent: 2},
	"392": {alpha: "JPY", exponent: 0, prefix: "¥"},
	"400": {alpha: "JOD", exponent: 3},
	"410": {alpha: "KRW", exponent: 0, prefix: "₩"},
	"414": {alpha: "KWD", exponent: 3},
	"418": {alpha: "LAK", exponent: 2},
	"446": {alpha: "MOP", exponent: 2},
	"458": {alpha: "MYR", exponent: 2, prefix: "RM\u00a0"},
	"484": {alpha: "MXN", exponent: 2},
	"512": {alpha: "OMR", exponent: 3},
	"554": {alpha: "NZD", exponent: 2, prefix: "NZ$"},
	"578": {alpha: "NOK", exponent: 2},
	"586": {alpha: "PKR", exponent: 2},
	"608": {alpha: "PHP", exponent: 2, prefix: "₱"},
	"634": {alpha: "QAR", exponent: 2},
	"682": {alpha: "SAR", exponent: 2},
	"702": {alpha: "SGD", exponent: 2, prefix: "S$"},
	"704": {alpha: "VND", exponent: 0, prefix: "₫", thousands: "."},
	"710": {alpha: "ZAR", exponent: 2, prefix: "R"},
	"752": {alpha: "SEK", exponent: 2},
	"756": {alpha: "CHF", exponent: 2},
	"764": {alpha: "THB", exponent: 2, prefix: "฿"},
	"784": {alpha: "AED", exponent: 2},
	"788": {alpha: "TND", exponent: 3},
	"826": {alpha: "GBP", exponent: 2, prefix: "£"},
	"840": {alpha: "USD", exponent: 2, prefix: "US$"},
	"901": {alpha: "TWD", exponent: 2, prefix: "NT$"},
	"949": {alpha: "TRY", exponent: 2},
	"978": {alpha: "EUR", exponent: 2, prefix: "€"},
	"985": {alpha: "PLN", exponent: 2},
	"986": {alpha: "BRL", exponent: 2, prefix: "R$\u00a0", thousands: ".", decimal: ","},
}

// print writes an amount of minor units, given as digits, as the cardholder's bank would.
func (c currency) print(minor string) string {
	prefix, thousands, decimal := c.prefix, c.thousands, c.decimal
	if prefix == "" {
		prefix = c.alpha + "\u00a0"
	}
	if thousands == "" {
		thousands = ","
	}
	if decimal == "" {
		decimal = "."
	}
	minor = strings.Repeat("0", max(0, c.exponent+1-len(minor))) + minor
	cut := len(minor) - c.exponent
	units, rest := minor[:cut], minor[cut:]

	var b strings.Builder
	b.WriteString(prefix)
	for i, digit := range units {
		if i > 0 && (len(units)-i)%3 == 0 {
			b.WriteString(thousands)
		}
		b.WriteRune(digit)
	}
	if rest != "" && !(c.whole && strings.Trim(rest, "0") == "") {
		b.WriteString(decimal + rest)
	}
	return b.String()
}

// currencyOf finds a currency by its alphabetic code.
func currencyOf(alpha string) (currency, bool) {
	for _, c := range currencies {
		if c.alpha == alpha {
			return c, true
		}
	}
	return currency{}, false
}
