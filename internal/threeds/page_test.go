package threeds

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/3ds-messages.md")

// TestPage prints the tables as docs/3ds-messages.md and compares.
func TestPage(t *testing.T) {
	const file = "../../docs/3ds-messages.md"
	want := page()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the tables say; run go test ./internal/threeds -update\n%s", file, diff)
	}
}

const pageHead = `# Messages of 3-D Secure

Printed from the rules in ` + "`internal/threeds`" + ` by ` + "`go test ./internal/threeds -update`" + `, and compared by its tests: the
decoder, what we send ourselves and the tests read the same tables. They hold the elements of the browser channel (02) with
and without a payment (category 01 and 02), as far as a 3DS Server meets them, and what tells the two others apart. An element
that is in no table is let pass: directory servers, other channels and later versions have some.

How to read a cell: when the element must be there, then what it may be. **=** is as in the version before, an empty cell means
that the version does not have the element. messageType and messageVersion, which every message has, are left out.
Lengths are characters. Values between 80 and 99 are the directory servers' own.

## What is wrong with a message

A message that breaks its rules is answered with an Erro, whose errorComponent is S. One Erro has one code; of several the first
in this order is named, with all elements that it is about. An Erro is never answered with an Erro. 304 is never given: codes
that ISO assigns to no country (901 to 999) or to no money (955 to 964, 999) are not sent, and no fault in what is received.

| code | when | errorDetail |
| --- | --- | --- |
`

// envelopeRows say when a message is refused before its elements are looked at, transactionRows when it is for what it is
// about, in the order in which they are given.
var (
	envelopeRows = [][3]string{
		{invalidMessage, "the message is not one JSON object, or its messageType is none that may come here", "`message`, or `messageType`"},
		{missingElement, "there is no messageType, or no messageVersion", "its name"},
		{invalidFormat, "messageVersion is no version, or another one than that of the message that is answered", "`messageVersion`"},
		{unspokenVersion, "we do not speak the version", "the versions that we do speak"},
	}
	transactionRows = [][3]string{
		{overlappingRange, "from 2.3.1 on: two card ranges of a PRes overlap", "`cardRangeData.ranges`"},
		{impossibleAction, "from 2.3.1 on: a range is added that is there, or changed or deleted that is not", "`cardRangeData.actionInd`"},
		{invalidData, "an RReq has a messageCategory that we never ask about", "`messageCategory`"},
		{unknownID, "an answer, or an RReq, is about a transaction that is none of ours, or differs from it", "the elements that differ"},
		{transientFailure, "the result cannot be kept: the directory server may send it again", "a text of ours"},
	}
)

// faultRows say when the codes of precedence are given, in our words.
var faultRows = map[string][2]string{
	duplicateElement: {"an element is there twice, or, from 2.3.1 on, a list has two equal elements", "its name"},
	criticalUnknown:  {"an extension has to be understood, and we know none", "its id"},
	missingElement:   {"an element that must be there is not, or it is null, an empty text or an empty list", "its name"},
	invalidFormat:    {"an element has not the form, or not a value, that its rule says; an optional one is null or empty", "its name"},
	reservedValue:    {"from 2.3.1 on: a value between 01 and 79 that EMVCo has reserved", "its name"},
}

// pages are the messages in the order in which a payment has them, with who sends them to whom.
var pages = [][2]string{
	{"PReq", "3DS Server to directory server: which cards are there?"},
	{"PRes", "The answer. A row of cardRangeData is about cards from one number to another."},
	{"AReq", "3DS Server to directory server, and from there to the ACS: who is this payer?"},
	{"ARes", "The answer."},
	{"CReq", "3DS Server to ACS, through the browser: challenge the payer."},
	{"CRes", "ACS to 3DS Server, through the browser, which proves nothing: the challenge is over."},
	{"RReq", "Directory server to 3DS Server: how the challenge ended."},
	{"RRes", "The answer."},
	{"Erro", "Either side, about a message that it cannot use."},
}

// faultTable are all codes that we give, in their order.
func faultTable() [][3]string {
	rows := slices.Clone(envelopeRows)
	for _, code := range precedence {
		rows = append(rows, [3]string{code, faultRows[code][0], faultRows[code][1]})
	}
	return append(rows, transactionRows...)
}

// TestEveryCodeIsOnThePage that we have words for.
func TestEveryCodeIsOnThePage(t *testing.T) {
	for code := range descriptions {
		if !slices.ContainsFunc(faultTable(), func(row [3]string) bool { return row[0] == code && row[1] != "" }) {
			t.Errorf("the page does not say when %s is given", code)
		}
	}
}

func page() string {
	b := &strings.Builder{}
	b.WriteString(pageHead)
	for _, row := range faultTable() {
		fmt.Fprintf(b, "| %s | %s | %s |\n", row[0], row[1], row[2])
	}
	versions := slices.Sorted(maps.Keys(tables))
	for _, message := range pages {
		kind := message[0]
		fmt.Fprintf(b, "\n## %s\n\n%s\n\n", kind, message[1])
		fmt.Fprintf(b, "| element | %s |\n| --- |%s\n", strings.Join(versions, " | "), strings.Repeat(" --- |", len(versions)))
		var names []string
		cells := make([]map[string]string, len(versions))
		for i, version := range versions {
			cells[i] = map[string]string{}
			names = cellsOf(tables[version][kind], "", cells[i], names)
		}
		for _, name := range names {
			fmt.Fprintf(b, "| `%s` |", name)
			for i := range versions {
				cell := cells[i][name]
				if i > 0 && cell != "" && cell == cells[i-1][name] {
					cell = "="
				}
				fmt.Fprintf(b, " %s |", cell)
			}
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(b, "\n## messageExtension\n\n| element | in all versions |\n| --- | --- |\n")
	rows := map[string]string{}
	for _, name := range cellsOf(extensionRules, "", rows, nil) {
		fmt.Fprintf(b, "| `%s` | %s |\n", name, rows[name])
	}
	return b.String()
}

// cellsOf fills in the cells of one version, and adds names that were not there before: behind those that they follow.
func cellsOf(rules []Rule, path string, cells map[string]string, names []string) []string {
	before := -1
	for _, rule := range rules {
		name := path + rule.Field
		cells[name] = needed(rule) + shape(rule)
		if place := slices.Index(names, name); place >= 0 {
			before = place
		} else {
			before++
			for path == "" && before < len(names) && strings.Contains(names[before], ".") {
				before++ // not among the elements of an object
			}
			names = slices.Insert(names, min(before, len(names)), name)
		}
		if rule.Field != "messageExtension" {
			inner := map[string]string{}
			known := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, name+".") })
			sorted := cellsOf(rule.Fields, name+".", inner, known)
			maps.Copy(cells, inner)
			at := slices.Index(names, name) + 1
			names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, name+".") })
			names = slices.Insert(names, at, sorted...)
			before = at + len(sorted) - 1
		}
	}
	return names
}

// needed is when an element must be there, in words.
func needed(rule Rule) string {
	var lines []string
	for _, line := range rule.Need {
		var all []string
		for _, c := range line {
			all = append(all, c.words())
		}
		lines = append(lines, strings.Join(all, " and "))
	}
	switch text := strings.Join(lines, ", or "); {
	case len(rule.Need) == 0:
		return "optional: "
	case text == "":
		return "**required**: "
	default:
		return "**required** if " + text + ": "
	}
}

func (c Condition) words() string {
	switch values := spans(c.In, " or "); {
	case len(c.In) == 0 && c.Not:
		return "there is no `" + c.Field + "`"
	case len(c.In) == 0:
		return "there is `" + c.Field + "`"
	case c.Not:
		return "`" + c.Field + "` is not " + values
	default:
		return "`" + c.Field + "` is " + values
	}
}

// spans prints an Enum: "01 to 05, Y or N".
func spans(enum []string, last string) string {
	var all []string
	for _, one := range enum {
		all = append(all, strings.Replace(one, "-", " to ", 1))
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + last + all[len(all)-1]
}

// shape is what an element may be, in words.
func shape(rule Rule) string {
	text := string(rule.Class)
	if rule.Class == Digits && len(rule.Enum) > 0 || rule.Class == Text && len(rule.Enum) > 0 {
		text = spans(rule.Enum, ", ")
	} else if len(rule.Enum) > 0 {
		text += ", " + spans(rule.Enum, ", ")
	}
	switch {
	case len(rule.Enum) > 0:
	case rule.Min == rule.Max && rule.Max > 0:
		text += fmt.Sprintf(" of %d", rule.Max)
	case rule.Min > 0:
		text += fmt.Sprintf(" of %d to %d", rule.Min, rule.Max)
	case rule.Max > 0:
		text += fmt.Sprintf(" of up to %d", rule.Max)
	}
	if rule.Many == unbounded {
		text = "list of " + text
	} else if rule.Many > 0 {
		text = fmt.Sprintf("list of up to %d: %s", rule.Many, text)
	}
	if rule.Total > 0 {
		text += fmt.Sprintf(", %d in all", rule.Total)
	}
	if rule.Field == "messageExtension" {
		text += ", [see there](#messageextension)"
	}
	return text + restricted(rule.Only)
}

// restricted says which values are allowed just under a condition; those under the same one together.
func restricted(only map[string][]Condition) (text string) {
	together := map[string][]string{}
	for _, value := range slices.Sorted(maps.Keys(only)) {
		var all []string
		for _, c := range only[value] {
			all = append(all, c.words())
		}
		words := strings.Join(all, " and ")
		together[words] = append(together[words], value)
	}
	for _, words := range slices.Sorted(maps.Keys(together)) {
		text += "; " + spans(together[words], " and ") + " only if " + words
	}
	return text
}
