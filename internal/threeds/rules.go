package threeds

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Rule says what one data element of a message may be (EMV 3DS table A.1).
type Rule struct {
	Field string
	Need  Need
	Class Class
	// Min and Max bound a text, or an object as JSON, in characters. Zero is no bound; nothing may be empty.
	Min, Max int
	// Many makes the element a list of as many at most, each of which obeys the rest of the rule; Total bounds the
	// whole list as JSON, in characters.
	Many, Total int
	// Enum lists the allowed values; "80-99" stands for all of two digits between. Empty: any of the class.
	Enum []string
	// Only holds values that are allowed just where all of some conditions hold.
	Only map[string][]Condition
	// Fields are the rules of an object. An object without is free.
	Fields []Rule
}

// unbounded is how Many elements a list may have whose size is not said.
const unbounded = math.MaxInt

// Need says when an element must be there: when all conditions of any line hold. No line is optional, and
// an empty line always.
type Need [][]Condition

// Condition is about another element beside this one, "acsDecConInd"; about an element of one that is an object,
// "recurringInd.frequencyInd"; or about the message that is answered, "AReq.messageCategory". Of a message that
// is not known nothing can be said, and the condition does not hold.
type Condition struct {
	Field string
	In    []string // values as in Enum; with none, the element is just there
	Not   bool
}

var required = Need{{}}

func when(field string, in ...string) Condition { return Condition{Field: field, In: in} }

func unless(field string, in ...string) Condition { return Condition{Field: field, In: in, Not: true} }

// all is a need under conditions that hold together, and anyOf one under each of several.
func all(conditions ...Condition) Need { return Need{conditions} }

func anyOf(conditions ...Condition) (n Need) {
	for _, c := range conditions {
		n = append(n, []Condition{c})
	}
	return n
}

// only lets values be used under one condition.
func only(c Condition, values ...string) map[string][]Condition {
	m := map[string][]Condition{}
	for _, value := range values {
		m[value] = []Condition{c}
	}
	return m
}

// Table holds the rules of one protocol version by message type.
type Table map[string][]Rule

// strict says whether the version is of those, from 2.3.1 on, whose lists hold nothing twice, and whose Erro has codes of
// their own for a reserved value and for card ranges that are at odds with each other (EMV 3DS 2.3.1 §A.16, table A.4).
func (t Table) strict() bool {
	i := slices.IndexFunc(t["Erro"], func(r Rule) bool { return r.Field == "errorCode" })
	return i >= 0 && among(t["Erro"][i].Enum, reservedValue)
}

// tables holds the versions whose messages we read.
var tables = map[string]Table{
	"2.1.0": table210,
	"2.2.0": table220,
	"2.3.1": table231,
}

// spoken lists those that we speak, the newest first.
var spoken = []string{"2.3.1", "2.2.0", "2.1.0"}

// kinds are the types of message that there are for a 3DS Server and a browser.
var kinds = []string{"AReq", "ARes", "CReq", "CRes", "PReq", "PRes", "RReq", "RRes", "Erro"}

// known says whether a condition can be judged.
func (c Condition) known(about Message) bool {
	kind, _, of := strings.Cut(c.Field, ".")
	return !of || !slices.Contains(kinds, kind) || kind == about.Type
}

// holds says whether a condition is true of an object, which answers another message.
func (c Condition) holds(object map[string]any, about Message) bool {
	if !c.known(about) {
		return false
	}
	first, rest, deep := strings.Cut(c.Field, ".")
	if deep && first == about.Type {
		return c.of(about.fields[rest])
	}
	if inner, ok := object[first].(map[string]any); deep && ok {
		return c.of(inner[rest])
	}
	return c.of(object[c.Field])
}

func (c Condition) of(value any) bool {
	if list, ok := value.([]any); ok && len(c.In) > 0 {
		some := slices.ContainsFunc(list, func(element any) bool { return among(c.In, scalar(element)) })
		return some != c.Not
	}
	if len(c.In) == 0 {
		return !empty(value) != c.Not
	}
	return among(c.In, scalar(value)) != c.Not
}

func (n Need) holds(object map[string]any, about Message) bool {
	return slices.ContainsFunc(n, func(line []Condition) bool {
		return !slices.ContainsFunc(line, func(c Condition) bool { return !c.holds(object, about) })
	})
}

// empty says whether a value is none: that is as if the element were missing (EMV 3DS 2.3.1 §A.1). An object without
// members is one: what it may not be without are its members.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case []any:
		return len(value) == 0
	case streamed:
		return value == 0
	}
	return false
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
