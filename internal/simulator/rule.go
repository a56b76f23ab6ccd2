package simulator

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// rule is what EMV 3DS says about one element of a message.
type rule struct {
	name string
	must func(object) bool // nil: optional
	good func(any) bool
}

// judge checks a message against its rules: what is missing (201) comes before what is malformed
// (203). Elements without a rule do not belong in the message.
func judge(o object, rules []rule) *erro {
	var missing, malformed []string
	known := map[string]bool{}
	for _, r := range rules {
		known[r.name] = true
		value, given := o[r.name]
		switch {
		case !given && r.must != nil && r.must(o):
			missing = append(missing, r.name)
		case given && !r.good(value):
			malformed = append(malformed, r.name)
		}
	}
	if missing != nil {
		return &erro{"201", "required data element missing", strings.Join(missing, ",")}
	}
	for name := range o {
		if !known[name] {
			malformed = append(malformed, elementName(name))
		}
	}
	if malformed != nil {
		slices.Sort(malformed)
		return &erro{"203", "format of a data element is invalid", strings.Join(malformed, ",")}
	}
	return nil
}

// elementName lets through what can be the name of an element; anything else may be a value that
// was put in the wrong place, and is not repeated.
func elementName(name string) string {
	if nameShape.MatchString(name) {
		return name
	}
	return "unknown element"
}

var (
	nameShape     = regexp.MustCompile(`^[A-Za-z]{1,50}$`)
	uuidShape     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	rangeShape    = regexp.MustCompile(`^(\*|[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*)$`) // RFC 4647 §2.1
	languageShape = regexp.MustCompile(`^[A-Za-z0-9-]{1,8}$`)
	offsetShape   = regexp.MustCompile(`^[+-]?[0-9]{1,4}$`)
	emailShape    = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	sessionShape  = regexp.MustCompile(`^[A-Za-z0-9_-]+={0,2}$`)
)

func always(object) bool { return true }

func text(least, most int) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		size := utf8.RuneCountInString(s)
		return ok && size >= least && size <= most && strings.TrimSpace(s) != "" && utf8.ValidString(s)
	}
}

func ascii(least, most int) func(any) bool {
	sized := text(least, most)
	return func(v any) bool { return sized(v) && printable.holds(v.(string)) }
}

func number(least, most int) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && len(s) >= least && len(s) <= most && num.holds(s)
	}
}

func shaped(shape *regexp.Regexp) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && shape.MatchString(s)
	}
}

func oneOf(values ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && slices.Contains(values, s)
	}
}

// fromTo holds for two-digit codes in one of the spans, e.g. "0109" for 01 to 09.
func fromTo(spans ...string) func(any) bool {
	two := number(2, 2)
	return func(v any) bool {
		return two(v) && slices.ContainsFunc(spans, func(span string) bool {
			return v.(string) >= span[:2] && v.(string) <= span[2:]
		})
	}
}

func when(layout string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		_, err := time.Parse(layout, s)
		return ok && err == nil
	}
}

func boolean(v any) bool {
	_, ok := v.(bool)
	return ok
}

func address(most int, schemes ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		if !ok || len(s) > most {
			return false
		}
		u, err := url.Parse(s)
		return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" && slices.Contains(schemes, u.Scheme)
	}
}

func ip(v any) bool {
	s, ok := v.(string)
	a, err := netip.ParseAddr(s)
	return ok && len(s) <= 45 && err == nil && a.Zone() == ""
}

func phone(v any) bool {
	o, ok := v.(object)
	return ok && len(o) == 2 && number(1, 3)(o["cc"]) && number(1, 15)(o["subscriber"])
}

// nested holds for an object without an empty text in it. The object itself may be empty: all its
// elements are optional, and certified 3DS Servers send it so.
func nested(v any) bool {
	o, ok := v.(object)
	if !ok {
		return false
	}
	for _, member := range o {
		switch m := member.(type) {
		case string:
			if m == "" {
				return false
			}
		case bool, json.Number, object, []any:
		default:
			return false
		}
	}
	return true
}

// listOf holds for a list that is not empty and has only good values.
func listOf(good func(any) bool) func(any) bool {
	return func(v any) bool {
		list, ok := v.([]any)
		return ok && len(list) > 0 && len(list) <= 100 && !slices.ContainsFunc(list, func(v any) bool { return !good(v) })
	}
}

// extensions holds for a list of at most ten message extensions; whether a critical one is known
// is another question (202).
func extensions(v any) bool {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > 10 {
		return false
	}
	for _, item := range list {
		o, ok := item.(object)
		if !ok || !text(1, 64)(o["name"]) || !text(1, 64)(o["id"]) || !boolean(o["criticalityIndicator"]) {
			return false
		}
		if _, ok := o["data"].(object); !ok {
			return false
		}
	}
	return true
}

// critical finds a message extension that must be understood; we understand none.
func critical(o object) *erro {
	list, _ := o["messageExtension"].([]any)
	for _, item := range list {
		if extension, ok := item.(object); ok && extension["criticalityIndicator"] == true {
			return &erro{"202", "critical message extension not recognised", "messageExtension"}
		}
	}
	return nil
}
