package gate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// field is one line of the reference page: a member of a body, or a parameter.
type field struct {
	Name     string // "customer.individual_detail.given_names", "items[].quantity"
	Type     string
	Required bool
	Text     string   // the contract's description
	Rules    []string // what the schema asks for, in words
	Refusals []refusedRule
}

// refusedRule is how a field is refused with a code of its own, as x-errors says.
type refusedRule struct{ Code, Message string }

// fields lists the members that a schema names, those of the objects within it too, in the contract's order.
func (c *contract) fields(pointer, prefix string) (found []field) {
	for _, at := range c.together(pointer) {
		required, _ := c.at(at + "/required").([]any)
		for _, name := range c.inOrder(at + "/properties") {
			member := at + "/properties/" + escape(name)
			f := c.field(member, prefix+name)
			f.Required = slices.Contains(required, any(name))
			found = append(found, f)
			found = append(found, c.within(member, prefix+name)...)
		}
	}
	return found
}

// within lists the members of a member: of the object that it is, or of the objects in the array that it is.
func (c *contract) within(pointer, name string) []field {
	for _, at := range c.together(pointer) {
		if c.at(at+"/items") != nil {
			return c.within(at+"/items", name+"[]")
		}
	}
	return c.fields(pointer, name+".")
}

// together lists the pointers of the schemas that always judge what a schema judges: itself, what it refers
// to, and allOf.
func (c *contract) together(pointer string) []string {
	all := []string{pointer}
	for i := 0; i < len(all); i++ { // grows
		if at := c.follow(all[i]); at != all[i] {
			all = append(all, at)
		}
		all = append(all, c.each(all[i], "allOf")...)
	}
	return all
}

// inOrder lists the members of an object of the contract as they stand in the file.
func (c *contract) inOrder(pointer string) []string {
	names := list(object(c.at(pointer)))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(c.lines[pointer+"/"+escape(a)], c.lines[pointer+"/"+escape(b)])
	})
	return names
}

// field describes one schema.
func (c *contract) field(pointer, name string) field {
	f := field{Name: name}
	for _, at := range c.together(pointer) {
		schema := object(c.at(at))
		if text, ok := schema["description"].(string); ok && f.Text == "" {
			f.Text = text
		}
		f.Type = cmp.Or(f.Type, c.typeOf(at))
		f.Rules = append(f.Rules, rules(schema)...)
		for _, keyword := range c.inOrder(at + "/x-errors") {
			for _, r := range schema["x-errors"].(map[string]any)[keyword].([]any) {
				f.Refusals = appendRule(f.Refusals, object(r))
			}
		}
		if schema["items"] != nil { // those of objects have lines of their own
			if each := c.field(at+"/items", ""); each.Type != "object" {
				for _, rule := range each.Rules {
					f.Rules = append(f.Rules, "each "+rule)
				}
				f.Refusals = append(f.Refusals, each.Refusals...)
			}
		}
		if schema["additionalProperties"] != nil && schema["properties"] == nil {
			for _, keyword := range []string{"propertyNames", "additionalProperties"} {
				below := c.field(at+"/"+keyword, "")
				f.Refusals = append(f.Refusals, below.Refusals...)
			}
		}
	}
	return f
}

func appendRule(known []refusedRule, rule map[string]any) []refusedRule {
	r := refusedRule{}
	r.Code, _ = rule["code"].(string)
	r.Message, _ = rule["message"].(string)
	if values, ok := rule["values"].([]any); ok {
		for _, value := range values {
			known = append(known, refusedRule{r.Code, strings.ReplaceAll(r.Message, "{value}", fmt.Sprint(value))})
		}
		return known
	}
	return append(known, r)
}

func (c *contract) typeOf(pointer string) string {
	schema := object(c.at(pointer))
	switch kind := schema["type"].(type) {
	case string:
		if kind == "array" {
			if of := c.field(pointer+"/items", "").Type; of != "" {
				return "array of " + of
			}
		}
		return kind
	case []any:
		return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(kind), "[]")), " or ")
	}
	if value, ok := schema["const"]; ok {
		if _, text := value.(string); text {
			return "string"
		}
	}
	return ""
}

// rules says in words what the keywords of a schema ask for.
func rules(schema map[string]any) (said []string) {
	say := func(format string, values ...any) { said = append(said, fmt.Sprintf(format, values...)) }
	if never, ok := schema["not"].(map[string]any); ok && len(never) == 0 && schema["x-errors"] == nil {
		say("not allowed")
	}
	if values, ok := schema["enum"].([]any); ok {
		say("one of %s", listed(values))
	}
	if value, ok := schema["const"]; ok {
		say("always %v", value)
	}
	between(say, schema, "minLength", "maxLength", "characters")
	between(say, schema, "minItems", "maxItems", "items")
	between(say, schema, "minProperties", "maxProperties", "members")
	for _, limit := range []struct{ keyword, text string }{
		{"exclusiveMinimum", "more than %v"}, {"minimum", "at least %v"}, {"maximum", "at most %v"}, {"exclusiveMaximum", "less than %v"},
	} {
		if value, ok := schema[limit.keyword]; ok {
			say(limit.text, value)
		}
	}
	if format, ok := schema["format"]; ok {
		say("format %v", format)
	}
	if pattern, ok := schema["pattern"]; ok {
		say("matches %v", pattern)
	}
	if value, ok := schema["default"]; ok {
		say("%v when absent", value)
	}
	return said
}

func between(say func(string, ...any), schema map[string]any, least, most, of string) {
	low, hasLow := schema[least]
	high, hasHigh := schema[most]
	switch {
	case hasLow && hasHigh && low == high:
		say("%v %s", low, of)
	case hasLow && hasHigh:
		say("%v to %v %s", low, high, of)
	case hasLow:
		say("at least %v %s", low, of)
	case hasHigh:
		say("at most %v %s", high, of)
	}
}

func listed(values []any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ", ")
}

// conditions says what a schema asks for only sometimes: its if and then, as far as they name values and
// members, which is what a reader can be told in a sentence.
func (c *contract) conditions(pointer, prefix string) (said []string) {
	for _, at := range c.together(pointer) {
		schema := object(c.at(at))
		var when []string
		for _, name := range c.inOrder(at + "/if/properties") {
			judge := object(c.at(at + "/if/properties/" + escape(name)))
			if value, ok := judge["const"]; ok {
				when = append(when, fmt.Sprintf("%s%s is %v", prefix, name, value))
			} else if values, ok := judge["enum"].([]any); ok {
				when = append(when, fmt.Sprintf("%s%s is one of %s", prefix, name, listed(values)))
			}
		}
		if needs := c.needs(at+"/then", prefix); len(when) > 0 && len(needs) > 0 {
			said = append(said, "When "+strings.Join(when, " and ")+": "+strings.Join(needs, "; ")+".")
		}
		for _, r := range appendRules(nil, object(object(schema["then"])["x-errors"])) {
			said = append(said, "Otherwise "+r.Code+": "+r.Message+".")
		}
		for _, name := range c.inOrder(at + "/properties") {
			said = append(said, c.conditions(at+"/properties/"+escape(name), prefix+name+".")...)
		}
	}
	return said
}

func appendRules(known []refusedRule, byKeyword map[string]any) []refusedRule {
	for _, keyword := range list(byKeyword) {
		for _, r := range byKeyword[keyword].([]any) {
			known = appendRule(known, object(r))
		}
	}
	return known
}

// needs says which members a schema requires, itself and in the objects within it.
func (c *contract) needs(pointer, prefix string) (said []string) {
	schema := object(c.at(pointer))
	if names, ok := schema["required"].([]any); ok {
		for _, name := range names {
			said = append(said, fmt.Sprintf("%s%v is required", prefix, name))
		}
	}
	if choices := c.each(pointer, "anyOf"); choices != nil {
		var either []string
		for _, at := range choices {
			if names, ok := c.at(at + "/required").([]any); ok {
				either = append(either, prefix+listed(names))
			}
		}
		if len(either) > 0 {
			said = append(said, strings.Join(either, " or ")+" is required")
		}
	}
	for _, name := range c.inOrder(pointer + "/properties") {
		said = append(said, c.needs(pointer+"/properties/"+escape(name), prefix+name+".")...)
	}
	return said
}

// ordered writes a value of the contract as JSON, with members as they stand in the file.
func (c *contract) ordered(pointer, indent string) string {
	deeper := indent + "  "
	switch value := c.at(pointer).(type) {
	case map[string]any:
		var members []string
		for _, name := range c.inOrder(pointer) {
			key, _ := json.Marshal(name)
			members = append(members, deeper+string(key)+": "+c.ordered(pointer+"/"+escape(name), deeper))
		}
		if members == nil {
			return "{}"
		}
		return "{\n" + strings.Join(members, ",\n") + "\n" + indent + "}"
	case []any:
		var items []string
		for i := range value {
			items = append(items, deeper+c.ordered(fmt.Sprintf("%s/%d", pointer, i), deeper))
		}
		if items == nil {
			return "[]"
		}
		return "[\n" + strings.Join(items, ",\n") + "\n" + indent + "]"
	default:
		text, err := marshal(value)
		if err != nil { // numbers, strings, booleans and null always marshal
			panic(err)
		}
		return string(text)
	}
}
