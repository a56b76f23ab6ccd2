package app

func refusedPayments() map[string][]refusedRow {
	return map[string][]refusedRow{
		"GET /v3/payments/{payment_id}": {
			{"no id of a payment", at("/v3/payments/py-1"),
				refusal{400, "API_VALIDATION_ERROR", "request/path/payment_id must NOT have fewer than 39 characters", "/path/payment_id"}},
			{"unknown", at("/v3/payments/py-00000000-0000-4000-8000-00000000dead"), refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"a stranger's", func(w *town) asked {
				accepted := w.submitted(w.newSession(visaChallenge, skipping), "123")
				id := w.attempt(accepted["payment_request_id"].(string))["latest_payment_id"].(string)
				return asked{path: "/v3/payments/" + id, key: strangerSecretKey}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
		},
	}
}
