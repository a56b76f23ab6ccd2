package app

func refusedPaymentRequests() map[string][]refusedRow {
	return map[string][]refusedRow{
		"GET /v3/payment_requests/{payment_request_id}": {
			{"no id of a payment request", at("/v3/payment_requests/pr-1"),
				refusal{400, "API_VALIDATION_ERROR", "request/path/payment_request_id must NOT have fewer than 39 characters", "/path/payment_request_id"}},
			{"unknown", at("/v3/payment_requests/pr-00000000-0000-4000-8000-00000000dead"), refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"a stranger's", func(w *town) asked {
				id := w.submitted(w.newSession(visaChallenge), "123")["payment_request_id"].(string)
				return asked{path: "/v3/payment_requests/" + id, key: strangerSecretKey}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
		},
	}
}
