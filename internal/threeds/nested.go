package threeds

// Rules of the objects within messages (EMV 3DS 2.2 table A.1 and §A.5 to A.7).

// colorDepths that browserColorDepth may have, in bits.
var colorDepths = []string{"1", "4", "8", "15", "16", "24", "32", "48"}

var extensionRules = []Rule{
	{Field: "name", Need: required, Class: Text, Max: 64},
	{Field: "id", Need: required, Class: Text, Max: 64},
	{Field: "criticalityIndicator", Need: required, Class: Boolean},
	{Field: "data", Need: required, Class: Free, Max: 8059},
}

var phoneRules = []Rule{
	{Field: "cc", Need: required, Class: Digits, Max: 3},
	{Field: "subscriber", Need: required, Class: Digits, Max: 15},
}

var rangeRules = []Rule{
	{Field: "startRange", Need: required, Class: Digits, Min: 13, Max: 19},
	{Field: "endRange", Need: required, Class: Digits, Min: 13, Max: 19},
	{Field: "actionInd", Class: Text, Enum: []string{"A", "D", "M"}},
	{Field: "acsStartProtocolVersion", Need: required, Class: Version, Max: 8},
	{Field: "acsEndProtocolVersion", Need: required, Class: Version, Max: 8},
	{Field: "dsStartProtocolVersion", Class: Version, Max: 8},
	{Field: "dsEndProtocolVersion", Class: Version, Max: 8},
	{Field: "acsInfoInd", Class: TextList, Enum: []string{"01-04", reserved}},
	{Field: "threeDSMethodURL", Class: URL, Max: 256},
}

var authenticationInfoRules = []Rule{
	{Field: "threeDSReqAuthMethod", Class: Digits, Enum: []string{"01-08", reserved}},
	{Field: "threeDSReqAuthTimestamp", Class: Minute},
	{Field: "threeDSReqAuthData", Class: Text, Max: 20000},
}

var priorAuthenticationRules = []Rule{
	{Field: "threeDSReqPriorAuthMethod", Class: Digits, Enum: []string{"01-04", reserved}},
	{Field: "threeDSReqPriorAuthTimestamp", Class: Minute},
	{Field: "threeDSReqPriorAuthData", Class: Text, Max: 2048},
	{Field: "threeDSReqPriorRef", Class: Text, Max: 36},
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

var riskRules = []Rule{
	{Field: "deliveryEmailAddress", Class: Email, Max: 254},
	{Field: "deliveryTimeframe", Class: Digits, Enum: []string{"01-04"}},
	{Field: "giftCardAmount", Class: Digits, Max: 15},
	{Field: "giftCardCount", Class: Digits, Min: 2, Max: 2},
	{Field: "giftCardCurr", Class: Digits, Min: 3, Max: 3},
	{Field: "preOrderDate", Class: Date},
	{Field: "preOrderPurchaseInd", Class: Digits, Enum: []string{"01-02"}},
	{Field: "reorderItemsInd", Class: Digits, Enum: []string{"01-02"}},
	{Field: "shipIndicator", Class: Digits, Enum: []string{"01-07"}},
}
