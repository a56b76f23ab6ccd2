package threeds

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// written are the elements of what we receive, and some of what we send, as people read the specifications: by message,
// one line for an element and in it a cell for 2.1.0, 2.2.0 and 2.3.1. A cell is R (required), C (on a condition) or O
// (optional), the class, the bounds of the length, xN for a list, and the values in braces; = is as in the version before,
// and - none. The tables are compared with it, since what is made from them cannot tell that they are wrong.
var written = map[string]string{
	"ARes": `
threeDSServerTransID | R uuid | = | =
dsTransID | R uuid | = | =
acsTransID | R uuid | = | =
acsReferenceNumber | R text 32 | = | =
dsReferenceNumber | R text 32 | = | =
acsOperatorID | O text 32 | = | =
messageExtension | O object x10 | = | O object x15
transStatus | C text {Y N U A C R} | C text {Y N U A C D R I} | C text {Y N U A C D R I S}
transStatusReason | C digits {01-21 80-99} | C digits {01-26 80-99} | C digits {01-30 80-99}
transStatusReasonInfo | - | - | O text 256
transChallengeExemption | - | - | O digits {05 08 10 11 79 80-99}
authenticationValue | C base64 28-28 | = | C text 4000
eci | O text 2-2 | = | =
acsChallengeMandated | C text {Y N} | = | =
authenticationType | C digits {01 02 03 80-99} | C digits {01 02 03 04 80-99} | -
authenticationMethod | - | - | C digits x99 {01-16 80-99}
acsURL | C url 2048 | = | =
acsDecConInd | - | C text {Y N} | =
cardholderInfo | O text 128 | C text 128 | C object
broadInfo | - | - | O object 4096
cardSecurityCodeStatus | - | - | C text {Y N U}
cardSecurityCodeStatusSource | - | - | C digits {01 02 80-99}
whiteListStatus | - | C text {Y N E P R U} | -
whiteListStatusSource | - | C digits {01 02 03 80-99} | -
trustListStatus | - | - | C text {Y N E P R U}
trustListStatusSource | - | - | C digits {01 02 03 80-99}
deviceBindingStatus | - | - | C digits {01-05 11-15 80-99}
deviceBindingStatusSource | - | - | C digits {01 02 03 80-99}
spcTransData | - | - | C object
webAuthnCredList | - | - | C object x10
cardholderInfo.text | - | - | R text 128
`,
	"CRes": `
threeDSServerTransID | R uuid | = | =
acsTransID | R uuid | = | =
transStatus | C text {Y N} | = | C text {Y N D}
messageExtension | O object x10 | = | O object x15
`,
	"RReq": `
threeDSServerTransID | R uuid | = | =
dsTransID | R uuid | = | =
acsTransID | R uuid | = | =
messageCategory | R digits {01 02 80-99} | = | =
messageExtension | O object x10 | = | O object x15
transStatus | C text {Y N U A R} | = | =
transStatusReason | C digits {01-21 80-99} | C digits {01-26 80-99} | C digits {01-30 80-99}
transStatusReasonInfo | - | - | O text 256
authenticationType | C digits {01 02 03 80-99} | C digits {01 02 03 04 80-99} | -
authenticationMethod | O digits {01-10 80-99} | O digits {01-11 80-99} | C digits x99 {01-16 80-99}
authenticationValue | C base64 28-28 | = | C text 4000
eci | O text 2-2 | = | =
interactionCounter | R digits 2-2 | = | =
challengeCancel | C digits {01 04 05 06 07 08 80-99} | C digits {01 03 04 05 06 07 08 80-99} | C digits {01 03 04 05 06 07 08 09 10 80-99}
challengeErrorReporting | - | - | C object
cardholderInfo | - | - | O object
whiteListStatus | - | C text {Y N E P R U} | -
whiteListStatusSource | - | C digits {01 02 03 80-99} | -
trustListStatus | - | - | C text {Y N E P R U}
trustListStatusSource | - | - | C digits {01 02 03 80-99}
deviceBindingStatus | - | - | C digits {01-05 11-15 80-99}
deviceBindingStatusSource | - | - | C digits {01 02 03 80-99}
`,
	"PRes": `
threeDSServerTransID | R uuid | = | =
dsTransID | R uuid | = | =
dsStartProtocolVersion | R version 8 | = | -
dsEndProtocolVersion | R version 8 | = | -
dsProtocolVersions | - | - | R version 8 x10
readOrder | - | - | R digits {01 02 80-99}
serialNum | O text 20 | = | =
cardRangeData | C object xmany | = | C object x200000
cardRangeDataFileURL | - | - | O url 2048
dsUrlList | - | - | O object x99
messageExtension | O object x10 | = | O object x15
cardRangeData.startRange | R digits 13-19 | = | -
cardRangeData.endRange | R digits 13-19 | = | -
cardRangeData.ranges | - | - | R object x5000
cardRangeData.ranges.start | - | - | R digits 13-19
cardRangeData.ranges.end | - | - | R digits 13-19
cardRangeData.actionInd | O text {A D M} | = | =
cardRangeData.acsStartProtocolVersion | R version 8 | = | -
cardRangeData.acsEndProtocolVersion | R version 8 | = | -
cardRangeData.dsStartProtocolVersion | O version 8 | = | -
cardRangeData.dsEndProtocolVersion | O version 8 | = | -
cardRangeData.dsProtocolVersions | - | - | O version 8 x10
cardRangeData.acsInfoInd | O digits xmany {01-04 80-99} | = | -
cardRangeData.threeDSMethodURL | O url 256 | = | -
cardRangeData.acsProtocolVersions | - | - | R object x10
cardRangeData.acsProtocolVersions.version | - | - | R version 8
cardRangeData.acsProtocolVersions.threeDSMethodURL | - | - | O url 2048
`,
	"Erro": `
errorCode | R digits {101-103 201-204 301-307 402-405} | = | R digits {101-103 201-207 301-315 402-405}
errorComponent | R text {C S D A} | = | =
errorDescription | R text 2048 | = | =
errorDetail | R text 2048 | = | =
errorMessageType | O text {AReq ARes CReq CRes PReq PRes RReq RRes Erro} | = | O text {AReq ARes CReq CRes PReq PRes RReq RRes OReq ORes Erro}
threeDSServerTransID | O uuid | = | =
dsTransID | O uuid | = | =
acsTransID | O uuid | = | =
`,
	"AReq": `
browserAcceptHeader | C text 2048 | = | =
acceptLanguage | - | - | C text 100 x99
browserIP | O IP 45 | = | =
browserJavascriptEnabled | - | C boolean | =
browserJavaEnabled | C boolean | = | =
browserLanguage | C text 8 | = | C text 35
browserColorDepth | C digits {1 4 8 15 16 24 32 48} | = | C digits {1-9 01-99}
browserScreenHeight | C digits 6 | = | =
browserScreenWidth | C digits 6 | = | =
browserTZ | C offset 5 | = | =
browserUserAgent | C text 2048 | = | =
whiteListStatus | - | C text {Y N} | -
whiteListStatusSource | - | C digits {01 02 03 80-99} | -
trustListStatus | - | - | C text {Y N}
trustListStatusSource | - | - | C digits {01 02 03 80-99}
homePhone.cc | R digits 3 | = | =
homePhone.subscriber | R digits 15 | = | =
mobilePhone.cc | R digits 3 | = | =
mobilePhone.subscriber | R digits 15 | = | =
workPhone.cc | R digits 3 | = | =
workPhone.subscriber | R digits 15 | = | =
`,
}

// misread says where the tables are not as they are written, by hand. Of what we receive nothing at the top may be missing.
func misread(of map[string]Table) (wrong []string) {
	for kind, lines := range written {
		listed := map[string]bool{}
		for line := range strings.Lines(strings.TrimSpace(lines)) {
			cells := strings.Split(strings.TrimSpace(line), " | ")
			listed[cells[0]] = true
			want := ""
			for i, version := range []string{"2.1.0", "2.2.0", "2.3.1"} {
				if cells[i+1] != "=" {
					want = cells[i+1]
				}
				if got := cellOf(of[version][kind], cells[0]); got != spelledOut(want) {
					wrong = append(wrong, fmt.Sprintf("%s %s.%s is %s, and should be %s", version, kind, cells[0], got, want))
				}
			}
		}
		for version, table := range of {
			for _, rule := range table[kind] {
				if kind != "AReq" && !listed[rule.Field] {
					wrong = append(wrong, fmt.Sprintf("%s %s.%s is not written down", version, kind, rule.Field))
				}
			}
		}
	}
	return wrong
}

// cellOf is the rule of an element, however deep, as it is written down.
func cellOf(rules []Rule, name string) string {
	first, rest, deep := strings.Cut(name, ".")
	at := slices.IndexFunc(rules, func(r Rule) bool { return r.Field == first })
	if at < 0 {
		return "-"
	}
	rule := rules[at]
	if deep {
		return cellOf(rule.Fields, rest)
	}
	cell := "C "
	switch {
	case len(rule.Need) == 0:
		cell = "O "
	case len(rule.Need[0]) == 0:
		cell = "R "
	}
	cell += map[Class]string{
		Text: "text", Digits: "digits", UUID: "uuid", URL: "url", Version: "version", Proof: "base64", Object: "object",
		Boolean: "boolean", IP: "IP", Offset: "offset",
	}[rule.Class]
	switch {
	case rule.Enum != nil:
	case rule.Min > 0:
		cell += fmt.Sprintf(" %d-%d", rule.Min, rule.Max)
	case rule.Max > 0:
		cell += fmt.Sprintf(" %d", rule.Max)
	}
	if rule.Many == unbounded {
		cell += " xmany"
	} else if rule.Many > 0 {
		cell += fmt.Sprintf(" x%d", rule.Many)
	}
	if rule.Enum != nil {
		cell += " {" + strings.Join(rule.Enum, " ") + "}"
	}
	return spelledOut(cell)
}

// spelledOut is a cell with all its values one by one in their order.
func spelledOut(cell string) string {
	before, values, listed := strings.Cut(strings.TrimSuffix(cell, "}"), "{")
	if !listed {
		return cell
	}
	all := map[string]bool{}
	for _, value := range strings.Fields(values) {
		first, last, span := strings.Cut(value, "-")
		var low, high int
		fmt.Sscanf(first, "%d", &low)
		fmt.Sscanf(last, "%d", &high)
		for n := low; span && n <= high; n++ {
			all[fmt.Sprintf("%0*d", len(first), n)] = true
		}
		all[first] = true
	}
	return before + strings.Join(slices.Sorted(maps.Keys(all)), " ")
}

// TestTheTablesAreAsWritten compares the tables with what people wrote a second time.
func TestTheTablesAreAsWritten(t *testing.T) {
	for _, wrong := range misread(tables) {
		t.Error(wrong)
	}
}

// TestWrongRulesAreNoticed: each of these mistakes in a table is one that the comparison sees.
func TestWrongRulesAreNoticed(t *testing.T) {
	for _, test := range []struct {
		version, kind, field string
		mistake              func(*Rule)
	}{
		{"2.1.0", "AReq", "browserColorDepth", func(r *Rule) { r.Need = nil }},
		{"2.1.0", "ARes", "authenticationType", func(r *Rule) { r.Enum = []string{"01-04", reserved} }},
		{"2.1.0", "RReq", "challengeCancel", func(r *Rule) { r.Enum = []string{"01", "03-08", reserved} }},
		{"2.3.1", "RReq", "authenticationValue", func(r *Rule) { r.Max = 40 }},
		{"2.3.1", "RReq", "authenticationMethod", func(r *Rule) { r.Enum = []string{"01-10", reserved} }},
		{"2.3.1", "ARes", "spcTransData", func(r *Rule) { r.Need = nil }},
		{"2.2.0", "AReq", "mobilePhone", func(r *Rule) {
			r.Fields = slices.Clone(r.Fields)
			r.Fields[1].Max = 12
		}},
		{"2.2.0", "PRes", "serialNum", func(r *Rule) { r.Field = "serialNumber" }},
	} {
		changed := maps.Clone(tables)
		changed[test.version] = maps.Clone(changed[test.version])
		rules := slices.Clone(changed[test.version][test.kind])
		at := slices.IndexFunc(rules, func(r Rule) bool { return r.Field == test.field })
		test.mistake(&rules[at])
		changed[test.version][test.kind] = rules
		if len(misread(changed)) == len(misread(tables)) {
			t.Errorf("nobody notices a mistake in %s of %s %s", test.field, test.version, test.kind)
		}
	}
}

// TestNarrowRules: what only a reader of the specification's prose would refuse.
func TestNarrowRules(t *testing.T) {
	asked := func(more map[string]any) map[string]any {
		q := map[string]any{
			"deviceChannel": "02", "messageCategory": "01", "threeDSRequestorAuthenticationInd": "01", "threeDSRequestorDecReqInd": "Y",
		}
		maps.Copy(q, more)
		return q
	}
	for _, test := range []struct {
		name, version, kind string
		given               map[string]any
		code, detail        string
	}{
		{"ours", "2.2.0", "AReq", asked(map[string]any{"whiteListStatus": "Y"}), "", ""},
		{"a bank's", "2.2.0", "AReq", asked(map[string]any{"whiteListStatus": "E"}), invalidFormat, "whiteListStatus"},
		{"a bank's", "2.3.1", "AReq", asked(map[string]any{"trustListStatus": "P"}), invalidFormat, "trustListStatus"},
		{"a bank's", "2.2.0", "ARes", map[string]any{"transStatus": "Y", "whiteListStatus": "E"}, "", ""},
		{"decoupled", "2.2.0", "ARes", map[string]any{"transStatus": "D", "authenticationType": "04"}, "", ""},
		{"decoupled, and by SMS", "2.2.0", "ARes", map[string]any{"transStatus": "D", "authenticationType": "02"}, invalidFormat, "authenticationType"},
		{"blank", "2.1.0", "ARes", map[string]any{"transStatus": "Y", "eci": "  "}, invalidFormat, "eci"},
		{"of control characters", "2.3.1", "ARes", map[string]any{"transStatus": "Y", "eci": "\x01\x02"}, invalidFormat, "eci"},
		{"the end of a line", "2.2.0", "ARes", map[string]any{"transStatus": "Y", "cardholderInfo": "Call us.\nIt is free."}, "", ""},
	} {
		o := oracle{version: test.version, aboutKind: "AReq", about: asked(nil)}
		m := Message{Type: test.kind, Version: test.version, fields: o.made(test.kind, false, test.given)}
		text, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		_, violation, err := decode(bytes.NewReader(text), expected{types: kinds, about: Message{Type: "AReq", Version: test.version, fields: asked(nil)}})
		if err != nil || test.code == "" && violation != nil || test.code != "" && (violation == nil || violation.Code != test.code || violation.Detail != test.detail) {
			t.Errorf("%s in %s %s: %v, %v, want %s about %s", test.name, test.version, test.kind, violation, err, test.code, test.detail)
		}
		if test.kind == "AReq" && (m.ours() != nil) != (test.code != "") {
			t.Errorf("%s in %s: we would send it: %v", test.name, test.version, m.ours())
		}
	}
	source := map[string]any{"transStatus": "Y", "whiteListStatusSource": "03"}
	m := oracle{version: "2.2.0"}.made("ARes", false, source)
	delete(m, "whiteListStatus")
	if _, violation, err := decode(bytes.NewReader(compact(m)), expected{types: kinds}); err != nil || violation == nil || violation.Code != missingElement || violation.Detail != "whiteListStatus" {
		t.Errorf("a source of nothing: %v, %v", violation, err)
	}
}

// TestCodesOfNobody: we send no code that ISO gives to no country or to no money, and read those of others.
func TestCodesOfNobody(t *testing.T) {
	asked := map[string]any{"deviceChannel": "02", "messageCategory": "01", "threeDSRequestorAuthenticationInd": "01"}
	for field, codes := range map[string]map[string]bool{
		"merchantCountryCode": {"360": true, "900": true, "901": false, "950": false, "999": false},
		"billAddrCountry":     {"036": true, "901": false},
		"purchaseCurrency":    {"360": true, "954": true, "955": false, "959": false, "964": false, "965": true, "998": true, "999": false},
	} {
		for code, sent := range codes {
			m := Message{Type: "AReq", Version: "2.2.0", fields: oracle{version: "2.2.0"}.made("AReq", false, asked)}
			m.fields[field] = code
			violation, refused := errors.AsType[*Erro](m.ours())
			if refused == sent || refused && (violation.Code != invalidFormat || violation.Detail != field) {
				t.Errorf("%s %s: %v", field, code, violation)
			}
			mustDecode(t, compact(m.fields), expected{types: kinds})
		}
	}
}
