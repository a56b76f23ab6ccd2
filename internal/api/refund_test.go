package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// refunding is a case with a refund as it stands in a status.
func refunding(status payment.RefundStatus) payment.Case {
	c := caseIn(payment.Succeeded)
	c.Refund = &payment.Refund{
		ID: "rfd-50d758bc-e352-46fc-aa5d-82b69d2fe35a", Business: shop, Request: c.Request.ID, Status: status,
		Amount: payment.Money{Minor: 250000, Currency: "IDR"}, Reason: "REQUESTED_BY_CUSTOMER", Created: noon, Updated: noon.Add(191 * time.Nanosecond),
	}
	if status == payment.RefundFailed {
		c.Refund.Failure = payment.RefundRefused
	}
	return c
}

// TestRefundIsAsCaptured: every key of the captured answer, in its values where they are the same for all refunds,
// and null where nothing is known.
func TestRefundIsAsCaptured(t *testing.T) {
	r := *refunding(payment.RefundSucceeded).Refund
	const bare = `{"id":"rfd-50d758bc-e352-46fc-aa5d-82b69d2fe35a","payment_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f",` +
		`"payment_request_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f","invoice_id":"","amount":2500,"payment_method_type":"CARD",` +
		`"channel_code":"","currency":"IDR","status":"SUCCEEDED","reason":"REQUESTED_BY_CUSTOMER","reference_id":null,"failure_code":null,` +
		`"refund_fee_amount":null,"created":"2026-03-14T12:00:00.123456000Z","updated":"2026-03-14T12:00:00.123456191Z","metadata":null,` +
		`"refund_method":"DIRECT","payout_link_properties":null,"actions":null}`
	got, err := json.Marshal(viewRefund(r))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bare, string(got)); diff != "" {
		t.Errorf("(-captured +ours)\n%s", diff)
	}
	r.ReferenceID, r.Echo, r.Status, r.Failure = "back-1", json.RawMessage(`{"order":"7"}`), payment.RefundFailed, payment.RefundUnfunded
	text, err := json.Marshal(viewRefund(r))
	if err != nil {
		t.Fatal(err)
	}
	object := decoded(t, text)
	if object["reference_id"] != "back-1" || object["failure_code"] != "INSUFFICIENT_BALANCE" || object["metadata"].(map[string]any)["order"] != "7" {
		t.Errorf("%s", text)
	}
}
