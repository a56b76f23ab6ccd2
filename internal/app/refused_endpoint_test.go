package app

import (
	"fmt"
	"strings"
)

const anyEndpoint = "/webhook_endpoints/0198a3f0-1b2c-7d3e-8f4a-5b6c7d8e9f00"

// adding asks for an endpoint with something changed about it.
func adding(change func(map[string]any)) func(*town) asked {
	return func(*town) asked {
		body := map[string]any{"url": "https://yourcompany.com/webhooks"}
		change(body)
		return asked{path: "/webhook_endpoints", body: body}
	}
}

func refusedEndpoints() map[string][]refusedRow {
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	const badURL, nowhere = "Please provide a valid HTTPS URL", "Webhooks are sent to https URLs on the public internet, without user information"
	used := func(path string, first, second any) func(w *town) asked {
		return func(w *town) asked {
			w.ask("POST", path, SandboxSecretKey, first, "idempotency-key", "used")
			return asked{path: path, body: second, headers: []string{"idempotency-key", "used"}}
		}
	}
	// What every operation on one endpoint answers where there is none of the caller's.
	absent := func(then string, body any) []refusedRow {
		return []refusedRow{
			{"no id of an endpoint", func(*town) asked { return asked{path: "/webhook_endpoints/1" + then, body: body} },
				invalid(`must match format "uuid"`, "/path/endpoint_id")},
			{"unknown", func(*town) asked { return asked{path: anyEndpoint + then, body: body} }, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"a stranger's", func(w *town) asked {
				return asked{path: w.addEndpoint(w.ownURL(), SandboxSecretKey) + then, body: body, key: strangerSecretKey}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
		}
	}
	const sentAlready = "Some of these events are sent to this URL already. Remove that endpoint first, or leave them out"
	twice := func(first, second []string) func(w *town) asked {
		return func(w *town) asked {
			url := w.ownURL()
			w.addEndpoint(strings.Replace(url, "http://", "HTTP://", 1), SandboxSecretKey, first...)
			return asked{path: "/webhook_endpoints", body: map[string]any{"url": url + "#again", "events": append([]string{}, second...)}}
		}
	}
	sample := func(event string) map[string]any { return map[string]any{"event": event} }
	return map[string][]refusedRow{
		"POST /webhook_endpoints": {
			{"no url", adding(with("url", nil)), refusal{400, "API_VALIDATION_ERROR", "request/body must have required property 'url'", "/body/url"}},
			{"an unknown event", adding(with("events", []string{"payment.lost"})), invalid("must be equal to one of the allowed values", "/body/events/0")},
			{"not encrypted", adding(with("url", "http://yourcompany.com/")), refusal{400, "INVALID_URL", badURL, "/body/url"}},
			{"user information", adding(with("url", "https://a:b@yourcompany.com/")), refusal{400, "INVALID_URL", badURL, "/body/url"}},
			{"the operator's network", adding(with("url", "https://192.168.1.1/")), refusal{400, "INVALID_URL", nowhere, "/body/url"}},
			{"a cloud's metadata", adding(with("url", "https://169.254.169.254/")), refusal{400, "INVALID_URL", nowhere, "/body/url"}},
			{"loopback in disguise", adding(with("url", "https://[::ffff:127.0.0.1]/")), refusal{400, "INVALID_URL", nowhere, "/body/url"}},
			{"one too many", func(w *town) asked {
				for i := len(w.ask("GET", "/webhook_endpoints", strangerSecretKey, nil).body["data"].([]any)); i < 20; i++ {
					w.addEndpoint(fmt.Sprint("https://yourcompany.com/", i), strangerSecretKey)
				}
				return asked{path: "/webhook_endpoints", body: map[string]any{"url": "https://yourcompany.com/"}, key: strangerSecretKey}
			}, refusal{422, "ENDPOINT_LIMIT_EXCEEDED", "There are 20 endpoints already, which is the most", ""}},
			{"a key used for another", used("/webhook_endpoints", map[string]any{"url": "https://yourcompany.com/1"}, map[string]any{"url": "https://yourcompany.com/2"}),
				refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
			{"all of what comes there", twice(nil, nil), refusal{409, "DUPLICATE_ERROR", sentAlready, ""}},
			{"some of what comes there", twice(nil, []string{"payment.capture"}), refusal{409, "DUPLICATE_ERROR", sentAlready, ""}},
			{"all beside some", twice([]string{"payment.capture"}, nil), refusal{409, "DUPLICATE_ERROR", sentAlready, ""}},
			{"one of two", twice([]string{"payment.capture", "payment.failure"}, []string{"refund.failed", "payment.failure"}), refusal{409, "DUPLICATE_ERROR", sentAlready, ""}},
		},
		"GET /webhook_endpoints/{endpoint_id}":        absent("", nil),
		"DELETE /webhook_endpoints/{endpoint_id}":     absent("", nil),
		"GET /webhook_endpoints/{endpoint_id}/secret": absent("/secret", nil),
		"POST /webhook_endpoints/{endpoint_id}/enable": append(absent("/enable", nil), refusedRow{"a key used for another", func(w *town) asked {
			w.ask("POST", w.addEndpoint(w.ownURL(), SandboxSecretKey)+"/enable", SandboxSecretKey, nil, "idempotency-key", "used")
			return asked{path: w.addEndpoint(w.ownURL(), SandboxSecretKey) + "/enable", headers: []string{"idempotency-key", "used"}}
		}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}}),
		"POST /webhook_endpoints/{endpoint_id}/test": append(absent("/test", sample("payment.capture")),
			refusedRow{"an unknown event", func(*town) asked { return asked{path: anyEndpoint + "/test", body: sample("payment.lost")} },
				invalid("must be equal to one of the allowed values", "/body/event")},
			refusedRow{"a key used for another", func(w *town) asked {
				return used(w.addEndpoint(w.ownURL(), SandboxSecretKey)+"/test", sample("payment.capture"), sample("payment.failure"))(w)
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}}),
	}
}
