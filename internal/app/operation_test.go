package app

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// operation is an operation of the contract that a house serves.
type operation struct {
	pattern      string // "POST /sessions"
	method, path string // with the examples of its parameters
	key          string // of the sandbox, of the kind that the operation takes; empty: it takes none
	codes        []string
	body         bool              // takes one
	repeatable   bool              // knows idempotency-key
	writes       bool              // a secret key needs the permission to write
	examples     map[string]string // of the body, as JSON
	places       []string          // JSON pointers of all members that the body's schema names
}

// operations reads the contract that a house serves, and the error codes that any operation may answer.
func (f *front) operations() (operations []operation, general []string) {
	f.t.Helper()
	response, err := f.http.Get(f.base + "/openapi.yaml")
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if operations, general, err = operationsOf(text); err != nil {
		f.t.Fatal(err)
	}
	return operations, general
}

// operationsOf reads a contract.
func operationsOf(text []byte) (operations []operation, general []string, err error) {
	type parameter struct {
		Ref     string `yaml:"$ref"`
		Name    string
		In      string
		Example string
	}
	var contract struct {
		Codes []string `yaml:"x-error-codes"`
		Paths map[string]map[string]struct {
			Parameters []parameter
			Security   []map[string]any
			Body       *struct {
				Content map[string]struct {
					Examples map[string]struct{ Value any }
				}
			} `yaml:"requestBody"`
			Codes  []string `yaml:"x-error-codes"`
			Secret bool     `yaml:"x-secret"`
		}
		Components struct{ Parameters map[string]parameter }
	}
	var document any
	if err := errors.Join(yaml.Unmarshal(text, &contract), yaml.Unmarshal(text, &document)); err != nil {
		return nil, nil, err
	}
	for path, methods := range contract.Paths {
		for method, described := range methods {
			o := operation{method: strings.ToUpper(method), path: path, codes: described.Codes, examples: map[string]string{}}
			o.writes = o.method != "GET" || described.Secret
			o.pattern = o.method + " " + path
			if o.body = described.Body != nil; o.body {
				for name, example := range described.Body.Content["application/json"].Examples {
					text, err := json.Marshal(example.Value)
					if err != nil {
						return nil, nil, err
					}
					o.examples[name] = string(text)
				}
				schema := within(document, "paths", path, method, "requestBody", "content", "application/json", "schema")
				o.places = places(document, schema, "")
			}
			for _, scheme := range described.Security {
				for kind := range scheme {
					o.key = map[string]string{"secretKey": SandboxSecretKey, "publicKey": SandboxPublicKey}[kind]
				}
			}
			query := url.Values{}
			for _, p := range described.Parameters {
				if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
					p = contract.Components.Parameters[name]
				}
				o.repeatable = o.repeatable || p.Name == "idempotency-key"
				switch {
				case p.Example == "":
				case p.In == "query":
					query.Set(p.Name, p.Example)
				default:
					o.path = strings.ReplaceAll(o.path, "{"+p.Name+"}", p.Example)
				}
			}
			if len(query) > 0 {
				o.path += "?" + query.Encode()
			}
			operations = append(operations, o)
		}
	}
	slices.SortFunc(operations, func(a, b operation) int { return strings.Compare(a.pattern, b.pattern) })
	return operations, contract.Codes, nil
}

// within follows names into a document.
func within(document any, names ...string) any {
	for _, name := range names {
		members, _ := document.(map[string]any)
		document = members[name]
	}
	return document
}

// places lists the JSON pointers of the members that a schema of a document names, however deep.
func places(document, schema any, at string) (found []string) {
	members, _ := schema.(map[string]any)
	if ref, ok := members["$ref"].(string); ok {
		found = places(document, within(document, strings.Split(ref, "/")[1:]...), at)
	}
	if all, ok := members["allOf"].([]any); ok {
		for _, part := range all {
			found = append(found, places(document, part, at)...)
		}
	}
	if properties, ok := members["properties"].(map[string]any); ok {
		for name, below := range properties {
			found = append(found, at+"/"+name)
			found = append(found, places(document, below, at+"/"+name)...)
		}
	}
	if members["items"] != nil {
		found = append(found, at+"/0")
		found = append(found, places(document, members["items"], at+"/0")...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
