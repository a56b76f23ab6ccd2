package threeds

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Rule says what one data element of a message may be (EMV 3DS 2.2 table A.1).
type Rule struct {
	Field string
	Need  Need
	Class Class
	// Min and Max bound a text in characters, a list in elements, an object or free data in bytes of JSON.
	// Zero is no bound; the empty text and the empty list are never allowed.
	Min, Max int
	// Enum lists the allowed values; "80-99" stands for all of two digits between. Empty: any of the class.
	Enum []string
	// Only holds values that are allowed just under a condition.
	Only map[string]Condition
	// Fields are the rules of an object, or of each object in a list.
	Fields []Rule
}

// Need says when an element must be there: when all conditions of any line hold. No line is optional, and
// an empty line always.
type Need [][]Condition

// Condition is about another element of the message, or, written "AReq.field", of the message that it
// answers. Where that one is not known, nothing can be said and the condition does not hold.
type Condition struct {
	Field string
	In    []string // values as in Enum; with none, the element is just there
	Not   bool
}

var required = Need{{}}

func when(field string, in ...string) Condition { return Condition{Field: field, In: in} }

func unless(field string, in ...string) Condition { return Condition{Field: field, In: in, Not: true} }

// all is a need under conditions that hold together.
func all(conditions ...Condition) Need { return Need{conditions} }

// Table holds the rules of one protocol version by message type.
type Table map[string][]Rule

// tables holds the versions that we speak.
var tables = map[string]Table{
	"2.1.0": table210,
	"2.2.0": table220,
}

// spoken lists them, the newest first.
var spoken = []string{"2.2.0", "2.1.0"}

// holds says whether a condition is true of an object, which answers another message.
func (c Condition) holds(object map[string]any, about Message) bool {
	if kind, field, of := strings.Cut(c.Field, "."); of {
		if about.Type != kind {
			return false
		}
		return c.of(about.fields[field])
	}
	return c.of(object[c.Field])
}

func (c Condition) of(value any) bool {
	if len(c.In) == 0 {
		return (value != nil) != c.Not
	}
	return among(c.In, scalar(value)) != c.Not
}

func (n Need) holds(object map[string]any, about Message) bool {
	return slices.ContainsFunc(n, func(line []Condition) bool {
		return !slices.ContainsFunc(line, func(c Condition) bool { return !c.holds(object, about) })
	})
}

// scalar is a text or a boolean as Enum and Condition write it.
func scalar(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case bool:
		return strconv.FormatBool(value)
	}
	return ""
}

// among says whether a value is in an Enum.
func among(enum []string, value string) bool {
	return slices.ContainsFunc(enum, func(allowed string) bool {
		first, last, span := strings.Cut(allowed, "-")
		if !span {
			return value == allowed
		}
		return len(value) == len(first) && digits(value) && first <= value && value <= last
	})
}

// faults are the names of elements that break their rules, in the order of the table.
type faults struct {
	missing, malformed []string
	critical           []string // ids of extensions that had to be understood
}

func (f *faults) add(list *[]string, name string) {
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// check holds an object against its rules. Elements without a rule are let pass: other versions, schemes
// and channels have some, and a receiver ignores what it does not know (EMV 3DS 2.2 §5.1.6).
func (f *faults) check(rules []Rule, object map[string]any, about Message, path string) {
	for _, rule := range rules {
		value, there := object[rule.Field]
		switch {
		case there:
			f.checkValue(rule, value, object, about, path+rule.Field)
		case rule.Need.holds(object, about):
			f.add(&f.missing, path+rule.Field)
		}
	}
}

func (f *faults) checkValue(rule Rule, value any, object map[string]any, about Message, name string) {
	bad := func() { f.add(&f.malformed, name) }
	switch value := value.(type) {
	case string:
		size := utf8.RuneCountInString(value)
		fits := size > 0 && size >= rule.Min && (rule.Max == 0 || size <= rule.Max)
		if !fits || !rule.Class.admits(value) || len(rule.Enum) > 0 && !among(rule.Enum, value) {
			bad()
			return
		}
		if only, ok := rule.Only[value]; ok && about.Type != "" && !only.holds(object, about) {
			bad()
		}
	case bool:
		if rule.Class != Boolean || len(rule.Enum) > 0 && !among(rule.Enum, scalar(value)) {
			bad()
		}
	case map[string]any:
		if rule.Class == Free {
			if text, err := json.Marshal(value); err != nil || len(text) > rule.Max {
				bad()
			}
			return
		}
		if rule.Class != Object {
			bad()
			return
		}
		f.check(rule.Fields, value, about, name+".")
	case []any:
		f.checkList(rule, value, about, name)
	case streamed:
		if rule.Class != List || value == 0 {
			bad()
		}
	default: // null, a number
		bad()
	}
}

func (f *faults) checkList(rule Rule, list []any, about Message, name string) {
	if len(list) == 0 || rule.Max > 0 && len(list) > rule.Max || rule.Class != List && rule.Class != TextList {
		f.add(&f.malformed, name)
		return
	}
	for _, element := range list {
		object, isObject := element.(map[string]any)
		text, isText := element.(string)
		switch {
		case rule.Class == List && isObject:
			f.checkElement(rule, object, about, name)
		case rule.Class == TextList && isText && among(rule.Enum, text):
		default:
			f.add(&f.malformed, name)
		}
	}
}

// checkElement holds one object of a list against the rules of the list.
func (f *faults) checkElement(rule Rule, object map[string]any, about Message, name string) {
	f.check(rule.Fields, object, about, name+".")
	if critical, _ := object["criticalityIndicator"].(bool); critical && rule.Field == "messageExtension" {
		f.add(&f.critical, printable(scalar(object["id"]), 64)) // we know no extension
	}
}
