package gate

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"reprise/internal/payment"
)

// fault is one thing that is wrong with a value, by one keyword of the contract.
type fault struct {
	at      string // where the value is, or the object that lacks something: "/body/customer"
	field   string // the member meant: "/body/customer/type"
	message string // "must have required property 'type'"
	code    string // where a rule of the contract gives the refusal a code of its own
	line    int    // of the keyword in the contract
	order   int    // within the keyword: which of the required members
}

// maxFields bounds how many fields one refusal names.
const maxFields = 20

// check validates a value that stands at a place ("/body", "/path/session_id").
func (c *contract) check(schema *jsonschema.Schema, place string, value any) error {
	faults := c.faults(schema, place, value)
	if len(faults) == 0 {
		return nil
	}
	if faults[0].code != "" {
		refusal := payment.Refuse(faults[0].code, faults[0].message)
		if faults[0].field != "" {
			refusal.Fields = []payment.Field{{Path: faults[0].field, Message: faults[0].message}}
		}
		return refusal
	}
	refusal := &payment.Error{Code: "API_VALIDATION_ERROR"}
	var sentences []string
	for _, f := range faults {
		if f.code != "" || len(sentences) == maxFields {
			break
		}
		sentences = append(sentences, "request"+f.at+" "+f.message)
		refusal.Fields = append(refusal.Fields, payment.Field{Path: f.field, Message: f.message})
	}
	refusal.Message = strings.Join(sentences, ", ")
	return refusal
}

// Invalid is the refusal, as API_VALIDATION_ERROR, of fields that something other than the contract has
// judged.
func Invalid(fields ...payment.Field) error {
	sentences := make([]string, len(fields))
	for i, f := range fields {
		sentences[i] = "request" + f.Path + " " + f.Message
	}
	return &payment.Error{Code: "API_VALIDATION_ERROR", Message: strings.Join(sentences, ", "), Fields: fields}
}

// faults lists what is wrong with a value: first what is plainly invalid, then what has a code, each in
// the order of the contract. The validator walks maps, so its own order means nothing.
func (c *contract) faults(schema *jsonschema.Schema, place string, value any) []fault {
	err := schema.Validate(value)
	if err == nil {
		return nil
	}
	var faults []fault
	c.collect(err.(*jsonschema.ValidationError), place, value, &faults)
	slices.SortStableFunc(faults, func(a, b fault) int {
		return cmp.Or(
			cmp.Compare(min(len(a.code), 1), min(len(b.code), 1)),
			cmp.Compare(a.line, b.line), cmp.Compare(a.order, b.order), cmp.Compare(a.field, b.field), cmp.Compare(a.message, b.message),
		)
	})
	return slices.Compact(faults)
}

// collect walks the validator's tree of errors down to the keywords that failed. Nothing is taken from the
// validator's texts, which repeat values.
func (c *contract) collect(e *jsonschema.ValidationError, place string, value any, faults *[]fault) {
	at := place + known(c, value, e.InstanceLocation)
	add := func(keyword, field, message string, order int) {
		f := fault{at: at, field: field, message: message, order: order}
		var pointer string
		pointer, f.line = c.keyword(e.SchemaURL, keyword)
		c.rule(pointer, keyword, member(value, e.InstanceLocation), &f)
		*faults = append(*faults, f)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range e.Causes {
			c.collect(cause, place, value, faults)
		}
	case *kind.PropertyNames:
		// The causes have lost where they are, and their name may not be told.
		for _, cause := range e.Causes {
			keyword := cause.ErrorKind.KeywordPath()[0]
			f := fault{at: place, message: "must NOT have an invalid property name"}
			var pointer string
			pointer, f.line = c.keyword(e.SchemaURL, keyword)
			c.rule(pointer, keyword, nil, &f)
			*faults = append(*faults, f)
		}
	case *kind.Required:
		for i, name := range k.Missing {
			add("required", at+"/"+name, "must have required property '"+name+"'", i)
		}
	case *kind.AdditionalProperties:
		add("additionalProperties", at, "must NOT have additional properties", 0)
	case *kind.Not:
		add("not", at, "must NOT be valid", 0)
	default:
		add(e.ErrorKind.KeywordPath()[0], at, words(e.ErrorKind), 0)
	}
}

// keyword finds a keyword's schema in the contract, and its line.
func (c *contract) keyword(schemaURL, keyword string) (pointer string, line int) {
	_, fragment, _ := strings.Cut(schemaURL, "#")
	pointer, err := url.PathUnescape(fragment)
	if err != nil {
		return "", 0
	}
	return pointer, c.lines[pointer+"/"+keyword]
}

// rule applies the contract's x-errors to a fault. {value} stands for a value that the rule itself lists,
// so it repeats the contract and never the caller.
func (c *contract) rule(pointer, keyword string, value any, f *fault) {
	rules, _ := c.at(pointer + "/x-errors/" + keyword).([]any)
	for _, r := range rules {
		rule := object(r)
		message, _ := rule["message"].(string)
		if values, ok := rule["values"].([]any); ok {
			text, ok := value.(string)
			if !ok || !slices.Contains(values, any(text)) {
				continue
			}
			message = strings.ReplaceAll(message, "{value}", text)
		}
		f.code, _ = rule["code"].(string)
		f.message = message
		return
	}
}

// words says what a keyword asks for, in the wording of the API.
func words(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		types := slices.Clone(k.Want)
		slices.SortStableFunc(types, func(a, b string) int { return cmp.Compare(strings.Count(a, "null"), strings.Count(b, "null")) })
		return "must be " + strings.Join(types, ",")
	case *kind.Enum:
		return "must be equal to one of the allowed values"
	case *kind.Const:
		return "must be equal to constant"
	case *kind.Format:
		return fmt.Sprintf("must match format %q", k.Want)
	case *kind.Pattern:
		return `must match pattern "` + k.Want + `"`
	case *kind.MinLength:
		return fmt.Sprintf("must NOT have fewer than %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("must NOT have more than %d characters", k.Want)
	case *kind.Minimum:
		return "must be >= " + k.Want.RatString()
	case *kind.Maximum:
		return "must be <= " + k.Want.RatString()
	case *kind.ExclusiveMinimum:
		return "must be > " + k.Want.RatString()
	case *kind.MinItems:
		return fmt.Sprintf("must NOT have fewer than %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("must NOT have more than %d items", k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("must NOT have fewer than %d properties", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("must NOT have more than %d properties", k.Want)
	case *kind.AnyOf:
		return "must match a schema in anyOf"
	default:
		return "must be valid"
	}
}

// known writes a location as a JSON pointer as far as the contract names its members. A free member, of
// metadata say, has a name by the caller, and the pointer ends before it.
func known(c *contract, value any, location []string) string {
	var pointer strings.Builder
	for i, token := range location {
		if object(member(value, location[:i])) != nil && !c.properties[token] {
			break
		}
		pointer.WriteString("/" + escape(token))
	}
	return pointer.String()
}

// member returns what stands at a location in a value, or nil.
func member(value any, location []string) any {
	for _, token := range location {
		switch v := value.(type) {
		case map[string]any:
			value = v[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}
