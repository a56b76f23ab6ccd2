package gate

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// refusedAs reads the one field that a refusal names, and what is said of it.
func refusedAs(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *payment.Error
	if !errors.As(err, &e) || e.Code != "API_VALIDATION_ERROR" || len(e.Fields) != 1 {
		t.Fatalf("not a refusal of one field: %#v", err)
	}
	return e.Fields[0].Path + " " + e.Fields[0].Message
}

func TestQuery(t *testing.T) {
	c, op := smallForTest(t, `
- {name: after, in: query, schema: {type: string, maxLength: 4}}
- {name: limit, in: query, required: true, schema: {type: integer, minimum: 1, maximum: 100}}
- {name: rate, in: query, schema: {type: number}}
- {name: open, in: query, schema: {type: boolean}}
- {name: status, in: query, schema: {type: array, maxItems: 2, items: {type: string, enum: [A, B]}}}
- {name: ids, in: query, schema: {type: array, items: {$ref: '#/components/schemas/Part'}}}`, `{type: object}`, `{type: integer}`)
	for query, want := range map[string]string{
		"limit=1": "", "limit=100&after=a%20b&rate=-0.5&open=true&status=A&status=B&ids=1&ids=2": "", "limit=7&unknown=%00&open=false": "",
		"":                                   "/query/limit must be sent",
		"limit=":                             "/query/limit must be integer",
		"limit=x":                            "/query/limit must be integer",
		"limit=1e1":                          "/query/limit must be integer",
		"limit=1.0":                          "/query/limit must be integer",
		"limit=+1":                           "/query/limit must be integer",
		"limit=1e999999999":                  "/query/limit must be integer",
		"limit=0":                            "/query/limit must be >= 1",
		"limit=1&limit=2":                    "/query/limit must NOT be sent more than once",
		"limit=1&rate=fast":                  "/query/rate must be number",
		"limit=1&open=yes":                   "/query/open must be boolean",
		"limit=1&after=abcde":                "/query/after must NOT have more than 4 characters",
		"limit=1&after=%00":                  "/query/after must NOT hold the character U+0000",
		"limit=1&after=%ff":                  "/query/after must be valid UTF-8",
		"limit=1&status=C":                   "/query/status/0 must be equal to one of the allowed values",
		"limit=1&status=A&ids=x":             "/query/ids/0 must be integer",
		"limit=1&ids=1&ids=2.0":              "/query/ids/1 must be integer",
		"limit=1&after=%zz":                  "/query must be a valid query",
		"limit=1;after=x":                    "/query must be a valid query",
		"limit=1&status=A&status=B&status=A": "/query/status must NOT have more than 2 items",
	} {
		r := httptest.NewRequest("POST", "/thing", nil)
		r.URL.RawQuery = query
		if diff := cmp.Diff(want, refusedAs(t, c.checkParameters(op, r))); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

// TestHeaderThatIsNumber: what is read of a text does not depend on where it stands.
func TestHeaderThatIsNumber(t *testing.T) {
	c, op := smallForTest(t, `- {name: version, in: header, schema: {type: integer}}`, `{type: object}`, `{}`)
	for value, want := range map[string]string{"3": "", "three": "/headers/version must be integer"} {
		r := httptest.NewRequest("POST", "/thing", nil)
		r.Header.Set("version", value)
		if got := refusedAs(t, c.checkParameters(op, r)); got != want {
			t.Errorf("%s: %q", value, got)
		}
	}
}

// TestWindow is the one query that our own page sends.
func TestWindow(t *testing.T) {
	c := contractForTest(t)
	op := c.operations["GET /pay/{page}/step"]
	for query, want := range map[string]string{
		"": "", "?window=01": "", "?window=05": "",
		"?window=06": "/query/window must be equal to one of the allowed values", "?window=": "/query/window must be equal to one of the allowed values",
	} {
		r := httptest.NewRequest(http.MethodGet, "/pay/x/step"+query, nil)
		r.SetPathValue("page", strings.Repeat("p", 32))
		if got := refusedAs(t, c.checkParameters(op, r)); got != want {
			t.Errorf("%s: %q", query, got)
		}
	}
}

// TestParametersNotSupported: what would be read otherwise than it is meant does not compile.
func TestParametersNotSupported(t *testing.T) {
	for parameters, want := range map[string]string{
		`- {name: a, in: cookie, schema: {type: string}}`:                               `parameter a: in "cookie" is not supported`,
		`- {name: a, in: query, schema: {type: object}}`:                                `parameter a: type "object" is not supported`,
		`- {name: a, in: query, schema: {type: [string, 'null']}}`:                      `parameter a: type "" is not supported`,
		`- {name: a, in: query, schema: {type: array}}`:                                 `parameter a: type "" is not supported`,
		`- {name: a, in: header, schema: {type: array, items: {type: string}}}`:         `parameter a: type "array" is not supported`,
		`- {name: a, in: query, explode: false, schema: {type: string}}`:                `parameter a: explode is not supported`,
		`- {name: a, in: query, content: {application/json: {schema: {type: object}}}}`: `parameter a: content is not supported`,
	} {
		if _, err := small(parameters, `{type: object}`, `{}`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", parameters, err)
		}
	}
}
