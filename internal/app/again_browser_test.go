package app

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
)

func againVisits() visits {
	return visits{
		"reload in the middle of the challenge":       reloadInTheChallenge,
		"reload at a bank that shows a page once":     reloadAtAStrictBank,
		"back from the bank, then pay again":          backFromTheBank,
		"double click":                                doubleClick,
		"two tabs at the shop":                        twoTabsAtTheShop,
		"two clicks, two tabs, one payment":           twoTabsOnePayment,
		"two tabs at a bank that shows a page once":   twoTabsAtAStrictBank,
		"the share is lost":                           theShareIsLost,
		"the share is lost, and the payment finished": theShareIsLostElsewhere,
	}
}

func reloadInTheChallenge(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	page, bank := p.page(), p.bank()
	p.answer(bank, "000000")
	p.hint(bank, "Wrong code. 2 tries left.")
	before, was := w.on(page).Request.Authentication, p.acsTransID(bank)

	p.reload()
	bank = p.bank()
	p.hint(bank, "Wrong code. 2 tries left.") // a reload does not give tries back
	after := w.on(page).Request.Authentication
	if is := p.acsTransID(bank); is != was || after.ServerTransID != before.ServerTransID {
		t.Errorf("authentication %s at %s, was %s at %s", after.ServerTransID, is, before.ServerTransID, was)
	}
	p.answer(bank, rightOTP)
	p.receipt()
	w.booked(1, 0)
}

func reloadAtAStrictBank(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	page, bank := p.page(), p.bank()
	before, was := w.on(page).Request.Authentication, p.acsTransID(bank)
	w.bank.turn(`{"reload_erro":true}`)

	p.reload()
	w.eventually("a new authentication", func() bool {
		return w.on(page).Request.Authentication.ServerTransID != before.ServerTransID
	})
	w.reaches(page, payment.Challenging)
	bank = p.bank()
	if p.acsTransID(bank) == was {
		t.Error("the bank shows its page twice after all")
	}
	p.answer(bank, rightOTP)
	p.receipt()
	w.booked(1, 0)
}

func backFromTheBank(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	left := p.page()
	p.bank()
	p.back()
	p.until(`location.origin === ` + quote(w.ShopURL) + ` && document.getElementById("cvn")?.value === ""`)
	p.pay("123")
	p.until(`location.pathname !== "/pay/` + left + `"`)
	page := p.page()
	p.answer(p.bank(), rightOTP)
	p.receipt()

	dropped, paid := w.on(left).Request, w.reaches(page, payment.Succeeded)
	if dropped.State != payment.Canceled {
		t.Errorf("the attempt that was left is %s", dropped.State)
	}
	w.tells("payment.capture", paid)
	if told := w.about("", string(dropped.ID)); len(told) != 0 {
		t.Errorf("the merchant was told of an attempt that was replaced: %s", told[0].Event)
	}
	w.booked(1, 0)

	p.open(w.PublicURL + "/pay/" + left)
	p.headline("This payment was replaced")
	p.do(chromedp.Click(css("#onward")))
	p.receipt() // the shop leads from its failure address to what is paid
}

func doubleClick(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.do(chromedp.SendKeys(css("#cvn"), "123"), chromedp.DoubleClick(css("#pay-button")))
	p.answer(p.bank(), rightOTP)
	p.receipt()
	onePayment(w)
}

// onePayment checks that all that was done came to one payment request, one purchase, one payment.capture.
func onePayment(w *town) {
	w.t.Helper()
	var paid []payment.Request
	for _, r := range w.requests() {
		if r.State == payment.Succeeded {
			paid = append(paid, r)
		} else if r.State != payment.Canceled || len(w.about("", string(r.ID))) > 0 {
			w.t.Errorf("an attempt that is %s, the merchant knows of it: %v", r.State, len(w.about("", string(r.ID))) > 0)
		}
	}
	if len(paid) != 1 {
		w.t.Fatalf("%d payment requests succeeded, want 1", len(paid))
	}
	w.webhook("payment.capture", string(paid[0].ID))
	w.webhook("payment_session.completed", string(paid[0].Session))
	if n := w.webhooks("payment.capture", ""); n != 1 {
		w.t.Errorf("%d payment.capture, want 1", n)
	}
	w.booked(1, 0)
}

// twoTabsAtTheShop clicks in both at once. Whose page opens first is chance: the other submit joins the
// attempt or replaces it. Either way there is one payment, and both tabs learn of it.
func twoTabsAtTheShop(t *testing.T, browser context.Context) {
	w := openTown(t)
	one := w.visit(browser)
	one.shop("1000")
	two := one.another()
	two.shop("1000")
	for _, p := range []*payer{one, two} {
		p.expect("status of 503") // asked to wait while the other is at the acquirer
		p.expect("status of 422") // the other has paid already
		p.do(chromedp.SendKeys(css("#cvn"), "123"))
	}
	for _, p := range []*payer{one, two} {
		p.do(chromedp.Evaluate[chromedp.Void](`void setTimeout(() => document.getElementById("pay-button").click())`))
	}
	for _, p := range []*payer{one, two} {
		p.until(`document.getElementById("outcome-title")?.textContent.includes("paid") || document.getElementById("headline")?.textContent.includes("replaced") ||
			document.getElementById("problem")?.hidden === false`)
	}
	onePayment(w)
}

func twoTabsOnePayment(t *testing.T, browser context.Context) {
	w := openTown(t)
	session := w.newSession(visaChallenge, w.atShop)
	first, second := w.submitted(session, "123"), w.submitted(session, "123")
	if first["payment_request_id"] != second["payment_request_id"] || first["action_url"] == second["action_url"] {
		t.Fatalf("two clicks: %v %v", first["payment_request_id"], second["payment_request_id"])
	}
	one := w.visit(browser)
	one.open(first["action_url"].(string))
	bank := one.bank()
	two := one.another()
	two.open(second["action_url"].(string))
	if a, b := one.acsTransID(bank), two.acsTransID(two.bank()); a != b {
		t.Errorf("two challenges, %s and %s", a, b)
	}
	if n := w.escrow(); n != 2 {
		t.Errorf("%d in escrow, want one for each click", n)
	}
	one.answer(bank, rightOTP)
	one.home("success")
	two.home("success")
	if n := w.escrow(); n != 0 {
		t.Errorf("%d left in escrow", n)
	}
	if len(w.requests()) != 1 {
		t.Errorf("%d attempts", len(w.requests()))
	}
	onePayment(w)
}

func twoTabsAtAStrictBank(t *testing.T, browser context.Context) {
	w := openTown(t)
	accepted := w.submitted(w.newSession(visaChallenge, w.atShop), "123")
	one := w.visit(browser)
	one.open(accepted["action_url"].(string))
	page := one.page()
	one.bank()
	before := w.on(page).Request.Authentication.ServerTransID
	w.bank.turn(`{"reload_erro":true}`)
	two := one.another()
	two.open(accepted["action_url"].(string))
	one.headline("Please confirm in your other tab")
	bank := two.bank()
	if is := w.on(page).Request.Authentication; is.ServerTransID == before || is.ACSTransID != two.acsTransID(bank) {
		t.Error("the second tab did not begin anew")
	}
	two.answer(bank, rightOTP)
	two.home("success")
	one.home("success")
	onePayment(w)
}

func theShareIsLost(t *testing.T, browser context.Context) {
	w := openTown(t)
	accepted := w.submitted(w.newSession(visaChallenge, w.atShop), "123")
	address, _, _ := strings.Cut(accepted["action_url"].(string), "#")
	p := w.visit(browser)
	p.open(address)
	page := p.page()
	p.answer(p.bank(), rightOTP)
	p.headline("once more")
	proof := w.reaches(page, payment.Authenticated).Request.Authentication
	p.until(`document.activeElement.id === "cvn"`)

	p.expect("status of 400")
	for _, wrong := range []string{"", "12", "ab"} {
		p.do(chromedp.SendKeys(css("#cvn"), wrong), chromedp.Click(css("#submit")))
		p.until(`document.getElementById("error").textContent === "Please type the 3 digits of the security code." &&
			document.getElementById("cvn").getAttribute("aria-invalid") === "true" && document.activeElement.id === "cvn"`)
		p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("cvn").value = ""`))
	}
	p.do(chromedp.SendKeys(css("#cvn"), "123"))
	p.until(`document.getElementById("error").textContent === "" && !document.getElementById("cvn").hasAttribute("aria-invalid")`)
	p.do(chromedp.Click(css("#submit")))
	p.home("success")

	paid := w.reaches(page, payment.Succeeded).Request
	if paid.Authentication.Value != proof.Value || w.escrow() != 0 {
		t.Errorf("another proof: %v; %d in escrow", paid.Authentication.Value != proof.Value, w.escrow())
	}
	onePayment(w)
}

// theShareIsLostElsewhere leaves the form by itself when the payment is finished where the share is.
func theShareIsLostElsewhere(t *testing.T, browser context.Context) {
	w := openTown(t)
	accepted := w.submitted(w.newSession(visaChallenge, w.atShop), "123")
	address, _, _ := strings.Cut(accepted["action_url"].(string), "#")
	lost := w.visit(browser)
	lost.open(address)
	lost.answer(lost.bank(), rightOTP)
	lost.headline("once more")
	there := w.visit(browser)
	there.open(accepted["action_url"].(string))
	there.home("success")
	lost.home("success")
	onePayment(w)
}
