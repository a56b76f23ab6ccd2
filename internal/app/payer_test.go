package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
)

// What a payer does and sees at the three sites: the shop, the gateway's page, the bank.

type css = chromedp.CSS

func quote(text string) string { return strconv.Quote(text) }

// At the shop.

// shop opens the basket with a card chosen by its last four digits.
func (p *payer) shop(last4 string) {
	p.t.Helper()
	p.open(p.w.ShopURL + "/")
	p.choose(last4)
}

func (p *payer) choose(last4 string) {
	p.t.Helper()
	p.until(`document.getElementById("pay") && document.readyState === "complete"`)
	p.until(`[...document.querySelectorAll("input[name=card]")].some((option) => {
		if (!option.closest("label").textContent.includes(` + quote(last4) + `)) return false;
		if (!option.checked) { option.checked = true; option.dispatchEvent(new Event("change", { bubbles: true })); }
		return document.getElementById("chosen-name").textContent.includes(` + quote(last4) + `);
	})`)
}

// pay types a CVN and clicks once.
func (p *payer) pay(cvn string) {
	p.t.Helper()
	p.until(`document.readyState === "complete" && document.getElementById("pay-button")?.getAttribute("aria-disabled") === "false"`)
	p.do(chromedp.SendKeys(css("#cvn"), cvn), chromedp.Click(css("#pay-button")))
}

// says waits for the shop's words about an outcome.
func (p *payer) says(text string) {
	p.t.Helper()
	p.until(`document.querySelector("#outcome-title, #problem:not([hidden]) #problem-title")?.textContent.includes(` + quote(text) + `)`)
}

// receipt waits until the shop shows what the webhook said, and returns the page's words.
func (p *payer) receipt() string {
	p.t.Helper()
	p.says("your order is paid")
	return p.read("document.body.innerText")
}

// atShop makes a session whose payer comes home to the basket: to ?success or ?failure.
func (w *town) atShop(request map[string]any) {
	urls := request["cards_session_js"].(map[string]any)
	urls["success_return_url"], urls["failure_return_url"] = w.ShopURL+"/?success", w.ShopURL+"/?failure"
}

// home waits until the gateway has sent the payer home from a session made with atShop.
func (p *payer) home(outcome string) {
	p.t.Helper()
	p.until(`location.origin === ` + quote(p.w.ShopURL) + ` && location.search === ` + quote("?"+outcome))
}

// At the gateway.

// page waits until the tab is on an attempt's page, and returns the attempt's address there.
func (p *payer) page() string {
	p.t.Helper()
	p.until(`location.origin === ` + quote(p.w.PublicURL) + ` && location.pathname.startsWith("/pay/")`)
	return strings.TrimSuffix(strings.TrimPrefix(p.read("location.pathname"), "/pay/"), "/cvn")
}

// on reads the attempt of a page from the house's memory.
func (w *town) on(page string) payment.Case {
	w.t.Helper()
	c, err := w.flow.Attempt(context.Background(), page)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// reaches waits until the attempt of a page is in a state.
func (w *town) reaches(page string, state payment.State) payment.Case {
	w.t.Helper()
	w.eventually(fmt.Sprintf("an attempt that is %s", state), func() bool { return w.on(page).Request.State == state })
	return w.on(page)
}

// headline waits for the words of the attempt's page.
func (p *payer) headline(text string) {
	p.t.Helper()
	p.until(`document.querySelector("h1")?.checkVisibility() && document.querySelector("h1").textContent.includes(` + quote(text) + `)`)
}

// At the bank.

const otpBox = css("#otp")

// bank waits for the bank's page that asks for a code, in the frame of this tab.
func (p *payer) bank() context.Context {
	p.t.Helper()
	return p.bankWith("#otp")
}

// bankWith waits for the bank's page with an element in the frame of this tab. The frame is another site: Chromium
// gives it a process, and so a target, of its own.
func (p *payer) bankWith(selector string) context.Context {
	p.t.Helper()
	tab := cdp.FrameID(chromedp.FromContext(p.ctx).Target.TargetID)
	var inside context.Context
	p.w.eventually("the bank's page in its frame", func() bool {
		infos, err := chromedp.Targets(p.ctx)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, info := range infos {
			if info.Type != "iframe" || info.ParentFrameID != tab || !strings.Contains(info.URL, "/challenge") {
				continue
			}
			frame, leave := chromedp.NewContext(p.ctx, chromedp.WithTargetID(info.TargetID), chromedp.WithDetachOnCancel())
			// A page of the bank that is only passing through may be gone by now.
			there, err := chromedp.Run(frame, chromedp.Evaluate[bool](`document.readyState === "complete" && document.querySelector(`+quote(selector)+`) !== null`))
			if err == nil && there {
				inside = frame
				p.t.Cleanup(leave)
				return true
			}
			leave()
		}
		return false
	})
	p.watch(inside)
	return inside
}

// acsTransID reads which challenge a bank's page belongs to.
func (p *payer) acsTransID(bank context.Context) string {
	p.t.Helper()
	id, err := chromedp.Run(bank, chromedp.Evaluate[string](`document.querySelector("input[name=acsTransID]").value`))
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// answer types a code at the bank. The frame may leave for another site before the browser has said that
// the click is done.
func (p *payer) answer(bank context.Context, otp string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(bank, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.SendKeys(otpBox, otp)); err != nil {
		p.t.Fatal("at the bank: ", err)
	}
	p.press(bank, "#confirm, button[value=confirm]")
}

func (p *payer) press(bank context.Context, button string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(bank, 5*time.Second)
	defer cancel()
	_ = chromedp.Do(ctx, chromedp.Click(css(button)))
}

// hint waits for what the bank says about a wrong code.
func (p *payer) hint(bank context.Context, text string) {
	p.t.Helper()
	p.untilIn(bank, `document.getElementById("otp-error")?.textContent === `+quote(text))
}

// In the books.

// booked checks how many purchases the issuer holds and how many it gave back, holds its ledger against our
// books, and asks the world for complaints.
func (w *town) booked(kept, reversed int) {
	w.t.Helper()
	if k, r := len(w.bank.purchases("kept")), len(w.bank.purchases("reversed")); k != kept || r != reversed {
		w.t.Errorf("the issuer keeps %d purchases and gave back %d, want %d and %d", k, r, kept, reversed)
	}
	w.balanced()
}

// tells waits for a webhook about an attempt, and returns its data.
func (w *town) tells(event string, c payment.Case) map[string]any {
	w.t.Helper()
	return w.webhook(event, string(c.Request.ID)).Data
}
