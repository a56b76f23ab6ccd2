package gate_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// seedRequest is the request of the page "One-click payment with CVN", verbatim.
func seedRequest(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/seed-request.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// change decodes the seed's request, changes it and encodes it again.
func change(t *testing.T, f func(body map[string]any)) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(seedRequest(t)), &body); err != nil {
		t.Fatal(err)
	}
	f(body)
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func set(name string, value any) func(map[string]any) {
	path := strings.Split(name, ".")
	return func(body map[string]any) {
		for _, p := range path[:len(path)-1] {
			if body[p] == nil {
				body[p] = map[string]any{}
			}
			body = body[p].(map[string]any)
		}
		body[path[len(path)-1]] = value
	}
}

func without(name string) func(map[string]any) {
	path := strings.Split(name, ".")
	return func(body map[string]any) {
		for _, p := range path[:len(path)-1] {
			body = body[p].(map[string]any)
		}
		delete(body, path[len(path)-1])
	}
}

func all(fs ...func(map[string]any)) func(map[string]any) {
	return func(body map[string]any) {
		for _, f := range fs {
			f(body)
		}
	}
}

func item(f func(map[string]any)) func(map[string]any) {
	return func(body map[string]any) {
		it := map[string]any{"reference_id": "i", "name": "n", "net_unit_amount": 5, "quantity": 1, "category": "c"}
		f(it)
		body["items"] = []any{it}
	}
}

func many(n int) map[string]any {
	m := map[string]any{}
	for i := range n {
		m["key"+string(rune('a'+i))] = "v"
	}
	return m
}

// TestSessionsTaken shows bodies that the contract lets pass, and that the handler gets them as they came.
func TestSessionsTaken(t *testing.T) {
	tests := map[string]string{
		"the seed's": seedRequest(t),
		"the mobile end-to-end test's": `{"mode":"CARDS_SESSION_JS","amount":10000,"locale":"en","country":"ID","currency":"IDR",
			"customer_id":"cust-7de9a9b4-37e8-40ad-b665-d97f42e538c5","description":"CVN collection test","reference_id":"r","session_type":"PAY",
			"channel_properties":{"cards":{"skip_three_ds":true}},"cards_session_js":{"card_payment_token_id":"pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e",
			"success_return_url":"https://yourcompany.com/success","failure_return_url":"https://yourcompany.com/failure"},
			"metadata":{"test_type":"cvn_collection"}}`,
		"null metadata":      change(t, set("metadata", nil)),
		"null items":         change(t, set("items", nil)),
		"20 keys":            change(t, set("metadata", many(20))),
		"metadata as large":  change(t, set("metadata", map[string]any{strings.Repeat("k", 40): strings.Repeat("é", 80)})),
		"metadata like ours": change(t, set("metadata", map[string]any{"Amount": "1", "amount": "2"})),
		"items":              change(t, item(set("type", "FEE"))),
		"expiry":             change(t, set("expires_at", "2030-01-02T03:04:05.678+07:00")),
		"recurring":          change(t, all(set("channel_properties.cards.card_on_file_type", "RECURRING"), set("channel_properties.cards.recurring_configuration", map[string]any{"recurring_frequency": 30, "recurring_expiry": "2027-12-31"}))),
		"everything else": change(t, all(set("capture_method", "AUTOMATIC"), set("allow_save_payment_method", "DISABLED"), set("description", "d"),
			set("locale", "id-ID"), set("notification_channels", []any{"EMAIL"}), set("allowed_payment_channels", []any{"CARDS"}),
			set("payment_link_configuration.primary_payment_channels", []any{"CARDS"}),
			set("success_return_url", "https://a.example"), set("cancel_return_url", "https://a.example/?x=1#y"))),
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			var got *gate.Request
			h.handle("POST /sessions", payment.Secret, func(ctx context.Context, r *gate.Request) (gate.Answer, error) {
				got = r
				return created(ctx, r)
			})
			w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: body})
			if w.Code != 201 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if string(got.Body) != body || got.Business != business || got.Once != nil {
				t.Errorf("the handler got %q of %q, once %v", got.Body, got.Business, got.Once)
			}
		})
	}
}

// TestSessionsRefused has every row of the error table of POST /sessions that the contract can say, and
// the paths and words of plain validation.
func TestSessionsRefused(t *testing.T) {
	const invalid = "API_VALIDATION_ERROR"
	field := func(path, message string) []payment.Field { return []payment.Field{{Path: path, Message: message}} }
	tests := []struct {
		name          string
		change        func(map[string]any)
		code, message string
		errors        []payment.Field
	}{
		{"missing", without("session_type"), invalid, "request/body must have required property 'session_type'",
			field("/body/session_type", "must have required property 'session_type'")},
		{"two missing", all(without("country"), without("reference_id")), invalid,
			"request/body must have required property 'reference_id', request/body must have required property 'country'",
			[]payment.Field{{Path: "/body/reference_id", Message: "must have required property 'reference_id'"}, {Path: "/body/country", Message: "must have required property 'country'"}}},
		{"missing in an object", without("customer.individual_detail.given_names"), invalid,
			"request/body/customer/individual_detail must have required property 'given_names'",
			field("/body/customer/individual_detail/given_names", "must have required property 'given_names'")},
		{"missing cards_session_js", without("cards_session_js"), invalid, "request/body must have required property 'cards_session_js'",
			field("/body/cards_session_js", "must have required property 'cards_session_js'")},
		{"missing failure_return_url", without("cards_session_js.failure_return_url"), invalid,
			"request/body/cards_session_js must have required property 'failure_return_url'",
			field("/body/cards_session_js/failure_return_url", "must have required property 'failure_return_url'")},
		{"wrong type", set("amount", "100000"), invalid, "request/body/amount must be number", field("/body/amount", "must be number")},
		{"not an object", set("customer", nil), invalid, "request/body/customer must be object", field("/body/customer", "must be object")},
		{"null or object", set("metadata", 5), invalid, "request/body/metadata must be object,null", field("/body/metadata", "must be object,null")},
		{"unknown session_type", set("session_type", "PAY_AND_SAVE"), invalid, "request/body/session_type must be equal to one of the allowed values",
			field("/body/session_type", "must be equal to one of the allowed values")},
		{"too long", set("reference_id", strings.Repeat("x", 65)), invalid, "request/body/reference_id must NOT have more than 64 characters",
			field("/body/reference_id", "must NOT have more than 64 characters")},
		{"too short", set("reference_id", ""), invalid, "request/body/reference_id must NOT have fewer than 1 characters",
			field("/body/reference_id", "must NOT have fewer than 1 characters")},
		{"format", set("expires_at", "tomorrow"), invalid, `request/body/expires_at must match format "date-time"`,
			field("/body/expires_at", `must match format "date-time"`)},
		{"format, of no Go time", set("expires_at", "2030-01-02t03:04:60z"), invalid, `request/body/expires_at must match format "date-time"`,
			field("/body/expires_at", `must match format "date-time"`)},
		{"pattern", set("customer.mobile_number", "0812345"), invalid, `request/body/customer/mobile_number must match pattern "^\+[1-9][0-9]{1,14}$"`,
			field("/body/customer/mobile_number", `must match pattern "^\+[1-9][0-9]{1,14}$"`)},
		{"below zero", set("amount", -1), invalid, "request/body/amount must be >= 0", field("/body/amount", "must be >= 0")},
		{"in an array", item(set("quantity", 0)), invalid, "request/body/items/0/quantity must be >= 1", field("/body/items/0/quantity", "must be >= 1")},
		{"too many items", set("notification_channels", []any{"EMAIL", "EMAIL"}), invalid, "request/body/notification_channels must NOT have more than 1 items",
			field("/body/notification_channels", "must NOT have more than 1 items")},
		{"internal_metadata", set("internal_metadata", map[string]any{}), invalid, "request/body/internal_metadata is not allowed",
			field("/body/internal_metadata", "is not allowed")},
		{"card_details", set("channel_properties.cards.card_details", map[string]any{}), invalid,
			"request/body/channel_properties/cards/card_details is not allowed",
			field("/body/channel_properties/cards/card_details", "is not allowed")},
		{"recurring_configuration", set("channel_properties.cards.card_on_file_type", "MERCHANT_UNSCHEDULED"), invalid,
			"request/body/channel_properties/cards must have required property 'recurring_configuration'",
			field("/body/channel_properties/cards/recurring_configuration", "must have required property 'recurring_configuration'")},
		{"card_details beside cards", set("channel_properties.card_details", map[string]any{}), invalid,
			"request/body/channel_properties/card_details is not allowed",
			field("/body/channel_properties/card_details", "is not allowed")},

		{"currency", set("currency", "EUR"), "INVALID_CURRENCY", "Currency must be one of IDR, PHP, VND, THB, SGD, MYR, USD",
			field("/body/currency", "Currency must be one of IDR, PHP, VND, THB, SGD, MYR, USD")},
		{"country", set("country", "NL"), "INVALID_COUNTRY", "Country must be one of ID, PH, VN, TH, SG, MY",
			field("/body/country", "Country must be one of ID, PH, VN, TH, SG, MY")},
		{"customer id", all(without("customer"), set("customer_id", "7de9a9b4-37e8-40ad-b665-d97f42e538c5-----")), "INVALID_CUSTOMER_ID",
			`Customer ID must start with "cust-"`, field("/body/customer_id", `Customer ID must start with "cust-"`)},
		{"customer id too short", set("customer_id", "cust-7de9"), invalid, "request/body/customer_id must NOT have fewer than 41 characters",
			field("/body/customer_id", "must NOT have fewer than 41 characters")},
		{"no customer", without("customer"), "MISSING_CUSTOMER", "Customer object or customer_id is required",
			field("/body", "Customer object or customer_id is required")},
		{"http", set("cards_session_js.success_return_url", "http://yourcompany.com"), "INVALID_URL", "Please provide a valid HTTPS URL",
			field("/body/cards_session_js/success_return_url", "Please provide a valid HTTPS URL")},
		{"http on loopback", set("cards_session_js.failure_return_url", "http://localhost:3000/x"), "INVALID_URL", "Please provide a valid HTTPS URL",
			field("/body/cards_session_js/failure_return_url", "Please provide a valid HTTPS URL")},
		{"script", set("cancel_return_url", "javascript:alert(1)"), "INVALID_URL", "Please provide a valid HTTPS URL",
			field("/body/cancel_return_url", "Please provide a valid HTTPS URL")},
		{"user information", set("success_return_url", "https://a@b.example"), "INVALID_URL", "Please provide a valid HTTPS URL",
			field("/body/success_return_url", "Please provide a valid HTTPS URL")},
		{"metadata value too long", set("metadata", map[string]any{"k": strings.Repeat("v", 81)}), "INVALID_METADATA", "Metadata value must have at most 80 characters",
			field("/body/metadata", "Metadata value must have at most 80 characters")},
		{"metadata value no string", set("metadata", map[string]any{"k": 1}), "INVALID_METADATA", "Metadata value must be a string",
			field("/body/metadata", "Metadata value must be a string")},
		{"metadata key too long", set("metadata", map[string]any{strings.Repeat("k", 41): "v"}), "INVALID_METADATA", "Metadata key must have at most 40 characters", nil},
		{"metadata keys", set("metadata", many(21)), "INVALID_METADATA", "Metadata must have at most 20 keys",
			field("/body/metadata", "Metadata must have at most 20 keys")},
		{"item metadata", item(set("metadata", map[string]any{"k": strings.Repeat("v", 81)})), "INVALID_ITEM_METADATA", "Metadata value must have at most 80 characters",
			field("/body/items/0/metadata", "Metadata value must have at most 80 characters")},
		{"channel", set("allowed_payment_channels", []any{"CARDS", "DANA"}), "INVALID_PAYMENT_CHANNEL",
			"Channel(s) other than CARDS are not available. Please ensure that you have activated the necessary channels",
			field("/body/allowed_payment_channels/1", "Channel(s) other than CARDS are not available. Please ensure that you have activated the necessary channels")},
		{"primary channel", set("payment_link_configuration.primary_payment_channels", []any{"BPI_DIRECT_DEBIT"}), "INVALID_PRIMARY_PAYMENT_CHANNEL",
			"Primary channel(s) other than CARDS are not included in the requested channels",
			field("/body/payment_link_configuration/primary_payment_channels/0", "Primary channel(s) other than CARDS are not included in the requested channels")},
		{"authorization", set("session_type", "AUTHORIZATION"), "SESSION_TYPE_NOT_SUPPORTED", "session_type AUTHORIZATION is not supported for now",
			field("/body/session_type", "session_type AUTHORIZATION is not supported for now")},
		{"saving with a capture method", all(set("session_type", "SAVE"), set("capture_method", "AUTOMATIC"), without("cards_session_js.card_payment_token_id")),
			"DISALLOWED_CAPTURE_METHOD", "Capture method is not supported for session type SAVE",
			field("/body/capture_method", "Capture method is not supported for session type SAVE")},
		{"saving with items", all(set("session_type", "SAVE"), set("items", []any{}), without("cards_session_js.card_payment_token_id")),
			"ITEMS_NOT_SUPPORTED", "Items are allowed for session type PAY only",
			field("/body/items", "Items are allowed for session type PAY only")},
		{"saving what is saved", set("session_type", "SAVE"), "API_VALIDATION_ERROR",
			"request/body/cards_session_js/card_payment_token_id is for session type PAY only",
			field("/body/cards_session_js/card_payment_token_id", "is for session type PAY only")},
		{"saving for nobody", all(set("mode", "PAYMENT_LINK"), set("allow_save_payment_method", "OPTIONAL"), without("customer")),
			"MISSING_CUSTOMER", "Customer object or customer_id is required", field("/body", "Customer object or customer_id is required")},
		{"unknown mode", set("mode", "INVALID_MODE"), "MODE_NOT_SUPPORTED", "This mode is not supported for now",
			field("/body/mode", "This mode is not supported for now")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			h.handle("POST /sessions", payment.Secret, created)
			w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: change(t, test.change)})
			if w.Code != 400 {
				t.Errorf("status %d", w.Code)
			}
			want := refusal{test.code, test.message, test.errors}
			if diff := cmp.Diff(want, refused(t, w)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUnknownMembers sends what the contract does not name: names of the caller's own, names in another
// letter case, a card where none belongs. None of it reaches the handler.
func TestUnknownMembers(t *testing.T) {
	h := newHouse(t)
	var got string
	h.handle("POST /sessions", payment.Secret, func(ctx context.Context, r *gate.Request) (gate.Answer, error) {
		got = string(r.Body)
		return created(ctx, r)
	})
	known := all(set("items", nil), set("metadata", map[string]any{"Own": "x"}), item(set("name", "<&>")), set("amount", json.Number("1999.010")))
	body := change(t, all(known, set("card", map[string]any{"cvn": "123"}), set("AMOUNT", -1), set("customer.shoe_size", 44),
		set("channel_properties.cards.colour", "red"), func(b map[string]any) { b["items"].([]any)[0].(map[string]any)["x"] = 1 }))
	if w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: body}); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := change(t, all(known, set("channel_properties.cards", map[string]any{})))
	want = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoopbackURLsInTheSandbox(t *testing.T) {
	h := newHouse(t, func(o *gate.Options) { o.AllowHTTP = true })
	h.handle("POST /sessions", payment.Secret, created)
	for url, want := range map[string]int{
		"http://localhost:3000/x": 201, "http://acs.localhost/x": 201, "http://127.0.0.1": 201, "http://[::1]:8": 201,
		"https://yourcompany.com": 201, "http://yourcompany.com": 400, "http://localhost.example": 400, "ftp://localhost": 400, "http://": 400,
	} {
		body := change(t, set("cards_session_js.success_return_url", url))
		if w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: body}); w.Code != want {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
}
