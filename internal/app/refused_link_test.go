package app

// onLink is what the hosted page sends, with something changed about it.
func onLink(session map[string]any, change ...func(map[string]any)) asked {
	body := map[string]any{
		"card_number": "4000000000001091", "expiry_month": "12", "expiry_year": "2031", "cvn": "123", "cardholder_name": "JAAP STAM",
	}
	for _, c := range change {
		c(body)
	}
	return asked{path: "/link/" + linkOf(session) + "/pay", body: body}
}

// onStoredLink is what the hosted page of a stored card sends.
func onStoredLink(session map[string]any) asked {
	return asked{path: "/link/" + linkOf(session) + "/pay", body: map[string]any{"cvn": "123"}}
}

func refusedLinks() map[string][]refusedRow {
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	missing := func(name string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request/body must have required property '" + name + "'", "/body/" + name}
	}
	typing := func(change ...func(map[string]any)) func(*town) asked {
		return func(w *town) asked { return onLink(w.newLink(), change...) }
	}
	const wrongNumber = "must be a valid card number, please check for a mistyped digit"
	return map[string][]refusedRow{
		"POST /link/{link}/pay": {
			{"no name of a link", func(*town) asked { return asked{path: "/link/x/pay", body: map[string]any{}} },
				refusal{400, "API_VALIDATION_ERROR", "request/path/link must NOT have fewer than 32 characters", "/path/link"}},
			{"unknown link", func(*town) asked {
				return asked{path: "/link/00000000000000000000000000000000/pay", body: map[string]any{"cvn": "123"}}
			}, refusal{404, "NOT_FOUND", "Session not found", ""}},
			{"no CVN", typing(with("cvn", nil)), missing("cvn")},
			{"no name", typing(with("cardholder_name", nil)), missing("cardholder_name")},
			{"no number", typing(with("card_number", nil)), invalid("is required", "/body/card_number")},
			{"dashes", typing(with("card_number", "4111-1111-1111-1111")), invalid("must be digits only", "/body/card_number")},
			{"a mistyped digit", typing(with("card_number", "4000000000001092")), invalid(wrongNumber, "/body/card_number")},
			{"another month", typing(with("expiry_month", "13")), invalid("must be two digits from 01 to 12", "/body/expiry_month")},
			{"a digit too many", typing(with("cvn", "1234")), invalid("must be 3 digits", "/body/cvn")},
			{"a card that is over", typing(with("expiry_year", "2024")),
				refusal{400, "CARD_EXPIRED", "Card expiry specified in the request should not be earlier than current month.", ""}},
			{"a link that is over", func(w *town) asked {
				session := w.newLink()
				w.ask("POST", "/sessions/"+session["payment_session_id"].(string)+"/cancel", SandboxSecretKey, nil)
				return onLink(session)
			}, refusal{422, "INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE", ""}},
			{"a stored card that was cancelled", func(w *town) asked {
				token := w.ownCard()
				session := w.newLink(withStored(token))
				w.cancelCard(token)
				return onStoredLink(session)
			}, refusal{400, "INVALID_TOKEN", noToken, ""}},
			{"a stored card that is not to be tried again", func(w *town) asked {
				token := w.ownMastercard()
				session := w.newLink(withStored(token))
				w.stopCard(token)
				return onStoredLink(session)
			}, refusal{403, "ACCOUNT_ACCESS_BLOCKED", cardStopped, ""}},
			{"a card beside the stored one", func(w *town) asked { return onLink(w.newLink(withStored(w.ownCard()))) },
				invalid("must NOT be sent: the session names a stored card", "/body/card_number")},
			{"many wrong CVNs", func(w *town) asked {
				token := w.ownCard()
				session := w.newLink(withStored(token))
				w.guess(token)
				return onStoredLink(session)
			}, refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany, ""}},
		},
	}
}
