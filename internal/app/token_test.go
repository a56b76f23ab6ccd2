package app

import (
	"net/http"
	"testing"
	"time"

	"reprise/internal/payment"
)

// storedNow stores a card with its server, without 3-D Secure, and returns the payment token.
func (w *town) storedNow(number string, change ...func(details map[string]any)) map[string]any {
	w.t.Helper()
	body := storing(number, typing(number, "skip_three_ds", true))(w).body.(map[string]any)
	for _, c := range change {
		c(body["channel_properties"].(map[string]any)["card_details"].(map[string]any))
	}
	status, token := w.call("POST", "/v3/payment_tokens", SandboxSecretKey, body)
	if status != http.StatusCreated || token["status"] != "ACTIVE" {
		w.t.Fatalf("POST /v3/payment_tokens: %d %v", status, token)
	}
	return token
}

// numberKept says whether the sealed number of a card is in the database.
func (w *town) numberKept(token string) bool {
	w.t.Helper()
	var sealed []byte
	if err := w.books.QueryRow(`SELECT sealed_pan FROM token WHERE id = $1`, token).Scan(&sealed); err != nil {
		w.t.Fatal(err)
	}
	return len(sealed) > 0
}

// erased waits until a number is out of the database.
func (w *town) erased(what, token string) {
	w.t.Helper()
	w.eventually(what+": its number is erased", func() bool { return !w.numberKept(token) })
}

// stillKept fails where a number is not in the database, once no work about cards is due, or under way: that is leased
// for less than a minute.
func (w *town) stillKept(what, token string) {
	w.t.Helper()
	w.eventually("no work about cards is due", func() bool {
		return w.count(`SELECT COUNT(*) FROM work WHERE kind = $1 AND next_at <= $2`, string(payment.WorkToken), w.outside.Now().Add(time.Minute).UnixMicro()) == 0
	})
	if !w.numberKept(token) {
		w.t.Errorf("%s: its number is erased too early", what)
	}
}

// cardOf is the card that a payment request is paid with, which merchants may not see.
func (w *town) cardOf(request map[string]any) (token string) {
	w.t.Helper()
	if err := w.books.QueryRow(`SELECT token FROM request WHERE id = $1`, request["payment_request_id"]).Scan(&token); err != nil {
		w.t.Fatal(err)
	}
	return token
}

func TestToken(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	t.Run("stored through the payer's page", func(t *testing.T) {
		w := town.in(t)
		q := storing("4000000000001091", typing("4000000000001091", returning...), with("description", "for later"), with("metadata", map[string]any{"k": "v"}))(w)
		status, made := w.call("POST", q.path, SandboxSecretKey, q.body)
		if status != http.StatusCreated || made["description"] != "for later" {
			t.Fatalf("%d %v", status, made)
		}
		id := made["payment_token_id"].(string)
		if end := w.opens(goesTo(t, made)).pay("000000", rightOTP); end["outcome"] != "succeeded" || end["return_url"] != "https://shop.example/paid" {
			t.Fatalf("the payer ends at %v", end)
		}
		w.tellsExactly([]string{"payment_token.activation"}, id)
		status, changed := w.call("PATCH", "/v3/payment_tokens/"+id, SandboxSecretKey, map[string]any{"description": "for ever", "metadata": nil})
		if status != http.StatusOK || changed["description"] != "for ever" || changed["metadata"] != nil || changed["status"] != "ACTIVE" {
			t.Errorf("PATCH: %d %v", status, changed)
		}
		w.paidBy(w.newRequest(id, channel("skip_three_ds", true)))
	})
	t.Run("not authenticated", func(t *testing.T) {
		w := town.in(t)
		q := storing("4000000000001091", typing("4000000000001091", returning...))(w)
		_, made := w.call("POST", q.path, SandboxSecretKey, q.body)
		if end := w.opens(goesTo(t, made)).pay(""); end["outcome"] != "failed" || end["return_url"] != "https://shop.example/failed" {
			t.Errorf("the payer ends at %v", end)
		}
		w.tellsExactly([]string{"payment_token.failure"}, made["payment_token_id"])
	})
	t.Run("cancelled", func(t *testing.T) {
		w := town.in(t)
		id := w.storedNow("4000000000001091")["payment_token_id"].(string)
		session := w.newSession(id)
		status, canceled := w.call("POST", "/v3/payment_tokens/"+id+"/cancel", SandboxSecretKey, nil)
		if status != http.StatusOK || canceled["status"] != "CANCELED" || w.token(id)["status"] != "CANCELED" {
			t.Fatalf("cancel: %d %v", status, canceled)
		}
		gone := refusal{400, "INVALID_TOKEN", "", ""}
		w.ask("POST", "/v3/payment_tokens/"+id+"/cancel", SandboxSecretKey, nil).refuses(t, refusal{400, "INACTIVE_PAYMENT_REQUEST", "", ""})
		w.ask("POST", "/sessions", SandboxSecretKey, w.request(id)).refuses(t, gone)
		w.ask("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(id)).refuses(t, gone)
		w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).refuses(t, gone)
		w.tellsExactly([]string{"payment_token.activation"}, id)
	})
	town.balanced()
}

// TestNumbersAreErased once nothing needs them (PCI DSS 3.2.1), and not before; an authentication value is shown
// for 45 days.
func TestNumbersAreErased(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	held := func(token string) string {
		return w.newRequest(token, with("capture_method", "MANUAL"), channel("skip_three_ds", true))["latest_payment_id"].(string)
	}
	cancel := func(token string) {
		if status, body := w.call("POST", "/v3/payment_tokens/"+token+"/cancel", SandboxSecretKey, nil); status != http.StatusOK {
			t.Fatalf("%d %v", status, body)
		}
	}
	paid := w.cardOf(w.newRequest("", typing("4000000000001091", "skip_three_ds", true)))
	declined := w.cardOf(w.newRequest("", typing("4000000000001091", "skip_three_ds", true), with("request_amount", 10054)))
	waiting := w.newRequest("", typing("4000000000001091")) // nobody comes
	unwanted := w.cardOf(waiting)
	expiring := w.newRequest("", typing("4000000000001091", "skip_three_ds", true), with("capture_method", "MANUAL"))
	withHold := w.cardOf(expiring)
	unused := w.storedNow("4000000000001091")["payment_token_id"].(string)
	captured := w.storedNow("4000000000001091")["payment_token_id"].(string)
	voided := w.storedNow("4000000000001091")["payment_token_id"].(string)
	lasting := w.storedNow("4000000000001091")["payment_token_id"].(string)
	toCapture, toVoid := held(captured), held(voided)
	for _, token := range []string{unused, captured, voided} {
		cancel(token)
	}

	proven := w.newRequest(visaChallenge)
	if end := w.opens(goesTo(t, proven)).pay(rightOTP); end["outcome"] != "succeeded" {
		t.Fatalf("the payer ends at %v", end)
	}
	provenID := w.attempt(proven["payment_request_id"].(string))["latest_payment_id"].(string)
	value := func() any {
		result, _ := details(w.read("/v3/payments/"+provenID), "authentication_data")["a_res"].(map[string]any)
		if result["eci"] != "05" {
			t.Errorf("authentication: %v", result)
		}
		return result["authentication_value"]
	}
	if value() == nil {
		t.Error("no authentication value")
	}

	w.forward(payment.AttemptLife)
	w.tellsExactly([]string{"payment_request.expiry"}, waiting["payment_request_id"])
	w.forward(47 * time.Hour)
	for what, token := range map[string]string{"paid": paid, "declined": declined, "held": withHold, "unused": unused, "to be captured": captured} {
		w.stillKept(what, token)
	}
	w.forward(2 * time.Hour)
	w.erased("declined", declined)
	w.erased("nobody came", unwanted)
	w.forward(24 * time.Hour)
	w.erased("cancelled without a payment", unused)

	w.forward(3 * 24 * time.Hour) // the holds are a week old tomorrow
	w.stillKept("cancelled with a hold", captured)
	w.stillKept("cancelled with a hold", voided)
	if status, got := w.act(toCapture, "capture", capturing(4000)); status != http.StatusOK {
		t.Fatalf("capture of a cancelled card's hold: %d %v", status, got)
	}
	if status, got := w.act(toVoid, "cancel", nil); status != http.StatusOK || got["status"] != "CANCELED" {
		t.Fatalf("cancel of a cancelled card's hold: %d %v", status, got)
	}
	w.acknowledged()
	w.forward(4 * 24 * time.Hour)
	w.webhook("payment.expiry", expiring["payment_request_id"].(string))
	w.acknowledged()
	w.erased("cancelled, and its hold given up", voided)
	w.stillKept("cancelled, and its hold captured", captured)

	w.forward(34 * 24 * time.Hour)
	if value() == nil {
		t.Error("the authentication value is gone before its time")
	}
	w.forward(2 * 24 * time.Hour)
	if value() != nil {
		t.Error("the authentication value is there after 45 days")
	}
	w.erased("typed, and its hold expired", withHold)

	w.forward(315 * 24 * time.Hour)
	w.stillKept("paid", paid)
	w.stillKept("captured", captured)
	w.forward(20 * 24 * time.Hour)
	w.erased("paid, after the refund period", paid)
	w.erased("captured, after the refund period", captured)
	w.stillKept("a stored card", lasting)
	w.balanced()
}

// TestTokenExpires with the last month of its card.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	now := w.outside.Now().UTC()
	lasting := func(months int) func(map[string]any) {
		last := time.Date(now.Year(), now.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
		return func(details map[string]any) {
			details["expiry_month"], details["expiry_year"] = last.Format("01"), last.Format("2006")
		}
	}
	first := w.storedNow("4000000000001091", lasting(0))["payment_token_id"].(string)
	next := w.storedNow("4000000000001091", lasting(1))["payment_token_id"].(string)
	session := w.newSession(first, with("expires_at", now.Add(29*24*time.Hour).Format(time.RFC3339)))
	over := time.Date(now.Year(), now.Month()+1, 1, 12, 0, 0, 0, time.UTC) // the last time zone's month
	w.forward(over.Sub(now) - time.Minute)
	abandoned := w.submitted(w.newSession(first), "123")
	w.forward(2 * time.Minute)
	w.tellsExactly([]string{"payment_token.activation", "payment_token.expiry"}, first)
	if told := w.webhook("payment_token.expiry", first).Data; told["status"] != "EXPIRED" || told["payment_token_id"] != first {
		t.Errorf("payment_token.expiry: %v", told)
	}
	if w.token(first)["status"] != "EXPIRED" || w.token(next)["status"] != "ACTIVE" {
		t.Errorf("%v, %v", w.token(first), w.token(next))
	}
	gone := refusal{400, "INVALID_TOKEN", "", ""}
	w.ask("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(first)).refuses(t, gone)
	if now := w.session(session); now["status"] == "ACTIVE" { // it lives to the 29th day
		w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).refuses(t, gone)
	}
	w.forward(payment.AttemptLife)
	w.tellsExactly([]string{"payment.failure"}, abandoned["payment_request_id"])
	w.forward(72 * time.Hour)
	w.erased("expired", first)
	w.balanced()
}

// TestRetriesAreStopped: fifteen declines of a card in thirty days, and what Mastercard's issuers say for
// good.
func TestRetriesAreStopped(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	merchant, err := town.store.Merchant(t.Context(), sandboxBusiness)
	if err == nil {
		merchant.MaxDeclines = 0 // as it is for merchants of whom nothing is said
		err = town.store.SaveMerchant(t.Context(), payment.Merchant{}, merchant, sandboxActor)
	}
	if err != nil {
		t.Fatal(err)
	}
	skip := channel("skip_three_ds", true)
	t.Run("Mastercard", func(t *testing.T) {
		w := town.in(t)
		for _, test := range []struct {
			bank, advice string
			stops        bool
		}{{"5321", "03", true}, {"5321", "21", true}, {"5321", "02", false}, {"5321", "01", false}, {"4276", "03", false}} {
			token := w.ownCardOf(test.bank)
			w.bank.turn(`{"next_acquirer":{"behaviour":"decline","code":"05","advice_code":"` + test.advice + `"}}`)
			declined := w.newRequest(token, skip)
			got := w.read("/v3/payments/" + declined["latest_payment_id"].(string))
			if said := details(got, "authorization_data")["merchant_advice_code"]; declined["status"] != "FAILED" || test.bank == "5321" && said != test.advice {
				t.Errorf("%s: %v", test.advice, got)
			}
			if !test.stops {
				w.paidBy(w.newRequest(token, skip))
				continue
			}
			blocked := refusal{403, "ACCOUNT_ACCESS_BLOCKED", "", ""}
			w.ask("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(token, skip)).refuses(t, blocked)
			w.ask("POST", "/sessions", SandboxSecretKey, w.request(token)).refuses(t, blocked)
		}
	})
	t.Run("declines", func(t *testing.T) {
		w := town.in(t)
		token, other, mastercard := w.ownCard(), w.ownCard(), w.ownMastercard()
		session := w.newSession(token, skipping, with("expires_at", w.outside.Now().Add(24*time.Hour).Format(time.RFC3339)))
		for i := range payment.MaxDeclines {
			declined := w.newRequest(token, skip, with("request_amount", 10054))
			if declined["status"] != "FAILED" {
				t.Fatalf("decline %d: %v", i, declined)
			}
		}
		limited := refusal{400, "PAYMENT_REQUEST_RATE_LIMITED", "", ""}
		booked := len(w.bank.ledger())
		w.ask("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(token, skip)).refuses(t, limited)
		w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).
			refuses(t, refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "", ""})
		if n := len(w.bank.ledger()) - booked; n != 0 {
			t.Errorf("the issuer was asked %d times", n)
		}
		w.paidBy(w.newRequest(other, skip))
		w.paidBy(w.newRequest(mastercard, skip))
		w.forward(29 * 24 * time.Hour)
		w.ask("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(token, skip)).refuses(t, limited)
		w.forward(2 * 24 * time.Hour)
		w.newRequest(token, skip) // is taken again
	})
	town.balanced()
}
