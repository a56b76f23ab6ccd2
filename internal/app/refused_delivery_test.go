package app

import "strings"

const anyDelivery = "0198a3f2-5c11-7e1f-a0c9-5a1b2c3d4e5f.0198a3f0-1b2c-7d3e-8f4a-5b6c7d8e9f00"

// sent pays and waits until an endpoint, of its own, has taken the capture. It returns the path of the
// endpoint, and the delivery.
func (w *town) sent() (endpoint, delivery string) {
	w.t.Helper()
	endpoint = w.addEndpoint(w.ownURL(), SandboxSecretKey, "payment.capture")
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	w.delivered(endpoint, "DELIVERED", 1)
	return endpoint, w.deliveries(of(endpoint))[0]["delivery_id"].(string)
}

func refusedDeliveries() map[string][]refusedRow {
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	since := func(at string) map[string]any { return map[string]any{"created_from": at} }
	resending := func(name string, value any) func(*town) asked {
		return func(*town) asked {
			body := since("2026-01-01T00:00:00Z")
			body[name] = value
			return asked{path: "/webhook_deliveries/resend", body: body}
		}
	}
	again := func(delivery string) string { return "/webhook_deliveries/" + delivery + "/resend" }
	return map[string][]refusedRow{
		"GET /webhook_deliveries": {
			{"too many at once", at("/webhook_deliveries?limit=101"), invalid("must be <= 100", "/query/limit")},
			{"another status", at("/webhook_deliveries?status=LOST"), invalid("must be equal to one of the allowed values", "/query/status")},
			{"no time", at("/webhook_deliveries?created_from=today"), invalid(`must match format "date-time"`, "/query/created_from")},
			{"behind nothing", at("/webhook_deliveries?after_id=1"), invalid(`must match pattern "^[0-9a-f-]{36}\.[0-9a-f-]{36}$"`, "/query/after_id")},
		},
		"POST /webhook_deliveries/resend": {
			{"since when", func(*town) asked { return asked{path: "/webhook_deliveries/resend", body: map[string]any{}} },
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property 'created_from'", "/body/created_from"}},
			{"no status at all", resending("statuses", []string{}), invalid("must NOT have fewer than 1 items", "/body/statuses")},
			{"another status", resending("statuses", []string{"LOST"}), invalid("must be equal to one of the allowed values", "/body/statuses/0")},
			{"behind nothing", resending("after_id", "1"), invalid(`must match pattern "^[0-9a-f-]{36}\.[0-9a-f-]{36}$"`, "/body/after_id")},
			{"a key used for another", func(w *town) asked {
				w.ask("POST", "/webhook_deliveries/resend", SandboxSecretKey, since("2026-01-01T00:00:00Z"), "idempotency-key", "used")
				return asked{path: "/webhook_deliveries/resend", body: since("2026-01-02T00:00:00Z"), headers: []string{"idempotency-key", "used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		},
		"POST /webhook_deliveries/{delivery_id}/resend": {
			{"no id of a delivery", at(again("1")), invalid(`must match pattern "^[0-9a-f-]{36}\.[0-9a-f-]{36}$"`, "/path/delivery_id")},
			{"unknown", at(again(anyDelivery)), refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"a stranger's", func(w *town) asked {
				_, delivery := w.sent()
				return asked{path: again(delivery), key: strangerSecretKey}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"to an endpoint that was removed", func(w *town) asked {
				endpoint, delivery := w.sent()
				w.call("DELETE", endpoint, SandboxSecretKey, nil)
				return asked{path: again(delivery)}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"to an endpoint that is disabled", func(w *town) asked {
				endpoint, delivery := w.sent()
				w.damage(`UPDATE endpoint SET disabled = 1, reason = 'x' WHERE id = $1`, strings.TrimPrefix(endpoint, "/webhook_endpoints/"))
				return asked{path: again(delivery)}
			}, refusal{422, "ENDPOINT_DISABLED", "The endpoint is disabled. Enable it first", ""}},
			{"a key used for another", func(w *town) asked {
				_, one := w.sent()
				_, other := w.sent()
				w.ask("POST", again(one), SandboxSecretKey, nil, "idempotency-key", "used")
				return asked{path: again(other), headers: []string{"idempotency-key", "used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		},
	}
}
