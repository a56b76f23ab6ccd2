package app

import (
	"net/http"
	"strings"
	"testing"
)

// What the examples of the contract speak of and no sandbox has from the beginning.
const (
	exampleSession  = "ps-6746c1006b7752b4d91725af"
	exampleRequest  = "pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f"
	examplePayment  = "py-3f57d678-2448-4c9f-a433-8468d366fb5c"
	exampleToken    = "pt-2f9c6a1e-7d54-4b0a-9c83-61e0d7b4f215"
	exampleRefund   = "rfd-50d758bc-e352-46fc-aa5d-82b69d2fe35a"
	exampleEndpoint = "0198a3f0-1b2c-7d3e-8f4a-5b6c7d8e9f00"
	exampleDelivery = "0198a3f2-5c11-7e1f-a0c9-5a1b2c3d4e5f.0198a3f0-1b2c-7d3e-8f4a-5b6c7d8e9f00"
	examplePage     = "0123456789abcdef0123456789abcdef"
	exampleLink     = "fedcba9876543210fedcba9876543210"
	exampleShare    = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// exampleStages makes, by operation, what its examples speak of, and says what stands in its place. An example
// that needs another stage than its operation's is named behind it.
func exampleStages() map[string]func(w *town) map[string]string {
	session := func(w *town) map[string]string {
		return map[string]string{exampleSession: w.newSession(visaChallenge)["payment_session_id"].(string)}
	}
	paid := func(w *town) map[string]string {
		id := w.submitted(w.newSession(visaChallenge, skipping), "123")["payment_request_id"].(string)
		return map[string]string{exampleRequest: id, examplePayment: w.attempt(id)["latest_payment_id"].(string)}
	}
	only := func(name string, stage func(w *town) map[string]string) func(w *town) map[string]string {
		return func(w *town) map[string]string { return map[string]string{name: stage(w)[name]} }
	}
	page := func(token string, steps ...func(p *visitor)) func(w *town) map[string]string {
		return func(w *town) map[string]string {
			p := w.visitor(w.submitted(w.newSession(token), "123"))
			for _, step := range steps {
				step(p)
			}
			return map[string]string{examplePage: p.page, exampleShare: p.share}
		}
	}
	requested := func(more ...func(map[string]any)) func(w *town) map[string]string {
		return func(w *town) map[string]string {
			return map[string]string{exampleRequest: w.newRequest(visaChallenge, more...)["payment_request_id"].(string)}
		}
	}
	refunded := func(refund func(w *town) string) func(w *town) map[string]string {
		return func(w *town) map[string]string { return map[string]string{exampleRefund: refund(w)} }
	}
	held := func(w *town) map[string]string { return map[string]string{examplePayment: w.held10000()} }
	opened := func(p *visitor) { p.must(p.act("open", looking("U"))) }
	arrived := func(p *visitor) { p.must(p.arrive()) }
	endpoint := func(w *town) map[string]string {
		return map[string]string{exampleEndpoint: strings.TrimPrefix(w.addEndpoint(w.ownURL(), SandboxSecretKey), "/webhook_endpoints/")}
	}
	sent := func(w *town) map[string]string {
		_, delivery := w.sent()
		return map[string]string{exampleDelivery: delivery}
	}
	return map[string]func(w *town) map[string]string{
		"GET /webhook_endpoints/{endpoint_id}":          endpoint,
		"GET /webhook_endpoints/{endpoint_id}/secret":   endpoint,
		"DELETE /webhook_endpoints/{endpoint_id}":       endpoint,
		"POST /webhook_endpoints/{endpoint_id}/enable":  endpoint,
		"POST /webhook_endpoints/{endpoint_id}/test":    endpoint,
		"POST /webhook_deliveries/{delivery_id}/resend": sent,
		"GET /sessions/{session_id}":                    session,
		"POST /sessions/{session_id}/cancel":            session,
		"POST /v3/payment_with_session":                 session,

		"GET /v3/payment_with_session/{session_id}/preparation": session,
		"POST /v3/payment_with_session newCard": func(w *town) map[string]string {
			return map[string]string{exampleSession: w.newSession(visaChallenge, saving)["payment_session_id"].(string)}
		},
		"GET /v3/payment_requests/{payment_request_id}": only(exampleRequest, paid),
		"GET /v3/payments/{payment_id}":                 only(examplePayment, paid),
		"POST /refunds":                                 only(exampleRequest, paid),
		"GET /refunds/{refund_id}":                      refunded((*town).givenBack),
		"POST /refunds/{refund_id}/cancel":              refunded((*town).unsentRefund),
		"POST /link/{link}/pay": func(w *town) map[string]string {
			return map[string]string{exampleLink: linkOf(w.newLink(with("allow_save_payment_method", "OPTIONAL")))}
		},
		"PATCH /v3/payment_requests/{payment_request_id}":         requested(),
		"POST /v3/payment_requests/{payment_request_id}/cancel":   requested(),
		"POST /v3/payment_requests/{payment_request_id}/simulate": requested(),
		"POST /v3/payments/{payment_id}/capture":                  held,
		"POST /v3/payments/{payment_id}/cancel":                   held,
		"POST /v3/payment_tokens/{payment_token_id}/cancel": func(w *town) map[string]string {
			return map[string]string{exampleToken: w.ownCard()}
		},
		"GET /pay/{page}/step":          only(examplePage, page(visaChallenge)),
		"POST /pay/{page}/open":         only(examplePage, page(visaChallenge)),
		"POST /pay/{page}/authenticate": only(examplePage, page(visaChallenge, opened)),
		"POST /pay/{page}/restart":      only(examplePage, page(visaChallenge, arrived)),
		"POST /pay/{page}/cancel":       only(examplePage, page(visaChallenge, arrived)),
		"POST /pay/{page}/pay":          page(visaFrictionless, arrived),
		"POST /pay/{page}/cvn":          only(examplePage, page(visaFrictionless, arrived)),
	}
}

// staged makes what an example speaks of, and returns path and body with what stands in its place.
func (w *town) staged(o operation, name string) (path, body string) {
	w.t.Helper()
	stages := exampleStages()
	stage := stages[o.pattern+" "+name]
	if stage == nil {
		stage = stages[o.pattern]
	}
	path, body = o.path, o.examples[name]
	if stage == nil {
		return path, body
	}
	for from, to := range stage(w) {
		if !strings.Contains(path+body, from) {
			w.t.Errorf("neither path nor body has %s", from)
		}
		path, body = strings.ReplaceAll(path, from, to), strings.ReplaceAll(body, from, to)
	}
	return path, body
}

// TestExamples sends every example of the contract to a sandbox, and each must succeed.
func TestExamples(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	operations, _ := w.operations()
	unused := exampleStages()
	for _, o := range operations {
		delete(unused, o.pattern)
		if !o.body {
			o.examples[""] = ""
		}
		for name := range o.examples {
			delete(unused, o.pattern+" "+name)
			t.Run(strings.TrimSuffix(o.pattern+" "+name, " "), func(t *testing.T) {
				w := w.in(t)
				path, body := w.staged(o, name)
				if a := w.ask(o.method, path, o.key, body); a.status >= http.StatusMultipleChoices {
					t.Errorf("%s %s %s: %d %v", o.method, path, body, a.status, a.body)
				}
			})
		}
	}
	for name := range unused {
		t.Errorf("the contract has no %s", name)
	}
}
