package threeds

import "strings"

// samples are messages of ours, each with what EMV 3DS 2.2 requires of it, written down a second time: by
// hand, from the tables of the specification, not from the table under test.
var samples = []struct {
	name, about, text string
	required          []string // besides messageType and messageVersion
}{
	{
		"ARes Y", sampleAReq, `{"messageType":"ARes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","acsOperatorID":"op","transStatus":"Y","eci":"05",
		"authenticationValue":"AAABBZEEBgAAAAAAAAQGAAAAAAA=","whiteListStatus":"Y","whiteListStatusSource":"03",
		"messageExtension":[{"name":"n","id":"A000000000-1","criticalityIndicator":false,"data":{"k":"v"}}]}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "transStatus", "authenticationValue", "whiteListStatus", "whiteListStatusSource"},
	},
	{
		"ARes C", sampleAReq, `{"messageType":"ARes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"C","acsChallengeMandated":"Y",
		"authenticationType":"02","acsURL":"https://acs.example/challenge"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "transStatus", "acsChallengeMandated", "authenticationType", "acsURL"},
	},
	{
		"ARes N", sampleAReq, `{"messageType":"ARes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"N","transStatusReason":"11","cardholderInfo":"Please call your bank."}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "transStatus", "transStatusReason"},
	},
	{
		"RReq Y", "", `{"messageType":"RReq","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"messageCategory":"01","transStatus":"Y","authenticationType":"02","authenticationValue":"AAABBZEEBgAAAAAAAAQGAAAAAAA=",
		"eci":"05","interactionCounter":"01"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory", "transStatus", "authenticationType", "authenticationValue", "interactionCounter"},
	},
	{
		"RReq N", "", `{"messageType":"RReq","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"messageCategory":"01","transStatus":"N","transStatusReason":"01","authenticationType":"02","challengeCancel":"01","interactionCounter":"00"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory", "transStatus", "transStatusReason", "authenticationType", "interactionCounter"},
	},
	{ // without a payment, an ARes may be as good as empty (table B.2, message category 02)
		"ARes of a stored card", sampleAddCard, `{"messageType":"ARes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"Y","eci":"N2"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber"},
	},
	{
		"ARes N of a stored card", sampleAddCard, `{"messageType":"ARes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"N","transStatusReason":"01","eci":"N0",
		"authenticationValue":"AAABBZEEBgAAAAAAAAQGAAAAAAA="}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber"},
	},
	{
		"ARes C of a stored card", sampleAddCard, `{"messageType":"ARes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"C","acsChallengeMandated":"N",
		"authenticationType":"02","acsURL":"https://acs.example/challenge"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "acsChallengeMandated", "authenticationType", "acsURL"},
	},
	{
		"RReq of a stored card", "", `{"messageType":"RReq","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"messageCategory":"02","transStatus":"Y","authenticationType":"02","eci":"05",
		"authenticationValue":"AAABBZEEBgAAAAAAAAQGAAAAAAA=","interactionCounter":"01"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory", "authenticationType", "interactionCounter"},
	},
	{
		"RReq N of a stored card", "", `{"messageType":"RReq","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"messageCategory":"02","transStatus":"N","transStatusReason":"01","authenticationType":"02","challengeCancel":"01","interactionCounter":"00"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory", "authenticationType", "interactionCounter"},
	},
	{
		"PRes", `{"messageType":"PReq","messageVersion":"2.2.0"}`, `{"messageType":"PRes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","dsStartProtocolVersion":"2.1.0","dsEndProtocolVersion":"2.2.0","serialNum":"7",
		"cardRangeData":[{"startRange":"4000000000000000","endRange":"4999999999999999","acsStartProtocolVersion":"2.1.0","acsEndProtocolVersion":"2.2.0","acsInfoInd":["01","02"]}]}`,
		[]string{"threeDSServerTransID", "dsTransID", "dsStartProtocolVersion", "dsEndProtocolVersion", "cardRangeData"},
	},
	{
		"PRes without changes", `{"messageType":"PReq","messageVersion":"2.2.0","serialNum":"7"}`, `{"messageType":"PRes","messageVersion":"2.2.0",
		"threeDSServerTransID":"11111111-1111-4111-8111-111111111111","dsTransID":"22222222-2222-4222-8222-222222222222",
		"dsStartProtocolVersion":"2.1.0","dsEndProtocolVersion":"2.2.0","serialNum":"7"}`,
		[]string{"threeDSServerTransID", "dsTransID", "dsStartProtocolVersion", "dsEndProtocolVersion"},
	},
	{
		"CRes", sampleAReq, `{"messageType":"CRes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"acsTransID":"33333333-3333-4333-8333-333333333333","transStatus":"Y"}`,
		[]string{"threeDSServerTransID", "acsTransID", "transStatus"},
	},
	{
		"RRes", "", `{"messageType":"RRes","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333","resultsStatus":"01"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "resultsStatus"},
	},
	{
		"Erro", "", `{"messageType":"Erro","messageVersion":"2.2.0","errorCode":"203","errorComponent":"D","errorDescription":"d","errorDetail":"mcc",
		"errorMessageType":"AReq","threeDSServerTransID":"11111111-1111-4111-8111-111111111111"}`,
		[]string{"errorCode", "errorComponent", "errorDescription", "errorDetail"},
	},
	{
		"AReq", "", sampleAReq,
		[]string{
			"threeDSServerTransID", "threeDSServerRefNumber", "threeDSServerURL", "deviceChannel", "messageCategory",
			"threeDSRequestorID", "threeDSRequestorName", "threeDSRequestorURL", "threeDSRequestorAuthenticationInd", "threeDSCompInd", "notificationURL",
			"acctNumber", "acquirerBIN", "acquirerMerchantID", "mcc", "merchantCountryCode", "merchantName",
			"purchaseAmount", "purchaseCurrency", "purchaseExponent", "purchaseDate",
			"browserAcceptHeader", "browserJavascriptEnabled", "browserJavaEnabled", "browserLanguage", "browserColorDepth",
			"browserScreenHeight", "browserScreenWidth", "browserTZ", "browserUserAgent",
		},
	},
	{
		"AReq of a stored card", "", sampleAddCard,
		[]string{
			"threeDSServerTransID", "threeDSServerRefNumber", "threeDSServerURL", "deviceChannel", "messageCategory",
			"threeDSRequestorID", "threeDSRequestorName", "threeDSRequestorURL", "threeDSRequestorAuthenticationInd", "threeDSCompInd", "notificationURL",
			"acctNumber", "browserAcceptHeader", "browserJavascriptEnabled", "browserJavaEnabled", "browserLanguage", "browserColorDepth",
			"browserScreenHeight", "browserScreenWidth", "browserTZ", "browserUserAgent", "billAddrCountry",
		},
	},
	{
		"AReq of an agreement", "", strings.Replace(sampleAReq, `"threeDSRequestorAuthenticationInd":"01"`,
			`"threeDSRequestorAuthenticationInd":"02","recurringExpiry":"20300131","recurringFrequency":"30"`, 1),
		[]string{
			"threeDSServerTransID", "threeDSServerRefNumber", "threeDSServerURL", "deviceChannel", "messageCategory",
			"threeDSRequestorID", "threeDSRequestorName", "threeDSRequestorURL", "threeDSRequestorAuthenticationInd", "threeDSCompInd", "notificationURL",
			"acctNumber", "acquirerBIN", "acquirerMerchantID", "mcc", "merchantCountryCode", "merchantName",
			"purchaseAmount", "purchaseCurrency", "purchaseExponent", "purchaseDate", "recurringExpiry", "recurringFrequency",
			"browserAcceptHeader", "browserJavascriptEnabled", "browserJavaEnabled", "browserLanguage", "browserColorDepth",
			"browserScreenHeight", "browserScreenWidth", "browserTZ", "browserUserAgent",
		},
	},
	{
		"ARes Y in 2.3.1", sampleAReq, `{"messageType":"ARes","messageVersion":"2.3.1","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"Y","eci":"05","transChallengeExemption":"79",
		"authenticationValue":"AAABBZEEBgAAAAAAAAQGAAAAAAA=","trustListStatus":"Y","trustListStatusSource":"03",
		"deviceBindingStatus":"11","deviceBindingStatusSource":"03","cardSecurityCodeStatus":"Y","cardSecurityCodeStatusSource":"02"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "transStatus", "authenticationValue",
			"trustListStatus", "trustListStatusSource", "deviceBindingStatus", "deviceBindingStatusSource", "cardSecurityCodeStatus", "cardSecurityCodeStatusSource"},
	},
	{
		"ARes C in 2.3.1", sampleAReq, `{"messageType":"ARes","messageVersion":"2.3.1","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"C","acsChallengeMandated":"N",
		"authenticationMethod":["02","04"],"acsURL":"https://acs.example/challenge"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "transStatus", "acsChallengeMandated", "authenticationMethod", "acsURL"},
	},
	{
		"ARes N in 2.3.1", sampleAReq, `{"messageType":"ARes","messageVersion":"2.3.1","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"acsReferenceNumber":"ACS-1","dsReferenceNumber":"DS-1","transStatus":"N","transStatusReason":"27","transStatusReasonInfo":"no such way",
		"cardholderInfo":{"text":"Please call your bank.","issuerImage":"https://acs.example/i.png"}}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "transStatus", "transStatusReason"},
	},
	{
		"RReq of an error in 2.3.1", "", `{"messageType":"RReq","messageVersion":"2.3.1","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"messageCategory":"01","transStatus":"N","transStatusReason":"22","authenticationMethod":["02"],"challengeCancel":"09","interactionCounter":"01",
		"challengeErrorReporting":{"messageType":"Erro","messageVersion":"2.3.1","errorCode":"203","errorComponent":"S","errorDescription":"d","errorDetail":"transStatus"}}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory", "transStatus", "transStatusReason", "authenticationMethod", "challengeErrorReporting", "interactionCounter"},
	},
	{
		"RReq of time that ran out", "", `{"messageType":"RReq","messageVersion":"2.2.0","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","acsTransID":"33333333-3333-4333-8333-333333333333",
		"messageCategory":"01","transStatus":"U","transStatusReason":"14","challengeCancel":"04","interactionCounter":"01"}`,
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory", "transStatus", "transStatusReason", "challengeCancel", "interactionCounter"},
	},
	{
		"PRes in 2.3.1", `{"messageType":"PReq","messageVersion":"2.3.1"}`, `{"messageType":"PRes","messageVersion":"2.3.1","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","dsProtocolVersions":["2.2.0","2.3.1"],"readOrder":"01","serialNum":"7",
		"cardRangeData":[{"ranges":[{"start":"4000000000000000","end":"4999999999999999"}],"acsProtocolVersions":[{"version":"2.3.1"}]}],
		"dsUrlList":[{"threeDSServerToDsUrl":"https://ds.example"}]}`,
		[]string{"threeDSServerTransID", "dsTransID", "dsProtocolVersions", "readOrder", "cardRangeData"},
	},
	{
		"PRes with a file", `{"messageType":"PReq","messageVersion":"2.3.1"}`, `{"messageType":"PRes","messageVersion":"2.3.1","threeDSServerTransID":"11111111-1111-4111-8111-111111111111",
		"dsTransID":"22222222-2222-4222-8222-222222222222","dsProtocolVersions":["2.3.1"],"readOrder":"01","serialNum":"7",
		"cardRangeData":[{"ranges":[{"start":"4000000000000000","end":"4999999999999999"}],"acsProtocolVersions":[{"version":"2.3.1"}]}],
		"cardRangeDataFileURL":"https://ds.example/ranges.json"}`,
		[]string{"threeDSServerTransID", "dsTransID", "dsProtocolVersions", "readOrder", "cardRangeData"},
	},
	{
		"AReq of an agreement in 2.3.1", "", strings.Replace(strings.NewReplacer(`"messageVersion":"2.2.0"`, `"messageVersion":"2.3.1"`,
			`"threeDSRequestorChallengeInd":"03"`, `"threeDSRequestorChallengeInd":["03","13"]`).Replace(sampleAReq), `"threeDSRequestorAuthenticationInd":"01"`,
			`"threeDSRequestorAuthenticationInd":"02","acceptLanguage":["id-ID","en"],"acquirerCountryCode":"360","acquirerCountryCodeSource":"01",
			"recurringInd":{"amountInd":"01","frequencyInd":"01"},"recurringAmount":"100","recurringCurrency":"360","recurringExponent":"2",
			"recurringDate":"20270101","recurringExpiry":"20300131","recurringFrequency":"30"`, 1),
		[]string{
			"threeDSServerTransID", "threeDSServerRefNumber", "threeDSServerURL", "deviceChannel", "messageCategory",
			"threeDSRequestorID", "threeDSRequestorName", "threeDSRequestorURL", "threeDSRequestorAuthenticationInd", "threeDSCompInd", "notificationURL",
			"acctNumber", "acquirerBIN", "acquirerMerchantID", "acquirerCountryCode", "acquirerCountryCodeSource", "mcc", "merchantCountryCode", "merchantName",
			"purchaseAmount", "purchaseCurrency", "purchaseExponent", "purchaseDate", "recurringInd", "recurringAmount", "recurringCurrency",
			"recurringExponent", "recurringDate", "recurringFrequency",
			"browserAcceptHeader", "acceptLanguage", "browserJavascriptEnabled", "browserJavaEnabled", "browserLanguage", "browserColorDepth",
			"browserScreenHeight", "browserScreenWidth", "browserTZ", "browserUserAgent",
		},
	},
}

const sampleAReq = `{"messageType":"AReq","messageVersion":"2.2.0","deviceChannel":"02","messageCategory":"01",
	"threeDSServerTransID":"11111111-1111-4111-8111-111111111111","threeDSServerRefNumber":"REF","threeDSServerOperatorID":"OP",
	"threeDSServerURL":"https://gateway.example/results","threeDSRequestorID":"R1","threeDSRequestorName":"Shop",
	"threeDSRequestorURL":"https://shop.example","threeDSRequestorAuthenticationInd":"01","threeDSRequestorChallengeInd":"03",
	"threeDSCompInd":"Y","notificationURL":"https://gateway.example/n","acctNumber":"4000000000001091","cardExpiryDate":"3012",
	"cardholderName":"SITI RAHAYU","acquirerBIN":"400551","acquirerMerchantID":"M1","mcc":"5411","merchantCountryCode":"360",
	"merchantName":"Shop","purchaseAmount":"10000000","purchaseCurrency":"360","purchaseExponent":"2","purchaseDate":"20261123081400",
	"transType":"01","browserAcceptHeader":"text/html","browserIP":"192.0.2.7","browserJavascriptEnabled":true,"browserJavaEnabled":false,
	"browserLanguage":"id-ID","browserColorDepth":"24","browserScreenHeight":"900","browserScreenWidth":"1440","browserTZ":"-420",
	"browserUserAgent":"Mozilla/5.0"}`

// sampleAddCard asks about a card that is stored: no purchase, and all that may be said of the cardholder.
const sampleAddCard = `{"messageType":"AReq","messageVersion":"2.2.0","deviceChannel":"02","messageCategory":"02",
	"threeDSServerTransID":"11111111-1111-4111-8111-111111111111","threeDSServerRefNumber":"REF","threeDSServerOperatorID":"OP",
	"threeDSServerURL":"https://gateway.example/results","threeDSRequestorID":"R1","threeDSRequestorName":"Shop",
	"threeDSRequestorURL":"https://shop.example","threeDSRequestorAuthenticationInd":"04","threeDSRequestorChallengeInd":"03",
	"threeDSCompInd":"Y","notificationURL":"https://gateway.example/n","acctNumber":"4000000000001091","cardExpiryDate":"3012",
	"cardholderName":"SITI RAHAYU","acquirerBIN":"400551","acquirerMerchantID":"M1","mcc":"5411","merchantCountryCode":"360",
	"merchantName":"Shop","browserAcceptHeader":"text/html","browserIP":"192.0.2.7","browserJavascriptEnabled":true,"browserJavaEnabled":false,
	"browserLanguage":"id-ID","browserColorDepth":"24","browserScreenHeight":"900","browserScreenWidth":"1440","browserTZ":"-420",
	"browserUserAgent":"Mozilla/5.0","email":"siti@example.com","mobilePhone":{"cc":"62","subscriber":"81234567890"},
	"billAddrLine1":"Jl. Sudirman 1","billAddrLine2":"Lantai 3","billAddrCity":"Jakarta","billAddrPostCode":"10220",
	"billAddrState":"JK","billAddrCountry":"360"}`
