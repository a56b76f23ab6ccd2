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

// TestMutations drops and empties each element of each sample, and wants what people wrote beside it.
func TestMutations(t *testing.T) {
	for _, sample := range samples {
		kind, _, _ := strings.Cut(sample.name, " ")
		texts := []string{sample.text}
		if sample.name != "AReq of a stored card" && strings.HasSuffix(sample.name, "of a stored card") { // the same in 2.1.0
			texts = append(texts, strings.Replace(sample.text, `"2.2.0"`, `"2.1.0"`, 1))
		}
		for _, text := range texts {
			about := readMessage(t, sample.about)
			m := mustDecode(t, []byte(text), expected{types: []string{kind}, about: about})
			for field := range m.fields {
				if field == "messageType" || field == "messageVersion" {
					continue
				}
				needed := slices.Contains(sample.required, field)
				for how, value := range map[string]any{"dropped": nil, "null": nil, "empty": "", "an empty list": []any{}} {
					fields := maps.Clone(m.fields)
					code := map[bool]string{true: missingElement, false: invalidFormat}[needed]
					if fields[field] = value; how == "dropped" {
						delete(fields, field)
						code = map[bool]string{true: missingElement}[needed]
					}
					_, violation, err := decode(bytes.NewReader(compact(fields)), expected{types: []string{kind}, about: about})
					if err != nil || code == "" && violation != nil || code != "" && (violation == nil || violation.Code != code || violation.Detail != field) {
						t.Errorf("%s in %s, %s %s: got %v, %v, want code %q about it", sample.name, m.Version, field, how, violation, err, code)
					}
				}
			}
		}
	}
}

// readMessage is a message without its rules being looked at.
func readMessage(t *testing.T, text string) Message {
	t.Helper()
	if text == "" {
		return Message{}
	}
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	kind, _ := fields["messageType"].(string)
	version, _ := fields["messageVersion"].(string)
	return Message{Type: kind, Version: version, fields: fields}
}

// TestMade: what is made from the rules decodes, and is written again as it was; whatever is done to it on the wire has
// the answer that the oracle expects.
func TestMade(t *testing.T) {
	tried, messages := 0, makeAll()
	for i, m := range messages {
		if testing.Short() && (i%5 != 0 || strings.HasSuffix(m.name, "full")) {
			continue
		}
		tried += m.mutate(t, func(string) bool { return true })
	}
	t.Logf("counted: %d mutations tried on %d messages", tried, len(messages))
}

// mutate does to each element of a message, however deep, what could go wrong on a wire, and returns how much it tried:
// where thorough says so of an element, all candidates, elsewhere what is bad in any place. The codes of messageType and
// messageVersion are written here by hand; all others are the oracle's.
func (m made) mutate(t *testing.T, thorough func(element string) bool) (tried int) {
	t.Helper()
	about := Message{Type: m.aboutKind, Version: m.version, fields: m.about}
	seen := map[string]bool{}
	try := func(how, code string, names []string, text []byte) {
		t.Helper()
		tried++
		_, violation, err := decode(bytes.NewReader(text), expected{types: kinds, about: about})
		got, detail := "", ""
		if violation != nil {
			got, detail = violation.Code, violation.Detail
		}
		told := strings.Split(detail, ",")
		slices.Sort(told)
		if err != nil || got != code || code != "" && names != nil && !slices.Equal(told, names) {
			t.Errorf("%s, %s: got %v, %v, want code %q about %v", m.name, how, violation, err, code, names)
		}
		if violation != nil && !seen[violation.Code] {
			seen[violation.Code] = true
			if err := violation.message().ours(); err != nil {
				t.Errorf("%s, %s: the Erro breaks the rules itself: %v", m.name, how, err)
			}
		}
		if m.kind == "PRes" && code != duplicateElement { // rows are read one by one, too
			rows := &stream{"cardRangeData", func(map[string]any) {}}
			_, streamed, err := decode(bytes.NewReader(text), expected{types: []string{m.kind}, version: m.version, about: about, stream: rows})
			if err != nil || (streamed == nil) != (violation == nil) || streamed != nil && streamed.Code != violation.Code {
				t.Errorf("%s, %s: as a stream %v, %v, otherwise %v", m.name, how, streamed, err, violation)
			}
		}
	}
	judged := func(how string, root map[string]any) {
		t.Helper()
		code, names := m.judge(m.kind, root)
		try(how, code, names, compact(root))
	}
	judged("as it is", m.fields)
	judged("with an element that nobody knows", with(m.fields, []any{"unheardOf"}, "x"))

	m.each(tables[m.version][m.kind], m.fields, nil, func(rule Rule, path []any, listed bool) {
		name := fmt.Sprint(path...)
		values := bad(rule)
		if thorough(name) {
			values = candidates(rule, listed)
		}
		for _, value := range values {
			judged(fmt.Sprintf("%s set to %.40q", name, fmt.Sprint(value)), with(m.fields, path, value))
		}
		if _, inList := path[len(path)-1].(int); inList {
			return
		}
		judged(name+" dropped", with(m.fields, path, dropped))
		// The same element once more, under a name that only differs until the text is written.
		last := path[len(path)-1].(string)
		again := append(slices.Clone(path[:len(path)-1]), last+"\ue000")
		text := compact(with(m.fields, again, "x"))
		try(name+" twice", "204", []string{dotted(path)}, bytes.Replace(text, []byte(last+"\ue000"), []byte(last), 1))
	})

	envelope := map[string][5]string{ // dropped, empty, null, a number, unknown
		"messageType":    {missingElement, missingElement, missingElement, invalidMessage, invalidMessage},
		"messageVersion": {missingElement, missingElement, missingElement, invalidFormat, unspokenVersion},
	}
	if m.kind == "Erro" { // read in any version
		delete(envelope, "messageVersion")
	}
	for field, codes := range envelope {
		for i, value := range []any{dropped, "", nil, 1, "9.9.9"} {
			try(fmt.Sprintf("%s set to %v", field, value), codes[i], nil, compact(with(m.fields, []any{field}, value)))
		}
		try(field+" twice", "204", []string{field}, bytes.Replace(compact(with(m.fields, []any{field + "\ue000"}, m.fields[field])), []byte("\ue000"), nil, 1))
	}
	if m.kind != "Erro" {
		try("in a version that is none", invalidFormat, []string{"messageVersion"}, compact(with(m.fields, []any{"messageVersion"}, "2.2")))
	}
	return tried
}

// each calls f with every rule whose element is there, and the way to it: of a list the list, and its first element.
func (m made) each(rules []Rule, object map[string]any, path []any, f func(rule Rule, path []any, listed bool)) {
	for _, rule := range rules {
		value, there := object[rule.Field]
		if !there {
			continue
		}
		here := append(slices.Clone(path), rule.Field)
		f(rule, here, rule.Many > 0)
		if list, ok := value.([]any); ok && len(list) > 0 {
			here = append(here, 0)
			f(rule, here, false)
			value = list[0]
		}
		if inner, ok := value.(map[string]any); ok {
			m.each(rule.Fields, inner, here, f)
		}
	}
}

// bad are values that hardly an element may have: none, of a wrong kind, too long, and in no list.
func bad(rule Rule) []any {
	all := []any{nil, "", " ", 1, "%%"}
	if rule.Max > 0 {
		all = append(all, strings.Repeat("1", rule.Max+1))
	}
	if rule.Enum != nil {
		all = append(all, "79", "Z")
	}
	return all
}

// candidates are values that an element may be given on its way: such of each kind, good and bad ones of its class, and
// what is a little too long or too short.
func candidates(rule Rule, listed bool) []any {
	all := []any{nil, "", 1, 1.5, true, false, []any{}, []any{"x"}, []any{nil}, map[string]any{}, map[string]any{"k": "v"}, "%%", "a\ufffd"}
	text := func(n int, of string) { all = append(all, strings.Repeat(of, n)) }
	if listed {
		all = append(all, []any{"01", "01"}, []any{"01", 1}, []any{"01", []any{}}, []any{""})
		if rule.Many < 300 {
			all = append(all, slices.Repeat([]any{"01"}, rule.Many+1), slices.Repeat([]any{map[string]any{"k": "v"}}, rule.Many+1))
		}
		return all
	}
	for _, good := range rightly[rule.Class] {
		all = append(all, good)
	}
	for _, bad := range wrongly[rule.Class] {
		all = append(all, bad)
	}
	if rule.Class == Object || rule.Class == Boolean {
		if rule.Max > 0 {
			for _, n := range []int{rule.Max - 8, rule.Max - 7} { // {"k":"…"}
				all = append(all, map[string]any{"k": strings.Repeat("é", n)})
			}
		}
		return all
	}
	for _, n := range []int{rule.Max, rule.Max + 1, rule.Min - 1} {
		if n > 0 && rule.Max+rule.Min > 0 {
			text(n, "1")
			text(n, "é")
		}
	}
	for _, one := range spelled(rule.Enum) {
		all = append(all, one, one+" ", strings.ToLower(one))
	}
	if rule.Enum != nil {
		all = append(all, "0", "00", "1", "001", "79", "100", "Z", "85")
	}
	return all
}

// dropped as a value takes the element away.
var dropped any = new(int)

// with is a message in which an element, to which names and places lead, has another value.
func with(root map[string]any, path []any, value any) map[string]any {
	root = maps.Clone(root)
	name := path[0].(string)
	switch {
	case len(path) == 1 && value == dropped:
		delete(root, name)
	case len(path) == 1:
		root[name] = value
	default:
		root[name] = inside(root[name], path[1:], value)
	}
	return root
}

func inside(value any, path []any, to any) any {
	switch inner := value.(type) {
	case map[string]any:
		return with(inner, path, to)
	case []any:
		inner = slices.Clone(inner)
		if place := path[0].(int); len(path) == 1 {
			inner[place] = to
		} else {
			inner[place] = inside(inner[place], path[1:], to)
		}
		return inner
	}
	panic("threeds: nothing is within a value")
}

// dotted is a way as an Erro names it.
func dotted(path []any) string {
	var names []string
	for _, step := range path {
		if name, ok := step.(string); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, ".")
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

// TestExtensions: how many there may be, and how large each and all of them together.
func TestExtensions(t *testing.T) {
	extension := func(data string, change ...func(map[string]any)) map[string]any {
		e := map[string]any{"name": "n", "id": "A000000004-1", "criticalityIndicator": false, "data": map[string]any{"k": data}}
		for _, c := range change {
			c(e)
		}
		return e
	}
	set := func(name string, value any) func(map[string]any) {
		return func(e map[string]any) { e[name] = value }
	}
	distinct := func(n, size int) (all []any) {
		for i := range n {
			all = append(all, extension(strings.Repeat("é", size), set("id", fmt.Sprintf("A%02d", i))))
		}
		return all
	}
	for _, test := range []struct {
		name, version string
		extensions    []any
		code, detail  string
	}{
		{"none", "2.2.0", []any{}, "203", "messageExtension"},
		{"ten", "2.2.0", distinct(10, 1), "", ""},
		{"eleven", "2.1.0", distinct(11, 1), "203", "messageExtension"},
		{"fifteen", "2.3.1", distinct(15, 1), "", ""},
		{"sixteen", "2.3.1", distinct(16, 1), "203", "messageExtension"},
		{"data of 8059 characters", "2.2.0", distinct(1, 8051), "", ""},
		{"data of 8060", "2.2.0", distinct(1, 8052), "203", "messageExtension.data"},
		{"81,920 in all", "2.3.1", append(distinct(10, 8051), extension(strings.Repeat("x", 641))), "", ""},
		{"81,921 in all", "2.3.1", append(distinct(10, 8051), extension(strings.Repeat("x", 642))), "203", "messageExtension"},
		{"a long name", "2.2.0", []any{extension("", set("name", strings.Repeat("n", 65)))}, "203", "messageExtension.name"},
		{"a long id", "2.2.0", []any{extension("", set("id", strings.Repeat("n", 65)))}, "203", "messageExtension.id"},
		{"no id", "2.2.0", []any{extension("", set("id", ""))}, "201", "messageExtension.id"},
		{"data that is a text", "2.2.0", []any{extension("", set("data", "x"))}, "203", "messageExtension.data"},
		{"no data", "2.2.0", []any{extension("", set("data", nil))}, "201", "messageExtension.data"},
		{"empty data", "2.2.0", []any{extension("", set("data", map[string]any{}))}, "", ""},
		{"perhaps critical", "2.2.0", []any{extension("", set("criticalityIndicator", "true"))}, "203", "messageExtension.criticalityIndicator"},
		{"two critical", "2.2.0", []any{
			extension("", set("criticalityIndicator", true)), extension(""), extension("", set("criticalityIndicator", true), set("id", "B")),
		}, "202", "A000000004-1,B"},
		{"critical and without a name", "2.2.0", []any{extension("", set("criticalityIndicator", true), set("name", nil))}, "202", "A000000004-1"},
		{"the same twice", "2.2.0", []any{extension(""), extension("")}, "", ""},
		{"the same twice", "2.3.1", []any{extension(""), extension("")}, "204", "messageExtension"},
	} {
		m := oracle{version: test.version}.made("RRes", false, map[string]any{"messageExtension": test.extensions})
		_, violation, err := decode(bytes.NewReader(compact(m)), expected{types: kinds})
		if err != nil || test.code == "" && violation != nil || test.code != "" && (violation == nil || violation.Code != test.code || violation.Detail != test.detail) {
			t.Errorf("%s in %s: %v, %v, want %s about %s", test.name, test.version, violation, err, test.code, test.detail)
		}
		if test.name == "81,920 in all" && size(test.extensions) != 81920 {
			t.Errorf("the test has %d characters", size(test.extensions))
		}
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
