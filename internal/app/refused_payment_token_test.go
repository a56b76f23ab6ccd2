package app

// storing asks for a payment token of a typed card, with something changed about it.
func storing(number string, change ...func(map[string]any)) func(*town) asked {
	return func(w *town) asked {
		body := w.paymentRequest("", typing(number), with("customer_id", string(sandboxCustomer)), with("type", nil), with("request_amount", nil))
		for _, c := range change {
			c(body)
		}
		return asked{path: "/v3/payment_tokens", body: body}
	}
}

func refusedPaymentTokens() map[string][]refusedRow {
	const details = "/body/channel_properties/card_details"
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	common := func(then string) []refusedRow {
		return []refusedRow{
			{"no id of a payment token", at("/v3/payment_tokens/pt-1" + then),
				refusal{400, "API_VALIDATION_ERROR", "request/path/payment_token_id must NOT have fewer than 39 characters", "/path/payment_token_id"}},
			{"unknown", func(*town) asked {
				return asked{path: "/v3/payment_tokens/pt-00000000-0000-4000-8000-00000000dead" + then, body: map[string]any{"description": "x"}}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
			{"of a card that was not stored", func(w *town) asked {
				w.newRequest("", typing("4000000000001000", "skip_three_ds", true))
				var id string
				if err := w.books.QueryRow(`SELECT MAX(id) FROM token WHERE status = 'ONE_OFF'`).Scan(&id); err != nil {
					w.t.Fatal(err)
				}
				return asked{path: "/v3/payment_tokens/" + id + then, body: map[string]any{"description": "x"}}
			}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
		}
	}
	return map[string][]refusedRow{
		"POST /v3/payment_tokens": {
			{"no card", storing("4000000000001091", channel()), refusal{400, "API_VALIDATION_ERROR", "", "/body/channel_properties/card_details"}},
			{"no expiry_year", storing("4000000000001091", cardWithout("expiry_year")), invalid("is required", details+"/expiry_year")},
			{"an agreement that is over", storing("", typing("4000000000001091", "card_on_file_type", "RECURRING", "recurring_configuration", agreedUntil("2020-12-31"))),
				invalid("must NOT be in the past", "/body/channel_properties/recurring_configuration/recurring_expiry")},
			{"for nobody", storing("4000000000001091", with("customer_id", nil)),
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property customer_id or customer", "/body"}},
			{"a mistyped number", storing("4000000000001092"), invalid("must be a valid card number, please check for a mistyped digit", details+"/card_number")},
			{"an old card", storing("4000000000001091", oldCard), refusal{400, "CARD_EXPIRED", cardTooOld, ""}},
			{"card details, without permission", restricted(storing("4000000000001091")), refusal{403, "REQUEST_FORBIDDEN_ERROR", noCards, ""}},
			{"3DS skipped, without permission", func(w *town) asked {
				q := storing("4000000000001091", typing("4000000000001091", "skip_three_ds", true))(w)
				q.key = cardsOnlySecretKey
				return q
			}, refusal{403, "SKIP_3DS_FORBIDDEN", noSkipping, ""}},
			{"an account that is none", storing("4000000000001091", typing("4000000000001091", "mid_label", "elsewhere")),
				refusal{403, "INVALID_MERCHANT_SETTINGS", noAccount, ""}},
			{"a card that was guessed at", func(w *town) asked {
				w.guess(w.ownCard())
				return storing(ownNumber("4276", w.cards.Load()))(w)
			}, refusal{400, "PAYMENT_REQUEST_RATE_LIMITED", tooOften, ""}},
			{"a key used for another", func(w *town) asked {
				q := storing("4000000000001091")(w)
				w.ask("POST", q.path, SandboxSecretKey, q.body, "idempotency-key", "stored-used")
				q = storing("4000000000001091")(w)
				q.headers = []string{"idempotency-key", "stored-used"}
				return q
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
			{"unknown customer", storing("4000000000001091", with("customer_id", "cust-00000000-0000-4000-8000-00000000dead")),
				refusal{404, "DATA_NOT_FOUND", noCustomer, ""}},
		},
		"GET /v3/payment_tokens/{payment_token_id}": common(""),
		"PATCH /v3/payment_tokens/{payment_token_id}": append(common(""),
			refusedRow{"nothing to change", func(w *town) asked {
				return asked{path: "/v3/payment_tokens/" + visaChallenge, body: map[string]any{}}
			}, invalid("must NOT have fewer than 1 properties", "/body")},
			refusedRow{"its status", func(w *town) asked {
				return asked{path: "/v3/payment_tokens/" + visaChallenge, body: map[string]any{"status": "CANCELED"}}
			}, invalid("cannot be changed", "/body/status")}),
		"POST /v3/payment_tokens/{payment_token_id}/cancel": append(common("/cancel"),
			refusedRow{"a second time", func(w *town) asked {
				path := "/v3/payment_tokens/" + w.ownCard() + "/cancel"
				w.ask("POST", path, SandboxSecretKey, nil)
				return asked{path: path}
			}, refusal{400, "INACTIVE_PAYMENT_REQUEST", "Payment token is already inactive.", ""}},
			refusedRow{"being stored", func(w *town) asked {
				q := storing("4000000000001091")(w)
				made := w.ask("POST", q.path, SandboxSecretKey, q.body)
				return asked{path: "/v3/payment_tokens/" + made.body["payment_token_id"].(string) + "/cancel"}
			}, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""}},
			refusedRow{"a key used for another", func(w *town) asked {
				w.ask("POST", "/v3/payment_tokens/"+w.ownCard()+"/cancel", SandboxSecretKey, nil, "idempotency-key", "token-used")
				return asked{path: "/v3/payment_tokens/" + w.ownCard() + "/cancel", headers: []string{"idempotency-key", "token-used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		),
	}
}
