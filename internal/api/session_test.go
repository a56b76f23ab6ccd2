package api

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// with is the seed's request with some members changed or added.
func with(t *testing.T, changes string) string {
	t.Helper()
	body := decoded(t, read(t, "../gate/testdata/seed-request.json"))
	maps.Copy(body, decoded(t, []byte(changes)))
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSessionOfTheSeed(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	status, got := d.send("POST", "/sessions", with(t, `{}`))
	if status != 201 {
		t.Fatalf("%d %v", status, got)
	}
	want := map[string]any{
		"payment_session_id": got["payment_session_id"], "customer_id": got["customer_id"],
		"created": "2026-03-14T12:00:00.123Z", "updated": "2026-03-14T12:00:00.123Z", "expires_at": "2026-03-14T12:30:00.123Z",
		"status": "ACTIVE", "reference_id": "YOUR_PAYMENT_REFERENCE_ID", "currency": "IDR", "amount": json.Number("100000"),
		"country": "ID", "session_type": "PAY", "mode": "CARDS_SESSION_JS", "locale": "en", "business_id": string(shop),
		"cards_session_js": map[string]any{
			"card_payment_token_id": string(visa),
			"success_return_url":    "https://yourcompany.com/success", "failure_return_url": "https://yourcompany.com/failure",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := d.shelf.customer; c == nil || c.ReferenceID != "YOUR_CUSTOMER_REFERENCE" || !strings.Contains(string(c.Profile), "Jaap") {
		t.Errorf("%+v", c)
	}
	status, again := d.send("GET", "/sessions/"+got["payment_session_id"].(string), "")
	if diff := cmp.Diff(got, again); status != 200 || diff != "" {
		t.Errorf("%d %s", status, diff)
	}
}

func TestSessionRepeatsWhatItWasSent(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	sent := `{"description":"Blue shoes","metadata":{"order":"7"},"capture_method":"AUTOMATIC","locale":"id",
		"channel_properties":{"cards":{"skip_three_ds":true}},"allowed_payment_channels":["CARDS"]}`
	status, got := d.send("POST", "/sessions", with(t, sent))
	if status != 201 || !d.shelf.c.Session.SkipThreeDS {
		t.Fatalf("%d %v", status, got)
	}
	for key, want := range decoded(t, []byte(sent)) {
		if diff := cmp.Diff(want, got[key]); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
}

// TestNullsAreAbsent: answers of the v3 API have no null where nothing was sent.
func TestNullsAreAbsent(t *testing.T) {
	for _, member := range []string{
		"metadata", "items", "description", "channel_properties", "allowed_payment_channels", "notification_channels",
		"expires_at", "locale", "customer_id", "capture_method", "allow_save_payment_method",
	} {
		d := newDoor(t, caseIn(payment.Submitted))
		status, got := d.send("POST", "/sessions", with(t, `{"`+member+`":null}`))
		if status == 400 && got["error_code"] == "API_VALIDATION_ERROR" {
			continue // the contract wants a value
		}
		if value, there := got[member]; status != 201 || there && value == nil {
			t.Errorf("%s: %d %v", member, status, got)
		}
	}
}

func TestSessionNeedsSomebody(t *testing.T) {
	for _, changes := range []string{`{"customer":null}`, `{"customer":null,"customer_id":null}`, `{"customer":{}}`} {
		d := newDoor(t, caseIn(payment.Submitted))
		if status, got := d.send("POST", "/sessions", with(t, changes)); status != 400 || got["error_code"] != "API_VALIDATION_ERROR" {
			t.Errorf("%s: %d %v", changes, status, got)
		}
	}
	d := newDoor(t, caseIn(payment.Submitted)) // where both are named, the id counts
	status, got := d.send("POST", "/sessions", with(t, `{"customer_id":"`+string(ada)+`"}`))
	if status != 201 || got["customer_id"] != string(ada) || d.shelf.customer != nil {
		t.Errorf("%d %v", status, got)
	}
}

func TestAmounts(t *testing.T) {
	for _, test := range []struct{ amount, currency, want string }{
		{"100000", "IDR", "100000"}, {"100000.0", "IDR", "100000"}, {"10.50", "USD", "10.5"}, {"10", "USD", "10"},
		{"0.01", "SGD", "0.01"}, {"10.5", "IDR", ""}, {"0.001", "USD", ""}, {"0", "IDR", ""}, {"0.00", "USD", ""},
	} {
		d := newDoor(t, caseIn(payment.Submitted))
		status, got := d.send("POST", "/sessions", with(t, `{"amount":`+test.amount+`,"currency":"`+test.currency+`"}`))
		if test.want == "" {
			if status != 400 {
				t.Errorf("%s %s: %d %v", test.amount, test.currency, status, got)
			}
		} else if status != 201 || got["amount"] != json.Number(test.want) {
			t.Errorf("%s %s: %d %v", test.amount, test.currency, status, got)
		}
	}
}

func TestExpiryIsAMoment(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	status, got := d.send("POST", "/sessions", with(t, `{"expires_at":"2026-03-14T14:00:00.5+01:00"}`))
	if status != 201 || got["expires_at"] != "2026-03-14T13:00:00.500Z" {
		t.Errorf("%d %v", status, got)
	}
	if at := d.shelf.c.Session.Expires; !at.Equal(noon.Truncate(time.Hour).Add(time.Hour + 500*time.Millisecond)) {
		t.Errorf("%s", at)
	}
}

func TestSessionInEveryStatus(t *testing.T) {
	for _, status := range []payment.SessionStatus{
		payment.SessionActive, payment.SessionCompleted, payment.SessionExpired, payment.SessionCanceled,
	} {
		c := caseIn(payment.Succeeded)
		if c.Session.Status = status; status != payment.SessionCompleted {
			c.Session.Request, c.Session.Payment = "", ""
		}
		code, got := newDoor(t, c).send("GET", "/sessions/"+string(c.Session.ID), "")
		if code != 200 || got["status"] != string(status) {
			t.Errorf("%d %v", code, got)
		}
	}
}

func TestCancel(t *testing.T) {
	c := caseIn(payment.Challenging)
	c.Session.Open = c.Request.ID
	d := newDoor(t, c)
	path := "/sessions/" + string(c.Session.ID) + "/cancel"
	if code, got := d.send("POST", path, ""); code != 200 || got["status"] != "CANCELED" {
		t.Errorf("%d %v", code, got)
	}
	if code, got := d.send("POST", path, ""); code != 422 || got["error_code"] != "INVALID_SESSION_STATUS" {
		t.Errorf("%d %v", code, got)
	}
}
