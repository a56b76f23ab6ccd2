package simulator

import "slices"

// versions that this world speaks, oldest first.
var versions = []string{"2.1.0", "2.2.0", "2.3.1"}

// areqTables are the elements of an AReq in the browser channel, by version and category (EMV 3DS 2.1, 2.2 and 2.3.1,
// table B.1): 01 is a payment, 02 a card that is added, maintained or looked at. Who adds a card buys nothing; of the
// merchant, Visa wants to know all the same, and of his acquirer's country everybody.
var areqTables = func() map[string]map[string][]rule {
	tables := map[string]map[string][]rule{}
	for _, version := range versions {
		payer := slices.Concat(payerRules, versionRules(version))
		tables[version] = map[string][]rule{
			"01": slices.Concat(payer, merchantRules(always), purchaseRules, recurringRules(version), []rule{
				{"threeDSRequestorAuthenticationInd", always, fromTo("0106", "8099")},
			}),
			"02": slices.Concat(payer, merchantRules(isVisa), []rule{
				{"threeDSRequestorAuthenticationInd", always, fromTo("0406", "8099")},
			}),
		}
	}
	return tables
}()

// areqRules are those of the version and the category that an AReq names.
func areqRules(o object) []rule {
	version, category := o.text("messageVersion"), "01"
	if withoutPayment(o) {
		category = "02"
	}
	if !slices.Contains(versions, version) {
		version = versions[1]
	}
	return areqTables[version][category]
}

func withoutPayment(o object) bool { return o.text("messageCategory") == "02" }

// purchaseRules are what is paid.
var purchaseRules = []rule{
	{"purchaseAmount", always, plainNumber(48)},
	{"purchaseCurrency", always, number(3, 3)},
	{"purchaseExponent", always, number(1, 1)},
	{"purchaseDate", always, when("20060102150405")},
	{"transType", isVisa, oneOf("01", "03", "10", "11", "28")},
	{"purchaseInstalData", authenticationInd("03"), number(1, 3)},
}

// recurringRules are what a first payment of many says of the others. Until 2.2.0 its dates were always needed; 2.3.1
// wants to know whether amount and interval are fixed, and only then how much and how often.
func recurringRules(version string) []rule {
	if version != newest {
		return []rule{
			{"recurringExpiry", authenticationInd("02", "03"), when("20060102")},
			{"recurringFrequency", authenticationInd("02", "03"), number(1, 4)},
		}
	}
	fixed := func(what string) func(object) bool {
		return func(o object) bool {
			ind, _ := o["recurringInd"].(object)
			return ind.text(what) == "01"
		}
	}
	return []rule{
		{"recurringInd", authenticationInd("02", "03"), fixity},
		{"recurringExpiry", nil, when("20060102")},
		{"recurringFrequency", fixed("frequencyInd"), number(1, 4)},
		{"recurringAmount", fixed("amountInd"), plainNumber(48)},
		{"recurringCurrency", given("recurringAmount"), number(3, 3)},
		{"recurringExponent", given("recurringAmount"), number(1, 1)},
		{"recurringDate", fixed("frequencyInd"), when("20060102")},
	}
}

// fixity is recurringInd: whether amount and interval are fixed (01) or vary (02).
func fixity(v any) bool {
	o, ok := v.(object)
	known := fromTo("0102")
	return ok && len(o) == 2 && known(o["amountInd"]) && known(o["frequencyInd"])
}

// versionRules are the elements that have another name, another shape or another need in some version.
func versionRules(version string) []rule {
	scripts := rule{"browserJavascriptEnabled", always, boolean}
	challengeInd := fromTo("0109", "8099")
	switch version {
	case newest:
		return []rule{
			scripts,
			{"browserLanguage", scripted, shaped(languageShape)},
			{"acceptLanguage", always, listOf(shaped(rangeShape))},
			{"acquirerCountryCode", always, number(3, 3)},
			{"acquirerCountryCodeSource", always, fromTo("0102", "8099")},
			{"threeDSRequestorChallengeInd", nil, listOf(fromTo("0115", "8099"))},
			{"threeDSRequestorAuthenticationInfo", nil, listOf(nested)},
			{"threeDSRequestorPriorAuthenticationInfo", nil, listOf(nested)},
			{"trustListStatus", nil, oneOf("Y", "N")},
			{"trustListStatusSource", given("trustListStatus"), fromTo("0103", "8099")},
			{"threeDSMethodId", nil, shaped(uuidShape)},
			{"cardholderName", nil, text(1, 45)}, // no longer in ASCII alone
			{"deviceId", nil, text(1, 64)},
			{"userId", nil, text(1, 64)},
			{"taxId", nil, text(1, 45)},
		}
	case "2.1.0":
		scripts.must, challengeInd = nil, fromTo("0104", "8099")
	}
	return []rule{
		scripts,
		{"browserLanguage", always, shaped(languageShape)},
		{"cardholderName", nil, ascii(2, 45)},
		{"threeDSRequestorChallengeInd", nil, challengeInd},
		{"threeDSRequestorAuthenticationInfo", nil, nested},
		{"threeDSRequestorPriorAuthenticationInfo", nil, nested},
		{"threeDSReqAuthMethodInd", nil, fromTo("0103", "8099")},
		{"whiteListStatus", nil, oneOf("Y", "N", "E", "P", "R", "U")},
		{"whiteListStatusSource", nil, fromTo("0103", "8099")},
	}
}

// newest is the version that has other names and shapes than those before it.
const newest = "2.3.1"

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
	{"acctType", nil, fromTo("0103", "8099")},
	{"acctID", nil, text(1, 64)},
	{"payTokenInd", nil, boolean},
	{"payTokenSource", nil, fromTo("0102")},

	{"browserAcceptHeader", always, text(1, 2048)},
	{"browserUserAgent", always, text(1, 2048)},
	{"browserIP", always, ip},
	{"browserJavaEnabled", scripted, boolean},
	{"browserColorDepth", scripted, oneOf("1", "4", "8", "15", "16", "24", "32", "48")},
	{"browserScreenHeight", scripted, number(1, 6)},
	{"browserScreenWidth", scripted, number(1, 6)},
	{"browserTZ", scripted, shaped(offsetShape)},

	{"threeDSRequestorDecReqInd", nil, oneOf("N")}, // decoupled authentication is not offered here
	{"acctInfo", nil, nested},
	{"merchantRiskIndicator", nil, nested},
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

func given(name string) func(object) bool {
	return func(o object) bool { _, there := o[name]; return there }
}

// scripted: 2.1.0 wants what scripts know always, later versions where the browser runs scripts.
func scripted(o object) bool {
	return o.text("messageVersion") == "2.1.0" || o["browserJavascriptEnabled"] == true
}

// mandated tells that a challenge is asked for, whatever the bank thinks of it (threeDSRequestorChallengeInd 04).
func mandated(o object) bool {
	list, _ := o["threeDSRequestorChallengeInd"].([]any)
	return o.text("threeDSRequestorChallengeInd") == "04" || slices.Contains(list, any("04"))
}

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
	if _, issued := rangeOf(o.text("acctNumber")); !issued {
		return &erro{"305", "transaction data not valid", "acctNumber"}
	}
	if !slices.Contains(enrolmentOf(o.text("acctNumber")).speaks, o.text("messageVersion")) {
		return &erro{"102", "message version not supported", "messageVersion"}
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
