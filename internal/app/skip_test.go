package app

import (
	"testing"
)

const (
	visaChallenge          = "pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e"
	visaFrictionless       = "pt-00000000-0000-4000-8000-000000001000"
	mastercardFrictionless = "pt-00000000-0000-4000-8000-000000001005"
	amexFrictionless       = "pt-00000000-0000-4000-8000-000000002708"
)

func TestSkippedAuthenticationIsAuthorisedInTheOneCall(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge, skipping)
	status, accepted := w.submit(session, "123")
	if status != 200 || accepted["action_url"] != nil || accepted["message"] != "Status updated. Wait for a callback or get the status using the Get API." {
		t.Fatalf("%d %v", status, accepted)
	}
	request := accepted["payment_request_id"].(string)
	got := w.attempt(request)
	if got["status"] != "SUCCEEDED" {
		t.Errorf("payment request: %v", got)
	}
	if paid := w.read("/v3/payments/" + got["latest_payment_id"].(string)); paid["status"] != "SUCCEEDED" {
		t.Errorf("payment: %v", paid)
	}
	w.webhook("payment.capture", request)
	w.webhook("payment_session.completed", session["payment_session_id"].(string))
	if session = w.session(session); session["status"] != "COMPLETED" || session["payment_request_id"] != request {
		t.Errorf("session: %v", session)
	}
}

func TestChallengedPaymentIsCaptured(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge)
	accepted := w.submitted(session, "123")
	end := w.visitor(accepted).pay(rightOTP)
	if end["do"] != "done" || end["outcome"] != "succeeded" || end["return_url"] != w.ShopURL+"/return/success" {
		t.Fatalf("the payer ends at %v", end)
	}
	w.webhook("payment.capture", accepted["payment_request_id"].(string))
}
