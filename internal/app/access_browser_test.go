package app

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"reprise/internal/payment"
)

func accessVisits() visits {
	return visits{
		"by keyboard alone":             byKeyboardAlone,
		"the page with the bank":        thePageWithTheBank,
		"the page that waits":           thePageThatWaits,
		"the page that asks once more":  thePageThatAsksOnceMore,
		"pages that lead back":          pagesThatLeadBack,
		"the shop's basket and receipt": theShopsPages,
	}
}

// byKeyboardAlone goes through the whole flow without a mouse.
func byKeyboardAlone(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.tabTo(`document.activeElement.id === "cvn"`)
	p.do(chromedp.KeyEvent("123" + kb.Enter))
	bank := p.bank()
	p.untilIn(bank, `document.activeElement.id === "otp" && document.hasFocus()`) // without a key pressed
	p.do(chromedp.KeyEvent("000000" + kb.Enter))
	p.hint(bank, "Wrong code. 2 tries left.")
	p.untilIn(bank, `document.activeElement.id === "otp"`)
	p.do(chromedp.KeyEvent(rightOTP))
	p.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)) // the button after the box
	p.receipt()
	w.booked(1, 0)
}

// tabTo presses Tab until an expression is true.
func (p *payer) tabTo(expression string) {
	p.t.Helper()
	for range 20 {
		if p.read(expression) == "true" {
			return
		}
		p.do(chromedp.KeyEvent(kb.Tab))
	}
	p.t.Fatalf("Tab never leads to %s", expression)
}

func thePageWithTheBank(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"skip_method":true}`) // the page waits for ten seconds
	p := w.visit(browser)
	p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string))
	p.headline("Contacting your bank")
	p.accessible("contacting")
	p.bank()
	p.accessible("challenge")
	w.bank.turn(`{"reload_erro":true}`)
	two := p.another()
	two.open(w.PublicURL + "/pay/" + p.page())
	p.headline("Please confirm in your other tab")
	p.accessible("other-tab")
}

func thePageThatWaits(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence"}}`)
	p := w.visit(browser)
	p.open(w.submitted(w.newSession(visaFrictionless, w.atShop), "123")["action_url"].(string))
	page := p.page()
	w.eventually("a purchase booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	w.forward(9 * time.Second)
	w.reaches(page, payment.Reversing)
	p.headline("Waiting for your bank’s answer")
	p.accessible("pending")
	w.reversed(page)
	p.home("failure")
}

func thePageThatAsksOnceMore(t *testing.T, browser context.Context) {
	w := openTown(t)
	address, _, _ := strings.Cut(w.submitted(w.newSession(visaFrictionless, w.atShop), "123")["action_url"].(string), "#")
	p := w.visit(browser)
	p.open(address)
	p.headline("once more")
	p.accessible("once-more")
	p.do(chromedp.SendKeys(css("#cvn"), "12"+kb.Enter))
	p.until(`document.getElementById("error").textContent !== ""`)
	p.accessible("once-more-error")
}

func pagesThatLeadBack(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	session := w.newSession(visaChallenge, w.atShop)
	p.open(w.submitted(session, "123")["action_url"].(string))
	p.bank()
	w.submitted(session, "123")
	p.headline("This payment was replaced")
	p.accessible("replaced")

	p.expect("status of 404")
	p.open(w.PublicURL + "/pay/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	p.headline("This payment page does not exist")
	p.accessible("lost")

	// A bank's page that broke out of its frame finds back to the attempt's page; one that nobody knows
	// here says so.
	p.open(w.PublicURL + "/assets/icon.svg")
	p.do(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear(); ` + postTop))
	p.headline("go back to the page where you started")
	p.accessible("returned")
	p.open(w.submitted(session, "123")["action_url"].(string))
	p.bank()
	left := p.page()
	p.do(chromedp.Evaluate[chromedp.Void](`window.left = true; ` + postTop))
	p.until(`!window.left && location.pathname.startsWith("/pay/")`) // and no longer passing through
	p.bank()
	if p.page() != left {
		t.Error("the bank's page led to another attempt")
	}
}

// postTop posts to where the bank's page comes home to, as a whole page.
const postTop = `{
	const form = document.body?.append ? document.createElement("form") : document.createElementNS("http://www.w3.org/1999/xhtml", "form");
	form.method = "POST"; form.action = "/3ds/challenge";
	(document.body || document.documentElement).append(form);
	void setTimeout(() => form.submit());
}`

func theShopsPages(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1000")
	p.accessible("shop-basket")
	p.pay("999")
	p.says("did not approve")
	p.accessible("shop-refused")
	p.do(chromedp.Click(css("a.button")))
	p.choose("1000")
	p.accessible("shop-again")
	p.pay("123")
	p.receipt()
	p.accessible("shop-receipt")
}

// accessible looks at the page with axe on a telephone and on a desk, and that it fits.
func (p *payer) accessible(name string) {
	p.t.Helper()
	axe, err := os.ReadFile("../../sdk/node_modules/axe-core/axe.min.js")
	if err != nil {
		p.t.Skip("axe-core is not installed: npm ci in sdk/")
	}
	for device, size := range map[string][2]int64{"phone": {360, 740}, "desk": {1280, 900}} {
		p.size(size[0], size[1])
		p.shoot(name + "-" + device)
		if wide := p.read(`document.documentElement.scrollWidth <= innerWidth`); wide != "true" {
			p.t.Errorf("%s on a %s is wider than the screen", name, device)
		}
		p.do(chromedp.Evaluate[chromedp.Void](string(axe)))
		p.do(chromedp.Evaluate[chromedp.Void](`window.found = null;
			axe.run(document, { iframes: false, resultTypes: ["violations"] }).then((r) => {
				found = r.violations.map((f) => f.id + ": " + f.nodes.map((n) => n.html).join(" ")).join("\n");
			}, (error) => { found = String(error); })`))
		p.until(`window.found !== null`)
		if found := p.read("found"); found != "" {
			p.t.Errorf("%s on a %s:\n%s", name, device, found)
		}
	}
}
