package gate

import (
	"strings"
	"testing"
)

func TestPrune(t *testing.T) {
	const part = `
type: object
properties:
  a: {type: string}
  deep: {type: object, properties: {b: {type: string}}}`
	for name, test := range map[string]struct{ schema, body, want string }{
		"members":         {`{type: object, properties: {a: {type: string}}}`, `{"a":"1","x":"2","A":"3"}`, `{"a":"1"}`},
		"none named":      {`{type: object}`, `{"card_number":"4"}`, `{}`},
		"no type":         {`{properties: {a: {}}}`, `{"a":{"x":1},"x":2}`, `{"a":{}}`},
		"reference":       {`{$ref: '#/components/schemas/Part'}`, `{"a":"1","deep":{"b":"2","x":"3"},"x":"4"}`, `{"a":"1","deep":{"b":"2"}}`},
		"beside a $ref":   {`{$ref: '#/components/schemas/Part', properties: {c: {type: string}}}`, `{"a":"1","c":"2","x":"3"}`, `{"a":"1","c":"2"}`},
		"only allOf":      {`{allOf: [{$ref: '#/components/schemas/Part'}, {properties: {c: {type: string}}}]}`, `{"a":"1","c":"2","card_number":"4"}`, `{"a":"1","c":"2"}`},
		"allOf in depth":  {`{properties: {deep: {properties: {c: {}}}}, allOf: [{$ref: '#/components/schemas/Part'}]}`, `{"deep":{"b":"1","c":"2","x":"3"}}`, `{"deep":{"b":"1","c":"2"}}`},
		"allOf in allOf":  {`{allOf: [{allOf: [{properties: {a: {}}}]}]}`, `{"a":"1","x":"2"}`, `{"a":"1"}`},
		"array":           {`{type: object, properties: {l: {type: array, items: {properties: {a: {}}}}}}`, `{"l":[{"a":"1","x":"2"},[{"x":"3"}]]}`, `{"l":[{"a":"1"},[{}]]}`},
		"array of what":   {`{type: object, properties: {l: {type: array}}}`, `{"l":[1,{"card_number":"4"}]}`, `{"l":[1,{}]}`},
		"names by caller": {`{type: object, additionalProperties: {type: string}}`, `{"any":"1","card_number":"2"}`, `{"any":"1","card_number":"2"}`},
		"objects by name": {`{type: object, properties: {a: {}}, additionalProperties: {properties: {b: {}}}}`, `{"a":"1","k":{"b":"2","x":"3"}}`, `{"a":"1","k":{"b":"2"}}`},
		"a condition":     {`{properties: {a: {}, b: {}}, if: {properties: {a: {const: '1'}}}, then: {required: [b]}}`, `{"a":"1","b":"2","x":"3"}`, `{"a":"1","b":"2"}`},
		"alternatives":    {`{properties: {a: {}, b: {}}, anyOf: [{required: [a]}, {properties: {b: {const: '2'}}}]}`, `{"a":"1","b":"2","x":"3"}`, `{"a":"1","b":"2"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c, op := smallForTest(t, `[]`, test.schema, part)
			value, err := decode([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.check(op.body, "/body", value); err != nil {
				t.Fatal(err)
			}
			dropped := op.named.prune(value)
			if got, _ := marshal(value); string(got) != test.want || dropped != (test.body != test.want) {
				t.Errorf("%s, dropped %v", got, dropped)
			}
		})
	}
}

// TestCannotPrune: a contract whose bodies could not be pruned rightly does not compile.
func TestCannotPrune(t *testing.T) {
	for schema, want := range map[string]string{
		`{type: object, oneOf: [{properties: {card: {}}}, {properties: {token: {}}}]}`:                             `oneOf/0 names /card, which the schema outside of it has to name too`,
		`{type: object, properties: {a: {}}, anyOf: [{required: [a]}, {properties: {b: {}}}]}`:                     `anyOf/1 names /b`,
		`{type: object, properties: {a: {}}, if: {required: [a]}, then: {properties: {b: {}}}}`:                    `then names /b`,
		`{type: object, properties: {a: {}}, if: {required: [a]}, else: {allOf: [{properties: {b: {}}}]}}`:         `else names /b`,
		`{type: object, properties: {a: {type: object}}, if: {properties: {a: {properties: {b: {}}}}}}`:            `if names /a/b`,
		`{type: object, properties: {a: {}}, anyOf: [{additionalProperties: {type: string}}]}`:                     `anyOf/0 names /* (additionalProperties)`,
		`{type: object, properties: {a: {items: {}}}, anyOf: [{properties: {a: {items: {properties: {b: {}}}}}}]}`: `anyOf/0 names /a/0/b`,
		`{allOf: [{properties: {a: {}}, oneOf: [{properties: {b: {}}}]}]}`:                                         `allOf/0/oneOf/0 names /b`,
		`{type: object, patternProperties: {^x: {type: string}}}`:                                                  `cannot have patternProperties`,
		`{type: object, properties: {l: {prefixItems: [{properties: {a: {}}}]}}}`:                                  `properties/l: the schema of a request cannot have prefixItems`,
		`{type: object, dependentSchemas: {a: {properties: {b: {}}}}}`:                                             `cannot have dependentSchemas`,
		`{type: object, properties: {a: {type: string, maxlength: 3}}}`:                                            `cannot have maxlength`,
		`{type: object, additionalProperties: true}`:                                                               `additionalProperties true would keep what nothing judges`,
		`{$ref: '#/components/schemas/Part'}`:                                                                      `/components/schemas/Part: stands within itself`,
	} {
		_, err := small(`[]`, schema, `{type: object, properties: {more: {$ref: '#/components/schemas/Part'}}}`)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "POST /thing") {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func TestPlainIntegers(t *testing.T) {
	c, op := smallForTest(t, `[]`, `{type: object, properties: {n: {type: integer}, m: {type: [integer, 'null']}, f: {type: number}}}`, `{}`)
	for body, want := range map[string]string{
		`{"n":100}`: "", `{"n":-9223372036854775808}`: "", `{"m":null}`: "", `{"f":1e2}`: "", `{"f":100.0}`: "",
		`{"n":1e2}`: "/body/n must be integer", `{"n":100.0}`: "/body/n must be integer", `{"n":1.5}`: "/body/n must be integer",
		`{"n":9223372036854775808}`: "/body/n must be integer", `{"n":"1"}`: "/body/n must be integer", `{"m":1E2}`: "/body/m must be integer,null",
	} {
		value, err := decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := refusedAs(t, c.check(op.body, "/body", value)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}
