package threeds

// table210 holds the rules of EMV 3DS 2.1.0, message by message (tables B.1 to B.10, and A.1 for the form).
var table210 = Table{
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
		{Field: "threeDSRequestorAuthenticationInd", Need: all(when("deviceChannel", "01", "02")), Class: Digits, Enum: []string{"01-06", reserved}},
		{Field: "threeDSRequestorAuthenticationInfo", Class: Object, Fields: authenticationInfoRules("01-06")},
		{Field: "threeDSRequestorPriorAuthenticationInfo", Class: Object, Fields: priorAuthenticationRules},
		{Field: "threeDSRequestorChallengeInd", Class: Digits, Enum: []string{"01-04", reserved}},
		{Field: "threeDSCompInd", Need: all(browser), Class: Text, Enum: []string{"Y", "N", "U"}},
		{Field: "threeRIInd", Need: all(when("deviceChannel", "03")), Class: Digits, Enum: []string{"01-05", reserved}},
		{Field: "notificationURL", Need: all(browser), Class: URL, Max: 256},

		{Field: "acctNumber", Need: required, Class: Digits, Min: 13, Max: 19},
		{Field: "acctType", Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "acctID", Class: Text, Max: 64},
		{Field: "acctInfo", Class: Object, Fields: accountInfoRules},
		{Field: "cardExpiryDate", Class: YearMon},
		{Field: "cardholderName", Class: Name, Min: 2, Max: 45},
		{Field: "payTokenInd", Class: Boolean, Enum: []string{"true"}},

		{Field: "acquirerBIN", Need: all(payments), Class: Text, Max: 11},
		{Field: "acquirerMerchantID", Need: all(payments), Class: Text, Max: 35},
		{Field: "mcc", Need: all(payments), Class: Text, Min: 4, Max: 4},
		{Field: "merchantCountryCode", Need: all(payments), Class: Country},
		{Field: "merchantName", Need: all(payments), Class: Text, Max: 40},
		{Field: "merchantRiskIndicator", Class: Object, Fields: riskRules("01-07")},

		{Field: "purchaseAmount", Need: priced210, Class: Digits, Max: 48},
		{Field: "purchaseCurrency", Need: priced210, Class: Currency},
		{Field: "purchaseExponent", Need: priced210, Class: Digits, Max: 1},
		{Field: "purchaseDate", Need: priced210, Class: Second},
		{Field: "purchaseInstalData", Need: all(when("threeDSRequestorAuthenticationInd", "03")), Class: Digits, Enum: instalments},
		{Field: "recurringExpiry", Need: repeating210, Class: Date},
		{Field: "recurringFrequency", Need: repeating210, Class: Digits, Enum: frequencies},
		{Field: "transType", Class: Digits, Enum: []string{"01", "03", "10", "11", "28"}},

		{Field: "browserAcceptHeader", Need: all(browser), Class: Text, Max: 2048},
		{Field: "browserIP", Class: IP, Max: 45},
		{Field: "browserJavaEnabled", Need: all(browser), Class: Boolean},
		{Field: "browserLanguage", Need: all(browser), Class: Text, Max: 8},
		{Field: "browserColorDepth", Need: all(browser), Class: Digits, Enum: colorDepths},
		{Field: "browserScreenHeight", Need: all(browser), Class: Digits, Max: 6},
		{Field: "browserScreenWidth", Need: all(browser), Class: Digits, Max: 6},
		{Field: "browserTZ", Need: all(browser), Class: Offset, Max: 5},
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
		{Field: "transStatus", Need: all(paymentAsked), Class: Text, Enum: []string{"Y", "N", "U", "A", "C", "R"}, Only: only(unless("AReq.deviceChannel", "03"), "C")},
		{Field: "transStatusReason", Need: all(paymentAsked, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-21", reserved}},
		{Field: "authenticationValue", Need: all(paymentAsked, when("transStatus", "Y", "A")), Class: Proof, Min: 28, Max: 28},
		{Field: "eci", Class: Text, Min: 2, Max: 2},
		{Field: "acsChallengeMandated", Need: all(when("transStatus", "C")), Class: Text, Enum: yesNo},
		{Field: "authenticationType", Need: all(when("transStatus", "C")), Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "acsURL", Need: all(when("transStatus", "C"), when("AReq.deviceChannel", "02")), Class: URL, Max: 2048},
		{Field: "cardholderInfo", Class: Text, Max: 128},
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
		{Field: "transStatusReason", Need: all(payments, when("transStatus", "N", "U", "R")), Class: Digits, Enum: []string{"01-21", reserved}},
		{Field: "authenticationType", Need: all(when("transStatus", "Y", "N")), Class: Digits, Enum: []string{"01-03", reserved}},
		{Field: "authenticationMethod", Class: Digits, Enum: []string{"01-10", reserved}},
		{Field: "authenticationValue", Need: all(payments, when("transStatus", "Y", "A")), Class: Proof, Min: 28, Max: 28},
		{Field: "eci", Class: Text, Min: 2, Max: 2},
		{Field: "interactionCounter", Need: required, Class: Digits, Min: 2, Max: 2},
		{Field: "challengeCancel", Need: all(timedOut), Class: Digits, Enum: []string{"01", "04-08", reserved}, Only: only(unless("transStatusReason", "14"), "01", "06", "07", "08")},
	},

	"RRes": {
		{Field: "threeDSServerTransID", Need: required, Class: UUID},
		{Field: "dsTransID", Need: required, Class: UUID},
		{Field: "acsTransID", Need: required, Class: UUID},
		{Field: "resultsStatus", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
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

var repeating210 = all(when("threeDSRequestorAuthenticationInd", "02", "03")) // recurring, instalment

// priced210: an amount belongs to every payment, and to the first of a series that is set up without one.
var priced210 = Need{{payments}, {storing, when("threeDSRequestorAuthenticationInd", "02", "03")}}
