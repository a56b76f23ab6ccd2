package app

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example reads an example of the public documentation, as printed there
// (https://docs.xendit.co/docs/cards-one-click-with-cvn).
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shape lists the paths of a JSON text with the type of what is there.
func shape(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			found[at] = "object"
			for name, member := range v {
				walk(at+"."+name, member)
			}
		case []any:
			found[at] = "array"
			for _, element := range v {
				walk(at+"[]", element)
			}
		default:
			found[at] = fmt.Sprintf("%T", v)
		}
	}
	walk("", value)
	return found
}

func sameShape(t *testing.T, what string, want string, got any) {
	t.Helper()
	text, ok := got.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(got); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(shape(t, []byte(want)), shape(t, text)); diff != "" {
		t.Errorf("%s (-documented +ours):\n%s", what, diff)
	}
}

// TestDocumentedExamples pays as the documentation does, request by request, twice.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	for range 2 {
		status, session := w.call("POST", "/sessions", SandboxSecretKey, example(t, "session-request.json"))
		if status != 201 {
			t.Fatalf("the documented request: %d %v", status, session)
		}
		sameShape(t, "session", example(t, "session-response.json"), session)

		id := session["payment_session_id"].(string)
		status, accepted := w.call("POST", "/v3/payment_with_session", SandboxPublicKey,
			strings.Replace(example(t, "cvn-request.json"), "YOUR_PAYMENT_SESSION_ID", id, 1))
		if status != 200 {
			t.Fatalf("the documented CVN: %d %v", status, accepted)
		}
		sameShape(t, "answer to the CVN", example(t, "cvn-response.json"), accepted)
		if want := "Status updated. Wait for a callback or get the status using the Get API."; accepted["message"] != want {
			t.Errorf("message: %v", accepted["message"])
		}

		end := w.visitor(accepted).pay(rightOTP)
		if end["outcome"] != "succeeded" || end["return_url"] != "https://yourcompany.com/success" {
			t.Fatalf("the payer ends at %v", end)
		}
		told := w.webhook("payment.capture", accepted["payment_request_id"].(string))
		sameShape(t, "payment.capture", example(t, "payment.capture.json"), told.Body)

		details := told.Data["payment_details"].(map[string]any)
		authorized := details["authorization_data"].(map[string]any)
		authenticated := details["authentication_data"].(map[string]any)
		for name, pair := range map[string][2]any{
			"status":                   {told.Data["status"], "SUCCEEDED"},
			"request_amount":           {told.Data["request_amount"], 100000.0},
			"network_response_code":    {authorized["network_response_code"], "00"},
			"cvn_verification_result":  {authorized["cvn_verification_result"], "M"},
			"flow":                     {authenticated["flow"], "CHALLENGE"},
			"eci":                      {authenticated["a_res"].(map[string]any)["eci"], "05"},
			"customer_id":              {told.Data["customer_id"], session["customer_id"]},
			"x-callback-token":         {told.Header.Get("X-Callback-Token"), SandboxCallbackToken},
			"reference_id's beginning": {strings.HasPrefix(told.Data["reference_id"].(string), "YOUR_PAYMENT_REFERENCE_ID_"), true},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
			}
		}
	}
}

// TestShape: the comparison above sees what is missing, what is more, and another type.
func TestShape(t *testing.T) {
	t.Parallel()
	base := shape(t, []byte(`{"a":{"b":[{"c":1}]},"d":"x"}`))
	for name, other := range map[string]string{
		"missing": `{"a":{"b":[{"c":1}]}}`, "more": `{"a":{"b":[{"c":1,"e":2}]},"d":"x"}`, "type": `{"a":{"b":[{"c":"1"}]},"d":"x"}`,
	} {
		if cmp.Equal(base, shape(t, []byte(other))) {
			t.Errorf("%s: not seen", name)
		}
	}
}
