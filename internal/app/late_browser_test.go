package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
)

func lateVisits() visits {
	return visits{
		"the acquirer never answers the one call":   theAcquirerNeverAnswersTheOneCall,
		"tab closed in the middle of the challenge": closedInTheChallenge,
		"tab closed before the challenge":           closedBeforeTheChallenge,
		"the acquirer never answers":                theAcquirerNeverAnswers,
		"pay again while nobody knows":              payAgainWhileNobodyKnows,
		"nowhere to return to":                      nowhereToReturn,
	}
}

func closedInTheChallenge(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"skip_rreq":true}`) // our own deadline, not the bank's
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	page := p.page()
	p.bank()
	p.close()

	w.forward(payment.AttemptLife - time.Minute)
	w.reaches(page, payment.Challenging)
	w.forward(2 * time.Minute)
	lapsed(w, page, "TIMEOUT_ERROR")
}

func closedBeforeTheChallenge(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"skip_method":true}`)
	p := w.visit(browser)
	p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string)) // as a client that is no browser
	page := p.page()
	w.reaches(page, payment.Opened)
	p.close()
	w.forward(payment.AttemptLife + time.Minute)
	lapsed(w, page, "PAYMENT_REQUEST_EXPIRED")
}

// close closes the tab.
func (p *payer) close() {
	p.t.Helper()
	if err := chromedp.Cancel(p.ctx); err != nil {
		p.t.Fatal(err)
	}
}

// lapsed checks that an attempt ended by its deadline and nothing was charged.
func lapsed(w *town, page, code string) {
	w.t.Helper()
	c := w.reaches(page, payment.Failed)
	if failure := w.tells("payment.failure", c)["failure_code"]; failure != code {
		w.t.Errorf("failure code %v, want %s", failure, code)
	}
	if c.Request.Trace != nil || w.escrow() != 0 {
		w.t.Errorf("trace %v, %d in escrow", c.Request.Trace, w.escrow())
	}
	w.booked(0, 0)
}

func theAcquirerNeverAnswers(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence"}}`)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	page := p.page()
	p.answer(p.bank(), rightOTP)
	w.eventually("a purchase booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	w.forward(9 * time.Second) // the answer is given up; the first acknowledgement of the reversal is lost
	c := w.reaches(page, payment.Reversing)
	p.headline("Waiting for your bank’s answer")
	p.until(`document.activeElement.id === "headline"`) // the bank's page, which had the focus, is gone

	again := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(map[string]any{"payment_session_id": string(c.Session.ID)}, "123"))
	if again.status != 503 || again.header.Get("Retry-After") == "" || again.body["error_code"] != "SERVICE_UNAVAILABLE" {
		t.Errorf("a submit meanwhile: %d %v, Retry-After %q", again.status, again.body, again.header.Get("Retry-After"))
	}
	if len(w.requests()) != 1 || w.escrow() != 0 {
		t.Errorf("kept of the submits meanwhile: %d attempts, %d in escrow", len(w.requests())-1, w.escrow())
	}

	w.reversed(page)
	p.says("The payment could not be processed just now")
	if failure := w.tells("payment.failure", c)["failure_code"]; failure != "PARTNER_TIMEOUT_ERROR" {
		t.Errorf("failure code %v", failure)
	}
	w.booked(0, 1)
}

// reversed lets the time pass in which a reversal whose acknowledgement was lost is sent again.
func (w *town) reversed(page string) {
	w.t.Helper()
	w.forward(9 * time.Second)
	w.eventually("a reversal given up for now", func() bool { return strings.Contains(w.log.String(), "advice not acknowledged") })
	w.forward(11 * time.Second)
	w.reaches(page, payment.Failed)
}

// payAgainWhileNobodyKnows leaves the receipt that waits for the webhook, and clicks once more at the shop.
func payAgainWhileNobodyKnows(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence"}}`)
	p := w.visit(browser)
	p.expect("status of 503")
	p.shop("1000")
	p.pay("123")
	w.eventually("a purchase booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	page := w.requests()[0].Page
	w.forward(9 * time.Second)
	w.reaches(page, payment.Reversing)
	p.says("Waiting for the confirmation")
	p.back()
	p.until(`location.pathname === "/"`)
	p.choose("1000")
	p.pay("123")
	p.says("An earlier payment is still being processed")

	w.reversed(page)
	p.pay("123")
	p.receipt()
	w.booked(1, 1)
}

// theAcquirerNeverAnswersTheOneCall: the payer never left the shop, which waits for the webhook.
func theAcquirerNeverAnswersTheOneCall(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence"}}`)
	p := w.visit(browser)
	p.shop("1000")
	p.pay("123")
	w.eventually("a purchase booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	w.forward(9 * time.Second)
	p.says("Waiting for the confirmation")
	w.reversed(w.requests()[0].Page)
	p.says("The payment could not be processed just now")
	if n := p.asked("/pay/"); n != 0 {
		t.Errorf("%d requests of a page that nobody was sent to", n)
	}
	w.booked(0, 1)
}

// nowhereToReturn: who has paid a payment request that names no address is told so, and not that the page leads on.
func nowhereToReturn(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.open(goesTo(t, w.newRequest(visaChallenge)))
	p.answer(p.bank(), rightOTP)
	p.headline("Payment complete")
	p.until(`document.getElementById("detail").textContent === "You can close this page."`)
	p.until(`document.getElementById("spinner").hidden && document.getElementById("onward").hidden`)

	p.open(goesTo(t, w.newRequest(visaChallenge)))
	p.press(p.bank(), "button[value=cancel]")
	p.headline("The payment did not go through")
	p.until(`document.getElementById("spinner").hidden && document.getElementById("onward").hidden`)
	w.booked(1, 0)
}
