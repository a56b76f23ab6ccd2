package app

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
)

func refusedVisits() visits {
	return visits{
		"wrong CVN, then the right one":         wrongCVNThenRight,
		"wrong CVN that the bank approved":      wrongCVNApproved,
		"wrong one-time code three times":       wrongCodeThreeTimes,
		"cancel at the bank, then another card": cancelAtTheBank,
		"refused after the bank, and cancelled": refusedAfterTheBank,
	}
}

func wrongCVNThenRight(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("999")
	first := p.page()
	p.answer(p.bank(), rightOTP)
	p.says("Your bank did not approve the payment")
	for _, tooMuch := range []string{"CVV", "N7", "mismatch", "security code was wrong", "does not match"} {
		if strings.Contains(p.read("document.body.innerText"), tooMuch) {
			t.Errorf("the shop tells whoever tries stolen cards %q", tooMuch)
		}
	}
	declined := w.reaches(first, payment.Failed)
	if failure := w.tells("payment.failure", declined)["failure_code"]; failure != "INVALID_CVV" {
		t.Errorf("failure code %v", failure)
	}
	if declined.Session.Status != payment.SessionActive {
		t.Errorf("the session is %s", declined.Session.Status)
	}

	p.pay("123")
	p.answer(p.bank(), rightOTP)
	p.receipt()
	paid := w.on(first).Session
	if paid.Status != payment.SessionCompleted || paid.Request == declined.Request.ID {
		t.Errorf("session %s, paid by %s", paid.Status, paid.Request)
	}
	w.booked(1, 0)
}

func wrongCVNApproved(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("998")
	page := p.page()
	p.answer(p.bank(), rightOTP)
	p.says("Your bank did not approve the payment")
	c := w.reaches(page, payment.Failed)
	if failure := w.tells("payment.failure", c)["failure_code"]; failure != "INVALID_CVV" {
		t.Errorf("failure code %v", failure)
	}
	w.eventually("the money given back", func() bool { return len(w.bank.purchases("reversed")) == 1 })
	w.booked(0, 1)
}

func wrongCodeThreeTimes(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	page, bank := p.page(), p.bank()
	p.answer(bank, "000000")
	p.hint(bank, "Wrong code. 2 tries left.")
	p.answer(bank, "111111")
	p.hint(bank, "Wrong code. 1 try left.")
	p.answer(bank, "222222")
	p.says("Your bank could not confirm that it was you")
	notAuthenticated(w, page)
}

func cancelAtTheBank(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	page := p.page()
	p.press(p.bank(), "button[value=cancel]")
	p.says("Your bank could not confirm that it was you")
	notAuthenticated(w, page)

	p.choose("1000")
	p.pay("123")
	p.receipt()
	w.booked(1, 0)
}

// notAuthenticated checks that an attempt failed before the acquirer heard of it, and left nothing behind.
func notAuthenticated(w *town, page string) {
	w.t.Helper()
	c := w.reaches(page, payment.Failed)
	if failure := w.tells("payment.failure", c)["failure_code"]; failure != "AUTHENTICATION_FAILED" {
		w.t.Errorf("failure code %v", failure)
	}
	if c.Session.Status != payment.SessionActive || c.Request.Trace != nil || w.escrow() != 0 {
		w.t.Errorf("session %s, trace %v, %d in escrow", c.Session.Status, c.Request.Trace, w.escrow())
	}
	w.booked(0, 0)
}

// refusedAfterTheBank: what will be refused however often the page is loaded leads on, to the shop or to the end of the
// payment.
func refusedAfterTheBank(t *testing.T, browser context.Context) {
	left := func(happens func(w *town, token string), words string) (w *town, p *payer, page string) {
		t.Helper()
		w = openTown(t)
		p = w.visit(browser)
		p.expect("status of 4")
		p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string))
		page = p.page()
		bank := p.bank()
		happens(w, visaChallenge)
		p.answer(bank, rightOTP)
		p.headline("We cannot go on here")
		p.until(`document.getElementById("detail").textContent.startsWith(` + quote(words) + `) && document.getElementById("cancel").checkVisibility()`)
		return w, p, page
	}
	w, p, page := left((*town).guess, "Too many failed attempts.")
	p.accessible("stuck")
	p.do(chromedp.Click(css("#onward")))
	p.home("failure")
	w.reaches(page, payment.Authenticated)

	w, p, page = left((*town).cancelCard, "This card can no longer be used.")
	p.do(chromedp.Click(css("#cancel")))
	p.home("failure")
	w.reaches(page, payment.Failed)
	w.booked(0, 0)
}
