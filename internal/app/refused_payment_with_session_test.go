package app

import (
	"fmt"

	"reprise/internal/payment"
)

// handingIn asks to pay a new session with something changed about what the SDK sends.
func handingIn(change ...func(map[string]any)) func(*town) asked {
	return func(w *town) asked { return submitting(w.newSession(visaChallenge), change...) }
}

func submitting(session map[string]any, change ...func(map[string]any)) asked {
	body := submission(session, "123")
	for _, c := range change {
		c(body)
	}
	return asked{path: "/v3/payment_with_session", body: body}
}

// ownCard stores a card that no other test has, so that wrong CVNs and cancellation are its own.
func (w *town) ownCard() string { return w.ownCardOf("4276") }

func (w *town) ownMastercard() string { return w.ownCardOf("5321") }

func (w *town) ownCardOf(bank string) string {
	w.t.Helper()
	n := w.cards.Add(1)
	id := payment.TokenID(fmt.Sprintf("pt-00000000-0000-4000-8000-%012x", n))
	if err := w.StoreCard(w.t.Context(), w.outside, id, ownNumber(bank, n)); err != nil {
		w.t.Fatal(err)
	}
	return string(id)
}

// ownNumber is the number of such a card: what is counted against one is counted by its number.
func ownNumber(bank string, n int64) string { return withCheckDigit(fmt.Sprintf("%s%011d", bank, n)) }

// cancelCard makes a stored card useless.
func (w *town) cancelCard(token string) {
	w.t.Helper()
	stored, err := w.store.Token(w.t.Context(), sandboxBusiness, payment.TokenID(token))
	if err == nil {
		stored.Status = payment.TokenCanceled
		err = w.store.SaveToken(w.t.Context(), stored)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// guess hands in wrong CVNs for a card until no more are taken.
func (w *town) guess(token string) {
	w.t.Helper()
	session := w.newSession(token, skipping)
	for range payment.MaxCVNTries {
		w.submitted(session, "999")
	}
}

const tooMany = "Too many failed attempts. Please use another card or try again another day."

func refusedPaymentsWithSession() map[string][]refusedRow {
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	preparing := func(id string) asked {
		return asked{path: "/v3/payment_with_session/" + id + "/preparation", key: SandboxPublicKey}
	}
	return map[string][]refusedRow{
		"GET /v3/payment_with_session/{session_id}/preparation": {
			{"no session's id", func(*town) asked { return preparing("ps-1") },
				refusal{400, "API_VALIDATION_ERROR", "request/path/session_id must NOT have fewer than 27 characters", "/path/session_id"}},
			{"unknown session", func(*town) asked { return preparing("ps-6746c1006b7752b4d91725af") }, refusal{404, "NOT_FOUND", "Session not found", ""}},
			{"a stranger's session", func(w *town) asked {
				q := preparing(w.newSession(visaChallenge)["payment_session_id"].(string))
				q.key = strangerPublicKey
				return q
			}, refusal{404, "NOT_FOUND", "Session not found", ""}},
		},
		"POST /v3/payment_with_session": {
			{"a browser that does not say where it is", handingIn(with("browser", map[string]any{
				"language": "en", "java_enabled": false, "color_depth": 24, "screen_height": 900, "screen_width": 1440,
			})), refusal{400, "API_VALIDATION_ERROR", "request/body/browser must have required property 'time_zone'", "/body/browser/time_zone"}},
			{"no session", handingIn(with("payment_session_id", nil)),
				refusal{400, "API_VALIDATION_ERROR", "request/body must have required property 'payment_session_id'", "/body/payment_session_id"}},
			{"no CVN", handingIn(with("cvn", nil)), refusal{400, "API_VALIDATION_ERROR", "request/body/cvn is required", "/body/cvn"}},
			{"a digit too many", handingIn(with("cvn", "1234")), invalid("must be 3 digits", "/body/cvn")},
			{"another device", handingIn(with("device", "x")), invalid("must be object", "/body/device")},
			{"unknown session", func(w *town) asked {
				return submitting(map[string]any{"payment_session_id": "ps-6746c1006b7752b4d91725af"})
			}, refusal{404, "NOT_FOUND", "Session not found", ""}},
			{"a stranger's session", func(w *town) asked {
				q := handingIn()(w)
				q.key = strangerPublicKey
				return q
			}, refusal{404, "NOT_FOUND", "Session not found", ""}},
			{"a card where the session names one", handingIn(with("card_number", "4000000000001091")), invalid("must NOT be sent: the session names a stored card", "/body/card_number")},
			{"a card that is not to be tried again", func(w *town) asked {
				token := w.ownMastercard()
				session := w.newSession(token)
				w.stopCard(token)
				return submitting(session)
			}, refusal{403, "ACCOUNT_ACCESS_BLOCKED", cardStopped, ""}},
			{"an old card", func(w *town) asked {
				return submitting(w.newSession(visaChallenge, saving), with("card_number", "4000000000001091"), with("expiry_month", "01"), with("expiry_year", "2020"))
			}, refusal{400, "CARD_EXPIRED", cardTooOld, ""}},
			{"a card without a CVN, and nobody to authenticate", func(w *town) asked {
				return submitting(w.newSession(visaChallenge, saving, skipping), with("cvn", nil),
					with("card_number", "4000000000001091"), with("expiry_month", "12"), with("expiry_year", "2031"))
			}, invalid("is required", "/body/cvn")},
			{"a number for a name", func(w *town) asked {
				return submitting(w.newSession(visaChallenge, saving), with("cardholder_first_name", "5454 5454 5454 5454"))
			}, invalid("must NOT hold a card number", "/body/cardholder_first_name")},
			{"no card", func(w *town) asked { return submitting(w.newSession(visaChallenge, saving)) }, invalid("is required", "/body/card_number")},
			{"dashes in a card's number", func(w *town) asked {
				return submitting(w.newSession(visaChallenge, saving), with("card_number", "4111-1111-1111-1111"))
			}, invalid("must be digits only", "/body/card_number")},
			{"a session that is over", func(w *town) asked {
				session := w.newSession(visaChallenge)
				w.ask("POST", "/sessions/"+session["payment_session_id"].(string)+"/cancel", SandboxSecretKey, nil)
				return submitting(session)
			}, refusal{422, "INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE", ""}},
			{"a card that was cancelled", func(w *town) asked {
				token := w.ownCard()
				session := w.newSession(token)
				w.cancelCard(token)
				return submitting(session)
			}, refusal{400, "INVALID_TOKEN", noToken, ""}},
			{"many wrong CVNs", func(w *town) asked {
				token := w.ownCard()
				session := w.newSession(token)
				w.guess(token)
				return submitting(session)
			}, refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany, ""}},
			{"a key used for another", func(w *town) asked {
				q := handingIn()(w)
				w.ask("POST", q.path, SandboxPublicKey, q.body, "idempotency-key", "used")
				q = handingIn()(w)
				q.headers = []string{"idempotency-key", "used"}
				return q
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		},
	}
}
