package threeds

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// rightly has values of each class, and wrongly texts that are none of it, as people would write them.
var rightly = map[Class][]string{
	Text:         {"a", "é", "Jl. Sudirman 1", "日本", "one line\r\nand another", " a "},
	TextOrObject: {"a", "é"},
	Name:         {"SITI RAHAYU", "O'Neill/Siobhan"},
	Digits:       {"0", "7", "42"},
	UUID:         {"8a880dc0-d2d2-4067-bcb1-b08d1690b26e", "8A880DC0-D2D2-4067-BCB1-B08D1690B26E", "54f9f2e2-8672-17d5-bb5f-c1ff52f70e50"},
	URL:          {"https://acs.example", "https://acs.example:8443/a/b?c=d&e=%20#f", "http://localhost:1/m"},
	Email:        {"a@b.example", "siti.rahayu+shop@mail.example.co.id"},
	IP:           {"192.0.2.7", "2001:db8::1", "::ffff:192.0.2.1"},
	Date:         {"20301231", "20280229"},
	Minute:       {"203012312359"},
	Second:       {"20301231235959"},
	YearMon:      {"3012", "0001"},
	Offset:       {"0", "-420", "+300", "300", "-840"},
	Proof:        {"AAABBZEEBgAAAAAAAAQGAAAAAAA=", "kBOxhZDvJCG/AAAAAAAAAAAAAAAA"},
	Base64URL:    {strings.Repeat("A", 43), strings.Repeat("-_", 22)},
	Version:      {"2.1.0", "2.3.1", "2.10.0"},
	Country:      {"360", "036", "999"},
	Currency:     {"360", "978", "999"},
}

var wrongly = map[Class][]string{
	Text:      {"a\ufffd", " ", "  ", "\t\n", "\u00a0", "\u3000", "a\x00b", "\x1b[2J", "a\x7f", "\u0085"},
	Name:      {"Nguyễn", "a\tb", "a\n", "  "},
	Digits:    {"a", "1a", "1.0", "-1", "+1", " 1", "1 ", "０１", "0x1", "1e3"},
	UUID:      {"8a880dc0d2d24067bcb1b08d1690b26e", "8a880dc0-d2d2-4067-bcb1-b08d1690b26", "8a880dc0-d2d2-4067-bcb1-b08d1690b26g", "{8a880dc0-d2d2-4067-bcb1-b08d1690b26e}"},
	URL:       {"acs.example", "/challenge", "ftp://acs.example/", "javascript:alert(1)", "https://", "https:///x", `https://acs.example/"><script>`, "https://acs.example/ b"},
	Email:     {"a", "@b", "a@", "a b@c.example", "A <a@b.example>"},
	IP:        {"192.0.2", "192.0.2.256", "localhost", "fe80::1%eth0"},
	Date:      {"20301301", "20290229", "2030-12-31", "301231", "today"},
	Minute:    {"203012312460", "20301231235959", "now"},
	Second:    {"20301231235960", "203012312359", "2030-12-31T23:59:59Z"},
	YearMon:   {"3013", "3000", "203012", "12/30"},
	Offset:    {"-", "+", "7.5", "UTC", "12345"},
	Proof:     {"short", "AAABBZEEBgAAAAAAAAQGAAAAAAB=", "AAABBZEEBgAAAAAAAAQGAAAAAA==", "AAABBZEEBgAAAAAAAAQGAAAA\nAAA=", "AAABBZEEBgAAAAAAAAQG-_AAAAA=", "AAAB BZEEBgAAAAAAAAQGAAAAAA="},
	Base64URL: {strings.Repeat("+", 50), strings.Repeat("=", 50)},
	Version:   {"2", "2.1", "2.1.0.0", "v2.1.0", "2.1.x", "2..1"},
	Country:   {"ID", "IDN", "36", "3600"},
	Currency:  {"IDR", "36", "3600"},
}

// TestClasses holds the decoder's reading of each class, and the oracle's, against what people wrote.
func TestClasses(t *testing.T) {
	for class, values := range rightly {
		for _, value := range values {
			if !class.admits(value) || !shaped(class, value) {
				t.Errorf("%q is %s: the decoder says %t, the oracle %t", value, class, class.admits(value), shaped(class, value))
			}
		}
	}
	for class, values := range wrongly {
		for _, value := range values {
			if class.admits(value) || shaped(class, value) {
				t.Errorf("%q is no %s: the decoder says %t, the oracle %t", value, class, !class.admits(value), !shaped(class, value))
			}
		}
	}
	for _, class := range []Class{Boolean, Object} {
		if class.admits("true") || shaped(class, "true") {
			t.Errorf("a text is taken for %s", class)
		}
	}
}

// made is a message made from the rules, and the one that it answers.
type made struct {
	name, kind string
	fields     map[string]any
	oracle
}

// made fills a message: full has all elements of the table, otherwise there are only those that are needed.
func (o oracle) made(kind string, full bool, given map[string]any) map[string]any {
	message := map[string]any{"messageType": kind, "messageVersion": o.version}
	maps.Copy(message, given)
	for range 3 { // what is needed may need others
		o.fill(tables[o.version][kind], message, full)
	}
	return message
}

func (o oracle) fill(rules []Rule, object map[string]any, full bool) {
	for _, rule := range rules {
		if _, there := object[rule.Field]; !there && (full || o.needed(rule.Need, object)) {
			value := o.example(rule, object, full)
			if rule.Many > 0 {
				value = []any{value}
			}
			object[rule.Field] = value
		}
	}
}

// example is the first value in sight that a rule allows.
func (o oracle) example(rule Rule, object map[string]any, full bool) any {
	switch {
	case rule.Class == Boolean:
		return rule.Field != "criticalityIndicator"
	case rule.Class == Object && rule.Fields == nil:
		return map[string]any{"k": "v"}
	case rule.Class == Object:
		inner := map[string]any{}
		o.fill(rule.Fields, inner, full)
		return inner
	}
	candidates := slices.Concat(spelled(rule.Enum), rightly[rule.Class], []string{strings.Repeat("1", max(rule.Min, 1)), strings.Repeat("a", max(rule.Min, 1))})
	for _, text := range candidates {
		o.found = map[string]map[string]bool{}
		if o.text(rule, text, object, rule.Field); len(o.found) == 0 {
			return text
		}
	}
	panic("threeds: no value is known for " + rule.Field)
}

// spelled are the values of an Enum: of long spans the ends.
func spelled(enum []string) []string {
	var all []string
	for _, one := range enum {
		first, last, span := strings.Cut(one, "-")
		var low, high int
		fmt.Sscan(strings.TrimLeft(first, "0")+" "+strings.TrimLeft(last, "0"), &low, &high)
		switch {
		case !span:
			all = append(all, one)
		case high-low > 20:
			all = append(all, first, last)
		default:
			for n := low; n <= high; n++ {
				all = append(all, fmt.Sprintf("%0*d", len(first), n))
			}
		}
	}
	return all
}

// outcomes are how a challenge may end (EMV 3DS 2.2 table A.1, transStatus, transStatusReason and challengeCancel): the
// exchanges of a scheme's certification show few of them.
var outcomes = []struct {
	name                    string
	status, reason, cancel  string
	since231, error, method bool
}{
	{name: "authenticated", status: "Y"},
	{name: "attempted", status: "A"},
	{name: "wrong code", status: "N", reason: "01"},
	{name: "too many tries", status: "N", reason: "19"},
	{name: "cancelled", status: "N", reason: "01", cancel: "01"},
	{name: "timed out at the ACS", status: "N", reason: "14", cancel: "04"},
	{name: "never begun", status: "U", reason: "14", cancel: "05"},
	{name: "transaction error", status: "U", reason: "09", cancel: "06"},
	{name: "cancelled, nobody knows why", status: "U", reason: "15", cancel: "07"},
	{name: "not possible", status: "U", reason: "21"},
	{name: "rejected", status: "R", reason: "11"},
	{name: "an error came back", status: "U", reason: "22", cancel: "09", since231: true},
	{name: "an error went out", status: "U", reason: "22", cancel: "10", since231: true},
	{name: "another authentication is needed", status: "N", reason: "30", since231: true},
}

// makeAll makes messages of all types and versions, full and with the least that they need.
func makeAll() []made {
	var all []made
	for _, version := range []string{"2.1.0", "2.2.0", "2.3.1"} {
		filled := map[string]bool{} // once of each type and category is enough
		add := func(name, kind string, o oracle, given map[string]any) {
			o.version = version
			for _, full := range []bool{true, false} {
				if once := name[:min(len(name), 11)] + kind; full && filled[once] {
					continue
				} else if full {
					filled[once] = true
				}
				how := map[bool]string{true: "full", false: "least"}[full]
				all = append(all, made{fmt.Sprintf("%s %s, %s, %s", version, kind, name, how), kind, o.made(kind, full, given), o})
			}
		}
		browsing := func(category string, more map[string]any) map[string]any {
			asked := map[string]any{"deviceChannel": "02", "messageCategory": category, "threeDSRequestorAuthenticationInd": "01"}
			maps.Copy(asked, more)
			return asked
		}
		for _, category := range []string{"01", "02"} {
			for _, ind := range []string{"01", "02", "03", "04"} {
				add("category "+category+" for "+ind, "AReq", oracle{}, browsing(category, map[string]any{"threeDSRequestorAuthenticationInd": ind}))
			}
			add("category "+category+" without the payer", "AReq", oracle{}, map[string]any{"deviceChannel": "03", "messageCategory": category, "threeRIInd": "02"})
			asked := oracle{version: version, aboutKind: "AReq", about: browsing(category, map[string]any{
				"threeDSRequestorChallengeInd": "05", "threeDSRequestorDecReqInd": "Y", "threeDSRequestorSpcSupport": "Y",
			})}
			for _, rule := range tables[version]["ARes"] {
				if rule.Field != "transStatus" {
					continue
				}
				for _, status := range rule.Enum {
					add("category "+category+", status "+status, "ARes", asked, map[string]any{"transStatus": status})
				}
			}
			add("category "+category, "ARes", asked, nil)
			add("to whatever was asked", "ARes", oracle{}, map[string]any{"transStatus": "C"})
			add("where no payer is, challenged all the same", "ARes", oracle{aboutKind: "AReq", about: map[string]any{
				"deviceChannel": "03", "messageCategory": category,
			}}, map[string]any{"transStatus": "C"})
			if since(version, "2.2.0") {
				add("to whatever was asked", "ARes", oracle{}, map[string]any{"transStatus": "D"})
			}
			add("category "+category, "CRes", asked, nil)
			for _, outcome := range outcomes {
				if outcome.since231 && !since(version, "2.3.1") {
					continue
				}
				given := map[string]any{"messageCategory": category, "transStatus": outcome.status}
				put(given, "transStatusReason", outcome.reason)
				put(given, "challengeCancel", outcome.cancel)
				add("category "+category+", "+outcome.name, "RReq", oracle{}, given)
			}
		}
		for _, kind := range []string{"CReq", "RRes", "PReq", "Erro"} {
			add("any", kind, oracle{}, nil)
		}
		add("everything", "PRes", oracle{aboutKind: "PReq", about: map[string]any{}}, nil)
		add("changes", "PRes", oracle{aboutKind: "PReq", about: map[string]any{"serialNum": "7"}}, nil)
	}
	return all
}
