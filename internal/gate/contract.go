package gate

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"reprise/internal/payment"
)

//go:embed openapi.yaml
var specification string

// base names the document within the schema compiler.
const base = "urn:reprise:contract"

// contract is openapi.yaml, compiled.
type contract struct {
	document   any
	lines      map[string]int  // JSON pointer of every node -> its line
	properties map[string]bool // every name that the contract gives a member
	operations map[string]*operation
	webhooks   map[payment.NoticeKind]webhook
	refusal    *jsonschema.Schema // the error envelope
	codes      []string           // error codes that any operation may answer
}

// operation is one operation of the contract.
type operation struct {
	pattern    string // "POST /sessions", as in http.ServeMux
	kind       payment.KeyKind
	product    string         // the tag by which secret keys are permitted
	access     payment.Access // what it needs of that
	parameters []parameter
	body       *jsonschema.Schema // nil: takes none
	at         string             // its pointer
	bodyAt     string             // the pointer of its schema
	named      *shape             // what the schema names in it
	repeatable bool               // knows idempotency-key
	answers    map[int]*jsonschema.Schema
	codes      []string // error codes of its own
	limitedBy  place    // what is counted where it is not the key
	load       Load
}

// webhook is one webhook of the contract: what we send.
type webhook struct {
	headers []parameter
	body    *jsonschema.Schema
}

// strict and lenient are our contract, compiled when it is first needed: that takes a while, nothing changes it, and
// a process may hold several houses, one after the other or at once.
var (
	strict  = sync.OnceValues(func() (*contract, error) { return compile(specification, false) })
	lenient = sync.OnceValues(func() (*contract, error) { return compile(specification, true) })
)

// compiled is our contract. allowHTTP is that of the options.
func compiled(allowHTTP bool) (*contract, error) {
	if allowHTTP {
		return lenient()
	}
	return strict()
}

// compile reads and compiles a contract. What fails here is a mistake in it, or something that this package
// could not hold callers to.
func compile(specification string, allowHTTP bool) (*contract, error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(specification), &root); err != nil {
		return nil, fmt.Errorf("gate: contract: %w", err)
	}
	c := &contract{
		lines: map[string]int{}, properties: map[string]bool{},
		operations: map[string]*operation{}, webhooks: map[payment.NoticeKind]webhook{},
	}
	c.document = c.load(root.Content[0], "")
	k := jsonschema.NewCompiler()
	k.DefaultDraft(jsonschema.Draft2020)
	k.AssertFormat()
	k.AssertVocabs()
	k.RegisterVocabulary(integers())
	k.RegisterFormat(httpsURL(allowHTTP))
	k.RegisterFormat(dateTime())
	k.RegisterFormat(cardFree())
	if err := k.AddResource(base, c.document); err != nil {
		return nil, fmt.Errorf("gate: contract: %w", err)
	}
	if err := c.build(k); err != nil {
		return nil, fmt.Errorf("gate: contract: %w", err)
	}
	return c, nil
}

// schemas says where schemas stand in a contract. The compiler would find each by itself when it is asked for, and copy what it
// knows of all others then. What it is told of it does not hold against the rules of JSON Schema; a test does.
func schemas() (all []jsonschema.SchemaPath) {
	at := func(path ...jsonschema.Position) { all = append(all, path) }
	type name = jsonschema.Prop
	each, item, media := jsonschema.AllProp{}, jsonschema.AllItem{}, name("content")
	at(name("components"), name("schemas"), each)
	at(name("components"), name("parameters"), each, name("schema"))
	at(name("components"), name("responses"), each, media, each, name("schema"))
	for _, doors := range []name{"paths", "webhooks"} {
		at(doors, each, each, name("parameters"), item, name("schema"))
		at(doors, each, each, name("requestBody"), media, each, name("schema"))
		at(doors, each, each, name("responses"), each, media, each, name("schema"))
	}
	return all
}

// load turns YAML into what JSON would decode to, with numbers as written, and notes where things stand.
func (c *contract) load(n *yaml.Node, pointer string) any {
	c.lines[pointer] = n.Line
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		named := strings.HasSuffix(pointer, "/properties")
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if named {
				c.properties[key] = true
			}
			at := pointer + "/" + escape(key)
			m[key] = c.load(n.Content[i+1], at)
			c.lines[at] = n.Content[i].Line
		}
		return m
	case yaml.SequenceNode:
		s := make([]any, len(n.Content))
		for i, item := range n.Content {
			s[i] = c.load(item, fmt.Sprintf("%s/%d", pointer, i))
		}
		return s
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		return json.Number(n.Value)
	}
	return n.Value
}

// build compiles the schemas of all operations and webhooks.
func (c *contract) build(k *jsonschema.Compiler) error {
	var err error
	if c.refusal, err = k.Compile(base + "#/components/schemas/Error"); err != nil {
		return err
	}
	if c.codes, err = c.errorCodes(""); err != nil {
		return err
	}
	for path, item := range object(c.at("/paths")) {
		for method := range object(item) {
			op := &operation{pattern: strings.ToUpper(method) + " " + path}
			if err := c.buildOperation(k, op, "/paths/"+escape(path)+"/"+method); err != nil {
				return fmt.Errorf("%s: %w", op.pattern, err)
			}
			c.operations[op.pattern] = op
		}
	}
	for kind := range object(c.at("/webhooks")) {
		w, at := webhook{}, "/webhooks/"+kind+"/post"
		if w.headers, err = c.buildParameters(k, at); err != nil {
			return err
		}
		if w.body, err = c.compileAt(k, at+"/requestBody/content/application~1json/schema"); err != nil {
			return err
		}
		c.webhooks[payment.NoticeKind(kind)] = w
	}
	return nil
}

func (c *contract) buildOperation(k *jsonschema.Compiler, op *operation, pointer string) error {
	node := object(c.at(pointer))
	op.at = pointer
	op.kind = c.kind(pointer)
	if op.kind == payment.Secret {
		if err := c.buildPermission(op, node["tags"], node["x-secret"] == true); err != nil {
			return err
		}
	}
	var err error
	if op.parameters, err = c.buildParameters(k, pointer); err != nil {
		return err
	}
	op.repeatable = slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.name == idempotencyKey })
	const media = "/content/application~1json/schema"
	if node["requestBody"] != nil {
		op.bodyAt = pointer + "/requestBody" + media
		schema, err := c.compileAt(k, op.bodyAt)
		if err != nil {
			return err
		}
		op.body = schema
		if op.named, err = c.shape([]string{op.bodyAt}, nil); err != nil {
			return err
		}
	}
	if op.codes, err = c.errorCodes(pointer); err != nil {
		return err
	}
	if op.limitedBy, err = c.limitedBy(pointer, op); err != nil {
		return err
	}
	if op.load, err = loadOf(node["x-load"]); err != nil {
		return err
	}
	op.answers = map[int]*jsonschema.Schema{}
	if c.follow(pointer+"/responses/default") != "/components/responses/Error" {
		return fmt.Errorf("default is not the answer that refuses")
	}
	for code := range object(node["responses"]) {
		if code == "default" {
			continue
		}
		var status int
		if _, err := fmt.Sscanf(code, "%3d", &status); err != nil || status >= 400 {
			return fmt.Errorf("response %s: a status below 400 is meant, and what refuses is named by x-error-codes", code)
		}
		schema, err := c.compileAt(k, c.follow(pointer+"/responses/"+code)+media)
		if err != nil {
			return err
		}
		op.answers[status] = schema
	}
	return nil
}

// errorCodes reads x-error-codes of an operation, or of the document. A code stands in one place only: the
// general ones are not repeated.
func (c *contract) errorCodes(pointer string) ([]string, error) {
	listed, ok := c.at(pointer + "/x-error-codes").([]any)
	if !ok {
		return nil, fmt.Errorf("x-error-codes is missing")
	}
	codes := make([]string, len(listed))
	for i, code := range listed {
		codes[i], _ = code.(string)
		switch {
		case statuses[codes[i]] == 0:
			return nil, fmt.Errorf("x-error-codes: %v has no HTTP status", code)
		case slices.Contains(codes[:i], codes[i]) || slices.Contains(c.codes, codes[i]):
			return nil, fmt.Errorf("x-error-codes: %s is listed twice, or at the head of the contract too", codes[i])
		}
	}
	return codes, nil
}

// buildPermission reads what a secret key must be permitted for an operation. The tag says the product, so
// there is exactly one, and it is one that the contract describes. GET reads and all else writes; x-secret asks for
// the permission to write where a secret is read.
func (c *contract) buildPermission(op *operation, tags any, secret bool) error {
	list, _ := tags.([]any)
	if len(list) != 1 {
		return errors.New("an operation with a secret key has exactly one tag, the product that keys are permitted")
	}
	op.product, _ = list[0].(string)
	described, _ := c.at("/tags").([]any)
	if !slices.ContainsFunc(described, func(tag any) bool { return object(tag)["name"] == op.product }) {
		return fmt.Errorf("tag %q is not described", op.product)
	}
	op.access = payment.AccessWrite
	if strings.HasPrefix(op.pattern, "GET ") && !secret { // what is read there lets one act
		op.access = payment.AccessRead
	}
	return nil
}

// kind reads which kind of key an operation takes.
func (c *contract) kind(pointer string) payment.KeyKind {
	switch {
	case c.at(pointer+"/security/0/secretKey") != nil:
		return payment.Secret
	case c.at(pointer+"/security/0/publicKey") != nil:
		return payment.Public
	}
	return payment.Anyone
}

func (c *contract) compileAt(k *jsonschema.Compiler, pointer string) (*jsonschema.Schema, error) {
	return k.Compile(base + "#" + (&url.URL{Path: pointer}).EscapedPath())
}

// at returns the node that a JSON pointer leads to, or nil.
func (c *contract) at(pointer string) any {
	node := c.document
	if pointer == "" {
		return node
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		switch n := node.(type) {
		case map[string]any:
			node = n[unescape(token)]
		case []any:
			var i int
			if _, err := fmt.Sscanf(token, "%d", &i); err != nil || i < 0 || i >= len(n) {
				return nil
			}
			node = n[i]
		default:
			return nil
		}
	}
	return node
}

// follow returns where a node that may be a reference really stands.
func (c *contract) follow(pointer string) string {
	if ref, ok := object(c.at(pointer))["$ref"].(string); ok {
		return strings.TrimPrefix(ref, "#")
	}
	return pointer
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// escape and unescape write and read a token of a JSON pointer (RFC 6901 section 3).
func escape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// list returns the keys of a set in order.
func list[K ~string | ~int, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
