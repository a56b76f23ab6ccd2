package threeds

// table231 holds the rules of EMV 3DS 2.3.1, message by message (tables B.1 to B.12, and A.1 for the form). Lists stand
// where single values did, "trust list" where "white list" did, and a range of cards says each version of its own.
var table231 = Table{
	"AReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "threeDSServerRefNumber", Need: required, Class: Text, Max: 32},
		{Field: "threeDSServerOperatorID", Class: Text, Max: 32},
		{Field: "threeDSServerURL", Need: required, Class: URL, Max: 2048},
		{Field: "deviceChannel", Need: required, Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "messageCategory", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
		extensions(15),
		{Field: "broadInfo", Class: Object, Max: 4096, Fields: broadcastRules},
		{Field: "dsReferenceNumber", Class: Text, Max: 32}, // these three by the directory server, for the ACS
		{Field: "dsTransID", Class: UUID},
		{Field: "dsURL", Class: URL, Max: 2048},

		{Field: "threeDSRequestorID", Need: required, Class: Text, Max: 35},
		{Field: "threeDSRequestorName", Need: required, Class: Text, Max: 40},
		{Field: "threeDSRequestorURL", Need: required, Class: URL, Max: 2048},
		{Field: "threeDSRequestorAuthenticationInd", Need: all(when("deviceChannel", "01", "02")), Class: Digits, Enum: []string{"01-10", reserved}},
		{Field: "threeDSRequestorAuthenticationInfo", Class: Object, Many: 3, Fields: authenticationInfoRules231},
		{Field: "threeDSRequestorPriorAuthenticationInfo", Class: Object, Many: 3, Fields: priorAuthenticationRules231},
		{Field: "threeDSRequestorChallengeInd", Class: Digits, Many: 2, Enum: []string{"01-14", reserved}},
		{Field: "threeDSRequestorDecReqInd", Class: Text, Enum: []string{"Y", "N", "F", "B"}},
		{Field: "threeDSRequestorDecMaxTime", Need: all(when("threeDSRequestorDecReqInd", "Y", "F", "B")), Class: Digits, Enum: []string{"00001-10080"}},
		{Field: "threeDSRequestorSpcSupport", Class: Text, Enum: []string{"Y"}},
		{Field: "payeeOrigin", Need: all(when("threeDSRequestorSpcSupport", "Y")), Class: URL, Max: 2048},
		{Field: "spcIncompInd", Class: Digits, Enum: []string{"01-03"}},
		{Field: "threeDSMethodId", Class: UUID},
		{Field: "threeDSCompInd", Need: all(browser), Class: Text, Enum: []string{"Y", "N", "U"}},
		{Field: "threeRIInd", Need: all(when("deviceChannel", "03")), Class: Digits, Enum: []string{"01-19", reserved}},
		{Field: "notificationURL", Need: all(browser), Class: URL, Max: 256},
		{Field: "trustListStatus", Need: all(when("trustListStatusSource")), Class: Text, Enum: yesNo},
		{Field: "trustListStatusSource", Need: all(when("trustListStatus")), Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "deviceBindingStatus", Need: all(when("deviceBindingStatusSource")), Class: Digits, Enum: bindings},
		{Field: "deviceBindingStatusSource", Need: all(when("deviceBindingStatus")), Class: Digits, Enum: []string{"01-03", reserved}},

		{Field: "acctNumber", Need: required, Class: Digits, Min: 13, Max: 19},
		{Field: "acctType", Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "acctID", Class: Text, Max: 64},
		{Field: "acctInfo", Class: Object, Fields: accountInfoRules231},
		{Field: "cardExpiryDate", Class: YearMon},
		{Field: "cardholderName", Class: Text, Max: 45},
		{Field: "cardSecurityCode", Class: Digits, Min: 3, Max: 4}, // we never send it
		{Field: "cardSecurityCodeStatus", Need: all(when("cardSecurityCodeStatusSource")), Class: Text, Enum: []string{"Y", "N", "U"}},
		{Field: "cardSecurityCodeStatusSource", Need: all(when("cardSecurityCodeStatus")), Class: Digits, Enum: []string{"01-02", reserved}},
		{Field: "payTokenInd", Class: Boolean, Enum: []string{"true"}},
		{Field: "payTokenSource", Need: all(when("payTokenInd", "true")), Class: Digits, Enum: []string{"01-02", reserved}},
		{Field: "payTokenInfo", Class: Object, Fields: tokenInfoRules},

		{Field: "acquirerBIN", Need: all(payments), Class: Text, Max: 11},
		{Field: "acquirerMerchantID", Need: all(payments), Class: Text, Max: 35},
		{Field: "acquirerCountryCode", Need: required, Class: Country},
		{Field: "acquirerCountryCodeSource", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
		{Field: "mcc", Need: all(payments), Class: Text, Min: 4, Max: 4},
		{Field: "merchantCountryCode", Need: all(payments), Class: Country},
		{Field: "merchantName", Need: all(payments), Class: Text, Max: 40},
		{Field: "merchantRiskIndicator", Class: Object, Fields: riskRules231},

		{Field: "purchaseAmount", Need: priced231, Class: Digits, Max: 48},
		{Field: "purchaseCurrency", Need: priced231, Class: Currency},
		{Field: "purchaseExponent", Need: priced231, Class: Digits, Max: 1},
		{Field: "purchaseDate", Need: priced231, Class: Second},
		{Field: "purchaseInstalData", Need: anyOf(when("threeDSRequestorAuthenticationInd", "03"), when("threeRIInd", "02")), Class: Digits, Enum: instalments},
		{Field: "recurringInd", Need: anyOf(when("threeDSRequestorAuthenticationInd", "02", "03"), when("threeRIInd", "01", "02")), Class: Object, Fields: recurringRules},
		{Field: "recurringAmount", Need: Need{
			{when("recurringInd.amountInd", "01"), when("threeDSRequestorAuthenticationInd", "02", "03")},
			{when("recurringInd.amountInd", "01"), when("threeRIInd", "01", "02")},
		}, Class: Digits, Max: 48},
		{Field: "recurringCurrency", Need: all(when("recurringAmount")), Class: Currency},
		{Field: "recurringExponent", Need: all(when("recurringAmount")), Class: Digits, Max: 1},
		{Field: "recurringDate", Need: all(when("recurringInd.frequencyInd", "01")), Class: Date},
		{Field: "recurringFrequency", Need: all(when("recurringInd.frequencyInd", "01")), Class: Digits, Enum: frequencies},
		{Field: "recurringExpiry", Class: Date},
		{Field: "multiTransaction", Class: Object, Fields: multiTransactionRules},
		{Field: "sellerInfo", Class: Object, Many: 50, Fields: sellerRules},
		{Field: "transType", Class: Digits, Enum: []string{"01", "03", "10", "11", "28"}},

		{Field: "browserAcceptHeader", Need: all(browser), Class: Text, Max: 2048},
		{Field: "acceptLanguage", Need: all(browser), Class: Text, Max: 100, Many: 99},
		{Field: "browserIP", Class: IP, Max: 45},
		{Field: "browserJavascriptEnabled", Need: all(browser), Class: Boolean},
		{Field: "browserJavaEnabled", Need: all(browser, scripted), Class: Boolean},
		{Field: "browserLanguage", Need: all(browser, scripted), Class: Text, Max: 35},
		{Field: "browserColorDepth", Need: all(browser, scripted), Class: Digits, Enum: []string{"1-9", "01-99"}},
		{Field: "browserScreenHeight", Need: all(browser, scripted), Class: Digits, Max: 6},
		{Field: "browserScreenWidth", Need: all(browser, scripted), Class: Digits, Max: 6},
		{Field: "browserTZ", Need: all(browser, scripted), Class: Offset, Max: 5},
		{Field: "browserUserAgent", Need: all(browser), Class: Text, Max: 2048},
		{Field: "deviceId", Class: Text, Max: 64},
		{Field: "userId", Class: Text, Max: 64},

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
		{Field: "taxId", Class: Text, Max: 45},
	},

	"ARes": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "acsReferenceNumber", Need: required, Class: Text, Max: 32},
		{Field: "dsReferenceNumber", Need: required, Class: Text, Max: 32},
		{Field: "acsOperatorID", Class: Text, Max: 32},
		extensions(15),
		{Field: "transStatus", Need: all(paymentAsked), Class: Text, Enum: []string{"Y", "N", "U", "A", "C", "D", "R", "I", "S"}, Only: map[string][]Condition{
			"C": {unless("AReq.threeDSRequestorChallengeInd", "06"), unless("AReq.deviceChannel", "03")}, // data share only; no payer
			"D": {when("AReq.threeDSRequestorDecReqInd", "Y", "B")},
			"S": {when("AReq.threeDSRequestorSpcSupport", "Y")},
			"I": {when("AReq.threeDSRequestorChallengeInd", "05-07", reserved)},
		}},
		{Field: "transStatusReason", Need: all(paymentAsked, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-30", reserved}},
		{Field: "transStatusReasonInfo", Class: Text, Max: 256},
		{Field: "transChallengeExemption", Class: Digits, Enum: []string{"05", "08", "10", "11", "79", reserved}},
		{Field: "authenticationValue", Need: all(paymentAsked, when("transStatus", "Y", "A")), Class: Text, Max: 4000},
		{Field: "eci", Class: Text, Min: 2, Max: 2},
		{Field: "acsChallengeMandated", Need: all(when("transStatus", "C", "D")), Class: Text, Enum: yesNo},
		{Field: "authenticationMethod", Need: all(when("transStatus", "C", "D")), Class: Digits, Many: 99, Enum: []string{"01-16", reserved}},
		{Field: "acsURL", Need: all(when("transStatus", "C"), when("AReq.deviceChannel", "02")), Class: URL, Max: 2048},
		{Field: "acsDecConInd", Need: all(when("transStatus", "D")), Class: Text, Enum: yesNo, Only: map[string][]Condition{
			"Y": {when("AReq.threeDSRequestorDecReqInd", "Y", "B")},
			"N": {unless("transStatus", "D")},
		}},
		{Field: "cardholderInfo", Need: all(when("acsDecConInd", "Y")), Class: Object, Fields: cardholderInfoRules},
		{Field: "broadInfo", Class: Object, Max: 4096, Fields: broadcastRules},
		{Field: "cardSecurityCodeStatus", Need: all(when("cardSecurityCodeStatusSource")), Class: Text, Enum: []string{"Y", "N", "U"}},
		{Field: "cardSecurityCodeStatusSource", Need: all(when("cardSecurityCodeStatus")), Class: Digits, Enum: []string{"01-02", reserved}},
		{Field: "trustListStatus", Need: all(when("trustListStatusSource")), Class: Text, Enum: trust},
		{Field: "trustListStatusSource", Need: all(when("trustListStatus")), Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "deviceBindingStatus", Need: all(when("deviceBindingStatusSource")), Class: Digits, Enum: bindings},
		{Field: "deviceBindingStatusSource", Need: all(when("deviceBindingStatus")), Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "spcTransData", Need: all(when("transStatus", "S")), Class: Object, Fields: spcRules},
		{Field: "webAuthnCredList", Need: all(when("transStatus", "S")), Class: Object, Many: 10, Fields: credentialRules},
	},

	"CReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "challengeWindowSize", Need: required, Class: Digits, Enum: []string{"01-05"}},
		extensions(15),
	},

	"CRes": { // the last one: in between, ACS and browser talk HTML
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "transStatus", Need: all(paymentAsked), Class: Text, Enum: []string{"Y", "N", "D"}, Only: only(when("AReq.threeDSRequestorDecReqInd", "F", "B"), "D")},
		extensions(15),
	},

	"RReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "messageCategory", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
		extensions(15),
		{Field: "transStatus", Need: all(payments), Class: Text, Enum: []string{"Y", "N", "U", "A", "R"}}, // D only after an AReq of a kind that we never send
		{Field: "transStatusReason", Need: all(payments, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-30", reserved}},
		{Field: "transStatusReasonInfo", Class: Text, Max: 256},
		{Field: "authenticationMethod", Need: all(when("transStatus", "Y", "N")), Class: Digits, Many: 99, Enum: []string{"01-16", reserved}},
		{Field: "authenticationValue", Need: all(payments, when("transStatus", "Y", "A")), Class: Text, Max: 4000},
		{Field: "eci", Class: Text, Min: 2, Max: 2},
		{Field: "interactionCounter", Need: required, Class: Digits, Min: 2, Max: 2}, // the decoupled one has none; we never ask for it
		{Field: "challengeCancel", Need: all(timedOut), Class: Digits, Enum: []string{"01", "03-10", reserved}, Only: only(unless("transStatusReason", "14"), "01", "03", "06", "07", "08", "09", "10")},
		{Field: "challengeErrorReporting", Need: all(when("challengeCancel", "09", "10")), Class: Object, Fields: errorRules231},
		{Field: "cardholderInfo", Class: Object, Fields: cardholderInfoRules},
		{Field: "trustListStatus", Need: all(when("trustListStatusSource")), Class: Text, Enum: trust},
		{Field: "trustListStatusSource", Need: all(when("trustListStatus")), Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "deviceBindingStatus", Need: all(when("deviceBindingStatusSource")), Class: Digits, Enum: bindings},
		{Field: "deviceBindingStatusSource", Need: all(when("deviceBindingStatus")), Class: Digits, Enum: []string{"01-03", reserved}},
	},

	"RRes": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "resultsStatus", Need: required, Class: Digits, Enum: []string{"01-04", reserved}},
		extensions(15),
	},

	"PReq": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "threeDSServerRefNumber", Need: required, Class: Text, Max: 32},
		{Field: "threeDSServerOperatorID", Class: Text, Max: 32},
		{Field: "serialNum", Class: Text, Max: 20},
		{Field: "cardRangeDataDownloadInd", Class: Text, Enum: []string{"Y"}}, // of files, which we do not read
		extensions(15),
	},

	"PRes": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "dsProtocolVersions", Need: required, Class: Version, Max: 8, Many: 10},
		{Field: "readOrder", Need: required, Class: Digits, Enum: []string{"01-02", reserved}}, // 02: the last row first
		{Field: "serialNum", Class: Text, Max: 20},
		{Field: "cardRangeData", Need: anyOf(unless("PReq.serialNum"), when("cardRangeDataFileURL")), Class: Object, Many: 200000, Fields: rangeRules231},
		{Field: "cardRangeDataFileURL", Class: URL, Max: 2048}, // never asked for: what is only there would be lost
		{Field: "dsUrlList", Class: Object, Many: 99, Fields: directoryURLRules},
		extensions(15),
	},

	"Erro": errorRules231,
}

var errorRules231 = []Rule{
	{Field: "errorCode", Need: required, Class: Digits, Enum: []string{"101-103", "201-207", "301-315", "402-405"}},
	{Field: "errorComponent", Need: required, Class: Text, Enum: []string{"C", "S", "D", "A"}},
	{Field: "errorDescription", Need: required, Class: Text, Max: 2048},
	{Field: "errorDetail", Need: required, Class: Text, Max: 2048},
	// Said to be required; but of a message that cannot be read nobody knows the type, and ours has none then.
	{Field: "errorMessageType", Class: Text, Enum: append([]string{"OReq", "ORes"}, kinds...)},
	{Field: "threeDSServerTransID", Class: UUID},
	{Field: "dsTransID", Class: UUID},
	{Field: "acsTransID", Class: UUID},
}

// bindings are the values of deviceBindingStatus.
var bindings = []string{"01-05", "11-15", reserved}

// priced231: an amount belongs to every payment, and to what is done without one but for some.
var priced231 = Need{
	{payments},
	{storing, when("threeDSRequestorAuthenticationInd", "02", "03", "07", "08", "09")},
	{storing, when("threeRIInd", "01", "02", "06-09", "11", "15")},
}
