package app

import (
	"net/http"
	"testing"
)

// clicking is what the SDK sends: it prepares, lets the bank look at the browser, and hands in the CVN with what it
// found out.
func (w *town) clicking(session map[string]any, cvn string) (map[string]any, error) {
	id := session["payment_session_id"].(string)
	a, err := w.send("GET", "/v3/payment_with_session/"+id+"/preparation", SandboxPublicKey, nil)
	if err != nil {
		return nil, err
	}
	body := submission(session, cvn)
	body["browser"] = map[string]any{"language": "id", "java_enabled": false, "color_depth": 24, "screen_height": 800, "screen_width": 360, "time_zone": -420}
	body["method_completed"] = "U"
	if form, ok := a.body["method"].(map[string]any); ok {
		if _, err := (&visitor{front: w.front}).follow(form); err != nil {
			return nil, err
		}
		body["preparation"], body["method_completed"] = a.body["preparation"], "Y"
	}
	return body, nil
}

// clicked is a payer's one click.
func (w *town) clicked(session map[string]any, cvn string) map[string]any {
	w.t.Helper()
	body, err := w.clicking(session, cvn)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.hand(body)
}

// TestFrictionlessIsOneCall: where no CVN can be written into the escrow, a payment that the bank lets pass is made all
// the same, and one with a challenge is not.
func TestFrictionlessIsOneCall(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.damage(`CREATE TRIGGER nothing_rests BEFORE INSERT ON cvn_escrow BEGIN SELECT RAISE(ABORT, 'a CVN rests'); END`)
	for token, cvn := range map[string]string{visaFrictionless: "123", mastercardFrictionless: "123", amexFrictionless: "1234"} {
		session := w.newSession(token)
		accepted := w.clicked(session, cvn)
		if accepted["action_url"] != nil {
			t.Errorf("%s: the payer is sent to a page: %v", token, accepted)
		}
		request := accepted["payment_request_id"].(string)
		if got := w.attempt(request); got["status"] != "SUCCEEDED" {
			t.Errorf("%s: %v", token, got)
		}
		told := w.webhook("payment.capture", request)
		details, _ := told.Data["payment_details"].(map[string]any)
		if authentication, _ := details["authentication_data"].(map[string]any); authentication["flow"] != "FRICTIONLESS" {
			t.Errorf("%s: authenticated by %v", token, details)
		}
	}
	body, err := w.clicking(w.newSession(visaChallenge), "123")
	if err != nil {
		t.Fatal(err)
	}
	if a := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, body); a.status < http.StatusInternalServerError {
		t.Errorf("a challenge needs no escrow: %d %v", a.status, a.body)
	}
}

func TestChallengeOfOneCall(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge)
	accepted := w.clicked(session, "123")
	p := w.visitor(accepted)
	s := p.must(p.look())
	if s["do"] != "challenge" || p.share == "" || w.escrow() != 1 {
		t.Fatalf("%v, %d CVNs in escrow", s, w.escrow())
	}
	if err := p.challenge(s, rightOTP); err != nil {
		t.Fatal(err)
	}
	if end := p.must(p.confirm()); end["outcome"] != "succeeded" || w.escrow() != 0 {
		t.Errorf("%v, %d CVNs in escrow", end, w.escrow())
	}
	w.webhook("payment.capture", accepted["payment_request_id"].(string))
}

// TestOneCallUnderOneKey: what is sent again is answered with the same payment request, and the bank is not asked again.
func TestOneCallUnderOneKey(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	for _, token := range []string{visaFrictionless, visaChallenge} {
		body, err := w.clicking(w.newSession(token), "123")
		if err != nil {
			t.Fatal(err)
		}
		first := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, body, "idempotency-key", token)
		again := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, body, "idempotency-key", token)
		if first.status != 200 || again.status != 200 || again.body["payment_request_id"] != first.body["payment_request_id"] {
			t.Errorf("%d %v, then %d %v", first.status, first.body, again.status, again.body)
		}
		if (again.body["action_url"] != nil) != (token == visaChallenge) {
			t.Errorf("then %v", again.body)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM authentication`); n != 2 {
		t.Errorf("%d transactions", n)
	}
}
