package threeds

import "slices"

// table210 holds the rules of EMV 3DS 2.1.0: those of 2.2.0, but for what 2.2.0 brought or changed.
var table210 = table220.amended(map[string]amendment{
	"AReq": {
		without: []string{
			"browserJavascriptEnabled", "payTokenSource", "threeDSReqAuthMethodInd",
			"threeDSRequestorDecMaxTime", "threeDSRequestorDecReqInd", "whiteListStatus", "whiteListStatusSource",
		},
		with: []Rule{
			// Without browserJavascriptEnabled, what a script sees is always wanted.
			{Field: "browserJavaEnabled", Need: all(browser), Class: Boolean},
			{Field: "browserColorDepth", Need: all(browser), Class: Digits, Enum: colorDepths},
			{Field: "browserScreenHeight", Need: all(browser), Class: Digits, Max: 6},
			{Field: "browserScreenWidth", Need: all(browser), Class: Digits, Max: 6},
			{Field: "browserTZ", Need: all(browser), Class: Offset, Max: 5},
			{Field: "threeDSRequestorAuthenticationInd", Need: all(when("deviceChannel", "01", "02")), Class: Digits, Enum: []string{"01-06", reserved}},
			{Field: "threeDSRequestorChallengeInd", Class: Digits, Enum: []string{"01-04", reserved}},
			{Field: "threeRIInd", Need: all(when("deviceChannel", "03")), Class: Digits, Enum: []string{"01-05", reserved}},
		},
	},
	"ARes": {
		without: []string{"acsDecConInd", "whiteListStatus", "whiteListStatusSource"},
		with: []Rule{
			{Field: "transStatus", Need: all(paymentAsked), Class: Text, Enum: []string{"Y", "N", "U", "A", "C", "R"}},
			{Field: "transStatusReason", Need: all(paymentAsked, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-21", reserved}},
			{Field: "authenticationType", Need: all(when("transStatus", "C")), Class: Digits, Enum: []string{"01-03", reserved}},
			{Field: "cardholderInfo", Class: Text, Max: 128},
		},
	},
	"RReq": {
		without: []string{"whiteListStatus", "whiteListStatusSource"},
		with: []Rule{
			{Field: "transStatusReason", Need: all(payments, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-21", reserved}},
			{Field: "authenticationType", Need: all(when("transStatus", "Y", "N")), Class: Digits, Enum: []string{"01-03", reserved}},
			{Field: "challengeCancel", Class: Digits, Enum: []string{"01", "04-08", reserved}},
		},
	},
	"RRes": {with: []Rule{{Field: "resultsStatus", Need: required, Class: Digits, Enum: []string{"01-02", reserved}}}},
})

// amendment is how a message differs from that of another version.
type amendment struct {
	without []string // elements that it does not have
	with    []Rule   // in place of the rule of the same element
}

func (t Table) amended(by map[string]amendment) Table {
	amended := Table{}
	for kind, rules := range t {
		a := by[kind]
		for _, rule := range rules {
			if slices.Contains(a.without, rule.Field) {
				continue
			}
			for _, other := range a.with {
				if other.Field == rule.Field {
					rule = other
				}
			}
			amended[kind] = append(amended[kind], rule)
		}
	}
	return amended
}
