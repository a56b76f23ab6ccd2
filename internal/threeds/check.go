package threeds

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// precedence says which of several faults an Erro is about, since it has one code. What makes a message
// unreadable for sure comes before what is wrong with an element: of an element that is there twice nobody knows which
// one counts, and an extension that must be understood may change what any other element means, or has to be
// (EMV 3DS 2.2 §A.6); that one is missing can only be said where the rules are known to be ours.
var precedence = []string{duplicateElement, criticalUnknown, missingElement, invalidFormat, reservedValue}

// faults are the names of elements that break their rules, by code, in the order of the table.
type faults struct {
	strict bool // of the version
	ours   bool // the message is one that we send
	found  map[string][]string
}

func (f *faults) add(code, name string) {
	if f.found == nil {
		f.found = map[string][]string{}
	}
	if !slices.Contains(f.found[code], name) {
		f.found[code] = append(f.found[code], name)
	}
}

func (f *faults) clean() bool { return len(f.found) == 0 }

// violation is the Erro for what was found, or nil: about the first code, and all elements that it is about.
func (f *faults) violation(m Message) *Erro {
	for _, code := range precedence {
		if names := f.found[code]; len(names) > 0 {
			return refuse(code, list(names), m)
		}
	}
	return nil
}

// list is how errorDetail names several elements.
func list(names []string) string {
	s := strings.Join(names, ",")
	return s[:min(len(s), maxDetail)]
}

// check holds an object against its rules. Elements without a rule are let pass: other versions, schemes
// and channels have some, and a receiver ignores what it does not know (EMV 3DS 2.2 §5.1.6).
func (f *faults) check(rules []Rule, object map[string]any, about Message, path string) {
	for _, rule := range rules {
		value, there := object[rule.Field]
		name := path + rule.Field
		switch needed := rule.Need.holds(object, about); {
		case !empty(value):
			f.checkElement(rule, value, object, about, name)
		case needed: // an element that is empty is missing (EMV 3DS 2.3.1 §A.1)
			f.add(missingElement, name)
		case there: // what is optional is left out, and not sent empty
			f.add(invalidFormat, name)
		}
	}
}

func (f *faults) checkElement(rule Rule, value any, object map[string]any, about Message, name string) {
	if rule.Many == 0 {
		f.checkValue(rule, value, object, about, name)
		return
	}
	switch elements := value.(type) {
	case []any:
		if len(elements) > rule.Many || rule.Total > 0 && size(elements) > rule.Total {
			f.add(invalidFormat, name)
			return
		}
		seen := map[string]bool{}
		for _, element := range elements {
			f.checkListed(rule, element, object, about, name)
			text := string(compact(element))
			if seen[text] && f.strict { // EMV 3DS 2.3.1 §A.16
				f.add(duplicateElement, name)
			}
			seen[text] = true
		}
	case streamed: // was checked on the way
		if int(elements) > rule.Many {
			f.add(invalidFormat, name)
		}
	default:
		f.add(invalidFormat, name)
	}
}

// checkListed holds one element of a list against the rule of the list.
func (f *faults) checkListed(rule Rule, element any, object map[string]any, about Message, name string) {
	if empty(element) {
		f.add(invalidFormat, name)
		return
	}
	f.checkValue(rule, element, object, about, name)
	extension, _ := element.(map[string]any)
	if critical, _ := extension["criticalityIndicator"].(bool); critical && rule.Field == "messageExtension" {
		f.add(criticalUnknown, printable(scalar(extension["id"]), 64)) // we know no extension
	}
}

func (f *faults) checkValue(rule Rule, value any, object map[string]any, about Message, name string) {
	switch value := value.(type) {
	case string:
		f.checkText(rule, value, object, about, name)
	case bool:
		if rule.Class != Boolean || len(rule.Enum) > 0 && !among(rule.Enum, scalar(value)) {
			f.add(invalidFormat, name)
		}
	case map[string]any:
		if rule.Class != Object && rule.Class != TextOrObject || rule.Max > 0 && size(value) > rule.Max {
			f.add(invalidFormat, name)
			return
		}
		f.check(rule.Fields, value, about, name+".")
	default: // a number, a list where there is none
		f.add(invalidFormat, name)
	}
}

func (f *faults) checkText(rule Rule, value string, object map[string]any, about Message, name string) {
	length := utf8.RuneCountInString(value)
	switch {
	case length == 0 || length < rule.Min || rule.Max > 0 && length > rule.Max || !rule.Class.admits(value):
		f.add(invalidFormat, name)
	case f.ours && rule.Class.unassigned(value):
		f.add(invalidFormat, name)
	case len(rule.Enum) > 0 && !among(rule.Enum, value):
		f.add(f.unlisted(rule, value), name)
	default:
		if slices.ContainsFunc(rule.Only[value], func(c Condition) bool { return c.known(about) && !c.holds(object, about) }) {
			f.add(invalidFormat, name)
		}
	}
}

// unlisted is the code for a value that is in no list: a list that leaves values to the directory servers has
// left the rest to EMVCo (EMV 3DS 2.3.1 table A.4, code 207).
func (f *faults) unlisted(rule Rule, value string) string {
	if f.strict && slices.Contains(rule.Enum, reserved) && among([]string{"01-79"}, value) {
		return reservedValue
	}
	return invalidFormat
}

// size is the length of a value as JSON, in characters (EMV 3DS 2.3.1 annex A, length of an object).
func size(value any) int { return utf8.RuneCount(compact(value)) }

// compact writes what was read from JSON as JSON, objects in the order of their names.
func compact(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(value) // what was decoded is always encoded
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
