package app

func refusedRefunds() map[string][]refusedRow {
	const unknown = "/refunds/rfd-00000000-0000-4000-8000-00000000dead"
	notCaptured := refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment because of its current status: nothing of it is captured.", ""}
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	common := func(then string) []refusedRow {
		return []refusedRow{
			{"no id of a refund", at("/refunds/rfd-1" + then), invalid("must NOT have fewer than 40 characters", "/path/refund_id")},
			{"unknown", at(unknown + then), refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"a stranger's", func(w *town) asked {
				return asked{path: "/refunds/" + w.givenBack() + then, key: strangerSecretKey}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
		}
	}
	asking := func(request func(w *town) string, change ...func(map[string]any)) func(w *town) asked {
		return func(w *town) asked { return asked{path: "/refunds", body: refunding(request(w), change...)} }
	}
	paid := func(w *town) string { return w.paid10000() }
	nothing := func(*town) string { return "pr-00000000-0000-4000-8000-00000000dead" }
	return map[string][]refusedRow{
		"POST /refunds": {
			{"no payment request", asking(nothing, with("payment_request_id", nil)),
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property 'payment_request_id'", "/body/payment_request_id"}},
			{"no reason", asking(nothing, with("reason", nil)),
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property 'reason'", "/body/reason"}},
			{"a reason of its own", asking(nothing, with("reason", "REGRET")), refusal{400, "API_VALIDATION_ERROR", "", "/body/reason"}},
			{"in words", asking(nothing, with("amount", "all")), invalid("must be number", "/body/amount")},
			{"a number as metadata", asking(nothing, with("metadata", map[string]any{"order": 7})), invalid("must be string", "/body/metadata")},
			{"unknown", asking(nothing), refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"a stranger's", func(w *town) asked {
				return asked{path: "/refunds", key: strangerSecretKey, body: refunding(w.paid10000())}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"nothing", asking(paid, with("amount", 0)), refusal{400, "INVALID_VALUE_ERROR", "Refund amount must be greater than zero.", ""}},
			{"another currency", asking(paid, with("currency", "USD")), refusal{400, "INVALID_VALUE_ERROR", "Refund currency must be the payment's.", ""}},
			{"a part of a rupiah", asking(paid, with("amount", 0.5)), refusal{400, "INVALID_VALUE_ERROR", "Amount in IDR must have at most 0 decimal places", ""}},
			{"more than was paid", asking(paid, with("amount", 10001)), tooMuch},
			{"more than was captured", asking(func(w *town) string { return w.captured4000() }, with("amount", 4001)), tooMuch},
			{"more than is left", func(w *town) asked {
				request := w.paid10000()
				w.back(request, with("amount", 6000))
				return asked{path: "/refunds", body: refunding(request, with("amount", 4001))}
			}, tooMuch},
			{"a second time", func(w *town) asked {
				request := w.paid10000()
				w.back(request)
				return asked{path: "/refunds", body: refunding(request)}
			}, tooMuch},
			{"not paid", asking(func(w *town) string { return w.newRequest(visaChallenge)["payment_request_id"].(string) }), notCaptured},
			{"declined", asking(func(w *town) string {
				return w.newRequest(visaChallenge, channel("skip_three_ds", true), with("request_amount", 10054))["payment_request_id"].(string)
			}, with("amount", 1)), notCaptured},
			{"held", asking(func(w *town) string {
				return w.newRequest(visaChallenge, channel("skip_three_ds", true), with("capture_method", "MANUAL"))["payment_request_id"].(string)
			}, with("amount", 1)), notCaptured},
			{"after more than a year", asking(func(w *town) string {
				request := w.paid10000()
				w.damage(`UPDATE request SET data = json_set(data, '$.Capture.At', '2020-01-01T00:00:00Z') WHERE id = $1`, request)
				return request
			}), refusal{403, "REFUND_NOT_SUPPORTED", "The payment is too old to be refunded: the time for it is 365 days.", ""}},
			{"a key used for another", func(w *town) asked {
				w.ask("POST", "/refunds", SandboxSecretKey, refunding(w.paid10000()), "idempotency-key", "refund-used")
				return asked{path: "/refunds", body: refunding(w.paid10000()), headers: []string{"idempotency-key", "refund-used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		},
		"GET /refunds": {
			{"a page too long", at("/refunds?limit=101"), invalid("must be <= 100", "/query/limit")},
			{"after no refund", at("/refunds?after_id=py-1"), refusal{400, "API_VALIDATION_ERROR", "", "/query/after_id"}},
			{"before no refund", at("/refunds?before_id=1"), refusal{400, "API_VALIDATION_ERROR", "", "/query/before_id"}},
			{"of no payment request", at("/refunds?payment_request_id=1"), refusal{400, "API_VALIDATION_ERROR", "", "/query/payment_request_id"}},
		},
		"GET /refunds/{refund_id}": common(""),
		"POST /refunds/{refund_id}/cancel": append(common("/cancel"),
			refusedRow{"given back", func(w *town) asked { return asked{path: "/refunds/" + w.givenBack() + "/cancel"} },
				refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the refund because of its current status: it is with the acquirer, or over.", ""}},
			refusedRow{"a key used for another", func(w *town) asked {
				w.ask("POST", "/refunds/"+w.unsentRefund()+"/cancel", SandboxSecretKey, nil, "idempotency-key", "cancel-used")
				return asked{path: "/refunds/" + w.givenBack() + "/cancel", headers: []string{"idempotency-key", "cancel-used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		),
	}
}
