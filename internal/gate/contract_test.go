package gate

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"reprise/internal/payment"
)

func contractForTest(t *testing.T) *contract {
	t.Helper()
	c, err := compile(specification, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// walk visits every node of the document.
func walk(node any, pointer string, visit func(pointer string, node any)) {
	visit(pointer, node)
	switch n := node.(type) {
	case map[string]any:
		for _, key := range list(n) {
			walk(n[key], pointer+"/"+escape(key), visit)
		}
	case []any:
		for i, item := range n {
			walk(item, fmt.Sprintf("%s/%d", pointer, i), visit)
		}
	}
}

// TestStructure checks openapi.yaml against OpenAPI 3.1 as far as it uses it.
func TestStructure(t *testing.T) {
	c := contractForTest(t)
	root := object(c.document)
	if v, _ := root["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("openapi: %v", root["openapi"])
	}
	for _, name := range []string{"title", "version"} {
		if object(root["info"])[name] == nil {
			t.Errorf("info has no %s", name)
		}
	}
	for name := range root {
		if !slices.Contains([]string{"openapi", "info", "jsonSchemaDialect", "servers", "tags", "paths", "webhooks", "components", "x-error-codes"}, name) {
			t.Errorf("%s is not a field of an OpenAPI document", name)
		}
	}

	ids := map[string]string{}
	operation := func(pointer string, op map[string]any) {
		id, _ := op["operationId"].(string)
		if id == "" || ids[id] != "" {
			t.Errorf("%s: operationId %q, also at %q", pointer, id, ids[id])
		}
		ids[id] = pointer
		if op["summary"] == nil {
			t.Errorf("%s: no summary", pointer)
		}
		if len(object(op["responses"])) == 0 {
			t.Errorf("%s: no responses", pointer)
		}
		for code := range object(op["responses"]) {
			response := object(c.at(c.follow(pointer + "/responses/" + code)))
			if response["description"] == nil || !regexp.MustCompile(`^([1-5][0-9]{2}|[1-5]XX|default)$`).MatchString(code) {
				t.Errorf("%s: response %s without description, or no status", pointer, code)
			}
		}
	}
	placeholder := regexp.MustCompile(`\{([^}]+)\}`)
	for path, item := range object(root["paths"]) {
		for method, op := range object(item) {
			pointer := "/paths/" + escape(path) + "/" + method
			if !slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, method) {
				t.Errorf("%s is no method", pointer)
			}
			operation(pointer, object(op))
			compiled := c.operations[strings.ToUpper(method)+" "+path]
			var inPath, named []string
			for _, p := range compiled.parameters {
				if p.in == "path" {
					inPath = append(inPath, p.name)
					if !p.required {
						t.Errorf("%s: %s in the path must be required", pointer, p.name)
					}
				}
			}
			for _, m := range placeholder.FindAllStringSubmatch(path, -1) {
				named = append(named, m[1])
			}
			if diff := cmp.Diff(named, inPath); diff != "" {
				t.Errorf("%s: parameters and path differ: %s", pointer, diff)
			}
			for _, scheme := range object(op)["security"].([]any) {
				for name := range object(scheme) {
					if c.at("/components/securitySchemes/"+name) == nil {
						t.Errorf("%s: security scheme %s is not there", pointer, name)
					}
				}
			}
		}
	}
	for kind, item := range object(root["webhooks"]) {
		operation("/webhooks/"+kind+"/post", object(object(item)["post"]))
		var headers []string
		for _, p := range c.webhooks[payment.NoticeKind(kind)].headers {
			headers = append(headers, p.in+" "+p.name)
		}
		if diff := cmp.Diff([]string{
			"header x-callback-token", "header webhook-id", "header webhook-object", "header webhook-sequence",
			"header webhook-timestamp", "header webhook-signature",
		}, headers); diff != "" {
			t.Errorf("%s: what comes with each event: %s", kind, diff)
		}
	}
	kinds := slices.Sorted(slices.Values(payment.NoticeKinds()))
	if diff := cmp.Diff(kinds, slices.Sorted(maps.Keys(c.webhooks))); diff != "" {
		t.Errorf("the kinds of notices, and the webhooks of the contract: %s", diff)
	}
	var named []payment.NoticeKind
	for _, name := range c.at("/components/schemas/EventName/enum").([]any) {
		named = append(named, payment.NoticeKind(name.(string)))
	}
	if diff := cmp.Diff(kinds, named); diff != "" {
		t.Errorf("the kinds of notices, and EventName: %s", diff)
	}
}

// TestExamples: each body has examples, each parameter of a path one, and all are what the schemas ask for.
func TestExamples(t *testing.T) {
	c := contractForTest(t)
	for _, pattern := range list(c.operations) {
		op := c.operations[pattern]
		for i, p := range op.parameters {
			at := c.follow(fmt.Sprintf("%s/parameters/%d", op.at, i))
			if example := c.at(at + "/example"); example != nil {
				text := fmt.Sprint(example)
				if err := c.checkParameter(p, []string{text}); err != nil {
					t.Errorf("%s: example of %s: %v", pattern, p.name, err)
				}
			} else if p.in == "path" {
				t.Errorf("%s: parameter %s has no example", pattern, p.name)
			}
		}
		if op.body == nil {
			continue
		}
		examples := object(c.at(strings.TrimSuffix(op.bodyAt, "/schema") + "/examples"))
		if len(examples) == 0 {
			t.Errorf("%s: its body has no examples", pattern)
		}
		for name, example := range examples {
			if object(example)["summary"] == nil {
				t.Errorf("%s: example %s says nothing of itself", pattern, name)
			}
			value := object(example)["value"]
			if err := c.check(op.body, "/body", value); err != nil {
				t.Errorf("%s: example %s: %v", pattern, name, err)
			}
			if op.named.prune(value) {
				t.Errorf("%s: example %s has members that are ignored", pattern, name)
			}
		}
	}
}

// TestReferences finds references that lead nowhere and components that nothing leads to.
func TestReferences(t *testing.T) {
	c := contractForTest(t)
	used := map[string]bool{}
	walk(c.document, "", func(pointer string, node any) {
		if ref, ok := object(node)["$ref"].(string); ok {
			target, local := strings.CutPrefix(ref, "#")
			if !local || c.at(target) == nil {
				t.Errorf("%s: %s leads nowhere", pointer, ref)
			}
			used[target] = true
		}
	})
	for _, group := range []string{"schemas", "responses", "parameters"} {
		for name := range object(c.at("/components/" + group)) {
			if pointer := "/components/" + group + "/" + name; !used[pointer] {
				t.Errorf("nothing refers to %s", pointer)
			}
		}
	}
}

// TestRules checks that every x-errors stands beside the keyword it speaks of, uses a code of the API with
// status 400, and repeats no values but listed ones.
func TestRules(t *testing.T) {
	c := contractForTest(t)
	count := 0
	walk(c.document, "", func(pointer string, node any) {
		schema := object(node)
		for keyword, rules := range object(schema["x-errors"]) {
			if _, ok := schema[keyword]; !ok {
				t.Errorf("%s: x-errors of %s, which is not there", pointer, keyword)
			}
			for _, r := range rules.([]any) {
				rule := object(r)
				count++
				if code, ok := rule["code"].(string); ok && statuses[code] != 400 {
					t.Errorf("%s: code %s has status %d", pointer, code, statuses[code])
				}
				message, _ := rule["message"].(string)
				if message == "" || strings.Contains(message, "{value}") && rule["values"] == nil {
					t.Errorf("%s: message %q", pointer, message)
				}
				for name := range rule {
					if !slices.Contains([]string{"code", "message", "values"}, name) {
						t.Errorf("%s: a rule has no %s", pointer, name)
					}
				}
			}
		}
	})
	if count < 20 {
		t.Errorf("only %d rules were found", count)
	}
}

// TestCodes compares the table of statuses with the codes that the contract names.
func TestCodes(t *testing.T) {
	var named []string
	for _, code := range contractForTest(t).at("/components/schemas/Error/properties/error_code/enum").([]any) {
		named = append(named, code.(string))
	}
	if diff := cmp.Diff(list(statuses), named); diff != "" {
		t.Error(diff)
	}
}

// TestAnswersAreClosed finds objects among our answers that would let anything pass.
func TestAnswersAreClosed(t *testing.T) {
	c := contractForTest(t)
	for _, name := range []string{"PaymentStarted", "Session", "PaymentRequest", "Payment", "ChannelProperties", "CardsEcho", "AuthorizationData", "AuthenticationData",
		"Customer", "CustomerOf20200519", "CustomerList", "EmploymentEcho", "AddressesEcho", "IdentityAccountsEcho", "KYCDocumentsEcho", "Error",
		"WebhookEndpoint", "WebhookEndpoints", "WebhookSecret", "WebhookAttempt", "WebhookTest", "WebhookDelivery", "WebhookDeliveries", "WebhookResend"} {
		walk(c.at("/components/schemas/"+name), name, func(pointer string, node any) {
			schema := object(node)
			if schema["type"] == "object" && schema["properties"] != nil && schema["additionalProperties"] != false {
				t.Errorf("%s lets anything pass", pointer)
			}
		})
	}
}

// TestContractIsJSONSchema holds every schema against the rules of its language, which a gateway that starts takes for
// granted.
func TestContractIsJSONSchema(t *testing.T) {
	language, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	walk(contractForTest(t).document, "", func(pointer string, node any) {
		if path.Base(pointer) != "schema" && path.Dir(pointer) != "/components/schemas" {
			return
		}
		found++
		if err := language.Validate(node); err != nil {
			t.Errorf("%s: %v", pointer, err)
		}
	})
	if found < 100 {
		t.Errorf("only %d schemas were found", found)
	}
	if language.Validate(map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"minLength": "1"}}}) == nil {
		t.Error("a length that is no number passes")
	}
}

// TestProductIsOneTag: an operation whose permission nobody could say does not compile.
func TestProductIsOneTag(t *testing.T) {
	const right = "tags: [sessions]"
	for _, wrong := range []string{"tags: []", "tags: [sessions, payments]", "tags: [nobody]", ""} {
		text := strings.Replace(specification, right, wrong, 1)
		if text == specification {
			t.Fatalf("no %q in the contract", right)
		}
		if _, err := compile(text, false); err == nil || !strings.Contains(err.Error(), "tag") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestErrorCodesAreListed: an operation that does not say how it refuses is no contract.
func TestErrorCodesAreListed(t *testing.T) {
	const head, own = "x-error-codes: []\npaths", "x-error-codes: []\n      responses"
	text := smallText("[]", "{type: object}", "{}")
	for name, test := range map[string]struct{ old, new, want string }{
		"none":            {own, "responses", "x-error-codes is missing"},
		"none in general": {head, "paths", "x-error-codes is missing"},
		"no list":         {own, "x-error-codes: NOT_FOUND\n      responses", "x-error-codes is missing"},
		"made up":         {own, "x-error-codes: [NONSENSE]\n      responses", "NONSENSE has no HTTP status"},
		"twice":           {own, "x-error-codes: [NOT_FOUND, NOT_FOUND]\n      responses", "NOT_FOUND is listed twice"},
		"general too":     {own, "x-error-codes: [NOT_FOUND]\n      responses", "NOT_FOUND is listed twice"},
		"by status":       {"responses: {default", "responses: {'404': {$ref: '#/components/responses/Error'}, default", "response 404"},
		"no refusal":      {"responses: {default: {$ref: '#/components/responses/Error'}}", "responses: {}", "default is not the answer that refuses"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(text, test.old, test.new, 1)
			if name == "general too" {
				changed = strings.Replace(changed, head, "x-error-codes: [NOT_FOUND]\npaths", 1)
			}
			if changed == text {
				t.Fatal("nothing was changed")
			}
			_, err := compile(changed, false)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, err := compile(text, false); err != nil {
		t.Error(err)
	}
}

// TestEveryPostIsRepeatable: whoever has a key can send any POST again without doing it twice.
func TestEveryPostIsRepeatable(t *testing.T) {
	for pattern, op := range contractForTest(t).operations {
		if strings.HasPrefix(pattern, "POST ") && op.kind != payment.Anyone && !op.repeatable {
			t.Errorf("%s does not know the idempotency-key", pattern)
		}
	}
}

// TestAmendmentsNameEveryMember: what an object has is either changed by PATCH or refused by it, and not ignored as
// an unknown member is.
func TestAmendmentsNameEveryMember(t *testing.T) {
	c := contractForTest(t)
	for amendment, of := range map[string]string{"PaymentRequestAmendment": "PaymentRequest", "PaymentTokenAmendment": "PaymentToken"} {
		named := object(c.at("/components/schemas/" + amendment + "/properties"))
		for _, name := range list(object(c.at("/components/schemas/" + of + "/properties"))) {
			if named[name] == nil {
				t.Errorf("%s says nothing of %s", amendment, name)
			}
		}
	}
}

// TestExamplesStandTogether: each example of an operation can be sent after the others, and nothing that is sent
// makes a sandbox look for a host that somebody may have.
func TestExamplesStandTogether(t *testing.T) {
	c := contractForTest(t)
	for _, op := range c.operations {
		seen := map[any]string{}
		for name, example := range object(c.at(strings.TrimSuffix(op.bodyAt, "/schema") + "/examples")) {
			if reference, ok := object(object(example)["value"])["reference_id"]; ok {
				if seen[reference] != "" {
					t.Errorf("%s: %s and %s have the reference_id %v", op.pattern, name, seen[reference], reference)
				}
				seen[reference] = name
			}
			walk(example, "", func(pointer string, node any) {
				text, _ := node.(string)
				if _, host, ok := strings.Cut(text, "://"); ok && !strings.Contains(strings.SplitN(host, "/", 2)[0]+"/", ".example/") {
					t.Errorf("%s %s%s: a host that is not below .example", op.pattern, name, pointer)
				}
			})
		}
	}
}
