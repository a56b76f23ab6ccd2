package app

import (
	"context"
	"strings"
	"testing"

	"reprise/internal/payment"
)

func paidVisits() visits {
	all := visits{
		"the bank's page never comes home": theBankNeverComesHome,
		"the 3DS Method never comes back":  theMethodNeverComesBack,
		"nothing is left in the browser":   nothingIsLeftInTheBrowser,
		"on a telephone":                   paidOnAPhone,
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
	p.pay("123")
	p.headline("Contacting your bank")
	p.receipt()
	w.booked(1, 0) // nor did the bank complain: it was told that the Method did not come back
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
	p.open(w.PublicURL + "/assets/icon.svg")
	if got := p.read(`Object.keys(sessionStorage).filter((name) => name.includes("share")) + Object.keys(localStorage) + document.cookie`); got != "" {
		t.Errorf("left at the gateway's site: %s", got)
	}
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
