package app

import "fmt"

// paying asks for a payment request with a stored card, with something changed about it.
func paying(change ...func(map[string]any)) func(*town) asked {
	return func(w *town) asked {
		return asked{path: "/v3/payment_requests", body: w.paymentRequest(visaChallenge, change...)}
	}
}

// restricted has a request made by a merchant without permissions.
func restricted(ask func(*town) asked) func(*town) asked {
	return func(w *town) asked {
		q := ask(w)
		q.key = strangerSecretKey
		return q
	}
}

const (
	noCards      = "Card details are not allowed for this merchant. Use a payment session, where the payer's browser hands them in."
	noSkipping   = "Non 3DS card payment requests is not allowed. Please activate the feature on Xendit dashboard before proceeding"
	cardTooOld   = "Card expiry specified in the request should not be earlier than current month."
	noAccount    = "Merchant credentials met with an error with the provider: the merchant has no account under this mid_label."
	cardStopped  = "Payment token ID specified in the request was denied access by the payment method provider."
	tooOften     = "Maximum number of requests to this payment channel has been exceeded in a given time frame."
	inactive     = "Payment request is already inactive."
	unknownPR    = "/v3/payment_requests/pr-00000000-0000-4000-8000-00000000dead"
	customerUsed = "customer: The reference_id entered has been used before. Please enter a unique reference_id"
)

// oldCard is a typed card whose last month is over.
func oldCard(request map[string]any) {
	typing("4000000000001091")(request)
	details := request["channel_properties"].(map[string]any)["card_details"].(map[string]any)
	details["expiry_year"] = "2020"
}

// cardWithout takes something from a typed card.
func cardWithout(name string) func(map[string]any) {
	return func(request map[string]any) {
		delete(request["channel_properties"].(map[string]any)["card_details"].(map[string]any), name)
	}
}

// agreedUntil is an agreement that lets the merchant alone use the card, until a day.
func agreedUntil(day string) map[string]any {
	return map[string]any{"recurring_frequency": 30, "recurring_expiry": day}
}

// stoppedCard stores a card and has its issuer say that it is not to be tried again (merchant advice code 03).
func (w *town) stoppedCard() string {
	w.t.Helper()
	token := w.ownMastercard()
	w.stopCard(token)
	return token
}

func (w *town) stopCard(token string) {
	w.t.Helper()
	w.newRequest(token, channel("skip_three_ds", true), with("request_amount", 10055))
}

func refusedPaymentRequests() map[string][]refusedRow {
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	const details = "/body/channel_properties/card_details"
	common := func(then string) []refusedRow {
		return []refusedRow{
			{"no id of a payment request", at("/v3/payment_requests/pr-1" + then),
				refusal{400, "API_VALIDATION_ERROR", "request/path/payment_request_id must NOT have fewer than 39 characters", "/path/payment_request_id"}},
			{"unknown", func(*town) asked { return asked{path: unknownPR + then, body: map[string]any{"request_amount": 1}} }, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}},
		}
	}
	of := func(then string, body any, made func(w *town) string) func(w *town) asked {
		return func(w *town) asked { return asked{path: "/v3/payment_requests/" + made(w) + then, body: body} }
	}
	waiting := func(w *town) string { return w.newRequest(visaChallenge)["payment_request_id"].(string) }
	paid := func(w *town) string {
		return w.newRequest(visaChallenge, channel("skip_three_ds", true))["payment_request_id"].(string)
	}
	held := func(w *town) string {
		return w.newRequest(visaChallenge, channel("skip_three_ds", true), with("capture_method", "MANUAL"))["payment_request_id"].(string)
	}
	ofSession := func(w *town) string {
		return w.submitted(w.newSession(visaChallenge), "123")["payment_request_id"].(string)
	}
	amountOf := func(n any) map[string]any { return map[string]any{"request_amount": n} }
	onceMore := func(path func(w *town) string, body any) func(w *town) asked {
		return func(w *town) asked {
			w.ask("POST", path(w), SandboxSecretKey, body, "idempotency-key", "request-used")
			return asked{path: path(w), body: body, headers: []string{"idempotency-key", "request-used"}}
		}
	}
	over := func(what string) refusal {
		return refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment request because of its current status: " + what + ".", ""}
	}
	return map[string][]refusedRow{
		"POST /v3/payment_requests": {
			{"no reference_id", paying(with("reference_id", nil)),
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property 'reference_id'", "/body/reference_id"}},
			{"no card", paying(with("payment_token_id", nil)),
				refusal{400, "API_VALIDATION_ERROR", "", "/body/channel_properties"}},
			{"a reusable code", paying(with("type", "REUSABLE_PAYMENT_CODE")), invalid("REUSABLE_PAYMENT_CODE is not supported for cards", "/body/type")},
			{"a mistyped number", paying(typing("4000000000001092")), invalid("must be a valid card number, please check for a mistyped digit", details+"/card_number")},
			{"dashes", paying(typing("4000-0000-0000-1091")), invalid("must be digits only", details+"/card_number")},
			{"another scheme", paying(typing("6011000000000004")),
				invalid("must be the number of a Visa, Mastercard, American Express or JCB card", details+"/card_number")},
			{"a number beside a stored card", paying(func(request map[string]any) {
				typing("4000000000001091")(request)
				request["payment_token_id"] = visaChallenge
			}), invalid("must NOT be sent with payment_token_id", details+"/card_number")},
			{"stored for nobody", paying(typing("4000000000001091"), with("type", "PAY_AND_SAVE")),
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property customer_id or customer", "/body"}},
			{"an old card", paying(oldCard), refusal{400, "CARD_EXPIRED", cardTooOld, ""}},
			{"a part of a rupiah", paying(with("request_amount", 10.5)), refusal{400, "INVALID_VALUE_ERROR", "Amount in IDR must have at most 0 decimal places", ""}},
			{"too much", paying(with("request_amount", 99999999999)), refusal{400, "INVALID_VALUE_ERROR", "Amount in IDR must be at most 9999999999", ""}},
			{"no expiry_month", paying(typing("4000000000001091"), cardWithout("expiry_month")), invalid("is required", details+"/expiry_month")},
			{"no expiry_year", paying(typing("4000000000001091"), cardWithout("expiry_year")), invalid("is required", details+"/expiry_year")},
			{"no card_number", paying(typing("4000000000001091"), cardWithout("card_number")), invalid("is required", details+"/card_number")},
			{"half a character", func(*town) asked {
				return asked{path: "/v3/payment_requests", body: `{"reference_id":"\ud800"}`}
			}, invalid("must NOT hold half of a surrogate pair", "/body")},
			{"by the merchant alone, how often", paying(channel("card_on_file_type", "MERCHANT_UNSCHEDULED")),
				refusal{400, "API_VALIDATION_ERROR", "request/body/channel_properties must have required property 'recurring_configuration'", "/body/channel_properties/recurring_configuration"}},
			{"an agreement that is over", paying(channel("card_on_file_type", "RECURRING", "recurring_configuration", agreedUntil("2020-12-31"))),
				invalid("must NOT be in the past", "/body/channel_properties/recurring_configuration/recurring_expiry")},
			{"an item's metadata", paying(item(map[string]any{"k": 1})), refusal{400, "INVALID_ITEM_METADATA", "Metadata value must be a string", "/body/items/0/metadata"}},
			{"nothing to pay", paying(with("request_amount", 0)), refusal{400, "INVALID_VALUE_ERROR", "request_amount must be greater than zero.", ""}},
			{"without the payer, and without a first use", func(w *town) asked {
				return paying(typing("4000000000001091", "skip_three_ds", true, "card_on_file_type", "MERCHANT_UNSCHEDULED",
					"recurring_configuration", agreedUntil("2099-12-31"), "transaction_sequence", "SUBSEQUENT"), cardWithout("cvn"))(w)
			}, refusal{400, "INVALID_VALUE_ERROR", "A payment without the payer refers to the card's first use, whose network_transaction_id is not known. Please send it.", ""}},
			{"unknown token", paying(with("payment_token_id", "pt-00000000-0000-4000-8000-00000000dead")), refusal{400, "INVALID_TOKEN", unknownToken, ""}},
			{"a stranger's token", paying(with("payment_token_id", strangerToken)), refusal{400, "INVALID_TOKEN", unknownToken, ""}},
			{"card details, without permission", restricted(paying(typing("4000000000001091"))), refusal{403, "REQUEST_FORBIDDEN_ERROR", noCards, ""}},
			{"3DS skipped, without permission", func(w *town) asked {
				return restricted(paying(with("payment_token_id", strangerToken), channel("skip_three_ds", true)))(w)
			}, refusal{403, "SKIP_3DS_FORBIDDEN", noSkipping, ""}},
			{"an account that is none", paying(channel("mid_label", "elsewhere")), refusal{403, "INVALID_MERCHANT_SETTINGS", noAccount, ""}},
			{"a card that is not to be tried again", func(w *town) asked {
				return paying(with("payment_token_id", w.stoppedCard()))(w)
			}, refusal{403, "ACCOUNT_ACCESS_BLOCKED", cardStopped, ""}},
			{"a card that was guessed at", func(w *town) asked {
				token := w.ownCard()
				w.guess(token)
				return paying(with("payment_token_id", token))(w)
			}, refusal{400, "PAYMENT_REQUEST_RATE_LIMITED", tooOften, ""}},
			{"a reference used before", func(w *town) asked {
				q := paying()(w)
				w.ask("POST", q.path, SandboxSecretKey, q.body)
				return q
			}, refusal{409, "DUPLICATE_ERROR", "Duplication is not allowed. The reference_id has been used for another payment request.", ""}},
			{"unknown customer", paying(with("customer_id", "cust-00000000-0000-4000-8000-00000000dead")), refusal{404, "DATA_NOT_FOUND", noCustomer, ""}},
			{"a customer who is known", func(w *town) asked { // the stranger does not reuse customers
				return asked{key: strangerSecretKey, path: "/v3/payment_requests", body: w.paymentRequest(strangerToken, with("customer",
					map[string]any{"reference_id": "them", "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Jaap"}}))}
			}, refusal{409, "DUPLICATE_ERROR", customerUsed, ""}},
		},
		"GET /v3/payment_requests": {
			{"a page too long", at("/v3/payment_requests?limit=101"), refusal{400, "API_VALIDATION_ERROR", "request/query/limit must be <= 100", "/query/limit"}},
		},
		"GET /v3/payment_requests/{payment_request_id}": append(common(""), refusedRow{"a stranger's", func(w *town) asked {
			return asked{path: "/v3/payment_requests/" + ofSession(w), key: strangerSecretKey}
		}, refusal{404, "DATA_NOT_FOUND", noSuchID, ""}}),
		"PATCH /v3/payment_requests/{payment_request_id}": append(common(""),
			refusedRow{"nothing to change", of("", map[string]any{}, waiting), invalid("must NOT have fewer than 1 properties", "/body")},
			refusedRow{"another currency", of("", map[string]any{"request_amount": 1, "currency": "USD"}, waiting), invalid("cannot be changed", "/body/currency")},
			refusedRow{"nothing to pay", of("", amountOf(0), waiting), refusal{400, "INVALID_VALUE_ERROR", "request_amount must be greater than zero.", ""}},
			refusedRow{"a part of a rupiah", of("", amountOf(1.5), waiting), refusal{400, "INVALID_VALUE_ERROR", "Amount in IDR must have at most 0 decimal places", ""}},
			refusedRow{"paid", of("", amountOf(1), paid), refusal{400, "INACTIVE_PAYMENT_REQUEST", inactive, ""}},
			refusedRow{"held", of("", amountOf(1), held), over("it is with the acquirer, or its money is held")},
			refusedRow{"of a session", of("", amountOf(1), ofSession), over("its amount is the session's")},
		),
		"POST /v3/payment_requests/{payment_request_id}/cancel": append(common("/cancel"),
			refusedRow{"paid", of("/cancel", nil, paid), refusal{400, "INACTIVE_PAYMENT_REQUEST", inactive, ""}},
			refusedRow{"held", of("/cancel", nil, held), over("it is with the acquirer, or its money is held")},
			refusedRow{"a key used for another", onceMore(func(w *town) string { return "/v3/payment_requests/" + waiting(w) + "/cancel" }, nil),
				refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		),
		"POST /v3/payment_requests/{payment_request_id}/simulate": append(common("/simulate"),
			refusedRow{"paid", of("/simulate", map[string]any{"amount": 1}, paid), over("no payer is waited for")},
			refusedRow{"another amount", of("/simulate", map[string]any{"amount": 8}, waiting),
				refusal{400, "INVALID_VALUE_ERROR", "amount must be the request_amount of the payment request.", ""}},
			refusedRow{"a card that was cancelled", func(w *town) asked {
				token := w.ownCard()
				id := w.newRequest(token)["payment_request_id"].(string)
				w.cancelCard(token)
				return asked{path: fmt.Sprintf("/v3/payment_requests/%s/simulate", id), body: map[string]any{}}
			}, refusal{400, "INVALID_TOKEN", noToken, ""}},
			refusedRow{"a card that is not to be tried again", func(w *town) asked {
				token := w.ownMastercard()
				id := w.newRequest(token)["payment_request_id"].(string)
				w.stopCard(token)
				return asked{path: fmt.Sprintf("/v3/payment_requests/%s/simulate", id), body: map[string]any{}}
			}, refusal{403, "ACCOUNT_ACCESS_BLOCKED", cardStopped, ""}},
			refusedRow{"a card that was guessed at", func(w *town) asked {
				token := w.ownCard()
				id := w.newRequest(token)["payment_request_id"].(string)
				w.guess(token)
				return asked{path: fmt.Sprintf("/v3/payment_requests/%s/simulate", id), body: map[string]any{}}
			}, refusal{400, "PAYMENT_REQUEST_RATE_LIMITED", tooOften, ""}},
			refusedRow{"a key used for another", onceMore(func(w *town) string { return "/v3/payment_requests/" + waiting(w) + "/simulate" }, map[string]any{}),
				refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		),
	}
}
