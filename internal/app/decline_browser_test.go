package app

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
)

func declinedVisits() visits {
	return visits{
		"the bank wants to see the payer first":  theBankWantsToSeeThePayer,
		"the same, where nobody was asked":       theBankWantsToSeeWhoWasNotAsked,
		"the payer cancels at the bank":          thePayerCancelsAtTheBank,
		"the payer cancels, and the shop knows":  thePayerCancelsAtTheShop,
		"the payer cancels instead of a code":    thePayerCancelsInsteadOfACode,
		"the payer cancels, and is led nowhere":  thePayerCancelsAndStays,
		"a bank that waited in vain, once again": aBankThatWaitedInVain,
	}
}

// theBankWantsToSeeThePayer: one click, and a soft decline. The page goes on by itself.
func theBankWantsToSeeThePayer(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.open(w.submitted(w.newSession(visaFrictionless, w.atShop, amount(softly)), "123")["action_url"].(string))
	where := p.page()
	p.answer(p.bank(), rightOTP)
	p.headline("once more")
	p.do(chromedp.SendKeys(css("#cvn"), "456"), chromedp.Click(css("#submit")))
	p.home("success")
	paid := w.reaches(where, payment.Succeeded)
	if soft := paid.Request.SoftDecline; soft == nil || soft.Authentication == nil || soft.Authentication.Challenged {
		t.Errorf("declined before: %+v", soft)
	}
	w.tells("payment.capture", paid)
	w.booked(1, 0)
}

// theBankWantsToSeeWhoWasNotAsked: the page says what the bank wants while it waits for the 3DS Method.
func theBankWantsToSeeWhoWasNotAsked(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"skip_method":true}`)
	p := w.visit(browser)
	p.open(w.submitted(w.newSession(visaFrictionless, w.atShop, skipping, amount(softly)), "123")["action_url"].(string))
	p.headline("Your bank wants to be sure it is you")
	p.accessible("step-up")
	p.answer(p.bank(), rightOTP)
	p.headline("once more")
	p.do(chromedp.SendKeys(css("#cvn"), "456"), chromedp.Click(css("#submit")))
	p.home("success")
	w.booked(1, 0)
}

// declines checks that the payer ended an attempt, and nothing was asked of the acquirer.
func (w *town) declines(where string) {
	w.t.Helper()
	c := w.reaches(where, payment.Failed)
	if failure := w.tells("payment.failure", c)["failure_code"]; failure != "USER_DECLINED_PAYMENT" {
		w.t.Errorf("failure code %v", failure)
	}
	if c.Request.Sent() || w.escrow() != 0 {
		w.t.Errorf("sent: %t, %d in escrow", c.Request.Sent(), w.escrow())
	}
	w.booked(0, 0)
}

func thePayerCancelsAtTheBank(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string))
	where := p.page()
	p.bank()
	p.accessible("challenge-cancel")
	p.do(chromedp.Click(css("#cancel")))
	p.home("failure")
	w.declines(where)
}

func thePayerCancelsAtTheShop(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	where := p.page()
	p.bank()
	p.do(chromedp.Click(css("#cancel")))
	p.says("You cancelled the payment")
	w.declines(where)
}

func thePayerCancelsInsteadOfACode(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string))
	where := p.page()
	p.answer(p.bank(), rightOTP)
	w.reaches(where, payment.Succeeded)

	p = w.visit(browser)
	p.open(w.PublicURL + "/pay/" + w.lostShare())
	where = p.page()
	p.headline("once more")
	p.accessible("cvn-cancel")
	p.do(chromedp.Click(css("#cancel")))
	p.home("failure")
	if c := w.reaches(where, payment.Failed); c.Request.Failure != payment.UserDeclined {
		t.Errorf("%s", c.Request.Failure)
	}
	w.booked(1, 0)
}

// lostShare is the page of an attempt that the bank has authenticated, and whose browser is gone.
func (w *town) lostShare() (where string) {
	w.t.Helper()
	v := w.visitor(w.submitted(w.newSession(visaFrictionless, w.atShop), "123"))
	if s := v.must(v.arrive()); s["do"] != "confirm" {
		w.t.Fatal(s)
	}
	return v.page
}

func thePayerCancelsAndStays(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.open(goesTo(t, w.newRequest(visaChallenge)))
	where := p.page()
	p.bank()
	p.do(chromedp.Click(css("#cancel")))
	p.headline("You have cancelled")
	p.until(`document.getElementById("bank").hidden && document.getElementById("cancel").hidden && document.getElementById("spinner").hidden`)
	p.accessible("cancelled")
	w.declines(where)
}

// aBankThatWaitedInVain: after 30 s the page offers to begin anew. The clock of the page is fast, so that nobody waits.
func aBankThatWaitedInVain(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `const slow = setTimeout; window.setTimeout = (then, ms, ...more) => slow(then, ms === 30_000 ? 200 : ms, ...more);`,
		})
		return err
	})
	p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string))
	where := p.page()
	was := p.acsTransID(p.bank())
	p.until(`document.getElementById("again").checkVisibility()`)
	p.accessible("challenge-again")
	p.do(chromedp.Click(css("#again")))
	w.eventually("another challenge", func() bool {
		r := w.on(where).Request
		return r.State == payment.Challenging && r.Authentication.Restarts == 1
	})
	bank := p.bank()
	w.eventually("the bank's new page", func() bool { bank = p.bank(); return p.acsTransID(bank) != was })
	p.answer(bank, rightOTP)
	p.home("success")
	w.booked(1, 0)
}
