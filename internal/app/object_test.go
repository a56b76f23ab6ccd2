package app

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// differences are the members in which an object of ours is not like the documented one.
// docs/xendit-differences.md says why.
type differences struct {
	absent, more []string // paths; of what is below them too
}

// sameShapeBut compares an object with a documented one, and has every difference be one that is known.
func sameShapeBut(t *testing.T, what, want string, got any, known differences) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	documented, ours := shape(t, []byte(want)), shape(t, text)
	for _, d := range []struct {
		paths     []string
		in, notIn map[string]string
	}{{known.absent, documented, ours}, {known.more, ours, documented}} {
		for _, path := range d.paths {
			if d.in[path] == "" || d.notIn[path] != "" {
				t.Errorf("%s: %s is no such difference", what, path)
			}
			maps.DeleteFunc(d.in, func(at, _ string) bool {
				return at == path || strings.HasPrefix(at, path+".") || strings.HasPrefix(at, path+"[")
			})
		}
	}
	if diff := cmp.Diff(documented, ours); diff != "" {
		t.Errorf("%s (-documented +ours):\n%s", what, diff)
	}
}

// Of whom a card is, its number alone does not say: there is no table of issuers here.
var issuer = []string{
	".channel_properties.card_details.type", ".channel_properties.card_details.country", ".channel_properties.card_details.issuer",
}

// typingOf is a card with a cardholder, as the documentation sends it.
func typingOf(holder map[string]any, more ...any) func(map[string]any) {
	return func(request map[string]any) {
		typing("4000000000001091", more...)(request)
		maps.Copy(request["channel_properties"].(map[string]any)["card_details"].(map[string]any), holder)
	}
}

var (
	documentedReturns = []any{"success_return_url", "https://xendit.co/success", "failure_return_url", "https://xendit.co/failure"}
	shopper           = map[string]any{"cardholder_first_name": "shopperFirstName", "cardholder_last_name": "shopperLastName", "cardholder_email": "shopper@sample.com"}
	jane              = map[string]any{
		"cardholder_first_name": "Jane", "cardholder_last_name": "Doe", "cardholder_email": "jane.doe@example.com", "cardholder_phone_number": "+6212345678903",
	}
)

// TestDocumentedObjects holds our objects against the examples of the public reference and guides, key by key and
// type by type (https://docs.xendit.co/apidocs and /docs: pay-with-authentication, create-payment-token,
// get-payment, cards-capturing-a-card-payment, payment-webhook-notification).
func TestDocumentedObjects(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	made := w.newRequest("", typingOf(shopper, append(documentedReturns, "statement_descriptor", "Goods")...),
		with("description", "Description examples"), with("metadata", map[string]any{"metametadata": "metametametadata"}))
	sameShapeBut(t, "payment request", example(t, "payment-request.json"), made, differences{
		absent: append([]string{".channel_properties.billing_information"}, issuer...),
	})

	q := storing("", typingOf(jane, documentedReturns...), with("description", "Save card for future payments"),
		with("metadata", map[string]any{"customer_id": "CUST456", "card_usage": "subscription"}))(w)
	status, token := w.call("POST", q.path, SandboxSecretKey, q.body)
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, token)
	}
	onFile := []string{".channel_properties.card_on_file_type", ".channel_properties.transaction_sequence"}
	sameShapeBut(t, "payment token that waits", example(t, "payment-token.json"), token, differences{
		absent: append([]string{".token_details"}, issuer...), more: onFile,
	})
	if end := w.opens(goesTo(t, token)).pay(rightOTP); end["outcome"] != "succeeded" {
		t.Fatalf("the payer ends at %v", end)
	}
	id := token["payment_token_id"].(string)
	answered := []string{
		".token_details.authentication_data.a_res.directory_server_trans_id",
		".token_details.authorization_data.acquirer_merchant_id", ".token_details.authorization_data.network_response_code",
		".token_details.authorization_data.network_response_code_descriptor", ".token_details.authorization_data.network_transaction_id",
		".token_details.authorization_data.reconciliation_id", ".token_details.authorization_data.retrieval_reference_number",
	}
	stored := differences{
		// A verification is approved without an authorisation code.
		absent: append([]string{".actions[]", ".token_details.authentication_data.a_res.ds_trans_id", ".token_details.authorization_data.authorization_code"}, issuer...),
		more:   append(answered, onFile...),
	}
	sameShapeBut(t, "payment token", example(t, "payment-token.json"), w.token(id), stored)
	sameShapeBut(t, "payment_token.activation", example(t, "payment-token.json"), w.webhook("payment_token.activation", id).Data, stored)

	held := w.newRequest(id, with("capture_method", "MANUAL"), with("customer_id", string(sandboxCustomer)), with("metadata", map[string]any{}),
		channel(append(documentedReturns, "mid_label", "main", "card_on_file_type", "CUSTOMER_UNSCHEDULED", "statement_descriptor", "Goods & Services",
			"card_details", map[string]any{"cvn": "123"},
			"recurring_configuration", map[string]any{"recurring_expiry": "2030-12-31", "recurring_frequency": 30})...))
	if end := w.opens(goesTo(t, held)).pay(rightOTP); end["outcome"] != "succeeded" {
		t.Fatalf("the payer ends at %v", end)
	}
	request := held["payment_request_id"].(string)
	var captured map[string]any
	if err := json.Unmarshal([]byte(example(t, "payment.capture.json")), &captured); err != nil {
		t.Fatal(err)
	}
	delete(captured["data"].(map[string]any), "captures")
	want, err := json.Marshal(captured)
	if err != nil {
		t.Fatal(err)
	}
	told := w.webhook("payment.authorization", request)
	sameShape(t, "payment.authorization", string(want), told.Body)

	paid := told.Data["payment_id"].(string)
	if status, got := w.act(paid, "capture", capturing(4000)); status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	documentedPayment := differences{
		absent: append([]string{".payment_details.authentication_data.a_res.ds_trans_id"}, issuer...),
		more:   []string{".channel_properties.transaction_sequence", ".payment_details.authentication_data.a_res.directory_server_trans_id"},
	}
	sameShapeBut(t, "payment", example(t, "payment.json"), w.read("/v3/payments/"+paid), documentedPayment)
	sameShape(t, "payment.capture after a hold", example(t, "payment.capture.json"), w.webhook("payment.capture", request).Body)

	declined := w.newRequest(visaFrictionless, with("request_amount", 10054), with("customer_id", string(sandboxCustomer)), channel("skip_three_ds", true))
	var failure any
	if err := json.Unmarshal(w.webhook("payment.failure", declined["payment_request_id"].(string)).Body, &failure); err != nil {
		t.Fatal(err)
	}
	sameShapeBut(t, "payment.failure", example(t, "payment.failure.json"), failure, differences{
		absent: []string{".data.description", ".data.channel_properties"},
		more:   []string{".api_version", ".data.capture_method", ".data.payment_details"},
	})
	w.balanced()
}
