package app

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
		"POST /customers": func(*town) request {
			return request{"/customers", SandboxSecretKey, map[string]any{"reference_id": "once"}}
		},
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
	operations, _ := w.operations()
	for _, o := range operations {
		if !o.repeatable {
			continue
		}
		t.Run(o.pattern, func(t *testing.T) {
			w := w.in(t)
			if requests[o.pattern] == nil {
				t.Fatal("this test knows no request for it")
			}
			q := requests[o.pattern](w)
			delete(requests, o.pattern)
			send := func() answer { return w.ask(o.method, q.path, q.key, q.body, "idempotency-key", "once") }
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
	for pattern := range requests {
		t.Errorf("the contract has no %s, or it does not know the idempotency-key", pattern)
	}
	w.balanced()
}
