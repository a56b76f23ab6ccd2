package app

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// repeatable reads from the contract that a house serves which operations know the idempotency-key.
func (f *front) repeatable() (patterns []string) {
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
	type parameter struct {
		Ref  string `yaml:"$ref"`
		Name string
	}
	var contract struct {
		Paths      map[string]map[string]struct{ Parameters []parameter }
		Components struct{ Parameters map[string]parameter }
	}
	if err := yaml.Unmarshal(text, &contract); err != nil {
		f.t.Fatal(err)
	}
	for path, methods := range contract.Paths {
		for method, operation := range methods {
			for _, p := range operation.Parameters {
				if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
					p = contract.Components.Parameters[name]
				}
				if p.Name == "idempotency-key" {
					patterns = append(patterns, strings.ToUpper(method)+" "+path)
				}
			}
		}
	}
	return patterns
}

// TestOnce sends to every operation that knows the idempotency-key one request twice. The second finds
// other things than the first did, and must be told the same.
func TestOnce(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	type request struct {
		path, key string
		body      any
	}
	requests := map[string]func(w *town) request{
		"POST /sessions": func(w *town) request {
			return request{"/sessions", SandboxSecretKey, w.request(visaChallenge)}
		},
		"POST /sessions/{session_id}/cancel": func(w *town) request {
			return request{"/sessions/" + w.newSession(visaChallenge)["payment_session_id"].(string) + "/cancel", SandboxSecretKey, nil}
		},
		"POST /v3/payment_with_session": func(w *town) request { // without 3-D Secure: an action_url is given once
			return request{"/v3/payment_with_session", SandboxPublicKey, submission(w.newSession(visaChallenge, skipping), "123")}
		},
	}
	patterns := w.repeatable()
	if len(patterns) < len(requests) {
		t.Errorf("the contract has only %v", patterns)
	}
	for _, pattern := range patterns {
		t.Run(pattern, func(t *testing.T) {
			w := w.in(t)
			if requests[pattern] == nil {
				t.Fatal("this test knows no request for it")
			}
			q := requests[pattern](w)
			method, _, _ := strings.Cut(pattern, " ")
			send := func() answer { return w.ask(method, q.path, q.key, q.body, "idempotency-key", "once") }
			first := send()
			if first.status >= http.StatusBadRequest {
				t.Fatalf("%d %v", first.status, first.body)
			}
			again := send()
			if diff := cmp.Diff(first.body, again.body); again.status != first.status || diff != "" {
				t.Errorf("%d, then %d (-first +again):\n%s", first.status, again.status, diff)
			}
		})
	}
	w.balanced()
}
