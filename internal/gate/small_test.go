package gate

import (
	"strings"
	"testing"
)

// small is a contract of one operation, POST /thing, with parameters and the schema of a body, both YAML.
// The schema may refer to #/components/schemas/Part.
func small(parameters, body, part string) (*contract, error) {
	return compile(smallText(parameters, body, part), false)
}

func smallText(parameters, body, part string) string {
	indent := func(text string, by int) string {
		return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", by))
	}
	return `
openapi: 3.1.0
tags: [{name: things}]
x-error-codes: []
paths:
  /thing:
    post:
      tags: [things]
      security: [{secretKey: []}]
      parameters:
        ` + indent(parameters, 8) + `
      requestBody:
        content:
          application/json:
            schema:
              ` + indent(body, 14) + `
      x-error-codes: []
      responses: {default: {$ref: '#/components/responses/Error'}}
components:
  responses:
    Error: {}
  schemas:
    Error: {type: object}
    Part:
      ` + indent(part, 6) + `
`
}

// smallForTest is small for a contract that must compile.
func smallForTest(t *testing.T, parameters, body, part string) (*contract, *operation) {
	t.Helper()
	c, err := small(parameters, body, part)
	if err != nil {
		t.Fatal(err)
	}
	return c, c.operations["POST /thing"]
}
