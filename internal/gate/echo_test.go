package gate

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/internal/payment"
)

const (
	canaryText   = "4000000000001091"
	canaryNumber = 4000000000001091
)

// canaries are a secret in every shape that JSON has, made anew each time because put changes them.
func canaries() []any {
	return []any{
		canaryText, canaryNumber, strings.Repeat(canaryText, 200), "https://" + canaryText, "cust-" + canaryText,
		map[string]any{canaryText: canaryText}, []any{canaryText, canaryNumber}, map[string]any{canaryText: []any{canaryText}},
	}
}

// places lists the JSON pointers of all members that a request schema names, however deep.
func places(c *contract, pointer, place string, found map[string]bool) {
	schema := object(c.at(c.follow(pointer)))
	at := c.follow(pointer)
	for name := range object(schema["properties"]) {
		found[place+"/"+name] = true
		places(c, at+"/properties/"+escape(name), place+"/"+name, found)
	}
	if schema["items"] != nil {
		found[place+"/0"] = true
		places(c, at+"/items", place+"/0", found)
	}
}

// put puts a value at a place, making the objects and arrays on the way.
func put(body any, tokens []string, value any) any {
	if len(tokens) == 0 {
		return value
	}
	if tokens[0] == "0" {
		list, _ := body.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = put(list[0], tokens[1:], value)
		return list
	}
	m, ok := body.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	m[tokens[0]] = put(m[tokens[0]], tokens[1:], value)
	return m
}

// TestNoEcho submits a secret in every place and shape, several at a time, and looks for it in what is
// said about it.
func TestNoEcho(t *testing.T) {
	c := contractForTest(t)
	for pattern, op := range c.operations {
		if op.body == nil {
			continue
		}
		t.Run(pattern, func(t *testing.T) {
			found := map[string]bool{"/metadata/" + canaryText: true, "/" + canaryText: true, "/Amount" + canaryText: true}
			places(c, op.bodyAt, "", found)
			if pattern == "POST /sessions" && len(found) < 60 {
				t.Fatalf("only %d places: %v", len(found), list(found))
			}
			try := func(t rapidOrTest, body any) {
				text, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				value, err := decode(text)
				if err != nil {
					t.Fatal(err)
				}
				var e *payment.Error
				if err := c.check(op.body, "/body", value); err == nil {
					return
				} else if !errors.As(err, &e) {
					t.Fatalf("not a refusal: %T", err)
				}
				answer, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(answer), canaryText[:8]) || statuses[e.Code] != 400 {
					t.Fatalf("%s of %s", answer, text)
				}
			}
			for place := range found { // each by itself, in a body that is good but for it
				for _, canary := range canaries() {
					try(t, put(good(t, pattern), strings.Split(place, "/")[1:], canary))
				}
			}
			rapid.Check(t, func(r *rapid.T) {
				var body any = map[string]any{}
				for _, place := range rapid.SliceOfN(rapid.SampledFrom(list(found)), 1, 30).Draw(r, "places") {
					body = put(body, strings.Split(place, "/")[1:], rapid.SampledFrom(canaries()).Draw(r, place))
				}
				try(r, body)
			})
		})
	}
	for _, text := range []string{`{"` + canaryText + `":1,"` + canaryText + `":2}`, `{"cvn":` + canaryText + `x}`, canaryText + strings.Repeat("0", 50), `["` + canaryText} {
		if err := checkSyntax([]byte(text)); err == nil || strings.Contains(err.Error(), canaryText[:8]) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// good is a body in which nothing is wrong, where we have one.
func good(t *testing.T, pattern string) any {
	if pattern != "POST /sessions" {
		return map[string]any{}
	}
	text, err := os.ReadFile("testdata/seed-request.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

type rapidOrTest interface {
	Fatal(...any)
	Fatalf(string, ...any)
}
