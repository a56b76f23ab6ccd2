package threeds

// table220 holds the rules of EMV 3DS 2.2.0, message by message (tables B.1 to B.10, and A.1 for the form).
var table220 = Table{
	"AReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "threeDSServerRefNumber", Need: required, Class: Text, Max: 32},
		{Field: "threeDSServerOperatorID", Class: Text, Max: 32},
		{Field: "threeDSServerURL", Need: all(when("deviceChannel", "01", "02")), Class: URL, Max: 2048},
		{Field: "deviceChannel", Need: required, Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "messageCategory", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
		extensions(10),
		{Field: "dsReferenceNumber", Class: Text, Max: 32}, // these three by the directory server, for the ACS
		{Field: "dsTransID", Class: UUID},
		{Field: "dsURL", Class: URL, Max: 2048},

		{Field: "threeDSRequestorID", Need: required, Class: Text, Max: 35},
		{Field: "threeDSRequestorName", Need: required, Class: Text, Max: 40},
		{Field: "threeDSRequestorURL", Need: required, Class: URL, Max: 2048},
		{Field: "threeDSRequestorAuthenticationInd", Need: all(when("deviceChannel", "01", "02")), Class: Digits, Enum: []string{"01-07", reserved}},
		{Field: "threeDSRequestorAuthenticationInfo", Class: Object, Fields: authenticationInfoRules("01-08")},
		{Field: "threeDSRequestorPriorAuthenticationInfo", Class: Object, Fields: priorAuthenticationRules},
		{Field: "threeDSRequestorChallengeInd", Class: Digits, Enum: []string{"01-09", reserved}},
		{Field: "threeDSRequestorDecReqInd", Class: Text, Enum: yesNo},
		{Field: "threeDSRequestorDecMaxTime", Need: all(when("threeDSRequestorDecReqInd", "Y")), Class: Digits, Enum: []string{"00001-10080"}},
		{Field: "threeDSReqAuthMethodInd", Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "threeDSCompInd", Need: all(browser), Class: Text, Enum: []string{"Y", "N", "U"}},
		{Field: "threeRIInd", Need: all(when("deviceChannel", "03")), Class: Digits, Enum: []string{"01-12", reserved}},
		{Field: "notificationURL", Need: all(browser), Class: URL, Max: 256},
		{Field: "whiteListStatus", Need: all(when("whiteListStatusSource")), Class: Text, Enum: yesNo},
		{Field: "whiteListStatusSource", Need: all(when("whiteListStatus")), Class: Digits, Enum: []string{"01-03", reserved}},

		{Field: "acctNumber", Need: required, Class: Digits, Min: 13, Max: 19},
		{Field: "acctType", Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "acctID", Class: Text, Max: 64},
		{Field: "acctInfo", Class: Object, Fields: accountInfoRules},
		{Field: "cardExpiryDate", Class: YearMon},
		{Field: "cardholderName", Class: Name, Min: 2, Max: 45},
		{Field: "payTokenInd", Class: Boolean, Enum: []string{"true"}},
		{Field: "payTokenSource", Need: all(when("payTokenInd", "true")), Class: Digits, Enum: []string{"01-02", reserved}},

		{Field: "acquirerBIN", Need: all(payments), Class: Text, Max: 11},
		{Field: "acquirerMerchantID", Need: all(payments), Class: Text, Max: 35},
		{Field: "mcc", Need: all(payments), Class: Text, Min: 4, Max: 4},
		{Field: "merchantCountryCode", Need: all(payments), Class: Country},
		{Field: "merchantName", Need: all(payments), Class: Text, Max: 40},
		{Field: "merchantRiskIndicator", Class: Object, Fields: riskRules("01-07")},

		{Field: "purchaseAmount", Need: priced220, Class: Digits, Max: 48},
		{Field: "purchaseCurrency", Need: priced220, Class: Currency},
		{Field: "purchaseExponent", Need: priced220, Class: Digits, Max: 1},
		{Field: "purchaseDate", Need: priced220, Class: Second},
		{Field: "purchaseInstalData", Need: anyOf(when("threeDSRequestorAuthenticationInd", "03"), when("threeRIInd", "02")), Class: Digits, Enum: instalments},
		{Field: "recurringExpiry", Need: repeating220, Class: Date},
		{Field: "recurringFrequency", Need: repeating220, Class: Digits, Enum: frequencies},
		{Field: "transType", Class: Digits, Enum: []string{"01", "03", "10", "11", "28"}},

		{Field: "browserAcceptHeader", Need: all(browser), Class: Text, Max: 2048},
		{Field: "browserIP", Class: IP, Max: 45},
		{Field: "browserJavascriptEnabled", Need: all(browser), Class: Boolean},
		{Field: "browserJavaEnabled", Need: all(browser, scripted), Class: Boolean},
		{Field: "browserLanguage", Need: all(browser), Class: Text, Max: 8},
		{Field: "browserColorDepth", Need: all(browser, scripted), Class: Digits, Enum: colorDepths},
		{Field: "browserScreenHeight", Need: all(browser, scripted), Class: Digits, Max: 6},
		{Field: "browserScreenWidth", Need: all(browser, scripted), Class: Digits, Max: 6},
		{Field: "browserTZ", Need: all(browser, scripted), Class: Offset, Max: 5},
		{Field: "browserUserAgent", Need: all(browser), Class: Text, Max: 2048},

		{Field: "addrMatch", Class: Text, Enum: yesNo},
		{Field: "billAddrCity", Class: Text, Max: 50},
		{Field: "billAddrCountry", Need: all(when("billAddrState")), Class: Country},
		{Field: "billAddrLine1", Class: Text, Max: 50},
		{Field: "billAddrLine2", Class: Text, Max: 50},
		{Field: "billAddrLine3", Class: Text, Max: 50},
		{Field: "billAddrPostCode", Class: Text, Max: 16},
		{Field: "billAddrState", Class: Text, Max: 3},
		{Field: "shipAddrCity", Class: Text, Max: 50},
		{Field: "shipAddrCountry", Need: all(when("shipAddrState")), Class: Country},
		{Field: "shipAddrLine1", Class: Text, Max: 50},
		{Field: "shipAddrLine2", Class: Text, Max: 50},
		{Field: "shipAddrLine3", Class: Text, Max: 50},
		{Field: "shipAddrPostCode", Class: Text, Max: 16},
		{Field: "shipAddrState", Class: Text, Max: 3},
		{Field: "email", Class: Email, Max: 254},
		{Field: "homePhone", Class: Object, Fields: phoneRules},
		{Field: "mobilePhone", Class: Object, Fields: phoneRules},
		{Field: "workPhone", Class: Object, Fields: phoneRules},
	},

	"ARes": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "acsReferenceNumber", Need: required, Class: Text, Max: 32},
		{Field: "dsReferenceNumber", Need: required, Class: Text, Max: 32},
		{Field: "acsOperatorID", Class: Text, Max: 32},
		extensions(10),
		{Field: "transStatus", Need: all(paymentAsked), Class: Text, Enum: []string{"Y", "N", "U", "A", "C", "D", "R", "I"}, Only: map[string][]Condition{
			"C": {unless("AReq.threeDSRequestorChallengeInd", "06"), unless("AReq.deviceChannel", "03")}, // data share only; no payer
			"D": {when("AReq.threeDSRequestorDecReqInd", "Y")},
			"I": {when("AReq.threeDSRequestorChallengeInd", "05-07", reserved)},
		}},
		{Field: "transStatusReason", Need: all(paymentAsked, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-26", reserved}},
		{Field: "authenticationValue", Need: all(paymentAsked, when("transStatus", "Y", "A")), Class: Proof, Min: 28, Max: 28},
		{Field: "eci", Class: Text, Min: 2, Max: 2},
		{Field: "acsChallengeMandated", Need: all(when("transStatus", "C", "D")), Class: Text, Enum: yesNo},
		{Field: "authenticationType", Need: all(when("transStatus", "C", "D")), Class: Digits, Enum: []string{"01-04", reserved}, Only: only(unless("transStatus", "D"), "01", "02", "03")},
		{Field: "acsURL", Need: all(when("transStatus", "C"), when("AReq.deviceChannel", "02")), Class: URL, Max: 2048},
		{Field: "acsDecConInd", Need: all(when("transStatus", "D")), Class: Text, Enum: yesNo, Only: map[string][]Condition{
			"Y": {when("AReq.threeDSRequestorDecReqInd", "Y")},
			"N": {unless("transStatus", "D")},
		}},
		{Field: "cardholderInfo", Need: all(when("acsDecConInd", "Y")), Class: Text, Max: 128},
		{Field: "whiteListStatus", Need: all(when("whiteListStatusSource")), Class: Text, Enum: trust},
		{Field: "whiteListStatusSource", Need: all(when("whiteListStatus")), Class: Digits, Enum: []string{"01-03", reserved}},
	},

	"CReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "challengeWindowSize", Need: required, Class: Digits, Enum: []string{"01-05"}},
		extensions(10),
	},

	"CRes": { // the last one: in between, ACS and browser talk HTML
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "transStatus", Need: all(paymentAsked), Class: Text, Enum: yesNo},
		extensions(10),
	},

	"RReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "messageCategory", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
		extensions(10),
		{Field: "transStatus", Need: all(payments), Class: Text, Enum: []string{"Y", "N", "U", "A", "R"}},
		{Field: "transStatusReason", Need: all(payments, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-26", reserved}},
		{Field: "authenticationType", Need: all(when("transStatus", "Y", "N")), Class: Digits, Enum: []string{"01-04", reserved}},
		{Field: "authenticationMethod", Class: Digits, Enum: []string{"01-11", reserved}},
		{Field: "authenticationValue", Need: all(payments, when("transStatus", "Y", "A")), Class: Proof, Min: 28, Max: 28},
		{Field: "eci", Class: Text, Min: 2, Max: 2},
		{Field: "interactionCounter", Need: required, Class: Digits, Min: 2, Max: 2}, // the decoupled one has none; we never ask for it
		{Field: "challengeCancel", Need: all(timedOut), Class: Digits, Enum: []string{"01", "03-08", reserved}, Only: only(unless("transStatusReason", "14"), "01", "03", "06", "07", "08")},
		{Field: "whiteListStatus", Need: all(when("whiteListStatusSource")), Class: Text, Enum: trust},
		{Field: "whiteListStatusSource", Need: all(when("whiteListStatus")), Class: Digits, Enum: []string{"01-03", reserved}},
	},

	"RRes": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "resultsStatus", Need: required, Class: Digits, Enum: []string{"01-03", reserved}},
		extensions(10),
	},

	"PReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "threeDSServerRefNumber", Need: required, Class: Text, Max: 32},
		{Field: "threeDSServerOperatorID", Class: Text, Max: 32},
		{Field: "threeDSRequestorURL", Class: URL, Max: 2048},
		{Field: "serialNum", Class: Text, Max: 20},
		extensions(10),
	},

	"PRes": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "dsStartProtocolVersion", Need: required, Class: Version, Max: 8},
		{Field: "dsEndProtocolVersion", Need: required, Class: Version, Max: 8},
		{Field: "serialNum", Class: Text, Max: 20},
		{Field: "cardRangeData", Need: all(unless("PReq.serialNum")), Class: Object, Many: unbounded, Fields: rangeRules},
		extensions(10),
	},

	"Erro": {
		{Field: "errorCode", Need: required, Class: Digits, Enum: errorCodes},
		{Field: "errorComponent", Need: required, Class: Text, Enum: []string{"C", "S", "D", "A"}},
		{Field: "errorDescription", Need: required, Class: Text, Max: 2048},
		{Field: "errorDetail", Need: required, Class: Text, Max: 2048},
		{Field: "errorMessageType", Class: Text, Enum: kinds},
		{Field: "threeDSServerTransID", Class: UUID},
		{Field: "dsTransID", Class: UUID},
		{Field: "acsTransID", Class: UUID},
	},
}

// repeating220: recurring payments and instalments, the first with the payer and those that follow without.
var repeating220 = anyOf(when("threeDSRequestorAuthenticationInd", "02", "03"), when("threeRIInd", "01", "02"))

// priced220: an amount belongs to every payment, and to what is done without one but for some.
var priced220 = Need{
	{payments},
	{storing, when("threeDSRequestorAuthenticationInd", "02", "03")},
	{storing, when("threeRIInd", "01", "02", "06-09", "11")},
}
