package threeds

// Rules of the objects within messages (EMV 3DS table A.1 and what it refers to), the same in all versions where
// their names say no version.

// extensions are the rule of messageExtension, of which a version allows so many.
func extensions(many int) Rule {
	return Rule{Field: "messageExtension", Class: Object, Many: many, Total: 81920, Fields: extensionRules}
}

var extensionRules = []Rule{
	{Field: "name", Need: required, Class: Text, Max: 64},
	{Field: "id", Need: required, Class: Text, Max: 64},
	{Field: "criticalityIndicator", Need: required, Class: Boolean},
	{Field: "data", Need: required, Class: Object, Max: 8059},
}

var phoneRules = []Rule{
	{Field: "cc", Need: required, Class: Digits, Max: 3},
	{Field: "subscriber", Need: required, Class: Digits, Max: 15},
}

// Rows of cardRangeData.

var rangeRules = []Rule{
	{Field: "startRange", Need: required, Class: Digits, Min: 13, Max: 19},
	{Field: "endRange", Need: required, Class: Digits, Min: 13, Max: 19},
	{Field: "actionInd", Class: Text, Enum: actions},
	{Field: "acsStartProtocolVersion", Need: required, Class: Version, Max: 8},
	{Field: "acsEndProtocolVersion", Need: required, Class: Version, Max: 8},
	{Field: "dsStartProtocolVersion", Class: Version, Max: 8},
	{Field: "dsEndProtocolVersion", Class: Version, Max: 8},
	{Field: "acsInfoInd", Class: Digits, Many: unbounded, Enum: []string{"01-04", reserved}},
	{Field: "threeDSMethodURL", Class: URL, Max: 256},
}

// rangeRules231: one row is about several spans of numbers, and says each version of the ACS with its own Method
// (EMV 3DS 2.3.1 table A.6).
var rangeRules231 = []Rule{
	{Field: "ranges", Need: required, Class: Object, Many: 5000, Fields: []Rule{
		{Field: "start", Need: required, Class: Digits, Min: 13, Max: 19},
		{Field: "end", Need: required, Class: Digits, Min: 13, Max: 19},
	}},
	{Field: "actionInd", Class: Text, Enum: actions},
	{Field: "issuerCountryCode", Class: Country},
	{Field: "dsProtocolVersions", Class: Version, Max: 8, Many: 10},
	{Field: "acsProtocolVersions", Need: required, Class: Object, Many: 10, Fields: []Rule{
		{Field: "version", Need: required, Class: Version, Max: 8},
		{Field: "acsInfoInd", Class: Digits, Many: 99, Enum: []string{"01-11", reserved}},
		{Field: "threeDSMethodURL", Class: URL, Max: 2048},
		{Field: "supportedMsgExt", Class: Object, Many: 15, Fields: []Rule{
			{Field: "id", Need: required, Class: Text, Max: 14},
			{Field: "version", Need: required, Class: Text, Max: 3},
		}},
	}},
}

var actions = []string{"A", "D", "M"}

// directoryURLRules: other addresses of the directory server, for cards of some countries (table A.7).
var directoryURLRules = []Rule{
	{Field: "threeDSServerToDsUrl", Need: required, Class: URL, Max: 2048},
	{Field: "dsCountryCode", Class: Country},
}

// What a merchant may tell of how it knows the cardholder.

// authenticationInfoRules of a version that has so many methods.
func authenticationInfoRules(methods string) []Rule {
	return []Rule{
		{Field: "threeDSReqAuthMethod", Class: Digits, Enum: []string{methods, reserved}},
		{Field: "threeDSReqAuthTimestamp", Class: Minute},
		{Field: "threeDSReqAuthData", Class: Text, Max: 20000},
	}
}

var authenticationInfoRules231 = []Rule{
	{Field: "threeDSReqAuthMethod", Class: Digits, Enum: []string{"01-10", reserved}},
	{Field: "threeDSReqAuthTimestamp", Class: Minute},
	{Field: "threeDSReqAuthData", Class: TextOrObject, Max: 50000},
	{Field: "dsAuthInfVerifInd", Class: Digits, Enum: []string{"01-03", reserved}},
}

var priorAuthenticationRules = []Rule{
	{Field: "threeDSReqPriorAuthMethod", Class: Digits, Enum: []string{"01-04", reserved}},
	{Field: "threeDSReqPriorAuthTimestamp", Class: Minute},
	{Field: "threeDSReqPriorAuthData", Class: Text, Max: 2048},
	{Field: "threeDSReqPriorRef", Class: Text, Max: 36},
}

var priorAuthenticationRules231 = []Rule{
	{Field: "threeDSReqPriorAuthMethod", Class: Digits, Enum: []string{"01-05", reserved}},
	{Field: "threeDSReqPriorAuthTimestamp", Class: Minute},
	{Field: "threeDSReqPriorAuthData", Class: Text, Max: 20000},
	{Field: "threeDSReqPriorRef", Class: Text, Min: 36, Max: 36},
	{Field: "threeDSReqPriorDsTransId", Class: Text, Min: 36, Max: 36},
}

var accountInfoRules = []Rule{
	{Field: "chAccAgeInd", Class: Digits, Enum: []string{"01-05"}},
	{Field: "chAccDate", Class: Date},
	{Field: "chAccChangeInd", Class: Digits, Enum: []string{"01-04"}},
	{Field: "chAccChange", Class: Date},
	{Field: "chAccPwChangeInd", Class: Digits, Enum: []string{"01-05"}},
	{Field: "chAccPwChange", Class: Date},
	{Field: "shipAddressUsageInd", Class: Digits, Enum: []string{"01-04"}},
	{Field: "shipAddressUsage", Class: Date},
	{Field: "txnActivityDay", Class: Digits, Max: 3},
	{Field: "txnActivityYear", Class: Digits, Max: 3},
	{Field: "provisionAttemptsDay", Class: Digits, Max: 3},
	{Field: "nbPurchaseAccount", Class: Digits, Max: 4},
	{Field: "suspiciousAccActivity", Class: Digits, Enum: []string{"01-02"}},
	{Field: "shipNameIndicator", Class: Digits, Enum: []string{"01-02"}},
	{Field: "paymentAccInd", Class: Digits, Enum: []string{"01-05"}},
	{Field: "paymentAccAge", Class: Date},
}

var accountInfoRules231 = append(accountInfoRules[:len(accountInfoRules):len(accountInfoRules)],
	Rule{Field: "chAccReqID", Class: Text, Max: 64})

// riskRules of a version that has so many ways to ship.
func riskRules(ways string) []Rule {
	return []Rule{
		{Field: "deliveryEmailAddress", Class: Email, Max: 254},
		{Field: "deliveryTimeframe", Class: Digits, Enum: []string{"01-04"}},
		{Field: "giftCardAmount", Class: Digits, Max: 15},
		{Field: "giftCardCount", Class: Digits, Min: 2, Max: 2},
		{Field: "giftCardCurr", Class: Currency},
		{Field: "preOrderDate", Class: Date},
		{Field: "preOrderPurchaseInd", Class: Digits, Enum: []string{"01-02"}},
		{Field: "reorderItemsInd", Class: Digits, Enum: []string{"01-02"}},
		{Field: "shipIndicator", Class: Digits, Enum: []string{ways}},
	}
}

var riskRules231 = append(riskRules("01-09"), Rule{Field: "transChar", Class: Digits, Many: 2, Enum: []string{"01-02"}})

// What is new in 2.3.1.

var broadcastRules = []Rule{
	{Field: "category", Need: required, Class: Digits, Enum: []string{"01-06", reserved}},
	{Field: "description", Class: Text, Max: 4000},
	{Field: "expDate", Class: Date},
	{Field: "severity", Need: required, Class: Digits, Enum: []string{"01-04"}},
	{Field: "recipients", Need: required, Class: Digits, Many: 3, Enum: []string{"01-04"}},
	{Field: "source", Need: required, Class: Digits, Enum: []string{"01-03"}},
}

var cardholderInfoRules = []Rule{
	{Field: "text", Need: required, Class: Text, Max: 128},
	{Field: "issuerImage", Class: URL, Max: 256},
	{Field: "paymentSystemImage", Class: URL, Max: 256},
}

var recurringRules = []Rule{
	{Field: "amountInd", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
	{Field: "frequencyInd", Need: required, Class: Digits, Enum: []string{"01-02", reserved}},
}

var tokenInfoRules = []Rule{
	{Field: "token", Class: Digits, Min: 13, Max: 19},
	{Field: "tokenAdditionalData", Class: Object, Max: 500},
	{Field: "tokenAssuranceMethod", Class: Text, Min: 2, Max: 2},
	{Field: "tokenRequestorId", Class: Text, Min: 11, Max: 11},
	{Field: "tokenCryptogram", Class: Text, Max: 4000},
	{Field: "tokenCryptogramValidityIndicator", Class: Digits, Enum: []string{"01-03", reserved}},
	{Field: "tokenStatusIndicator", Class: Text, Max: 40},
}

var multiTransactionRules = []Rule{
	{Field: "merchantList", Need: required, Class: Object, Many: 50, Fields: []Rule{
		{Field: "merchantNameListed", Need: required, Class: Text, Max: 40},
		{Field: "acquirerMerchantIdListed", Class: Text, Max: 15},
		{Field: "merchantAmount", Class: Digits, Max: 48},
		{Field: "merchantCurrency", Need: all(when("merchantAmount")), Class: Currency},
		{Field: "merchantExponent", Need: all(when("merchantAmount")), Class: Digits, Max: 1},
		{Field: "sellerId", Class: Text, Max: 50},
	}},
	{Field: "avValidityTime", Class: Digits, Max: 3},
	{Field: "avNumberUse", Class: Digits, Max: 2},
}

var sellerRules = []Rule{
	{Field: "sellerName", Need: required, Class: Text, Max: 100},
	{Field: "sellerId", Class: Text, Max: 50},
	{Field: "sellerBusinessName", Class: Text, Max: 100},
	{Field: "sellerAccDate", Class: Date},
	{Field: "sellerAddrLine1", Class: Text, Max: 50},
	{Field: "sellerAddrLine2", Class: Text, Max: 50},
	{Field: "sellerAddrLine3", Class: Text, Max: 50},
	{Field: "sellerAddrCity", Class: Text, Max: 50},
	{Field: "sellerAddrState", Class: Text, Max: 3},
	{Field: "sellerAddrPostCode", Class: Text, Max: 16},
	{Field: "sellerAddrCountry", Class: Country},
	{Field: "sellerEmail", Class: Email, Max: 254},
	{Field: "sellerPhone", Class: Object, Fields: phoneRules},
}

// SPC is Secure Payment Confirmation, a challenge by the browser itself, which we never offer.

var spcRules = []Rule{
	{Field: "challenge", Need: required, Class: Base64URL, Min: 43, Max: 100},
	{Field: "challengeInfoText", Class: Text, Max: 350},
	{Field: "currency", Need: required, Class: Text, Min: 3, Max: 3},
	{Field: "displayName", Need: required, Class: Text, Max: 40},
	{Field: "icon", Need: required, Class: Text, Max: 4096},
	{Field: "issuerImageSpc", Class: Object, Max: 90000},
	{Field: "payeeName", Need: all(unless("payeeOrigin")), Class: Text, Max: 40},
	{Field: "payeeOrigin", Need: all(unless("payeeName")), Class: URL, Max: 2048},
	{Field: "psImageSpc", Class: Object, Max: 90000},
	{Field: "timeout", Need: required, Class: Digits, Enum: []string{"60000-99999", "100000-500000"}},
	{Field: "value", Need: required, Class: Text, Max: 40},
	{Field: "extInd", Class: Text, Enum: []string{"Y"}},
	{Field: "additionalData", Class: Object, Max: 90000},
}

var credentialRules = []Rule{
	{Field: "rpID", Class: Text, Max: 2048},
	{Field: "credentialIds", Class: Base64URL, Min: 16, Max: 1000},
}
