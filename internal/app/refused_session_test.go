package app

import (
	"encoding/json"
	"strings"
	"time"
)

// opening asks for a session with something changed about it.
func opening(change ...func(map[string]any)) func(*town) asked {
	return func(w *town) asked { return asked{path: "/sessions", body: w.request(visaChallenge, change...)} }
}

// expiring asks for a session that expires so much later than now.
func expiring(after time.Duration) func(*town) asked {
	return func(w *town) asked {
		at := w.outside.Now().Add(after).Format(time.RFC3339)
		return opening(with("expires_at", at))(w)
	}
}

// item is one thing of a session's with metadata.
func item(metadata any) func(map[string]any) {
	return with("items", []any{map[string]any{
		"reference_id": "c", "name": "coffee", "net_unit_amount": 50000, "quantity": 1, "category": "drinks", "metadata": metadata,
	}})
}

const (
	noCustomer   = "The customer ID provided in the request does not exist"
	noSuchID     = "ID specified in request cannot be found."
	noToken      = "Payment token ID specified in the payment request has expired or has been cancelled. Please reinitiate linking before retrying."
	unknownToken = "Payment token ID specified in the payment request does not exist, was never active, or belongs to another customer."
	keyUsed      = "This idempotency-key was used before for another request"
)

func refusedSessions() map[string][]refusedRow {
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	lacking := func(object, name string) refusal {
		message := "must have required property '" + name + "'"
		return refusal{400, "API_VALIDATION_ERROR", "request" + object + " " + message, object + "/" + name}
	}
	many := map[string]any{}
	for _, letter := range "abcdefghijklmnopqrstu" {
		many[string(letter)] = "x"
	}
	long, tooLong := strings.Repeat("k", 41), strings.Repeat("x", 81)
	card := map[string]any{"card_number": "4000000000001091"}
	const session, none = "/sessions/ps-6746c1006b7752b4d91725af", "Session not found"
	strangers := func(then string) func(w *town) asked {
		return func(w *town) asked {
			id := w.newSession(visaChallenge)["payment_session_id"].(string)
			return asked{path: "/sessions/" + id + then, key: strangerSecretKey}
		}
	}
	canceling := func(session map[string]any) string {
		return "/sessions/" + session["payment_session_id"].(string) + "/cancel"
	}
	return map[string][]refusedRow{
		"POST /sessions": {
			{"no session_type", opening(with("session_type", nil)), lacking("/body", "session_type")},
			{"no reference_id", opening(with("reference_id", nil)), lacking("/body", "reference_id")},
			{"no cards_session_js", opening(with("cards_session_js", nil)), lacking("/body", "cards_session_js")},
			{"no failure_return_url", opening(inside("cards_session_js", "failure_return_url", nil)), lacking("/body/cards_session_js", "failure_return_url")},
			{"another session_type", opening(with("session_type", "LEND")), invalid("must be equal to one of the allowed values", "/body/session_type")},
			{"an amount in words", opening(amount("100")), invalid("must be number", "/body/amount")},
			{"less than nothing", opening(amount(-1)), invalid("must be >= 0", "/body/amount")},
			{"internal_metadata", opening(with("internal_metadata", map[string]any{})), invalid("is not allowed", "/body/internal_metadata")},
			{"a card number", opening(with("channel_properties", map[string]any{"cards": map[string]any{"card_details": card}})),
				invalid("is not allowed", "/body/channel_properties/cards/card_details")},
			{"recurring, how often", opening(with("channel_properties", map[string]any{"cards": map[string]any{"card_on_file_type": "RECURRING"}})),
				lacking("/body/channel_properties/cards", "recurring_configuration")},
			{"an agreement that is over", opening(with("channel_properties", map[string]any{"cards": map[string]any{
				"card_on_file_type": "RECURRING", "recurring_configuration": agreedUntil("2020-12-31")}})),
				invalid("must NOT be in the past", "/body/channel_properties/cards/recurring_configuration/recurring_expiry")},
			{"another channel first", opening(with("payment_link_configuration", map[string]any{"primary_payment_channels": []any{"CARDS", "BPI_DIRECT_DEBIT"}})),
				refusal{400, "INVALID_PRIMARY_PAYMENT_CHANNEL", "Primary channel(s) other than CARDS are not included in the requested channels",
					"/body/payment_link_configuration/primary_payment_channels/1"}},
			{"no JSON", func(*town) asked { return asked{path: "/sessions", body: "{"} }, invalid("must be valid JSON", "/body")},

			{"nothing to pay", opening(amount(0)), refusal{400, "INVALID_AMOUNT", "Amount must be greater than zero", ""}},
			{"something to pay to save", opening(saving, amount(1)), refusal{400, "INVALID_AMOUNT", "Amount must be zero for session type SAVE", ""}},
			{"a part of a rupiah", opening(amount(100.5)), refusal{400, "INVALID_AMOUNT", "Amount in IDR must have at most 0 decimal places", ""}},
			{"too much", opening(amount(99999999999)), refusal{400, "INVALID_AMOUNT", "Amount in IDR must be at most 9999999999", ""}},
			{"more than is ever written", opening(amount(json.Number("1e9"))), refusal{400, "INVALID_AMOUNT", "Amount must be a plain number, without sign and exponent", ""}},
			{"another channel", opening(with("allowed_payment_channels", []any{"DANA"})), refusal{400, "INVALID_PAYMENT_CHANNEL", "", "/body/allowed_payment_channels/0"}},
			{"a long value", opening(with("metadata", map[string]any{"k": tooLong})),
				refusal{400, "INVALID_METADATA", "Metadata value must have at most 80 characters", "/body/metadata"}},
			{"a long name", opening(with("metadata", map[string]any{long: "x"})), refusal{400, "INVALID_METADATA", "Metadata key must have at most 40 characters", ""}},
			{"many names", opening(with("metadata", many)), refusal{400, "INVALID_METADATA", "Metadata must have at most 20 keys", "/body/metadata"}},
			{"a value that is none", opening(with("metadata", map[string]any{"k": 1})), refusal{400, "INVALID_METADATA", "Metadata value must be a string", "/body/metadata"}},
			{"an item's long value", opening(item(map[string]any{"k": tooLong})),
				refusal{400, "INVALID_ITEM_METADATA", "Metadata value must have at most 80 characters", "/body/items/0/metadata"}},
			{"an item's many names", opening(item(many)), refusal{400, "INVALID_ITEM_METADATA", "Metadata must have at most 20 keys", "/body/items/0/metadata"}},
			{"another country", opening(with("country", "NL")), refusal{400, "INVALID_COUNTRY", "Country must be one of ID, PH, VN, TH, SG, MY", "/body/country"}},
			{"another currency", opening(with("currency", "XXX")),
				refusal{400, "INVALID_CURRENCY", "Currency must be one of IDR, PHP, VND, THB, SGD, MYR, USD", "/body/currency"}},
			{"misspelt customer_id", opening(with("customer_id", "customer-1")), refusal{400, "INVALID_CUSTOMER_ID", `Customer ID must start with "cust-"`, "/body/customer_id"}},
			{"plain http", opening(inside("cards_session_js", "success_return_url", "http://shop.example/")),
				refusal{400, "INVALID_URL", "Please provide a valid HTTPS URL", "/body/cards_session_js/success_return_url"}},
			{"no customer", opening(with("customer", nil)), refusal{400, "MISSING_CUSTOMER", "Customer object or customer_id is required", "/body"}},
			{"a capture method to save", opening(saving, with("capture_method", "MANUAL")),
				refusal{400, "DISALLOWED_CAPTURE_METHOD", "Capture method is not supported for session type SAVE", "/body/capture_method"}},
			{"items to save", opening(saving, item(nil)), refusal{400, "ITEMS_NOT_SUPPORTED", "Items are allowed for session type PAY only", "/body/items"}},
			{"3DS skipped, without permission", func(w *town) asked {
				return asked{path: "/sessions", body: w.request(strangerToken, skipping), key: strangerSecretKey}
			}, refusal{403, "SKIP_3DS_FORBIDDEN", noSkipping, ""}},
			{"an account that is none", opening(with("channel_properties", map[string]any{"cards": map[string]any{"mid_label": "elsewhere"}})),
				invalid("must be a label of the merchant's", "/body/channel_properties/cards/mid_label")},
			{"a card that is not to be tried again", func(w *town) asked {
				return asked{path: "/sessions", body: w.request(w.stoppedCard())}
			}, refusal{403, "ACCOUNT_ACCESS_BLOCKED", cardStopped, ""}},
			{"expires too soon", expiring(9 * time.Minute), refusal{400, "INVALID_EXPIRY_DATE", "expires_at must be at least 10 minutes in the future", ""}},
			{"expires too late", expiring(32 * 24 * time.Hour), refusal{400, "INVALID_EXPIRY_DATE", "expires_at must be at most 30 days in the future", ""}},
			{"SUBSCRIPTION", opening(with("session_type", "SUBSCRIPTION")),
				refusal{400, "SESSION_TYPE_NOT_SUPPORTED", "session_type SUBSCRIPTION is not supported for now", "/body/session_type"}},
			{"AUTHORIZATION", opening(with("session_type", "AUTHORIZATION")),
				refusal{400, "SESSION_TYPE_NOT_SUPPORTED", "session_type AUTHORIZATION is not supported for now", "/body/session_type"}},
			{"COMPONENTS", opening(with("mode", "COMPONENTS")), refusal{400, "MODE_NOT_SUPPORTED", "mode COMPONENTS is not supported for now", "/body/mode"}},
			{"a link that saves for nobody", opening(with("mode", "PAYMENT_LINK"), with("cards_session_js", nil), with("allow_save_payment_method", "FORCED"), with("customer", nil)),
				refusal{400, "MISSING_CUSTOMER", "Customer object or customer_id is required", "/body"}},
			{"a mode made up", opening(with("mode", "INVALID_MODE")), refusal{400, "MODE_NOT_SUPPORTED", "This mode is not supported for now", "/body/mode"}},

			{"unknown token", opening(inside("cards_session_js", "card_payment_token_id", "pt-00000000-0000-4000-8000-00000000dead")), refusal{400, "INVALID_TOKEN", unknownToken, ""}},
			{"a stranger's token", opening(inside("cards_session_js", "card_payment_token_id", strangerToken)), refusal{400, "INVALID_TOKEN", unknownToken, ""}},
			{"another customer's token", opening(with("customer_id", string(someonesCustomer))), refusal{400, "INVALID_TOKEN", unknownToken, ""}},
			{"unknown customer", opening(with("customer_id", "cust-00000000-0000-4000-8000-00000000dead")), refusal{404, "DATA_NOT_FOUND", noCustomer, ""}},
			{"a stranger's customer", opening(with("customer_id", string(strangerCustomer))), refusal{404, "DATA_NOT_FOUND", noCustomer, ""}},
			{"a key used for another", func(w *town) asked {
				w.ask("POST", "/sessions", SandboxSecretKey, w.request(visaChallenge), "idempotency-key", "used")
				return asked{path: "/sessions", body: w.request(visaChallenge, amount(1)), headers: []string{"idempotency-key", "used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
			{"a customer who is known", func(w *town) asked { // the stranger does not reuse customers
				body := w.request(strangerToken, func(request map[string]any) {
					request["customer"] = map[string]any{"reference_id": "them", "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Jaap"}}
				})
				return asked{path: "/sessions", body: body, key: strangerSecretKey}
			}, refusal{409, "DUPLICATE_ERROR", "customer: The reference_id entered has been used before. Please enter a unique reference_id", ""}},
		},
		"GET /sessions/{session_id}": {
			{"no id of a session", at("/sessions/ps-1"), refusal{400, "API_VALIDATION_ERROR", "request/path/session_id must NOT have fewer than 27 characters", "/path/session_id"}},
			{"unknown", at(session), refusal{404, "NOT_FOUND", none, ""}},
			{"a stranger's", strangers(""), refusal{404, "NOT_FOUND", none, ""}},
		},
		"POST /sessions/{session_id}/cancel": {
			{"no id of a session", at("/sessions/ps-1/cancel"), refusal{400, "API_VALIDATION_ERROR", "request/path/session_id must NOT have fewer than 27 characters", "/path/session_id"}},
			{"unknown", at(session + "/cancel"), refusal{404, "NOT_FOUND", none, ""}},
			{"a stranger's", strangers("/cancel"), refusal{404, "NOT_FOUND", none, ""}},
			{"canceled", func(w *town) asked {
				path := canceling(w.newSession(visaChallenge))
				w.ask("POST", path, SandboxSecretKey, nil)
				return asked{path: path}
			}, refusal{422, "INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE", ""}},
			{"completed", func(w *town) asked {
				session := w.newSession(visaChallenge, skipping)
				w.submitted(session, "123")
				return asked{path: canceling(session)}
			}, refusal{422, "INVALID_SESSION_STATUS", "Session status is COMPLETED, expecting ACTIVE", ""}},
			{"a key used for another", func(w *town) asked {
				w.ask("POST", canceling(w.newSession(visaChallenge)), SandboxSecretKey, nil, "idempotency-key", "used")
				return asked{path: canceling(w.newSession(visaChallenge)), headers: []string{"idempotency-key", "used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		},
	}
}
