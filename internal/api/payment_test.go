package api

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

func TestPaymentRequestInEveryState(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(slices.Values(payment.States())), slices.Sorted(maps.Keys(requestStatuses))); diff != "" {
		t.Errorf("the states, and those that have a status:\n%s", diff)
	}
	for _, state := range payment.States() {
		t.Run(string(state), func(t *testing.T) {
			d := newDoor(t, caseIn(state))
			status, got := d.send("GET", "/v3/payment_requests/pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f", "")
			if status != 200 || got["status"] == "" || got["status"] != requestStatuses[state] {
				t.Fatalf("%d %v", status, got)
			}
			if got["request_amount"] != json.Number("10000") || got["created"] != "2026-03-14T12:00:00.123Z" {
				t.Errorf("amount %v, created %v", got["request_amount"], got["created"])
			}
			actions := got["actions"].([]any)
			if waits := got["status"] == "REQUIRES_ACTION"; waits != (len(actions) == 1) {
				t.Errorf("%v with %d actions", got["status"], len(actions))
			} else if waits {
				want := map[string]any{
					"type": "REDIRECT_CUSTOMER", "descriptor": "WEB_URL", "value": "https://pay.example/pay/hMqvDg02yEltt_71X-DhJXUKpgjV4g_8",
				}
				if diff := cmp.Diff(want, actions[0]); diff != "" {
					t.Error(diff)
				}
			}
			_, failed := got["failure_code"]
			if failed != (state == payment.Failed) {
				t.Errorf("failure code %v", got["failure_code"])
			}
			_, paid := got["latest_payment_id"]
			if c := caseIn(state); paid != c.Request.HasPayment() {
				t.Errorf("latest payment %v", got["latest_payment_id"])
			}
			card := got["channel_properties"].(map[string]any)["card_details"].(map[string]any)
			if card["masked_card_number"] != "400000XXXXXX1091" || card["expiry_month"] != "03" || card["expiry_year"] != "2031" {
				t.Errorf("%v", card)
			}
		})
	}
}

func TestPaymentInEveryState(t *testing.T) {
	for _, state := range payment.States() {
		t.Run(string(state), func(t *testing.T) {
			d := newDoor(t, caseIn(state))
			status, got := d.send("GET", "/v3/payments/py-3f57d678-2448-4c9f-a433-8468d366fb5c", "")
			if there := caseIn(state).Request.HasPayment(); !there {
				if status != 404 || got["error_code"] != "DATA_NOT_FOUND" {
					t.Errorf("before there is a payment: %d %v", status, got)
				}
				return
			}
			if status != 200 || got["status"] != paymentStatuses[state] || got["request_amount"] != json.Number("10000") {
				t.Errorf("%d %v", status, got)
			}
			if _, captured := got["captures"]; captured != (state == payment.Succeeded) {
				t.Errorf("captures %v", got["captures"])
			}
		})
	}
}

// TestAuthenticationIsShownWhenItIsOver: what has come to no result yet is nobody's business.
func TestAuthenticationIsShownWhenItIsOver(t *testing.T) {
	for _, state := range payment.States() {
		details := merchants.viewPayment(caseIn(state)).PaymentDetails
		shown := details != nil && details.AuthenticationData != nil
		r := caseIn(state).Request
		if want := r.Authentication != nil && r.Authentication.TransStatus == "Y"; shown != want {
			t.Errorf("%s: shown %t", state, shown)
		}
	}
	c := caseIn(payment.Failed) // a card that is not enrolled was never authenticated
	c.Request.Authentication, c.Request.Authorization = &payment.Authentication{TransStatus: "U"}, nil
	if got := merchants.viewPayment(c).PaymentDetails; got != nil {
		t.Errorf("%+v", got)
	}
	c = caseIn(payment.Succeeded)
	c.Request.Authentication.Challenged = false
	if got := merchants.viewPayment(c).PaymentDetails.AuthenticationData; got.Flow != "FRICTIONLESS" {
		t.Errorf("%+v", got)
	}
}

func TestUnknownIDs(t *testing.T) {
	d := newDoor(t, caseIn(payment.Succeeded))
	for path, code := range map[string]string{
		"/v3/payment_requests/pr-00000000-0000-4000-8000-000000000000": "DATA_NOT_FOUND",
		"/v3/payments/py-00000000-0000-4000-8000-000000000000":         "DATA_NOT_FOUND",
		"/sessions/ps-000000000000000000000000":                        "NOT_FOUND",
	} {
		if status, got := d.send("GET", path, ""); status != 404 || got["error_code"] != code {
			t.Errorf("%s: %d %v", path, status, got)
		}
	}
}
