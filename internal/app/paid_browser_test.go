package app

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
)

func paidVisits() visits {
	all := visits{
		"the bank's page never comes home": theBankNeverComesHome,
		"the 3DS Method never comes back":  theMethodNeverComesBack,
		"nothing is left in the browser":   nothingIsLeftInTheBrowser,
		"on a telephone":                   paidOnAPhone,
		"a new card through the SDK":       aNewCardThroughTheSDK,
		"in a slightly hostile world":      paidInAHostileWorld,
	}
	for name, v := range map[string]struct {
		last4, cvn string
		challenged bool
	}{
		"Visa, challenge":            {"1091", "123", true},
		"Visa, frictionless":         {"1000", "123", false},
		"Mastercard, challenge":      {"2151", "123", true},
		"Mastercard, frictionless":   {"1005", "123", false},
		"Amex, four digits":          {"2708", "1234", false},
		"Amex, challenge and digits": {"2534", "1234", true},
	} {
		all[name] = func(t *testing.T, browser context.Context) {
			w := openTown(t)
			p := w.visit(browser)
			p.shop(v.last4)
			p.pay(v.cvn)
			if v.challenged {
				p.answer(p.bank(), rightOTP)
			}
			receipt := p.receipt()
			if seen := p.asked(w.PublicURL+"/pay/") > 0; seen != v.challenged {
				t.Errorf("sent to a page: %v", seen)
			}
			if p.asked(w.PublicURL+"/3ds/method") == 0 {
				t.Error("there was no hidden frame")
			}
			paid := w.requests()
			if len(paid) != 1 || paid[0].State != payment.Succeeded || paid[0].Authentication.Challenged != v.challenged {
				t.Fatalf("attempts: %+v", paid)
			}
			// The receipt shows what the webhook said.
			data := w.webhook("payment.capture", string(paid[0].ID)).Data
			for _, shown := range []string{data["payment_id"].(string), paid[0].Authorization.RRN, v.last4, "M · matches"} {
				if !strings.Contains(receipt, shown) {
					t.Errorf("the receipt does not show %q:\n%s", shown, receipt)
				}
			}
			w.booked(1, 0)
		}
	}
	return all
}

// paidInAHostileWorld is the sandbox without --calm: answers come twice, or late, and change no outcome.
func paidInAHostileWorld(t *testing.T, browser context.Context) {
	w := openTown(t, func(s *SandboxSettings) { s.Calm = false })
	p := w.visit(browser)
	p.shop("1091")
	p.pay("999")
	p.answer(p.bank(), rightOTP)
	p.says("Your bank did not approve the payment")
	p.pay("123")
	p.answer(p.bank(), rightOTP)
	p.receipt()
	w.booked(1, 0)
}

func theBankNeverComesHome(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"skip_cres":true}`)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	p.answer(p.bank(), rightOTP)
	p.receipt()
	w.booked(1, 0)
}

func theMethodNeverComesBack(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"skip_method":true}`)
	p := w.visit(browser)
	p.shop("1000")
	p.pay("123") // the SDK waits for it
	p.receipt()
	session := w.newSession(visaFrictionless, w.atShop)
	p.open(w.submitted(session, "123")["action_url"].(string)) // so does the page
	p.headline("Contacting your bank")
	p.home("success")
	w.booked(2, 0) // nor did the bank complain: it was told that the Method did not come back
}

func nothingIsLeftInTheBrowser(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	p.bank()
	if got := p.read(`location.hash + location.search`); got != "" {
		t.Errorf("the address ends in %.3s…", got)
	}
	if len(p.seen.shares) != 1 {
		t.Errorf("%d shares came in an address, want 1", len(p.seen.shares))
	}
	p.answer(p.bank(), rightOTP)
	p.receipt()
	p.open(w.PublicURL + "/docs") // any page of that site
	if got := p.read(`Object.keys(sessionStorage).filter((name) => name.includes("share")) + Object.keys(localStorage) + document.cookie`); got != "" {
		t.Errorf("left at the gateway's site: %s", got)
	}
}

// aNewCardThroughTheSDK is the merchant's own form: the page of another site hands the SDK a card, and the payer
// wants it stored.
func aNewCardThroughTheSDK(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	session := w.newSession("", w.atShop, with("allow_save_payment_method", "OPTIONAL"), func(request map[string]any) {
		delete(request["cards_session_js"].(map[string]any), "card_payment_token_id")
	})
	collect := func(number string) {
		t.Helper()
		p.do(chromedp.Evaluate[chromedp.Void](`void Xendit.payment.collectCardData({
			payment_session_id: ` + quote(session["payment_session_id"].(string)) + `, card_number: ` + quote(number) + `,
			expiry_month: "12", expiry_year: "2031", cvn: "123", cardholder_first_name: "Jaap", cardholder_last_name: "Stam",
			cardholder_email: "jaap@example.com", cardholder_phone_number: "+6212345678", confirm_save: true,
		}, (error, answer) => { window.refused = error; if (answer) location.assign(answer.action_url); })`))
	}
	p.expect("status of 400")
	p.open(w.ShopURL + "/")
	p.until(`document.readyState === "complete" && window.Xendit`)
	p.do(chromedp.Evaluate[chromedp.Void](`Xendit.setPublishableKey(` + quote(SandboxPublicKey) + `)`))
	collect("4000000000001092")
	p.until(`window.refused?.error_code === "API_VALIDATION_ERROR" && refused.errors[0].path === "/body/card_number" && refused.status === 400`)
	collect("4000000000001091")
	p.answer(p.bank(), rightOTP)
	p.home("success")
	if token, _ := w.session(session)["payment_token_id"].(string); token == "" {
		t.Error("no card was saved")
	}
	w.booked(1, 0)
}

func paidOnAPhone(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.size(360, 740)
	p.shop("1091")
	p.pay("123")
	bank := p.bank()
	if wide := p.read(`document.documentElement.scrollWidth + " " + document.documentElement.scrollHeight`); wide != "360 740" {
		t.Errorf("the page with the bank's frame is %s, on a screen of 360 740", wide)
	}
	p.size(360, 400) // a keyboard rises
	before := p.asked("/step?")
	w.eventually("the page looks again", func() bool { return p.asked("/step?") >= before+2 })
	p.answer(bank, rightOTP)
	p.receipt()
}
