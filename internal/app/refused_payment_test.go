package app

func refusedPayments() map[string][]refusedRow {
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	common := func(then string) []refusedRow {
		return []refusedRow{
			{"no id of a payment", at("/v3/payments/py-1" + then),
				refusal{400, "API_VALIDATION_ERROR", "request/path/payment_id must NOT have fewer than 39 characters", "/path/payment_id"}},
			{"unknown", func(*town) asked {
				return asked{path: "/v3/payments/py-00000000-0000-4000-8000-00000000dead" + then, body: map[string]any{"capture_amount": 1}}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
		}
	}
	held := func(then string, body any) func(w *town) asked {
		return func(w *town) asked { return asked{path: "/v3/payments/" + w.held10000() + then, body: body} }
	}
	paid := func(w *town) string {
		return w.newRequest(visaChallenge, channel("skip_three_ds", true))["latest_payment_id"].(string)
	}
	amountOf := func(n any) map[string]any { return map[string]any{"capture_amount": n} }
	notHeld := refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment because of its current status: no money is held.", ""}
	underWay := func(then string, body any) func(w *town) asked {
		return func(w *town) asked {
			id := w.held10000()
			w.bank.turn(`{"next_advice":{"behaviour":"silence"}}`)
			w.ask("POST", "/v3/payments/"+id+"/capture", SandboxSecretKey, amountOf(10000))
			return asked{path: "/v3/payments/" + id + then, body: body}
		}
	}
	beingCaptured := refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment because of its current status: it is being captured.", ""}
	onceMore := func(then string, body any) func(w *town) asked {
		return func(w *town) asked {
			w.ask("POST", "/v3/payments/"+w.held10000()+then, SandboxSecretKey, body, "idempotency-key", "payment-used")
			return asked{path: "/v3/payments/" + w.held10000() + then, body: body, headers: []string{"idempotency-key", "payment-used"}}
		}
	}
	return map[string][]refusedRow{
		"GET /v3/payments/{payment_id}": append(common(""), refusedRow{"a stranger's", func(w *town) asked {
			accepted := w.submitted(w.newSession(visaChallenge, skipping), "123")
			id := w.attempt(accepted["payment_request_id"].(string))["latest_payment_id"].(string)
			return asked{path: "/v3/payments/" + id, key: strangerSecretKey}
		}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}}),
		"POST /v3/payments/{payment_id}/capture": append(common("/capture"),
			refusedRow{"no amount", held("/capture", map[string]any{}),
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property 'capture_amount'", "/body/capture_amount"}},
			refusedRow{"in words", held("/capture", amountOf("all")), invalid("must be number", "/body/capture_amount")},
			refusedRow{"nothing", held("/capture", amountOf(0)), refusal{400, "INVALID_VALUE_ERROR", "capture_amount must be greater than zero.", ""}},
			refusedRow{"a part of a rupiah", held("/capture", amountOf(0.5)), refusal{400, "INVALID_VALUE_ERROR", "Amount in IDR must have at most 0 decimal places", ""}},
			refusedRow{"more is to come", held("/capture", map[string]any{"capture_amount": 1, "final_capture": false}),
				invalid("must be true: an authorisation is captured once, and what is not captured is let go", "/body/final_capture")},
			refusedRow{"more than is held", held("/capture", amountOf(10001)),
				refusal{400, "CAPTURE_AMOUNT_EXCEEDED", "Capture amount specified in capture request must be less than or equal to uncaptured authorization amount.", ""}},
			refusedRow{"captured at once", func(w *town) asked {
				return asked{path: "/v3/payments/" + paid(w) + "/capture", body: amountOf(1)}
			}, notHeld},
			refusedRow{"a second time", func(w *town) asked {
				path := "/v3/payments/" + w.held10000() + "/capture"
				w.ask("POST", path, SandboxSecretKey, amountOf(4000))
				return asked{path: path, body: amountOf(1)}
			}, notHeld},
			refusedRow{"while it is captured", underWay("/capture", amountOf(1)), beingCaptured},
			refusedRow{"a key used for another", onceMore("/capture", amountOf(10000)), refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		),
		"POST /v3/payments/{payment_id}/cancel": append(common("/cancel"),
			refusedRow{"captured at once", func(w *town) asked { return asked{path: "/v3/payments/" + paid(w) + "/cancel"} }, notHeld},
			refusedRow{"a second time", func(w *town) asked {
				path := "/v3/payments/" + w.held10000() + "/cancel"
				w.ask("POST", path, SandboxSecretKey, nil)
				return asked{path: path}
			}, notHeld},
			refusedRow{"while it is captured", underWay("/cancel", nil), beingCaptured},
			refusedRow{"a key used for another", onceMore("/cancel", nil), refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		),
	}
}
