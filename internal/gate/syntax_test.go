package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"reprise/internal/payment"
)

// twice reads JSON with the standard library's tokens and says whether an object has a name twice.
func twice(d *json.Decoder) bool {
	token, err := d.Token()
	if err != nil {
		return false
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return false
			}
			if seen[name.(string)] || twice(d) {
				return true
			}
			seen[name.(string)] = true
		}
		d.Token()
	case json.Delim('['):
		for d.More() {
			if twice(d) {
				return true
			}
		}
		d.Token()
	}
	return false
}

// FuzzSyntax compares the scanner with encoding/json: what passes is JSON to both and has no name twice,
// and what is called malformed is so to both.
func FuzzSyntax(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `-0.5e+10`, `"\u00e9\ud83d\ude00\"\\"`, `{"a":{"b":[1,2,{"c":null}]}}`, `{"a":1,"\u0061":2}`, `{"a":1,}`, `[1,]`, `01`, `1.`, `.5`, `1e`,
		`"\x"`, `"\u12"`, "\"\n\"", "\"\xff\"", `tru`, `{"a" 1}`, `{a:1}`, ` [ ] `, `[] []`, `"\u0000"`, `"\ud800"`, `"\ude00\ud83d"`, `1e999`, `{"":{"":1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := checkSyntax(body)
		if err == nil {
			if !json.Valid(body) || !utf8.Valid(body) || twice(json.NewDecoder(bytes.NewReader(body))) {
				t.Fatal("passed")
			}
			if _, err := decode(body); err != nil {
				t.Fatal("passed, but does not decode")
			}
			return
		}
		var e *payment.Error
		if !errors.As(err, &e) {
			t.Fatalf("not a refusal: %T", err)
		}
		if len(e.Fields) == 1 && e.Fields[0].Message == "must be valid JSON" && json.Valid(body) {
			t.Fatal("called malformed")
		}
	})
}

// TestManyNames: a name twice is found among however many, behind an object that has the same ones, and no other is.
func TestManyNames(t *testing.T) {
	for n := range 2*fewNames + 2 {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"n%d":%d`, i, i))
		}
		inner := "{" + strings.Join(members, ",") + "}"
		open := "{" + strings.Join(append(members, `"inner":[`+inner+`,`+inner+`]`), ",")
		if err := checkSyntax([]byte(open + "}")); err != nil {
			t.Errorf("%d names: %v", n, err)
		}
		for i := range n {
			again := fmt.Sprintf(`%s,"\u006e%d":0}`, open, i)
			if err := checkSyntax([]byte(again)); err == nil || !strings.Contains(err.Error(), "twice") {
				t.Errorf("%d names, and number %d again: %v", n, i, err)
			}
		}
	}
}

// FuzzBody throws bodies at the whole validation: it neither fails in another way than by a refusal, nor
// says anything of the body but member names of the contract.
func FuzzBody(f *testing.F) {
	c, err := compile(specification, false)
	if err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile("testdata/seed-request.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"metadata":{"k":1},"items":[{"quantity":0.5,"metadata":{"k":"v"}}],"amount":1e9,"Mode":1}`))
	f.Add([]byte(`{"cvn":"000","payment_session_id":"ps-6746c1006b7752b4d91725af","device":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if checkSyntax(body) != nil {
			return
		}
		value, err := decode(body)
		if err != nil {
			t.Fatal("syntax passed, decode did not")
		}
		for _, pattern := range []string{"POST /sessions", "POST /v3/payment_with_session"} {
			err := c.check(c.operations[pattern].body, "/body", value)
			var e *payment.Error
			if err != nil && (!errors.As(err, &e) || statuses[e.Code] != 400 || e.Message == "" || len(e.Fields) > maxFields) {
				t.Fatalf("%s: %#v", pattern, err)
			}
			// The order of a map must not show.
			if again := c.check(c.operations[pattern].body, "/body", value); (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
				t.Fatalf("%s: %v, then %v", pattern, err, again)
			}
		}
	})
}
