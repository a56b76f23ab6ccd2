package app

import (
	"testing"
)

const (
	visaChallenge    = "pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e"
	visaFrictionless = "pt-00000000-0000-4000-8000-000000001000"
)

func TestSkippedAuthenticationIsAuthorisedInTheOneCall(t *testing.T) {
	w := openTown(t)
	session := w.newSession(visaChallenge, skipping)
	status, accepted := w.submit(session, "123")
	if status != 200 || accepted["action_url"] != nil || accepted["message"] != "Status updated. Wait for a callback or get the status using the Get API." {
		t.Fatalf("%d %v", status, accepted)
	}
	request := accepted["payment_request_id"].(string)
	_, got := w.call("GET", "/v3/payment_requests/"+request, SandboxSecretKey, nil)
	if got["status"] != "SUCCEEDED" {
		t.Errorf("payment request: %v", got)
	}
	_, paid := w.call("GET", "/v3/payments/"+got["latest_payment_id"].(string), SandboxSecretKey, nil)
	if paid["status"] != "SUCCEEDED" {
		t.Errorf("payment: %v", paid)
	}
	w.webhook("payment.capture", request)
	w.webhook("payment_session.completed", session["payment_session_id"].(string))
	_, session = w.call("GET", "/sessions/"+session["payment_session_id"].(string), SandboxSecretKey, nil)
	if session["status"] != "COMPLETED" || session["payment_request_id"] != request {
		t.Errorf("session: %v", session)
	}
}
