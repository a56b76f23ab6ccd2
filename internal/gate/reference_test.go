package gate_test

import (
	"html"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"reprise/internal/gate"
)

// referencePage is the page to read, as it is served.
func referencePage(t *testing.T) *httptest.ResponseRecorder {
	t.Helper()
	h := newHouse(t)
	h.mux.Handle("GET /docs", h.gate.Reference(gate.Sample{URL: "https://pay.example", SecretKey: "SECRET", PublicKey: "PUBLIC"}))
	w := h.send(request{method: "GET", path: "/docs"})
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	return w
}

// TestReferenceIsWhole: everything that the contract describes is on the page, under an address of its own.
func TestReferenceIsWhole(t *testing.T) {
	page := referencePage(t).Body.String()
	var contract struct {
		Codes    []string `yaml:"x-error-codes"`
		Webhooks map[string]any
		Paths    map[string]map[string]struct {
			ID    string   `yaml:"operationId"`
			Codes []string `yaml:"x-error-codes"`
		}
	}
	if err := yaml.Unmarshal([]byte(gate.Specification), &contract); err != nil {
		t.Fatal(err)
	}
	has := func(text string) {
		t.Helper()
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %s", text)
		}
	}
	for _, code := range contract.Codes {
		has("<code>" + code + "</code>")
	}
	has(`<code>webhook-sequence</code>`)
	for kind := range contract.Webhooks {
		has(`id="` + kind + `"`)
	}
	for path, methods := range contract.Paths {
		for method, operation := range methods {
			before, after, ok := strings.Cut(page, `id="`+operation.ID+`"`)
			if !ok {
				t.Errorf("the page has no %s", operation.ID)
				continue
			}
			rest, _, _ := strings.Cut(after, "</article>")
			section := before[strings.LastIndex(before, "<article>"):] + rest
			for _, text := range append(operation.Codes, strings.ToUpper(method), html.EscapeString(path), "curl ") {
				if !strings.Contains(section, text) {
					t.Errorf("%s: no %s", operation.ID, text)
				}
			}
		}
	}
	for _, text := range []string{
		`<code>cards_session_js.card_payment_token_id</code>`, `<code>items[].quantity</code>`, `1 to 64 characters`,
		`<span class="status">400</span> <code>INVALID_AMOUNT</code>`, `Currency must be one of IDR, PHP`,
		`each one of CARDS`, `mode is CARDS_SESSION_JS`, `customer_id or customer is required`,
	} {
		has(text)
	}
}

// TestReferenceForMerchants: what the gateway's own pages ask it stands at the end, and says whose it is.
func TestReferenceForMerchants(t *testing.T) {
	page := referencePage(t).Body.String()
	merchants, own, ok := strings.Cut(page, `<section id="own">`)
	if !ok || !strings.Contains(own, "Not for merchants") {
		t.Fatal("the page has no section for what is the gateway's own")
	}
	for _, text := range []string{"/pay/{page}", "/link/{link}", `id="Step"`, `id="LinkStep"`} {
		if strings.Contains(merchants, text) || !strings.Contains(own, text) {
			t.Errorf("%s stands among what is for merchants, or nowhere", text)
		}
	}
	if strings.Contains(own, `id="createSession"`) || strings.Contains(own, `id="Session"`) {
		t.Error("what is for merchants stands among the gateway's own")
	}
}

// TestReferenceLinks: no two places have one address, and every link on the page leads somewhere.
func TestReferenceLinks(t *testing.T) {
	page := referencePage(t).Body.String()
	ids := map[string]bool{}
	for _, found := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[found[1]] {
			t.Errorf("two places are called %s", found[1])
		}
		ids[found[1]] = true
	}
	for _, found := range regexp.MustCompile(` href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if at, inside := strings.CutPrefix(found[1], "#"); inside && !ids[at] || !inside && found[1] != "/openapi.yaml" && found[1] != "data:," {
			t.Errorf("a link to %s", found[1])
		}
	}
}

// TestReferenceIsAlone: the page runs nothing, fetches nothing and stands in nobody's frame.
func TestReferenceIsAlone(t *testing.T) {
	w := referencePage(t)
	if tag := regexp.MustCompile(`<(script|img|iframe|form|link rel="stylesheet")|url\(|@import| on\w+="| style="`).FindString(w.Body.String()); tag != "" {
		t.Errorf("the page has %s", tag)
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "style-src 'sha256-", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy %s: no %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %s", policy)
	}
}

// TestReferenceExamples: an example is one command, with the body in the contract's order.
func TestReferenceExamples(t *testing.T) {
	page := html.UnescapeString(referencePage(t).Body.String())
	for _, want := range []string{
		"curl -u 'SECRET:' 'https://pay.example/sessions' \\\n  -H 'content-type: application/json' -d '{\n  \"reference_id\": \"order-4711\",\n  \"session_type\": \"PAY\",",
		"curl -u 'SECRET:' 'https://pay.example/sessions/ps-6746c1006b7752b4d91725af'\n",
		"curl -X POST -u 'SECRET:' 'https://pay.example/sessions/ps-6746c1006b7752b4d91725af/cancel'",
		"curl -u 'PUBLIC:' 'https://pay.example/v3/payment_with_session' \\\n",
	} {
		if !strings.Contains(strings.ReplaceAll(page, "</code>", "\n"), want) {
			t.Errorf("no example\n%s", want)
		}
	}
}
