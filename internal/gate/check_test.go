package gate_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

var jsonType = http.Header{"Content-Type": {"application/json"}}

// edit changes one member of a JSON text; a nil value removes it.
func edit(t *testing.T, text, name string, value any) []byte {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	if value == nil {
		without(name)(body)
	} else {
		set(name, value)(body)
	}
	out, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCheckResponse(t *testing.T) {
	h := newHouse(t)
	ok := []byte(aSession)
	for name, test := range map[string]struct {
		pattern string
		status  int
		header  http.Header
		body    []byte
		want    string // a part of the complaint; empty: none
	}{
		"good":            {"POST /sessions", 201, jsonType, ok, ""},
		"a refusal":       {"POST /sessions", 400, jsonType, []byte(`{"error_code":"INVALID_URL","message":"m"}`), ""},
		"405":             {"POST /sessions", 405, jsonType, []byte(`{"error_code":"METHOD_NOT_ALLOWED","message":"m"}`), ""},
		"other status":    {"POST /sessions", 200, jsonType, ok, "no answer 200"},
		"other operation": {"POST /nothing", 200, jsonType, ok, "not in the contract"},
		"other type":      {"POST /sessions", 201, http.Header{"Content-Type": {"text/html"}}, ok, "not application/json"},
		"not JSON":        {"POST /sessions", 201, jsonType, []byte(`<html>`), "not plain JSON"},
		"twice":           {"POST /sessions", 201, jsonType, []byte(`{"a":1,"a":1}`), "not plain JSON"},
		"more":            {"POST /sessions", 201, jsonType, edit(t, aSession, "colour", "red"), "response/body must NOT have additional properties"},
		"less":            {"POST /sessions", 201, jsonType, edit(t, aSession, "status", nil), "must have required property 'status'"},
		"wrong id":        {"POST /sessions", 201, jsonType, edit(t, aSession, "payment_session_id", "ps-XYZ"), "response/body/payment_session_id must match pattern"},
		"seconds only":    {"POST /sessions", 201, jsonType, edit(t, aSession, "created", "2024-11-27T06:49:36Z"), "response/body/created must match pattern"},
		"paid, by what":   {"POST /sessions", 201, jsonType, edit(t, aSession, "status", "COMPLETED"), "must have required property 'payment_id'"},
		"unknown code":    {"POST /sessions", 400, jsonType, []byte(`{"error_code":"OOPS","message":"m"}`), "response/body/error_code must be equal to one of the allowed values"},
		"other's code":    {"GET /sessions/{session_id}", 400, jsonType, []byte(`{"error_code":"INVALID_URL","message":"m"}`), "INVALID_URL is not among its x-error-codes"},
		"other's status":  {"POST /sessions", 404, jsonType, []byte(`{"error_code":"INVALID_URL","message":"m"}`), "INVALID_URL is answered with status 404"},
		"any operation's": {"GET /sessions/{session_id}", 500, jsonType, []byte(`{"error_code":"SERVER_ERROR","message":"m"}`), ""},
		"strings":         {"POST /sessions", 400, jsonType, []byte(`{"error_code":"INVALID_URL","message":"m","errors":["x"]}`), "response/body/errors/0 must be object"},
	} {
		t.Run(name, func(t *testing.T) {
			complain(t, h.gate.CheckResponse(test.pattern, test.status, test.header, test.body), test.want)
		})
	}
}

func complain(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Error(err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestViolation has a handler answer against the contract.
func TestViolation(t *testing.T) {
	var got []error
	h := newHouse(t, func(o *gate.Options) { o.Violation = func(err error) { got = append(got, err) } })
	h.handle("POST /sessions", payment.Secret, func(context.Context, *gate.Request) (gate.Answer, error) {
		return gate.Answer{Status: 201, Body: map[string]any{"amount": -1}}, nil
	})
	if w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: seedRequest(t)}); w.Code != 201 {
		t.Errorf("%d: a violation is reported, not answered", w.Code)
	}
	if len(got) != 1 || !strings.Contains(got[0].Error(), "POST /sessions: answer 201: ") {
		t.Errorf("%v", got)
	}
}

func TestCheckWebhook(t *testing.T) {
	seed, err := os.ReadFile("testdata/seed-webhook.json")
	if err != nil {
		t.Fatal(err)
	}
	capture := string(seed)
	failure := `{"created":"2024-12-18T05:46:35.109Z","business_id":"62440e322008e87fb29c1fd0","event":"payment.failure","api_version":"v3",
		"data":{"type":"PAY","status":"FAILED","country":"ID","created":"2024-12-18T05:46:08.192Z","updated":"2024-12-18T05:46:30.627Z",
		"currency":"IDR","payment_id":"py-3f57d678-2448-4c9f-a433-8468d366fb5c","business_id":"62440e322008e87fb29c1fd0",
		"customer_id":"cust-7de9a9b4-37e8-40ad-b665-d97f42e538c5","channel_code":"CARDS","reference_id":"r_b8d18f2f-3","capture_method":"AUTOMATIC",
		"request_amount":10000,"failure_code":"INVALID_CVV","payment_request_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f"}}`
	session := func(event, status, more string) string {
		return `{"created":"2024-12-18T05:46:35.109Z","business_id":"62440e322008e87fb29c1fd0","event":"` + event + `","data":` +
			strings.Replace(aSession, `"status":"ACTIVE"`, `"status":"`+status+`"`+more, 1) + `}`
	}
	paid := `,"payment_request_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f","payment_id":"py-3f57d678-2448-4c9f-a433-8468d366fb5c"`
	for name, test := range map[string]struct {
		kind payment.NoticeKind
		body []byte
		want string
	}{
		"the seed's":           {payment.NoticeCapture, seed, ""},
		"failure":              {payment.NoticeFailure, []byte(failure), ""},
		"completed":            {payment.NoticeSessionCompleted, []byte(session("payment_session.completed", "COMPLETED", paid)), ""},
		"expired":              {payment.NoticeSessionExpired, []byte(session("payment_session.expired", "EXPIRED", "")), ""},
		"capture of nothing":   {payment.NoticeCapture, edit(t, capture, "data.captures", nil), "must have required property 'captures'"},
		"failed capture":       {payment.NoticeCapture, edit(t, capture, "data.status", "FAILED"), "webhook/body/data/status must be equal to constant"},
		"no reason":            {payment.NoticeFailure, edit(t, failure, "data.failure_code", nil), "must have required property 'failure_code'"},
		"made-up reason":       {payment.NoticeFailure, edit(t, failure, "data.failure_code", "PROCESS_ERROR"), "webhook/body/data/failure_code must be equal to one of the allowed values"},
		"a card number":        {payment.NoticeCapture, edit(t, capture, "data.card_number", "4000000000001091"), "webhook/body/data must NOT have additional properties"},
		"completed, by what":   {payment.NoticeSessionCompleted, []byte(session("payment_session.completed", "COMPLETED", "")), "must have required property 'payment_request_id'"},
		"version on a session": {payment.NoticeSessionExpired, edit(t, session("payment_session.expired", "EXPIRED", ""), "api_version", "v3"), "must NOT have additional properties"},
		"unknown kind":         {"payment.nothing", seed, "not in the contract"},
	} {
		t.Run(name, func(t *testing.T) {
			complain(t, gate.CheckWebhook(test.kind, nil, test.body), test.want)
		})
	}
	for name, want := range map[string]string{"": "", "webhook-id": "header webhook-id", "webhook-sequence": "header webhook-sequence"} {
		header := http.Header{}
		for name, value := range map[string]string{
			"x-callback-token": "token", "webhook-id": "0198a3f0-1b2c-7d3e-8f4a-5b6c7d8e9f00", "webhook-object": "py-1",
			"webhook-sequence": "3", "webhook-timestamp": "1734500000", "webhook-signature": "v1,c2lnbmVk",
		} {
			header.Set(name, value)
		}
		header.Del(name)
		complain(t, gate.CheckWebhook(payment.NoticeCapture, header, seed), want)
	}
}
