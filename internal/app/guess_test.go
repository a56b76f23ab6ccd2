package app

import (
	"net/http"
	"testing"

	"reprise/internal/payment"
)

// TestManyGuessesAtOnce: however many sessions guess a card's CVN at the same time, the issuer hears no more
// guesses than the limit allows, and right ones do not count.
func TestManyGuessesAtOnce(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	token := w.ownCard()
	for range payment.MaxCVNTries + 2 {
		w.submitted(w.newSession(token, skipping), "123")
	}
	const guesses = 40
	var sessions [guesses]map[string]any
	for i := range sessions {
		sessions[i] = w.newSession(token, skipping)
	}
	heard := 0
	for _, a := range atOnce(guesses, func(i int) answer {
		a, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(sessions[i], "999"))
		if err != nil {
			t.Error(err)
		}
		return a
	}) {
		switch {
		case a.status == http.StatusOK:
			heard++
		case a.status != http.StatusUnprocessableEntity || a.body["error_code"] != "PAYMENT_ATTEMPT_COUNTS_EXCEEDED":
			t.Errorf("%d %v", a.status, a.body)
		}
	}
	if heard != payment.MaxCVNTries {
		t.Errorf("the issuer heard %d guesses, want %d", heard, payment.MaxCVNTries)
	}
	if n := w.count(`SELECT n FROM card_count WHERE what = 'try' AND n > 0`); n != payment.MaxCVNTries {
		t.Errorf("%d are counted", n)
	}
	w.balanced()
}

// TestAnotherCardIsAnotherRequest: under a used idempotency-key another card is refused, and nothing is charged.
func TestAnotherCardIsAnotherRequest(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	const key = "one-card"
	first := w.paymentRequest("", typing("4000000000001091", "skip_three_ds", true))
	if a := w.ask("POST", "/v3/payment_requests", SandboxSecretKey, first, "idempotency-key", key); a.status != http.StatusCreated {
		t.Fatalf("%d %v", a.status, a.body)
	}
	other := map[string]any{}
	for name, value := range first {
		other[name] = value
	}
	typing("5200000000002151", "skip_three_ds", true)(other)
	w.ask("POST", "/v3/payment_requests", SandboxSecretKey, other, "idempotency-key", key).refuses(t, refusal{409, "DUPLICATE_ERROR", keyUsed, ""})

	session := w.newSession("", typingOnPage)
	card := func(number string) map[string]any {
		body := submission(session, "123")
		body["card_number"], body["expiry_month"], body["expiry_year"] = number, "12", "2031"
		return body
	}
	const path = "/v3/payment_with_session"
	if a := w.ask("POST", path, SandboxPublicKey, card("4000000000001091"), "idempotency-key", key); a.status != http.StatusOK {
		t.Fatalf("%d %v", a.status, a.body)
	}
	w.ask("POST", path, SandboxPublicKey, card("5200000000002151"), "idempotency-key", key).refuses(t, refusal{409, "DUPLICATE_ERROR", keyUsed, ""})
}

// TestASessionIsNotBegunForEver: attempts that end at the bank, or before, count too.
func TestASessionIsNotBegunForEver(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession("", typingOnPage)
	body := submission(session, "123")
	body["card_number"], body["expiry_month"], body["expiry_year"] = "", "12", "2031"
	for n := range payment.MaxAttempts {
		body["card_number"] = ownNumber("4276", int64(n))
		if a := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, body); a.status != http.StatusOK {
			t.Fatalf("attempt %d: %d %v", n, a.status, a.body)
		}
	}
	body["card_number"] = ownNumber("4276", 99)
	w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, body).refuses(t, refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "Too many attempts in this session", ""})
}

// typingOnPage makes a session in which the payer types a card.
func typingOnPage(request map[string]any) {
	inside("cards_session_js", "card_payment_token_id", nil)(request)
}
