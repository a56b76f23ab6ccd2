package app

import (
	"encoding/json"
	"maps"
	"testing"
)

// What Xendit's own end-to-end tests expect of the card-collection endpoint
// (https://github.com/xendit/cards-session-mobile-sdk), with bodies as its clients send them. None of them sends
// a member that has no value.

// clients are the variants of device and confirm_save that a client adds to a new card.
var clients = map[string]func(body map[string]any){
	"browser":                     with("device", nil),
	"Android":                     with("device", map[string]any{}), // encodes no defaults: an empty fingerprint and false are left out
	"Android, with a fingerprint": with("device", map[string]any{"fingerprint": "9f1c2b3a-0000"}),
	"Flutter": func(body map[string]any) {
		with("device", map[string]any{"fingerprint": ""})(body)
		with("confirm_save", false)(body)
	},
	"Flutter, with the box ticked": func(body map[string]any) {
		with("device", map[string]any{"fingerprint": ""})(body)
		with("confirm_save", true)(body)
	},
}

// billed adds the address that clients may send, with the members that their type allows to be absent left out.
func billed(body map[string]any) {
	body["billing_information"] = map[string]any{
		"first_name": "Jaap", "last_name": "Stam", "email": "jaap@example.com", "street_line1": "Jalan Sudirman 1",
		"city": "Jakarta", "province_state": "JK", "country": "ID", "postal_code": "12190",
	}
}

func TestAcceptance(t *testing.T) {
	t.Parallel()
	all := openTown(t)
	completed := func(w *town, session map[string]any) map[string]any {
		w.t.Helper()
		var now map[string]any
		w.eventually("COMPLETED", func() bool { now = w.session(session); return now["status"] == "COMPLETED" })
		if now["payment_session_id"] != session["payment_session_id"] {
			w.t.Errorf("session: %v", now)
		}
		return now
	}
	for name, client := range clients {
		t.Run("a card is saved, "+name, func(t *testing.T) {
			w := all.in(t)
			session := w.newSession("", saving, skipping)
			if id, _ := session["payment_session_id"].(string); id == "" || session["status"] != "ACTIVE" {
				t.Fatalf("session: %v", session)
			}
			accepted := w.hand(typed(session, "4000000000001091", client, billed))
			token, _ := accepted["payment_token_id"].(string)
			if token == "" || accepted["message"] == "" || accepted["action_url"] != nil || accepted["payment_request_id"] != nil {
				t.Fatalf("answer: %v", accepted)
			}
			if now := completed(w, session); now["payment_token_id"] != token {
				t.Errorf("session: %v, want %s", now, token)
			}

			// The saved card pays in a session of its own, with the CVN alone.
			paying := w.newSession(token, skipping)
			cvn := submission(paying, "123")
			client(cvn)
			if accepted := w.hand(cvn); accepted["message"] == "" || accepted["payment_request_id"] == nil {
				t.Errorf("answer: %v", accepted)
			}
			completed(w, paying)
		})
	}
	t.Run("invalid cards", func(t *testing.T) {
		w := all.in(t)
		for _, of := range []struct {
			what    string
			request map[string]any
		}{
			{"SAVE", w.request("", saving, skipping)},
			{"PAY", w.request("", typedFor("OPTIONAL"), skipping)},
		} {
			status, session := w.call("POST", "/sessions", SandboxSecretKey, of.request)
			if status != 201 {
				t.Fatalf("%s: %d %v", of.what, status, session)
			}
			tokens := w.count(`SELECT COUNT(*) FROM token`)
			for name, change := range map[string]func(map[string]any){
				"dashes":           with("card_number", "4111-1111-1111-1111"),
				"letters":          with("card_number", "abcdefghijklmnop"),
				"12 digits":        with("card_number", "411111111111"),
				"17 digits":        with("card_number", "41111111111111111"),
				"no check digit":   with("card_number", "1234567890123456"),
				"blank":            with("card_number", ""),
				"no number":        with("card_number", nil),
				"month 13":         with("expiry_month", "13"),
				"month 0":          with("expiry_month", "00"),
				"a year gone by":   with("expiry_year", "2024"),
				"a CVN of letters": with("cvn", "abc"),
				"a CVN of 2":       with("cvn", "12"),
				"a CVN of 5":       with("cvn", "12345"),
			} {
				for client, as := range clients {
					a := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, typed(session, "4000000000001091", as, change))
					message, _ := a.body["message"].(string)
					code, _ := a.body["error_code"].(string)
					if a.status != 400 || message == "" || code == "" || a.body["payment_token_id"] != nil {
						t.Errorf("%s, %s, %s: %d %v", of.what, name, client, a.status, a.body)
					}
					decodable(t, a.body)
				}
			}
			if now := w.session(session); now["status"] != "ACTIVE" || now["payment_token_id"] != nil {
				t.Errorf("%s: %v", of.what, now)
			}
			if n := w.count(`SELECT COUNT(*) FROM token`) - tokens; n != 0 {
				t.Errorf("%s: %d cards kept of those that were refused", of.what, n)
			}
			w.hand(typed(session, "4000000000001091")) // and the right one is taken
			completed(w, session)
		}
	})
	all.balanced()
}

// decodable holds an error against the one type that the Android client decodes: two texts, and fields of two
// texts each.
func decodable(t *testing.T, body map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var seen struct {
		Code    *string              `json:"error_code"`
		Message *string              `json:"message"`
		Errors  []map[string]*string `json:"errors"`
	}
	if err := json.Unmarshal(text, &seen); err != nil || seen.Code == nil || seen.Message == nil {
		t.Errorf("%s: %v", text, err)
	}
	for _, field := range seen.Errors {
		if !maps.EqualFunc(field, map[string]bool{"path": true, "message": true}, func(text *string, _ bool) bool { return text != nil && *text != "" }) {
			t.Errorf("%s", text)
		}
	}
}
