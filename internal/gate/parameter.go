package gate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"reprise/internal/payment"
)

// parameter is what an operation takes beside its body.
type parameter struct {
	name, in string // in: path, query or header
	required bool
	schema   *jsonschema.Schema
	kind     string // what the text is read as: string, integer, number or boolean
	list     bool   // may be sent several times, in a query (OpenAPI's style form, exploded)
}

// standing is how a refusal names where a parameter stands.
var standing = map[string]string{"path": "/path/", "query": "/query/", "header": "/headers/"}

// parameter reads and compiles a parameter. Refused is what checkParameters would not read as it is meant.
func (c *contract) parameter(k *jsonschema.Compiler, pointer string) (parameter, error) {
	var p parameter
	p.name, _ = c.at(pointer + "/name").(string)
	p.in, _ = c.at(pointer + "/in").(string)
	p.required, _ = c.at(pointer + "/required").(bool)
	if standing[p.in] == "" {
		return p, fmt.Errorf("parameter %s: in %q is not supported", p.name, p.in)
	}
	for _, keyword := range []string{"content", "style", "explode", "allowReserved"} {
		if c.at(pointer+"/"+keyword) != nil {
			return p, fmt.Errorf("parameter %s: %s is not supported", p.name, keyword)
		}
	}
	at := c.follow(pointer + "/schema")
	p.kind, _ = c.at(at + "/type").(string)
	if p.kind == "array" && p.in == "query" {
		p.list = true
		p.kind, _ = c.at(c.follow(at+"/items") + "/type").(string)
	}
	if !slices.Contains([]string{"string", "integer", "number", "boolean"}, p.kind) {
		return p, fmt.Errorf("parameter %s: type %q is not supported", p.name, p.kind)
	}
	var err error
	p.schema, err = c.compileAt(k, pointer+"/schema")
	return p, err
}

// buildParameters reads and compiles those of what stands at a pointer.
func (c *contract) buildParameters(k *jsonschema.Compiler, pointer string) (all []parameter, err error) {
	listed, _ := c.at(pointer + "/parameters").([]any)
	for i := range listed {
		p, err := c.parameter(k, c.follow(fmt.Sprintf("%s/parameters/%d", pointer, i)))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// checkParameters validates path, query and headers. Parameters of a query that the contract does not name
// are ignored, as members of a body are.
func (c *contract) checkParameters(op *operation, r *http.Request) error {
	var query url.Values
	if slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.in == "query" }) {
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return Invalid(payment.Field{Path: "/query", Message: "must be a valid query"})
		}
	}
	for _, p := range op.parameters {
		var values []string
		switch p.in {
		case "path":
			values = []string{r.PathValue(p.name)}
		case "query":
			values = query[p.name]
		case "header":
			values = r.Header.Values(p.name)
		}
		if err := c.checkParameter(p, values); err != nil {
			return err
		}
	}
	return nil
}

// checkParameter validates what was sent under a parameter's name.
func (c *contract) checkParameter(p parameter, values []string) error {
	place := standing[p.in] + p.name
	if len(values) == 0 {
		if p.required {
			return Invalid(payment.Field{Path: place, Message: "must be sent"})
		}
		return nil
	}
	if p.list {
		list := make([]any, len(values))
		for i, text := range values {
			list[i] = p.read(text)
		}
		return c.checkValue(p, place, list, values)
	}
	if len(values) > 1 {
		return Invalid(payment.Field{Path: place, Message: "must NOT be sent more than once"})
	}
	return c.checkValue(p, place, p.read(values[0]), values)
}

// checkValue applies the schema, and what is asked of texts in a body too (checkSyntax).
func (c *contract) checkValue(p parameter, place string, value any, texts []string) error {
	if err := c.check(p.schema, place, value); err != nil {
		return err
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return Invalid(payment.Field{Path: place, Message: "must be valid UTF-8"})
		}
		if strings.Contains(text, "\x00") {
			return Invalid(payment.Field{Path: place, Message: "must NOT hold the character U+0000"})
		}
	}
	return nil
}

// read makes of a text the value that the schema judges. A text that is none of its kind stays a string,
// and the schema says so.
func (p parameter) read(text string) any {
	switch p.kind {
	case "integer", "number":
		if s := (syntax{b: []byte(text)}); s.number() == nil && s.i == len(text) {
			return json.Number(text)
		}
	case "boolean":
		switch text {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return text
}
