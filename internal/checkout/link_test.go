package checkout

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

const (
	link     = "q3VZ0vEw8mY1cJ5uB2sN7tKxR4pLdHfA"
	linkPath = "/link/" + link
)

// linkCase is a case whose payer is on a payment link, with no attempt yet; change edits it.
func linkCase(change ...func(*payment.Case)) payment.Case {
	c := caseIn(payment.Submitted)
	c.Request, c.Session.Open, c.Session.Token, c.Token = nil, "", "", payment.Token{}
	c.Session.Type, c.Session.Mode, c.Session.Link = payment.SessionPay, payment.ModePaymentLink, link
	c.Session.ReferenceID, c.Session.CaptureMethod = "order-17", payment.CaptureAutomatic
	c.Session.SuccessReturnURL, c.Session.FailureReturnURL = "", ""
	c.Session.Echo = json.RawMessage(`{"description":"Beans & <more>","items":[
		{"name":"House <blend>","quantity":2,"net_unit_amount":4500},{"name":"Delivery","quantity":1,"net_unit_amount":1000}]}`)
	for _, ch := range change {
		ch(&c)
	}
	return c
}

// stored makes a link name a stored card.
func stored(c *payment.Case) {
	c.Token = caseIn(payment.Submitted).Token
	c.Session.Token = c.Token.ID
}

func ofSession(change func(*payment.Session)) func(*payment.Case) {
	return func(c *payment.Case) { change(&c.Session) }
}

func TestLinkShowsTheSession(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*payment.Case)
		query  string
		state  string
		shows  []string
		hides  []string
	}{
		"new card": {func(*payment.Case) {}, "", "form",
			[]string{"Card details", `id="number"`, `id="expiry"`, `id="cvn"`, `id="name"`, "IDR\u00a010,000", "Beans &amp; &lt;more&gt;", "House &lt;blend&gt; × 2", "IDR\u00a09,000", "IDR\u00a01,000"},
			[]string{`id="save"`, "1091", "did not go through", `class="cancel"`}},
		"the bank is asked": {stored, "", "form", []string{bankConfirms}, []string{codeNotKept}},
		"the bank is not asked": {func(c *payment.Case) { stored(c); c.Session.SkipThreeDS = true }, "", "form",
			[]string{codeNotKept}, []string{bankConfirms}},
		"save or not": {ofSession(func(s *payment.Session) { s.AllowSave = payment.SaveOptional }), "", "form", []string{`id="save"`}, nil},
		"save":        {ofSession(func(s *payment.Session) { s.AllowSave = payment.SaveForced }), "", "form", []string{"will be saved"}, []string{`id="save"`}},
		"SAVE": {ofSession(func(s *payment.Session) { s.Type, s.Amount.Minor, s.Echo = payment.SessionSave, 0, []byte(`{}`) }), "", "form",
			[]string{"Save card", "will be saved"}, []string{"IDR\u00a00", `id="save"`, "Pay IDR"}},
		"stored card": {stored, "", "form", []string{"Pay with your saved card", "Visa", "1091", "03/31", `id="cvn"`},
			[]string{`id="number"`, `id="expiry"`, `id="name"`, `id="save"`, "400000"}},
		"a way back":  {ofSession(func(s *payment.Session) { s.CancelReturnURL = "https://shop.example/back" }), "", "form", []string{`href="https://shop.example/back"`}, nil},
		"after a try": {func(*payment.Case) {}, "?failed", "form", []string{"did not go through", "use another card"}, nil},
		"card of a try": {func(c *payment.Case) {
			c.Request, c.Token = caseIn(payment.Challenging).Request, caseIn(payment.Challenging).Token
		}, "", "form", nil, []string{"1091"}},
		"at the acquirer": {func(c *payment.Case) { c.Request = caseIn(payment.Authorizing).Request }, "", "processing",
			[]string{"Waiting for your bank"}, []string{"<form", "close this page", bankConfirms}},
		"paid": {ofSession(func(s *payment.Session) { s.Status = payment.SessionCompleted }), "?failed", "paid",
			[]string{"Payment complete", "IDR\u00a010,000", "order-17", "close this page"}, []string{"<form", "did not go through", bankConfirms}},
		"paid, and a way back": {ofSession(func(s *payment.Session) {
			s.Status, s.SuccessReturnURL = payment.SessionCompleted, "https://shop.example/thanks"
		}), "", "paid", []string{`href="https://shop.example/thanks"`}, []string{"close this page"}},
		"saved": {ofSession(func(s *payment.Session) {
			s.Status, s.Type, s.Amount.Minor, s.Echo = payment.SessionCompleted, payment.SessionSave, 0, []byte(`{}`)
		}), "", "paid", []string{"Card saved"}, []string{"Payment complete", "IDR"}},
		"canceled":       {ofSession(func(s *payment.Session) { s.Status = payment.SessionCanceled }), "", "canceled", []string{"no longer valid"}, []string{"<form"}},
		"expired":        {ofSession(func(s *payment.Session) { s.Status = payment.SessionExpired }), "", "expired", []string{"has expired"}, []string{"<form", bankConfirms}},
		"about to":       {ofSession(func(s *payment.Session) { s.Expires = noon }), "", "expired", []string{"has expired"}, []string{"<form"}},
		"too many":       {ofSession(func(s *payment.Session) { s.Failures = payment.MaxFailures }), "", "exhausted", []string{"Too many"}, []string{"<form"}},
		"too many begun": {ofSession(func(s *payment.Session) { s.Attempts = payment.MaxAttempts }), "", "exhausted", []string{"Too many"}, []string{"<form"}},
		"cancelled card": {func(c *payment.Case) { stored(c); c.Token.Status = payment.TokenCanceled }, "", "unusable", []string{"can no longer be used"}, []string{"<form"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, linkCase(test.change))
			w := d.send("GET", linkPath+test.query, "", "")
			body := w.Body.String()
			if w.Code != http.StatusOK || !strings.Contains(body, `data-state="`+test.state+`"`) {
				t.Fatalf("%d %s", w.Code, body)
			}
			for _, want := range test.shows {
				if !strings.Contains(body, want) {
					t.Errorf("does not show %s", want)
				}
			}
			for _, no := range append(test.hides, "<more>", "<blend>") {
				if strings.Contains(body, no) {
					t.Errorf("shows %s", no)
				}
			}
			if scripts, allowed := strings.Count(body, "<script"), nonces.FindAllString(body, -1); len(allowed) != scripts || strings.Contains(body, " style=") {
				t.Errorf("%d scripts, %d with a nonce", scripts, len(allowed))
			}
			p := policy(t, w)
			if p["frame-src"] != "'none'" || p["form-action"] != "'none'" || p["frame-ancestors"] != "'none'" || p["connect-src"] != "'self'" {
				t.Errorf("policy %v", p)
			}
		})
	}
}

func TestLinkOfNobody(t *testing.T) {
	d := newDoor(t, linkCase())
	if w := d.send("GET", "/link/nowhere", "", ""); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "does not exist") {
		t.Errorf("%d", w.Code)
	}
	d.down = http.ErrServerClosed
	if w := d.send("GET", linkPath, "", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
}

// typedCard is what the page sends, with members put in place of others.
func typedCard(members ...string) string {
	body := map[string]any{"card_number": "4000000000001091", "expiry_month": "07", "expiry_year": "2031", "cvn": "737", "cardholder_name": "Jaap Stam"}
	for i := 0; i < len(members); i += 2 {
		body[members[i]] = members[i+1]
	}
	text, _ := json.Marshal(body)
	return string(text)
}

func TestPayLink(t *testing.T) {
	d := newDoor(t, linkCase(ofSession(func(s *payment.Session) { s.AllowSave = payment.SaveOptional })))
	w := d.send("POST", linkPath+"/pay", "", typedCard())
	got := decoded(t, w)
	next, _ := got["action_url"].(string)
	if w.Code != http.StatusOK || len(got) != 1 || !strings.HasPrefix(next, "https://pay.example/pay/"+d.c.Request.Page+"#k=") {
		t.Fatalf("%d %v", w.Code, got)
	}
	token := d.c.Token
	if d.sealed != "737" || token.Masked != "400000XXXXXX1091" || token.ExpiryMonth != 7 || token.Cardholder != (payment.Cardholder{FirstName: "Jaap", LastName: "Stam"}) {
		t.Errorf("%+v", token)
	}
	if token.Status != payment.TokenOneOff {
		t.Errorf("a card that nobody wanted to be stored is %s", token.Status)
	}
}

func TestPayLinkSaves(t *testing.T) {
	d := newDoor(t, linkCase(ofSession(func(s *payment.Session) { s.AllowSave = payment.SaveOptional })))
	body := strings.Replace(typedCard(), "{", `{"confirm_save":true,`, 1)
	if w := d.send("POST", linkPath+"/pay", "", body); w.Code != http.StatusOK || d.c.Token.Status != payment.TokenPending {
		t.Errorf("%d, and the card is %s", w.Code, d.c.Token.Status)
	}
}

func TestPayLinkWithTheCVNOnly(t *testing.T) {
	d := newDoor(t, linkCase(stored))
	w := d.send("POST", linkPath+"/pay", "", `{"cvn":"737"}`)
	if w.Code != http.StatusOK || d.sealed != "737" || d.c.Request.Token != "pt-1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestPayLinkEndsAtOnce: without 3-D Secure the payer goes where the outcome leads to.
func TestPayLinkEndsAtOnce(t *testing.T) {
	for success, want := range map[string]string{"": "https://pay.example" + linkPath, "https://shop.example/thanks": "https://shop.example/thanks"} {
		d := newDoor(t, linkCase(ofSession(func(s *payment.Session) { s.SkipThreeDS, s.SuccessReturnURL = true, success })))
		w := d.send("POST", linkPath+"/pay", "", typedCard())
		if diff := cmp.Diff(map[string]any{"return_url": want}, decoded(t, w)); w.Code != http.StatusOK || diff != "" || d.sent != "737" {
			t.Errorf("%d (-want +got):\n%s", w.Code, diff)
		}
	}
}

// TestReplacedAttemptLeadsToItsLink: the page of an attempt that was replaced says nothing of a failure.
func TestReplacedAttemptLeadsToItsLink(t *testing.T) {
	d := newDoor(t, linkCase(func(c *payment.Case) {
		c.Request = caseIn(payment.Canceled).Request
		c.Request.FailureReturnURL = "https://pay.example" + linkPath + "?failed"
	}))
	if got := decoded(t, d.send("GET", "/pay/"+page+"/step", "", "")); got["return_url"] != "https://pay.example"+linkPath {
		t.Errorf("%v", got)
	}
}

func TestPayLinkIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*payment.Case)
		body   string
		status int
		code   string
		path   string
	}{
		"a mistyped digit":           {nil, typedCard("card_number", "4000000000001092"), 400, "API_VALIDATION_ERROR", "/body/card_number"},
		"dashes":                     {nil, typedCard("card_number", "4000-0000-0000-1091"), 400, "API_VALIDATION_ERROR", "/body/card_number"},
		"another year":               {nil, typedCard("expiry_year", "31"), 400, "API_VALIDATION_ERROR", "/body/expiry_year"},
		"a digit too many":           {nil, typedCard("cvn", "7373"), 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"no CVN":                     {nil, `{"card_number":"4000000000001091","expiry_month":"07","expiry_year":"2031","cardholder_name":"J"}`, 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"blanks for a name":          {nil, typedCard("cardholder_name", "  "), 400, "API_VALIDATION_ERROR", "/body/cardholder_name"},
		"a card that is over":        {nil, typedCard("expiry_year", "2025"), 400, "CARD_EXPIRED", ""},
		"only a CVN":                 {nil, `{"cvn":"737"}`, 400, "API_VALIDATION_ERROR", "/body/card_number"},
		"a card beside a stored one": {stored, typedCard(), 400, "API_VALIDATION_ERROR", "/body/card_number"},
		"a link that is over":        {ofSession(func(s *payment.Session) { s.Expires = noon.Add(-time.Minute) }), typedCard(), 422, "INVALID_SESSION_STATUS", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := linkCase()
			if test.change != nil {
				test.change(&c)
			}
			d := newDoor(t, c)
			w := d.send("POST", linkPath+"/pay", "", test.body)
			got := decoded(t, w)
			if w.Code != test.status || got["error_code"] != test.code {
				t.Errorf("%d %v", w.Code, got)
			}
			if fields, _ := got["errors"].([]any); test.path != "" && (len(fields) != 1 || fields[0].(map[string]any)["path"] != test.path) {
				t.Errorf("%v", got)
			}
			for _, text := range []string{w.Body.String(), d.log.String()} {
				if cardFields.MatchString(text) || strings.Contains(text, "1092") || strings.Contains(text, "Jaap") {
					t.Errorf("what was typed is repeated: %s", text)
				}
			}
			if d.sealed != "" || d.sent != "" || d.c.Request != nil {
				t.Error("something was kept")
			}
		})
	}
}

func TestCardholder(t *testing.T) {
	for name, want := range map[string]payment.Cardholder{
		"Jaap Stam": {FirstName: "Jaap", LastName: "Stam"}, "Suharto": {FirstName: "Suharto"},
		" Nguyen  Thi Minh Khai ": {FirstName: "Nguyen Thi Minh", LastName: "Khai"}, "": {},
	} {
		if got := cardholder(name); got != want {
			t.Errorf("%q: %+v", name, got)
		}
	}
}
