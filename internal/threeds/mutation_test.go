package threeds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

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
		[]string{"threeDSServerTransID", "dsTransID", "acsTransID", "acsReferenceNumber", "dsReferenceNumber", "transStatus", "authenticationValue", "whiteListStatusSource"},
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

// TestMutations changes each element of each sample in each way that could go wrong on a wire, and wants
// the error code of the rules or, where they allow it, the message.
func TestMutations(t *testing.T) {
	tried := 0
	for _, sample := range samples {
		var about Message
		if sample.about != "" {
			fields := map[string]any{}
			if err := json.Unmarshal([]byte(sample.about), &fields); err != nil {
				t.Fatal(err)
			}
			about = newMessage(fields["messageType"].(string), "2.2.0", fields)
		}
		kind, _, _ := strings.Cut(sample.name, " ")
		texts := []string{sample.text}
		if sample.name != "AReq of a stored card" && strings.HasSuffix(sample.name, "of a stored card") { // the same in 2.1.0
			texts = append(texts, strings.Replace(sample.text, `"2.2.0"`, `"2.1.0"`, 1))
		}
		for _, text := range texts {
			m := mustDecode(t, []byte(text), expected{types: []string{kind}, about: about})
			tried += mutate(t, sample.name+" in "+m.Version, m, about, sample.required)
		}
	}
	t.Logf("%d mutations tried", tried)
}

// mutate tries everything on each element. wanted lists what may not be missing; nil takes it from the table.
func mutate(t *testing.T, name string, m, about Message, wanted []string) (tried int) {
	t.Helper()
	want := expected{types: []string{m.Type}, about: about}
	try := func(field, how, code string, fields map[string]any, text []byte) {
		t.Helper()
		tried++
		if text == nil {
			var err error
			if text, err = (Message{fields: fields}).encode(); err != nil {
				t.Fatal(err)
			}
		}
		_, violation, err := decode(bytes.NewReader(text), want)
		switch {
		case err != nil:
			t.Errorf("%s, %s %s: %v", name, field, how, err)
		case code == "" && violation != nil:
			t.Errorf("%s, %s %s: refused with %v", name, field, how, violation)
		case code != "" && (violation == nil || violation.Code != code || !strings.Contains(violation.Detail, field) && code != invalidMessage && code != unspokenVersion):
			t.Errorf("%s, %s %s: got %v, want code %s about it", name, field, how, violation, code)
		}
	}
	with := func(field string, value any) map[string]any {
		fields := maps.Clone(m.fields)
		fields[field] = value
		return fields
	}
	without := func(field string) map[string]any {
		fields := maps.Clone(m.fields)
		delete(fields, field)
		return fields
	}

	rules := tables[m.Version][m.Type]
	for _, rule := range rules {
		value, there := m.fields[rule.Field]
		if !there {
			continue
		}
		gone, none := "", invalidFormat
		if wanted == nil && rule.Need.holds(without(rule.Field), about) || slices.Contains(wanted, rule.Field) {
			gone, none = missingElement, missingElement
		}
		try(rule.Field, "dropped", gone, without(rule.Field), nil)
		try(rule.Field, "empty", none, with(rule.Field, ""), nil)
		try(rule.Field, "null", none, with(rule.Field, nil), nil)
		try(rule.Field, "a number", invalidFormat, with(rule.Field, 1), nil)
		try(rule.Field, "an empty list", none, with(rule.Field, []any{}), nil)
		if rule.Class != Object || rule.Many > 0 {
			try(rule.Field, "an object", invalidFormat, with(rule.Field, map[string]any{}), nil)
		}
		if rule.Class != Boolean {
			try(rule.Field, "a boolean", invalidFormat, with(rule.Field, true), nil)
		}
		if text, ok := value.(string); ok {
			if rule.Max > 0 {
				long := text + strings.Repeat(text[len(text)-1:], rule.Max)
				try(rule.Field, "too long", invalidFormat, with(rule.Field, long), nil)
			}
			if rule.Class != Text && rule.Class != Name || rule.Enum != nil {
				try(rule.Field, "of another class", invalidFormat, with(rule.Field, "%%"), nil)
			}
			if rule.Enum != nil && !slices.Contains(rule.Enum, "00-99") {
				try(rule.Field, "not in the list", invalidFormat, with(rule.Field, "0"), nil)
			}
			if rule.Class == Text && rule.Enum == nil && rule.Max > 0 {
				full := strings.Repeat("é", rule.Max) // characters, not bytes
				try(rule.Field, "as long as may be", "", with(rule.Field, full), nil)
			}
		}
		try(rule.Field, "twice", duplicateElement, nil, twice(t, m, rule.Field))
	}

	envelope := map[string][4]string{ // dropped, empty, a number, unknown
		"messageType":    {missingElement, missingElement, invalidMessage, invalidMessage},
		"messageVersion": {missingElement, missingElement, invalidFormat, unspokenVersion},
	}
	if m.Type == "Erro" { // read in any version
		delete(envelope, "messageVersion")
	}
	for field, codes := range envelope {
		try(field, "dropped", codes[0], without(field), nil)
		try(field, "empty", codes[1], with(field, ""), nil)
		try(field, "a number", codes[2], with(field, 1), nil)
		try(field, "unknown", codes[3], with(field, "9.9.9"), nil)
		try(field, "twice", duplicateElement, nil, twice(t, m, field))
	}
	try("", "with an element that nobody knows", "", with("unheardOf", "x"), nil)
	extension := map[string]any{"name": "n", "id": "A000000000-9", "criticalityIndicator": true, "data": map[string]any{"k": "v"}}
	if slices.ContainsFunc(rules, func(r Rule) bool { return r.Field == "messageExtension" }) {
		try("A000000000-9", "critical", criticalUnknown, with("messageExtension", []any{extension}), nil)
		extension = maps.Clone(extension)
		extension["criticalityIndicator"] = false
		try("messageExtension", "eleven", invalidFormat, with("messageExtension", slices.Repeat([]any{extension}, 11)), nil)
		delete(extension, "name")
		try("messageExtension.name", "missing", missingElement, with("messageExtension", []any{extension}), nil)
	}
	return tried
}

// twice writes a message with one element repeated.
func twice(t *testing.T, m Message, field string) []byte {
	t.Helper()
	text, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(m.fields[field])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, `{%q:%s,%s`, field, value, text[1:])
}

func TestDecode(t *testing.T) {
	tests := []struct {
		name, text, code string
	}{
		{"nothing", ``, invalidMessage},
		{"not JSON", `<html>`, invalidMessage},
		{"a list", `[]`, invalidMessage},
		{"cut off", `{"messageType":"RReq"`, invalidMessage},
		{"two messages", `{} {}`, invalidMessage},
		{"too deep", `{"messageType":"RReq","messageVersion":"2.2.0","a":` + strings.Repeat(`[`, 30) + strings.Repeat(`]`, 30) + `}`, invalidMessage},
		{"a message for others", `{"messageType":"AReq","messageVersion":"2.2.0"}`, invalidMessage},
		{"a version of tomorrow", `{"messageType":"RReq","messageVersion":"2.4.0"}`, unspokenVersion},
		{"twice, deep down", `{"messageType":"RReq","messageVersion":"2.2.0","x":{"y":[{"z":1,"z":2}]}}`, duplicateElement},
		{"twice, by another spelling", `{"messageType":"RReq","messageVersion":"2.2.0","a":1,"\u0061":2}`, duplicateElement},
		{"capitals are another element", `{"messagetype":"RReq","messageVersion":"2.2.0"}`, missingElement},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, violation, err := decode(strings.NewReader(test.text), expected{types: []string{"RReq"}})
			if err != nil || violation == nil || violation.Code != test.code {
				t.Fatalf("got %v, %v, want %s", violation, err, test.code)
			}
			answer := violation.message()
			if err := answer.ours(); err != nil {
				t.Errorf("the Erro breaks the rules itself: %v", err)
			}
		})
	}
}

// TestStatusAllowed: some values of transStatus are an answer only to a question that was asked.
func TestStatusAllowed(t *testing.T) {
	var ares map[string]any
	if err := json.Unmarshal([]byte(samples[0].text), &ares); err != nil {
		t.Fatal(err)
	}
	maps.Copy(ares, map[string]any{
		"acsURL": "https://acs.example", "acsChallengeMandated": "N", "authenticationType": "02",
		"cardholderInfo": "x", "transStatusReason": "01",
	})
	for _, test := range []struct {
		challenge, status string
		allowed           bool
	}{
		{"04", "Y", true}, {"04", "A", true}, {"04", "N", true}, {"04", "U", true}, {"04", "R", true}, {"04", "C", true},
		{"04", "D", false}, {"04", "I", false}, {"", "I", false}, {"04", "S", false},
		{"05", "I", true}, {"06", "I", true}, {"07", "I", true}, {"82", "I", true}, {"08", "I", false},
		{"06", "C", false}, {"05", "C", true},
	} {
		asked := map[string]any{"deviceChannel": "02", "messageCategory": "01"}
		put(asked, "threeDSRequestorChallengeInd", test.challenge)
		ares["transStatus"] = test.status
		text, err := json.Marshal(ares)
		if err != nil {
			t.Fatal(err)
		}
		_, violation, err := decode(bytes.NewReader(text), expected{types: []string{"ARes"}, about: newMessage("AReq", "2.2.0", asked)})
		if err != nil || (violation == nil) != test.allowed {
			t.Errorf("%s to challengeInd %q: %v, %v", test.status, test.challenge, violation, err)
		}
	}
}

// TestPrintable: what could be a card number is not repeated, however its digits are grouped.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"acctNumber":        "acctNumber",
		"A000000003-1":      "A000000003-1",
		"x" + testPAN + "y": "x#y",
		"card " + testPAN[:4] + " " + testPAN[4:8] + "-" + testPAN[8:12] + " / " + testPAN[12:] + "!": "card #!",
		"\x1b[2J\u00e9": "[2J",
	} {
		if got := printable(text, 64); got != want {
			t.Errorf("%d characters became %q, want %q", len(text), got, want)
		}
	}
}
