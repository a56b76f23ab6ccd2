package app

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// failed waits until the merchant has been told of a failure, and holds everything that is said about the
// attempt against it.
func (w *town) failed(session, accepted map[string]any, code string) map[string]any {
	w.t.Helper()
	request := accepted["payment_request_id"].(string)
	told := w.webhook("payment.failure", request)
	if told.Data["failure_code"] != code || told.Data["status"] != "FAILED" {
		w.t.Errorf("the merchant is told %v, want %s", told.Data, code)
	}
	got := w.attempt(request)
	if got["status"] != "FAILED" || got["failure_code"] != code {
		w.t.Errorf("payment request: %v, want %s", got, code)
	}
	paid := w.read("/v3/payments/" + told.Data["payment_id"].(string))
	if paid["status"] != "FAILED" || paid["failure_code"] != code {
		w.t.Errorf("payment: %v, want %s", paid, code)
	}
	if s := w.session(session); s["status"] != "ACTIVE" {
		w.t.Errorf("session: %v", s)
	}
	return told.Data
}

// succeeded is the same for a payment that was captured.
func (w *town) succeeded(session, accepted map[string]any) map[string]any {
	w.t.Helper()
	request := accepted["payment_request_id"].(string)
	told := w.webhook("payment.capture", request)
	w.webhook("payment_session.completed", session["payment_session_id"].(string))
	if got := w.attempt(request); got["status"] != "SUCCEEDED" || got["latest_payment_id"] != told.Data["payment_id"] {
		w.t.Errorf("payment request: %v", got)
	}
	if s := w.session(session); s["status"] != "COMPLETED" || s["payment_request_id"] != request || s["payment_id"] != told.Data["payment_id"] {
		w.t.Errorf("session: %v", s)
	}
	return told.Data
}

func details(data map[string]any, part string) map[string]any {
	all, _ := data["payment_details"].(map[string]any)
	found, _ := all[part].(map[string]any)
	return found
}

// TestDeclines: the amounts and CVNs of the sandbox that the issuer declines
// (https://docs.xendit.co/docs/cards-simulate-card-scenarios). Where the session names the decline's own
// failure code in print outside the API's enum, it is mapped into it.
func TestDeclines(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	type test struct {
		token, currency, country string
		amount                   any
		cvn                      string
		code                     string // failure_code
		network                  string // network_response_code
		cvnResult                string
	}
	tests := []test{
		{visaFrictionless, "IDR", "ID", 10051, "123", "EXPIRED_CARD", "54", "M"},
		{visaFrictionless, "IDR", "ID", 10052, "123", "SUSPECTED_FRAUDULENT", "59", "M"},
		{visaFrictionless, "IDR", "ID", 10053, "123", "DECLINED_BY_PROCESSOR", "64", "M"},
		{visaFrictionless, "IDR", "ID", 10054, "123", "INSUFFICIENT_BALANCE", "51", "M"},
		{visaFrictionless, "IDR", "ID", 10055, "123", "STOLEN_CARD", "43", "M"},
		{visaFrictionless, "IDR", "ID", 10056, "123", "INACTIVE_OR_UNAUTHORIZED_CARD", "57", "M"},
		{visaFrictionless, "IDR", "ID", 10057, "123", "PROCESSOR_ERROR", "30", "M"},
		{mastercardFrictionless, "IDR", "ID", 10058, "123", "INVALID_CVV", "82", "N"},
		{visaFrictionless, "IDR", "ID", 10059, "123", "DECLINED_BY_ISSUER", "05", "M"},

		{visaFrictionless, "USD", "SG", 10.05, "123", "DECLINED_BY_ISSUER", "05", "M"},
		{visaFrictionless, "USD", "SG", 10.14, "123", "INACTIVE_OR_UNAUTHORIZED_CARD", "14", "M"},
		{visaFrictionless, "PHP", "PH", 10.30, "123", "PROCESSOR_ERROR", "30", "M"},
		{visaFrictionless, "MYR", "MY", 10.51, "123", "INSUFFICIENT_BALANCE", "51", "M"},
		{visaFrictionless, "SGD", "SG", 10.65, "123", "DECLINED_BY_ISSUER", "65", "M"},

		{visaFrictionless, "VND", "VN", 405400, "123", "EXPIRED_CARD", "54", "M"},
		{visaFrictionless, "VND", "VN", 405900, "123", "SUSPECTED_FRAUDULENT", "59", "M"},
		{visaFrictionless, "VND", "VN", 405100, "123", "INSUFFICIENT_BALANCE", "51", "M"},
		{visaFrictionless, "VND", "VN", 400700, "123", "STOLEN_CARD", "07", "M"},
		{visaFrictionless, "VND", "VN", 405500, "123", "INACTIVE_OR_UNAUTHORIZED_CARD", "55", "M"},
		{visaFrictionless, "VND", "VN", 402500, "123", "PROCESSOR_ERROR", "25", "M"},
		{mastercardFrictionless, "VND", "VN", 403900, "123", "INVALID_CVV", "39", "M"},
		{visaFrictionless, "VND", "VN", 400300, "123", "DECLINED_BY_ISSUER", "03", "M"},

		{visaFrictionless, "IDR", "ID", 50000, "999", "INVALID_CVV", "N7", "N"},
		{mastercardFrictionless, "IDR", "ID", 50000, "999", "INVALID_CVV", "82", "N"},
		{amexFrictionless, "IDR", "ID", 50000, "9999", "INVALID_CVV", "82", "N"},
		{visaFrictionless, "IDR", "ID", 50000, "998", "INVALID_CVV", "00", "N"}, // approved, and reversed by us
		{amexFrictionless, "IDR", "ID", 50000, "9998", "INVALID_CVV", "00", "N"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %v with %s", test.currency, test.amount, test.cvn), func(t *testing.T) {
			w := town.in(t)
			session := w.newSession(test.token, amount(test.amount), with("currency", test.currency), with("country", test.country))
			accepted := w.submitted(session, test.cvn)
			if end := w.visitor(accepted).pay(); end["outcome"] != "failed" || end["return_url"] != w.ShopURL+"/return/failure" {
				t.Errorf("the payer ends at %v", end)
			}
			data := w.failed(session, accepted, test.code)
			authorized := details(data, "authorization_data")
			if authorized["network_response_code"] != test.network || authorized["cvn_verification_result"] != test.cvnResult {
				t.Errorf("authorization_data: %v", authorized)
			}
			if details(data, "authentication_data")["flow"] != "FRICTIONLESS" {
				t.Errorf("payment_details: %v", data["payment_details"])
			}
		})
	}
	town.eventually("what was approved with a wrong CVN is reversed", func() bool { return len(town.bank.purchases("reversed")) == 2 })
	if n := len(town.bank.purchases("kept")); n != 0 {
		t.Errorf("%d purchases kept", n)
	}
	if n := town.escrow(); n != 0 {
		t.Errorf("escrow rows: %d", n)
	}
	town.balanced()
}

func TestAuthenticationFails(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	for name, codes := range map[string][]string{"three wrong codes": {"1", "000000", "000001", "000002"}, "cancel": {""}, "cancel after a wrong code": {"000000", ""}} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			session := w.newSession(visaChallenge)
			accepted := w.submitted(session, "123")
			if end := w.visitor(accepted).pay(codes...); end["outcome"] != "failed" {
				t.Errorf("the payer ends at %v", end)
			}
			data := w.failed(session, accepted, "AUTHENTICATION_FAILED")
			if authorized := details(data, "authorization_data"); authorized != nil {
				t.Errorf("authorised all the same: %v", authorized)
			}
			// With the right code after a wrong one, in the same session.
			accepted = w.submitted(session, "123")
			if end := w.visitor(accepted).pay("000000", rightOTP); end["outcome"] != "succeeded" {
				t.Errorf("the payer ends at %v", end)
			}
			w.succeeded(session, accepted)
		})
	}
	if n := w.escrow(); n != 0 {
		t.Errorf("escrow rows: %d", n)
	}
	w.balanced()
}

// TestGuessingIsCapped: five failed authorisations of a session, five wrong CVNs of a card and day.
func TestGuessingIsCapped(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	exceeded := refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "Too many attempts in this session", ""}

	session := w.newSession(visaChallenge, skipping, amount(10054))
	for range 5 {
		w.failed(session, w.submitted(session, "123"), "INSUFFICIENT_BALANCE")
	}
	w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).refuses(t, exceeded)
	if s := w.session(session); s["status"] != "ACTIVE" {
		t.Errorf("%v", s)
	}

	// Wrong CVNs, over several sessions and with the right one in between.
	for i := range 5 {
		session := w.newSession(mastercardFrictionless, skipping)
		w.failed(session, w.submitted(session, "999"), "INVALID_CVV")
		if i == 3 {
			session := w.newSession(mastercardFrictionless, skipping)
			w.succeeded(session, w.submitted(session, "123"))
		}
	}
	for _, change := range [][]func(map[string]any){{skipping}, nil} {
		session := w.newSession(mastercardFrictionless, change...)
		w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).refuses(t, refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "Too many failed attempts", ""})
	}
	other := w.newSession(visaChallenge, skipping)
	w.succeeded(other, w.submitted(other, "123")) // another card is free

	w.forward(24 * time.Hour)
	tomorrow := w.newSession(mastercardFrictionless, skipping)
	w.succeeded(tomorrow, w.submitted(tomorrow, "123"))
	w.balanced()
}

// TestRetypingIsCapped: the page that asks for the CVN again is no way around the cap.
func TestRetypingIsCapped(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	waiting := w.visitor(w.submitted(w.newSession(mastercardFrictionless), "123"))
	waiting.must(waiting.arrive())
	for range 5 {
		session := w.newSession(mastercardFrictionless, skipping)
		w.failed(session, w.submitted(session, "999"), "INVALID_CVV")
	}
	w.ask("POST", "/pay/"+waiting.page+"/cvn", "", map[string]any{"cvn": "123"}).
		refuses(t, refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "", ""})
	w.balanced()
}

// TestRefusedSubmissions: what is refused leaves nothing behind.
func TestRefusedSubmissions(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	open, amex := town.newSession(visaChallenge), town.newSession(amexFrictionless)
	completed, canceled := town.newSession(visaChallenge, skipping), town.newSession(visaChallenge)
	town.succeeded(completed, town.submitted(completed, "123"))
	town.call("POST", "/sessions/"+canceled["payment_session_id"].(string)+"/cancel", SandboxSecretKey, nil)
	unusable := town.newSession(mastercardFrictionless)
	before := len(town.requests())

	body := func(session map[string]any, change ...func(map[string]any)) map[string]any {
		b := submission(session, "123")
		for _, c := range change {
			c(b)
		}
		return b
	}
	cvn := func(v any) func(map[string]any) { return with("cvn", v) }
	refused := func(path string) refusal { return refusal{400, "API_VALIDATION_ERROR", "", path} }
	for name, test := range map[string]struct {
		body any
		key  string
		want refusal
	}{
		"no CVN":                {body(open, cvn(nil)), SandboxPublicKey, refused("/body/cvn")},
		"an empty CVN":          {body(open, cvn("")), SandboxPublicKey, refused("/body/cvn")},
		"a short CVN":           {body(open, cvn("12")), SandboxPublicKey, refused("/body/cvn")},
		"a long CVN":            {body(open, cvn("1234")), SandboxPublicKey, refused("/body/cvn")},
		"a short CVN of Amex":   {body(amex, cvn("123")), SandboxPublicKey, refused("/body/cvn")},
		"letters":               {body(open, cvn("12a")), SandboxPublicKey, refused("/body/cvn")},
		"digits of elsewhere":   {body(open, cvn("١٢٣")), SandboxPublicKey, refused("/body/cvn")},
		"a number":              {body(open, cvn(123)), SandboxPublicKey, refused("/body/cvn")},
		"null":                  {`{"cvn":null,"payment_session_id":"` + open["payment_session_id"].(string) + `"}`, SandboxPublicKey, refused("/body/cvn")},
		"twice":                 {`{"cvn":"123","cvn":"124","payment_session_id":"` + open["payment_session_id"].(string) + `"}`, SandboxPublicKey, refusal{400, "API_VALIDATION_ERROR", "", ""}},
		"not JSON":              {`cvn=123`, SandboxPublicKey, refusal{400, "API_VALIDATION_ERROR", "", ""}},
		"a card number":         {body(open, with("card_number", "4000000000001091")), SandboxPublicKey, refused("/body/card_number")},
		"no session":            {body(open, with("payment_session_id", nil)), SandboxPublicKey, refused("/body/payment_session_id")},
		"a misspelt session":    {body(open, with("payment_session_id", "ps-1")), SandboxPublicKey, refused("/body/payment_session_id")},
		"an unknown session":    {body(open, with("payment_session_id", "ps-0123456789abcdef01234567")), SandboxPublicKey, refusal{404, "NOT_FOUND", "Session not found", ""}},
		"the secret key":        {body(open), SandboxSecretKey, refusal{401, "INVALID_API_KEY", "", ""}},
		"no key":                {body(open), "", refusal{401, "INVALID_API_KEY", "", ""}},
		"a completed session":   {body(completed), SandboxPublicKey, refusal{422, "INVALID_SESSION_STATUS", "Session status is COMPLETED, expecting ACTIVE", ""}},
		"a cancelled session":   {body(canceled), SandboxPublicKey, refusal{422, "INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE", ""}},
		"a fingerprint in bits": {body(open, with("device", map[string]any{"fingerprint": 1})), SandboxPublicKey, refused("/body/device/fingerprint")},
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			a := w.ask("POST", "/v3/payment_with_session", test.key, test.body)
			a.refuses(t, test.want)
			if text := fmt.Sprint(a.body); strings.Contains(text, "4000000000001091") || strings.Contains(text, "12a") {
				t.Errorf("what was typed is repeated: %v", a.body)
			}
		})
	}

	t.Run("a token that is no longer good", func(t *testing.T) {
		w := town.in(t)
		token, err := w.store.Token(t.Context(), sandboxBusiness, mastercardFrictionless)
		if err != nil {
			t.Fatal(err)
		}
		token.Status = "CANCELED"
		if err := w.store.SaveToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, body(unusable)).refuses(t, refusal{400, "INVALID_TOKEN", "", ""})
		w.ask("POST", "/sessions", SandboxSecretKey, w.request(mastercardFrictionless)).refuses(t, refusal{400, "INVALID_TOKEN", "", ""})
	})

	if n := len(town.requests()) - before; n != 0 || town.escrow() != 0 {
		t.Errorf("kept: %d attempts, %d sealed CVNs", n, town.escrow())
	}
	for _, s := range []map[string]any{open, amex, unusable} {
		if now := town.session(s); now["status"] != "ACTIVE" || now["updated"] != s["updated"] {
			t.Errorf("session: %v", now)
		}
	}
	town.balanced()

	// And what the mobile clients send is taken.
	for name, device := range map[string]any{"none": nil, "empty": map[string]any{}, "no fingerprint": map[string]any{"fingerprint": ""}} {
		session := town.newSession(visaChallenge)
		if status, accepted := town.call("POST", "/v3/payment_with_session", SandboxPublicKey,
			body(session, with("device", device), with("confirm_save", false))); status != 200 {
			t.Errorf("device %s: %d %v", name, status, accepted)
		}
	}
}
