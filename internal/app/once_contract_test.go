package app

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// onceRequest is a request that may be sent once only, or again with the same idempotency-key.
type onceRequest struct {
	path, key string
	body      any
}

// onceRequests makes such a request for every operation that knows the idempotency-key. Made a second time it
// is another request, or has a member that TestOnce changes.
func onceRequests() map[string]func(w *town) onceRequest {
	return map[string]func(w *town) onceRequest{
		"POST /customers": func(*town) onceRequest {
			return onceRequest{"/customers", SandboxSecretKey, map[string]any{"reference_id": "once"}}
		},
		"POST /sessions": func(w *town) onceRequest {
			return onceRequest{"/sessions", SandboxSecretKey, w.request(visaChallenge)}
		},
		"POST /sessions/{session_id}/cancel": func(w *town) onceRequest {
			return onceRequest{"/sessions/" + w.newSession(visaChallenge)["payment_session_id"].(string) + "/cancel", SandboxSecretKey, nil}
		},
		"POST /v3/payment_requests": func(w *town) onceRequest { // without 3-D Secure, as below
			return onceRequest{"/v3/payment_requests", SandboxSecretKey, w.paymentRequest(visaChallenge, channel("skip_three_ds", true))}
		},
		"POST /v3/payment_requests/{payment_request_id}/cancel": func(w *town) onceRequest {
			return onceRequest{"/v3/payment_requests/" + w.newRequest(visaChallenge)["payment_request_id"].(string) + "/cancel", SandboxSecretKey, nil}
		},
		"POST /v3/payment_requests/{payment_request_id}/simulate": func(w *town) onceRequest {
			id := w.newRequest(visaChallenge)["payment_request_id"].(string)
			return onceRequest{"/v3/payment_requests/" + id + "/simulate", SandboxSecretKey, map[string]any{"amount": 10000}}
		},
		"POST /v3/payments/{payment_id}/capture": func(w *town) onceRequest {
			return onceRequest{"/v3/payments/" + w.held10000() + "/capture", SandboxSecretKey, map[string]any{"capture_amount": 4000}}
		},
		"POST /v3/payments/{payment_id}/cancel": func(w *town) onceRequest {
			return onceRequest{"/v3/payments/" + w.held10000() + "/cancel", SandboxSecretKey, nil}
		},
		"POST /v3/payment_tokens": func(w *town) onceRequest {
			q := storing("4000000000001091", typing("4000000000001091", "skip_three_ds", true))(w)
			return onceRequest{q.path, SandboxSecretKey, q.body}
		},
		"POST /v3/payment_tokens/{payment_token_id}/cancel": func(w *town) onceRequest {
			return onceRequest{"/v3/payment_tokens/" + w.ownCard() + "/cancel", SandboxSecretKey, nil}
		},
		"POST /v3/payment_with_session": func(w *town) onceRequest { // without 3-D Secure: an action_url is given once
			return onceRequest{"/v3/payment_with_session", SandboxPublicKey, submission(w.newSession(visaChallenge, skipping), "123")}
		},
		"POST /refunds": func(w *town) onceRequest {
			return onceRequest{"/refunds", SandboxSecretKey, refunding(w.paid10000())}
		},
		"POST /refunds/{refund_id}/cancel": func(w *town) onceRequest {
			return onceRequest{"/refunds/" + w.unsentRefund() + "/cancel", SandboxSecretKey, nil}
		},
		"POST /webhook_endpoints": func(w *town) onceRequest {
			return onceRequest{"/webhook_endpoints", SandboxSecretKey, map[string]any{"url": w.ownURL()}}
		},
		"POST /webhook_endpoints/{endpoint_id}/enable": func(w *town) onceRequest {
			return onceRequest{w.addEndpoint(w.ownURL(), SandboxSecretKey) + "/enable", SandboxSecretKey, nil}
		},
		"POST /webhook_endpoints/{endpoint_id}/test": func(w *town) onceRequest {
			return onceRequest{w.addEndpoint(w.ownURL(), SandboxSecretKey) + "/test", SandboxSecretKey, map[string]any{"event": "payment.capture"}}
		},
		"POST /webhook_deliveries/{delivery_id}/resend": func(w *town) onceRequest {
			_, delivery := w.sent()
			return onceRequest{"/webhook_deliveries/" + delivery + "/resend", SandboxSecretKey, nil}
		},
		"POST /webhook_deliveries/resend": func(w *town) onceRequest {
			w.sent()
			since := w.outside.Now().Add(-time.Hour).Format(time.RFC3339Nano)
			return onceRequest{"/webhook_deliveries/resend", SandboxSecretKey, map[string]any{"created_from": since}}
		},
	}
}

// repeatable goes through the operations that know the idempotency-key, with a request for each.
func (w *town) repeatable(f func(w *town, o operation, request func() onceRequest)) {
	requests := onceRequests()
	operations, _ := w.operations()
	for _, o := range operations {
		if !o.repeatable {
			continue
		}
		w.t.Run(o.pattern, func(t *testing.T) {
			request := requests[o.pattern]
			if request == nil {
				t.Fatal("this test knows no request for it")
			}
			w := w.in(t)
			f(w, o, func() onceRequest { return request(w) })
		})
		delete(requests, o.pattern)
	}
	for pattern := range requests {
		w.t.Errorf("the contract has no %s, or it does not know the idempotency-key", pattern)
	}
}

func (w *town) once(o operation, q onceRequest, key string) answer {
	w.t.Helper()
	return w.ask(o.method, q.path, q.key, q.body, "idempotency-key", key)
}

// TestOnce sends to every operation that knows the idempotency-key one request twice. The second finds
// other things than the first did, and must be told the same. Another request under the key is refused.
func TestOnce(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.repeatable(func(w *town, o operation, request func() onceRequest) {
		q := request()
		first := w.once(o, q, "once")
		if first.status >= http.StatusBadRequest {
			w.t.Fatalf("%d %v", first.status, first.body)
		}
		again := w.once(o, q, "once")
		if diff := cmp.Diff(first.body, again.body); again.status != first.status || diff != "" {
			w.t.Errorf("%d, then %d (-first +again):\n%s", first.status, again.status, diff)
		}
		other := request()
		if cmp.Equal(other, q, cmp.AllowUnexported(onceRequest{})) {
			body := other.body.(map[string]any)
			for name, another := range map[string]any{"reference_id": "another", "url": w.ear.url + "/another", "created_from": "2026-01-02T00:00:00Z"} {
				if body[name] != nil {
					body[name] = another
				}
			}
		}
		w.once(o, other, "once").refuses(w.t, refusal{409, "DUPLICATE_ERROR", keyUsed, ""})
	})
	w.balanced()
}

// TestOnceAtOnce sends one request several times at the same time: it is done once, and whoever is answered
// is answered alike.
func TestOnceAtOnce(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.repeatable(func(w *town, o operation, request func() onceRequest) {
		q := request()
		answers := make([]answer, 6)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				var err error
				if answers[i], err = w.send(o.method, q.path, q.key, q.body, "idempotency-key", "at-once"); err != nil {
					w.t.Error(err)
				}
			})
		}
		all.Wait()
		last := w.once(o, q, "at-once")
		if last.status >= http.StatusBadRequest {
			w.t.Errorf("afterwards: %d %v", last.status, last.body)
		}
		for _, a := range answers {
			switch {
			case a.body["status"] == "PENDING":
				// while the first one waits for the acquirer, that is what is known
			case a.body["error_code"] == "IDEMPOTENCY_ERROR" || a.body["error_code"] == "SERVICE_UNAVAILABLE":
			case a.status != last.status || !cmp.Equal(a.body, last.body):
				w.t.Errorf("%d %v, and in the end %d %v", a.status, a.body, last.status, last.body)
			}
		}
	})
	w.balanced()
}

// TestOnceAfterACrash: the gateway writes down what was done and what is to be answered, and ends before
// anybody has read it. To the next one the same request is told what was written.
func TestOnceAfterACrash(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	type lost struct {
		o      operation
		q      onceRequest
		status int
		body   map[string]any
	}
	var all []lost
	w.repeatable(func(w *town, o operation, request func() onceRequest) {
		l := lost{o: o, q: request()}
		w.unheard(o, l.q, "lost "+o.pattern)
		w.eventually("the answer is written down", func() bool {
			return w.count(`SELECT COUNT(*) FROM idempotency WHERE key = $1`, "lost "+o.pattern) == 1
		})
		all = append(all, l)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_ = w.Sandbox.shop.Close()
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}

	for i, l := range all {
		var text []byte
		err := w.books.QueryRow(`SELECT status, body FROM idempotency WHERE key = $1`, "lost "+l.o.pattern).Scan(&all[i].status, &text)
		if err == nil {
			err = json.Unmarshal(text, &all[i].body)
		}
		if err != nil {
			t.Fatalf("%s: %v", l.o.pattern, err)
		}
	}

	next := openTown(t, func(s *SandboxSettings) { s.Data = w.dir })
	for _, l := range all {
		t.Run("again "+l.o.pattern, func(t *testing.T) {
			a := next.in(t).once(l.o, l.q, "lost "+l.o.pattern)
			if diff := cmp.Diff(l.body, a.body); a.status != l.status || diff != "" {
				t.Errorf("%d, and now %d (-written +answered):\n%s", l.status, a.status, diff)
			}
		})
	}
}

// unheard sends a request and does not listen to the answer.
func (w *town) unheard(o operation, q onceRequest, key string) {
	w.t.Helper()
	text, err := json.Marshal(q.body)
	if err != nil {
		w.t.Fatal(err)
	}
	if q.body == nil {
		text = nil
	}
	request, err := http.NewRequest(o.method, w.base+q.path, strings.NewReader(string(text)))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	request.SetBasicAuth(q.key, "")
	line, err := net.Dial("tcp", request.URL.Host)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = line.Close() })
	if err := request.Write(line); err != nil {
		w.t.Fatal(err)
	}
}

// TestFingerprintIsKeyed: what is kept of a request tells nobody what it was who does not have the key, not
// even that two gateways were sent the same.
func TestFingerprintIsKeyed(t *testing.T) {
	t.Parallel()
	kept := map[string]bool{}
	for range 2 {
		w := openTown(t)
		w.ask("POST", "/customers", SandboxSecretKey, map[string]any{"reference_id": "same"}, "idempotency-key", "same")
		var fingerprint []byte
		if err := w.books.QueryRow(`SELECT fingerprint FROM idempotency WHERE key = 'same'`).Scan(&fingerprint); err != nil {
			t.Fatal(err)
		}
		if len(fingerprint) != 32 {
			t.Errorf("a fingerprint of %d bytes", len(fingerprint))
		}
		kept[string(fingerprint)] = true
	}
	if len(kept) != 2 {
		t.Error("two gateways keep the same fingerprint")
	}
}
