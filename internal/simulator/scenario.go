package simulator

import (
	"fmt"
	"strings"
)

// Scenario is one row of the documented list: when this is sent, that happens.
type Scenario struct {
	Kind string `json:"kind"` // card, prefix, V, M, A, C, number, result, amount, trouble, cvn, otp, knob, fault or merchant
	When string `json:"when"` // a PAN, a digit, a button, an amount in units, a CVN, an OTP, a knob's name, a path
	Then string `json:"then"`
}

// outcome is what the ACS does with an AReq.
type outcome string

const (
	frictionless outcome = "3-D Secure frictionless, authenticated (Y)"
	challenge    outcome = "3-D Secure challenge with an OTP"
	notAuthentic outcome = "3-D Secure refused without a challenge (N, reason 01); pays only if 3-D Secure is skipped"
	challenge20  outcome = "3-D Secure challenge with an OTP; frictionless below THB 20"
)

// cards are the test cards with an outcome of their own. Every other PAN in a range of ours that is not of the matrix is
// authenticated without friction. These numbers are published; they belong to nobody.
var cards = []struct {
	pan  string
	then outcome
}{
	{"4000000000001091", challenge},
	{"4000000000002503", challenge},
	{"4440000009900010", challenge},
	{"4200350000000801", challenge20},
	{"4000000000001000", frictionless},
	{"4440000042200014", frictionless},
	{"4000000000000010", notAuthentic},
	{"5200000000001096", challenge},
	{"5200000000002151", challenge},
	{"5123450000000008", challenge},
	{"5413530000000501", challenge20},
	{"5200000000001005", frictionless},
	{"5123456789012346", frictionless},
	{"5453010000095323", frictionless},
	{"5200000000000015", notAuthentic},
	{"340000000002534", challenge},
	{"340000000001098", challenge},
	{"340000000002708", frictionless},
	{"378282246310005", frictionless},
	{"3337000000000008", challenge},
	{"3337000000200004", challenge},
}

// published is what the ACS does with one of the cards above, or with any other.
func published(pan, amount, currency string) course {
	then := frictionless
	for _, c := range cards {
		if c.pan == pan {
			then = c.then
		}
	}
	switch {
	case then == notAuthentic:
		return course{status: "N"}
	case then == challenge, then == challenge20 && (currency != "764" || !shorter(amount, "2000")):
		return course{status: "C"}
	}
	return course{status: "Y"}
}

// shorter compares two numbers without leading zeros.
func shorter(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

// decline is an amount that the issuer refuses. The amount is in hundredths of the currency's unit.
type decline struct {
	hundredths int64
	currency   string // only this one; empty means all but VND
	scheme     string // only this one; empty means all
	code       string // DE39
	means      string // the failure code that the public table maps it to
	unseen     bool   // only where the cardholder was not challenged
}

var declines = []decline{
	{hundredths: 1005100, code: "54", means: "EXPIRED_CARD"},
	{hundredths: 1005200, code: "59", means: "SUSPECTED_FRAUDULENT"},
	{hundredths: 1005300, code: "64", means: "DECLINED_BY_PROCESSOR"},
	{hundredths: 1005400, code: "51", means: "INSUFFICIENT_BALANCE"},
	{hundredths: 1005500, code: "43", means: "STOLEN_CARD"},
	{hundredths: 1005600, code: "57", means: "INACTIVE_OR_UNAUTHORIZED_CARD"},
	{hundredths: 1005700, code: "30", means: "PROCESSOR_ERROR"},
	{hundredths: 1005800, code: "82", means: "INVALID_CVV"},
	{hundredths: 1005900, code: "05", means: "DECLINED_BY_ISSUER"},
	{hundredths: 1006500, scheme: "visa", unseen: true, code: "1A", means: "AUTHENTICATION_FAILED"},
	{hundredths: 1006500, scheme: "mastercard", unseen: true, code: "65", means: "AUTHENTICATION_FAILED"},
	{hundredths: 1005, code: "05", means: "DECLINED_BY_ISSUER"},
	{hundredths: 1014, code: "14", means: "INVALID_CARD"},
	{hundredths: 1030, code: "30", means: "PROCESSOR_ERROR"},
	{hundredths: 1051, code: "51", means: "INSUFFICIENT_BALANCE"},
	{hundredths: 1065, scheme: "visa", code: "65", means: "DECLINED_BY_ISSUER"},
	{hundredths: 40540000, currency: "704", code: "54", means: "EXPIRED_CARD"},
	{hundredths: 40590000, currency: "704", code: "59", means: "SUSPECTED_FRAUDULENT"},
	{hundredths: 40510000, currency: "704", code: "51", means: "INSUFFICIENT_BALANCE"},
	{hundredths: 40070000, currency: "704", code: "07", means: "STOLEN_CARD"},
	{hundredths: 40550000, currency: "704", code: "55", means: "INACTIVE_OR_UNAUTHORIZED_CARD"},
	{hundredths: 40250000, currency: "704", code: "25", means: "PROCESSOR_ERROR"},
	{hundredths: 40390000, currency: "704", code: "39", means: "INVALID_CVV"},
	{hundredths: 40030000, currency: "704", code: "03", means: "DECLINED_BY_ISSUER"},
}

// declineFor looks an amount of minor units up; "" means that the amount is no reason to decline.
func declineFor(minor int64, numeric, scheme string, challenged bool) (code string) {
	amount, ok := hundredths(minor, numeric)
	if !ok {
		return ""
	}
	for _, d := range declines {
		here := d.currency == numeric || d.currency == "" && numeric != "704"
		if d.hundredths == amount && here && (d.scheme == "" || d.scheme == scheme) && !(d.unseen && challenged) {
			return d.code
		}
	}
	return ""
}

// hundredths counts minor units of a currency as hundredths of its unit; false where that is no whole number of them.
func hundredths(minor int64, numeric string) (n int64, ok bool) {
	c, known := currencies[numeric]
	for ; c.exponent < 2; c.exponent++ {
		minor *= 10
	}
	for ; c.exponent > 2; c.exponent-- {
		if minor%10 != 0 {
			return 0, false
		}
		minor /= 10
	}
	return minor, known
}

// inUnits prints hundredths of a currency's unit.
func inUnits(hundredths int64) string {
	return strings.TrimSuffix(fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100), ".00")
}

// rightOTP is the only one-time code of every card.
const rightOTP = "123456"

// wrongOTPs is how many wrong codes end a challenge.
const wrongOTPs = 3

// Scenarios lists everything that can be chosen by card, amount, CVN, OTP or knob, in the order in
// which it is documented.
func Scenarios() []Scenario {
	var all []Scenario
	for _, c := range cards {
		all = append(all, Scenario{"card", c.pan, string(c.then)})
	}
	all = append(all, matrixScenarios()...)
	for _, r := range choices {
		all = append(all, Scenario{"result", r.label, r.then})
	}
	for _, d := range declines {
		when := inUnits(d.hundredths)
		if d.currency != "" {
			when = currencies[d.currency].alpha + " " + when
		}
		then := d.means + " (" + d.code + ")"
		if d.scheme != "" {
			then += ", " + d.scheme + " only"
		}
		if d.unseen {
			then += ", unless the payer was challenged"
		}
		all = append(all, Scenario{"amount", when, then})
	}
	for _, t := range troubles() {
		all = append(all, Scenario{"trouble", inUnits(t.hundredths), t.then})
	}
	all = append(all,
		Scenario{"cvn", "999", "CVN result N, declined (N7 from Visa, 82 from others)"},
		Scenario{"cvn", "9999", "the same for American Express"},
		Scenario{"cvn", "998", "CVN result N, approved all the same"},
		Scenario{"cvn", "9998", "the same for American Express"},
		Scenario{"otp", rightOTP, "the challenge succeeds"},
		Scenario{"otp", "any other", fmt.Sprintf("wrong; the challenge fails after %d", wrongOTPs)},
	)
	for _, k := range knobList {
		all = append(all, Scenario{"knob", k.name, k.then})
	}
	for _, f := range faults {
		all = append(all, Scenario{"fault", string(f.on) + " " + f.behaviour, f.then})
	}
	all = append(all, merchantPaths()...)
	return all
}
