package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xendit/xendit-go/v7/refund"
)

// storedCard is a card that every sandbox has.
const storedCard = "pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e"

var payments atomic.Int64

// paid takes 10000 rupiah of the stored card. The SDK's own payment requests are those of v2, so this speaks the
// API by itself.
func paid(t *testing.T) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"reference_id": fmt.Sprintf("sdk-payment-%d", payments.Add(1)), "type": "PAY", "payment_token_id": storedCard, "country": "ID",
		"currency": "IDR", "request_amount": 10000, "channel_properties": map[string]any{"skip_three_ds": true},
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(within(t), "POST", sandbox.base+"/v3/payment_requests", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(sandbox.secretKey, "")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var made struct {
		ID     string `json:"payment_request_id"`
		Status string `json:"status"`
	}
	if err := json.NewDecoder(response.Body).Decode(&made); err != nil || made.Status != "SUCCEEDED" {
		t.Fatalf("not paid: %s %+v %v", response.Status, made, err)
	}
	return made.ID
}

// refunding asks for money back; nil asks for all that is left.
func refunding(payment string, amount *float64) refund.CreateRefund {
	q := refund.NewCreateRefund()
	q.SetPaymentRequestId(payment)
	q.SetReason("REQUESTED_BY_CUSTOMER")
	if amount != nil {
		q.SetAmount(*amount)
	}
	return *q
}

func back(t *testing.T, q refund.CreateRefund) *refund.Refund {
	t.Helper()
	made, response, err := merchant().RefundApi.CreateRefund(within(t)).CreateRefund(q).Execute()
	done(t, err)
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s", response.Status)
	}
	return made
}

func TestRefund(t *testing.T) {
	payment := paid(t)
	q := refunding(payment, ptr(2500.0))
	q.SetReferenceId("sdk-refund")
	q.SetCurrency("IDR")
	q.SetMetadata(map[string]any{"order": "4711"})
	part := back(t, q)
	got, _, err := merchant().RefundApi.GetRefund(within(t), part.GetId()).ForUserId("5dbf20d7c8eb0c0896f811b6").Execute()
	done(t, err)
	for how, r := range map[string]*refund.Refund{"answered": part, "read": got} {
		if r.GetId() != part.GetId() || r.GetPaymentRequestId() != payment || r.GetAmount() != 2500 || r.GetCurrency() != "IDR" ||
			r.GetReferenceId() != "sdk-refund" || r.Metadata["order"] != "4711" {
			t.Errorf("%s: %+v", how, r)
		}
		if r.FailureCode.Get() != nil || r.RefundFeeAmount.Get() != nil {
			t.Errorf("%s: failed with %q, costs %v", how, r.GetFailureCode(), r.GetRefundFeeAmount())
		}
		if at, err := time.Parse(time.RFC3339Nano, r.GetCreated()); err != nil || time.Since(at) > time.Minute {
			t.Errorf("%s: created %q", how, r.GetCreated())
		}
	}
	rest := back(t, refunding(payment, nil))
	if rest.GetAmount() != 7500 || rest.ReferenceId.Get() != nil || rest.Metadata != nil {
		t.Errorf("%+v", rest)
	}

	list, _, err := merchant().RefundApi.GetAllRefunds(within(t)).PaymentRequestId(payment).PaymentMethodType("CARD").Execute()
	done(t, err)
	if list.GetHasMore() || len(list.Data) != 2 || list.Data[0].GetId() != rest.GetId() || list.Data[1].GetId() != part.GetId() {
		t.Errorf("%+v", list)
	}
	page, _, err := merchant().RefundApi.GetAllRefunds(within(t)).PaymentRequestId(payment).Limit(1).Execute()
	done(t, err)
	if !page.GetHasMore() || len(page.Data) != 1 || page.Data[0].GetId() != rest.GetId() {
		t.Errorf("%+v", page)
	}
	page, _, err = merchant().RefundApi.GetAllRefunds(within(t)).PaymentRequestId(payment).Limit(1).AfterId(rest.GetId()).Execute()
	done(t, err)
	if page.GetHasMore() || len(page.Data) != 1 || page.Data[0].GetId() != part.GetId() {
		t.Errorf("%+v", page)
	}
	page, _, err = merchant().RefundApi.GetAllRefunds(within(t)).PaymentRequestId(payment).BeforeId(part.GetId()).Execute()
	done(t, err)
	if page.GetHasMore() || len(page.Data) != 1 || page.Data[0].GetId() != rest.GetId() {
		t.Errorf("%+v", page)
	}

	_, _, err = merchant().RefundApi.CancelRefund(within(t), part.GetId()).Execute()
	refused(t, err, "400", "INELIGIBLE_TRANSACTION_STATUS")
}

func TestRefusedRefunds(t *testing.T) {
	payment := paid(t)
	create := func(q refund.CreateRefund, want, code string) {
		t.Helper()
		_, _, err := merchant().RefundApi.CreateRefund(within(t)).CreateRefund(q).Execute()
		refused(t, err, want, code)
	}
	create(refunding(payment, ptr(10001.0)), "400", "REFUND_AMOUNT_EXCEEDED")
	create(refunding("pr-00000000-0000-4000-8000-00000000dead", nil), "404", "DATA_NOT_FOUND")
	whatever := refunding(payment, nil)
	whatever.SetReason("WHATEVER")
	create(whatever, "400", "API_VALIDATION_ERROR")
	elsewhere := refunding(payment, nil)
	elsewhere.SetCurrency("USD")
	create(elsewhere, "400", "INVALID_VALUE_ERROR")

	const unknown = "rfd-00000000-0000-4000-8000-00000000dead"
	_, _, err := merchant().RefundApi.GetRefund(within(t), unknown).Execute()
	refused(t, err, "404", "DATA_NOT_FOUND")
	_, _, err = merchant().RefundApi.CancelRefund(within(t), unknown).Execute()
	refused(t, err, "404", "DATA_NOT_FOUND")
	_, _, err = client("xnd_development_nobody").RefundApi.CreateRefund(within(t)).CreateRefund(refunding(payment, nil)).Execute()
	refused(t, err, "401", "INVALID_API_KEY")
	list, _, err := merchant().RefundApi.GetAllRefunds(within(t)).PaymentRequestId(payment).Execute()
	done(t, err)
	if len(list.Data) != 0 || list.GetHasMore() {
		t.Errorf("what was refused has left %+v", list.Data)
	}
}

func TestRefundOnce(t *testing.T) {
	payment := paid(t)
	send := func(amount float64) (*refund.Refund, string) {
		made, _, err := merchant().RefundApi.CreateRefund(within(t)).IdempotencyKey("sdk-refund-key").CreateRefund(refunding(payment, &amount)).Execute()
		if err != nil {
			return nil, err.ErrorCode()
		}
		return made, ""
	}
	first, code := send(6000)
	if code != "" {
		t.Fatal(code)
	}
	again, code := send(6000)
	if code != "" || again.GetId() != first.GetId() || again.GetCreated() != first.GetCreated() {
		t.Errorf("%+v %s, want %s", again, code, first.GetId())
	}
	if other, code := send(1000); code != "DUPLICATE_ERROR" {
		t.Errorf("another request under the same key: %+v %s", other, code)
	}
}
