package simulator

import "slices"

// versions that this world speaks, oldest first.
var versions = []string{"2.1.0", "2.2.0"}

// paymentRules are the elements of an AReq for a payment (messageCategory 01), EMV 3DS 2.2 table B.1.
var paymentRules = slices.Concat(payerRules, merchantRules(always), []rule{
	{"threeDSRequestorAuthenticationInd", always, fromTo("0106", "8099")},

	{"purchaseAmount", always, plainNumber(48)},
	{"purchaseCurrency", always, number(3, 3)},
	{"purchaseExponent", always, number(1, 1)},
	{"purchaseDate", always, when("20060102150405")},
	{"transType", isVisa, oneOf("01", "03", "10", "11", "28")},
	{"purchaseInstalData", authenticationInd("03"), number(1, 3)},
	{"recurringExpiry", authenticationInd("02", "03"), when("20060102")},
	{"recurringFrequency", authenticationInd("02", "03"), number(1, 4)},
})

// cardRules are the elements of an AReq without a payment (messageCategory 02), for a card that is added,
// maintained or looked at. A purchase has no business there; of the merchant, Visa wants to know all the same.
var cardRules = slices.Concat(payerRules, merchantRules(isVisa), []rule{
	{"threeDSRequestorAuthenticationInd", always, fromTo("0406", "8099")},
})

// areqRules are those of the category that an AReq names.
func areqRules(o object) []rule {
	if withoutPayment(o) {
		return cardRules
	}
	return paymentRules
}

func withoutPayment(o object) bool { return o.text("messageCategory") == "02" }

// merchantRules are what an AReq says of the merchant and his acquirer.
func merchantRules(must func(object) bool) []rule {
	return []rule{
		{"acquirerBIN", must, number(1, 11)},
		{"acquirerMerchantID", must, ascii(1, 35)},
		{"mcc", must, number(4, 4)},
		{"merchantCountryCode", must, number(3, 3)},
		{"merchantName", must, text(1, 40)},
	}
}

// payerRules are the elements that every AReq in the browser channel (deviceChannel 02) has. What only an app
// or a 3RI request has is refused.
var payerRules = slices.Concat([]rule{
	{"messageType", always, oneOf("AReq")},
	{"messageVersion", always, oneOf(versions...)},
	{"messageCategory", always, oneOf("01", "02")},
	{"deviceChannel", always, oneOf("02")},
	{"threeDSServerTransID", always, shaped(uuidShape)},

	{"threeDSServerRefNumber", always, ascii(1, 32)},
	{"threeDSServerOperatorID", nil, ascii(1, 32)},
	{"threeDSServerURL", always, address(2048, "https")},
	{"threeDSRequestorID", always, ascii(1, 35)},
	{"threeDSRequestorName", always, text(1, 40)},
	{"threeDSRequestorURL", always, address(2048, "https", "http")},
	{"threeDSCompInd", always, oneOf("Y", "N", "U")},
	{"notificationURL", always, address(256, "https", "http")},

	{"acctNumber", always, number(13, 19)},
	{"cardExpiryDate", always, when("0601")},
	{"cardholderName", nil, ascii(2, 45)},
	{"acctType", nil, fromTo("0103", "8099")},
	{"acctID", nil, text(1, 64)},
	{"payTokenInd", nil, boolean},
	{"payTokenSource", nil, fromTo("0102")},

	{"browserAcceptHeader", always, text(1, 2048)},
	{"browserUserAgent", always, text(1, 2048)},
	{"browserIP", always, ip},
	{"browserLanguage", always, shaped(languageShape)},
	{"browserJavascriptEnabled", version22, boolean},
	{"browserJavaEnabled", scripted, boolean},
	{"browserColorDepth", scripted, oneOf("1", "4", "8", "15", "16", "24", "32", "48")},
	{"browserScreenHeight", scripted, number(1, 6)},
	{"browserScreenWidth", scripted, number(1, 6)},
	{"browserTZ", scripted, shaped(offsetShape)},

	{"threeDSRequestorChallengeInd", nil, fromTo("0109", "8099")},
	{"threeDSRequestorAuthenticationInfo", nil, nested},
	{"threeDSRequestorPriorAuthenticationInfo", nil, nested},
	{"threeDSReqAuthMethodInd", nil, fromTo("0103", "8099")},
	{"threeDSRequestorDecReqInd", nil, oneOf("N")}, // decoupled authentication is not offered here
	{"acctInfo", nil, nested},
	{"merchantRiskIndicator", nil, nested},
	{"whiteListStatus", nil, oneOf("Y", "N", "E", "P", "R", "U")},
	{"whiteListStatusSource", nil, fromTo("0103", "8099")},
	{"messageExtension", nil, extensions},

	{"email", nil, shapedTo(254)},
	{"homePhone", nil, phone},
	{"mobilePhone", nil, phone},
	{"workPhone", nil, phone},
	{"addrMatch", nil, oneOf("Y", "N")},
}, postal("bill"), postal("ship"))

func postal(prefix string) []rule {
	country := func(o object) bool { _, state := o[prefix+"AddrState"]; return state }
	return []rule{
		{prefix + "AddrLine1", nil, text(1, 50)},
		{prefix + "AddrLine2", nil, text(1, 50)},
		{prefix + "AddrLine3", nil, text(1, 50)},
		{prefix + "AddrCity", nil, text(1, 50)},
		{prefix + "AddrPostCode", nil, text(1, 16)},
		{prefix + "AddrState", nil, text(1, 3)},
		{prefix + "AddrCountry", country, number(3, 3)},
	}
}

func plainNumber(most int) func(any) bool {
	digits := number(1, most)
	return func(v any) bool { return digits(v) && v.(string)[0] != '0' }
}

func shapedTo(most int) func(any) bool {
	email := shaped(emailShape)
	return func(v any) bool { return email(v) && len(v.(string)) <= most }
}

func isVisa(o object) bool {
	r, ok := rangeOf(o.text("acctNumber"))
	return ok && r.scheme == "visa"
}

func authenticationInd(values ...string) func(object) bool {
	return func(o object) bool { return slices.Contains(values, o.text("threeDSRequestorAuthenticationInd")) }
}

func version22(o object) bool { return o.text("messageVersion") == "2.2.0" }

// scripted: 2.1.0 wants what scripts know always, 2.2.0 where the browser runs scripts.
func scripted(o object) bool { return !version22(o) || o["browserJavascriptEnabled"] == true }

// checkAReq judges an AReq as a directory server does before it routes it.
func checkAReq(o object) *erro {
	if o.text("messageType") != "AReq" {
		return &erro{"101", "message received invalid", "messageType"}
	}
	if v, ok := o["messageVersion"].(string); ok && !slices.Contains(versions, v) {
		return &erro{"102", "message version not supported", "messageVersion"}
	}
	if fault := judge(o, areqRules(o)); fault != nil {
		return fault
	}
	if fault := critical(o); fault != nil {
		return fault
	}
	if o.text("messageVersion") == "2.1.0" && !fromTo("0104", "8099")(orElse(o, "threeDSRequestorChallengeInd", "01")) {
		return &erro{"203", "format of a data element is invalid", "threeDSRequestorChallengeInd"}
	}
	if _, issued := rangeOf(o.text("acctNumber")); !issued {
		return &erro{"305", "transaction data not valid", "acctNumber"}
	}
	if withoutPayment(o) {
		return nil
	}
	money, known := currencies[o.text("purchaseCurrency")]
	if !known {
		return &erro{"304", "ISO code invalid", "purchaseCurrency"}
	}
	if o.text("purchaseExponent") != string(rune('0'+money.exponent)) {
		return &erro{"305", "transaction data not valid", "purchaseExponent"}
	}
	return nil
}

func orElse(o object, name, otherwise string) string {
	if _, given := o[name]; given {
		return o.text(name)
	}
	return otherwise
}
