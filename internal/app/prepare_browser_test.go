package app

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"reprise/internal/payment"
)

// prepareVisits are those of payers whose browser gets ready before they click, at a merchant's page of their own.
func prepareVisits() visits {
	return visits{
		"prepared while the payer types":        preparedWhileThePayerTypes,
		"a page that does not admit us":         aPageThatDoesNotAdmitUs,
		"without third-party cookies":           withoutThirdPartyCookies,
		"a bank that breaks out of its frame":   aBankThatBreaksOut,
		"a bank that says no, and why":          aBankThatSaysWhy,
		"a bank's address that is ours":         aBankAtOurAddress,
		"a bank that breaks out, and no memory": aBankThatBreaksOutOfAForgetfulBrowser,
	}
}

// till is the SDK in the page of another site, with a session whose card is known.
type till struct {
	*payer
	session map[string]any
}

// at opens the shop's page, where the SDK is, for a session that the shop knows nothing of.
func (p *payer) at(token string) till {
	p.t.Helper()
	p.open(p.w.ShopURL + "/")
	p.until(`window.Xendit && document.readyState === "complete"`)
	p.read(`Xendit.setPublishableKey(` + quote(SandboxPublicKey) + `)`)
	return till{p, p.w.newSession(token, p.w.atShop)}
}

func (t till) id() string { return quote(t.session["payment_session_id"].(string)) }

// clicks hands in the CVN, and waits for the answer.
func (t till) clicks(cvn string) (actionURL string) {
	t.t.Helper()
	t.do(chromedp.Evaluate[chromedp.Void](`window.answer = null; void Xendit.payment.collectCardData({
		cvn: ` + quote(cvn) + `, payment_session_id: ` + t.id() + ` }).then((a) => { answer = a; }, (e) => { answer = e; })`))
	t.until(`window.answer`)
	if said := t.read(`answer.message`); said != "Status updated. Wait for a callback or get the status using the Get API." {
		t.t.Fatalf("the answer says %s", said)
	}
	return t.read(`answer.action_url || ""`)
}

// attemptOf is the attempt that a click came to.
func (w *town) attemptOf(t till) payment.Request {
	w.t.Helper()
	for _, r := range w.requests() {
		if string(r.Session) == t.session["payment_session_id"] {
			return r
		}
	}
	w.t.Fatal("no attempt")
	return payment.Request{}
}

func preparedWhileThePayerTypes(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	for token, want := range map[string]payment.State{visaFrictionless: payment.Succeeded, visaChallenge: payment.Challenging} {
		at := p.at(token)
		before := p.asked("/preparation")
		p.do(chromedp.Evaluate[chromedp.Void](`window.ready = false; void Xendit.payment.prepare({ payment_session_id: ` + at.id() + ` }).then(() => { ready = true; })`))
		p.until(`ready && document.querySelectorAll("iframe").length === 0`)
		if n := p.asked("/method"); n == 0 {
			t.Error("the bank did not look at the browser while the payer typed")
		}
		methods := p.asked("/method")
		url := at.clicks("123")
		if r := w.attemptOf(at); r.State != want || (url != "") != (want == payment.Challenging) {
			t.Errorf("%s, sent to %.20q", r.State, url)
		}
		if n := p.asked("/preparation") - before; n > 2 || p.asked("/method") != methods { // a preflight and the call
			t.Errorf("%d requests for one preparation, %d of the Method's after the click", n, p.asked("/method")-methods)
		}
	}
	w.booked(1, 0)
}

// aPageThatDoesNotAdmitUs pays all the same, and the bank is told that it could not look.
func aPageThatDoesNotAdmitUs(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.expect("violates the following Content Security Policy directive")
	at := p.at(visaFrictionless)
	p.do(chromedp.Evaluate[chromedp.Void](`{
		const policy = document.createElement("meta");
		policy.httpEquiv = "Content-Security-Policy"; policy.content = "frame-src 'self'";
		document.head.append(policy);
	}`))
	if url := at.clicks("123"); url != "" || w.attemptOf(at).State != payment.Succeeded {
		t.Errorf("%s, sent to %.20q", w.attemptOf(at).State, url)
	}
	if n := p.asked("/3ds/method"); n != 0 {
		t.Errorf("%d requests of a frame that is not admitted", n)
	}
	w.booked(1, 0) // nor does the bank complain
}

func withoutThirdPartyCookies(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, network.SetCookieControls, network.SetCookieControlsParams{EnableThirdPartyCookieRestriction: true})
		return err
	})
	p.shop("1000")
	p.pay("123")
	p.receipt()
	p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string))
	p.answer(p.bank(), rightOTP)
	p.home("success")
	w.booked(2, 0)
}

// aBankThatBreaksOut posts the payer's code into the whole tab, as some banks' pages do. The payer comes back to the
// attempt's page, which has its share and goes on.
func aBankThatBreaksOut(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.shop("1091")
	p.pay("123")
	left, bank := p.page(), p.bank()
	p.untilIn(bank, `(document.querySelector("form").target = "_top") === "_top"`)
	p.answer(bank, rightOTP)
	p.receipt()
	if n := p.asked("GET " + w.PublicURL + "/pay/" + left + " "); n != 2 {
		t.Errorf("the page was loaded %d times, want once before the bank and once after", n)
	}
	if n := p.asked("/cvn"); n != 0 {
		t.Error("the payer was asked for the CVN again")
	}
	w.booked(1, 0)
}

// aBankThatBreaksOutOfAForgetfulBrowser: where nothing is stored, the bank's words lead back. The share is lost, so the
// CVN is asked for once more.
func aBankThatBreaksOutOfAForgetfulBrowser(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("no", "SecurityError"); } })`,
		})
		return err
	})
	p.shop("1091")
	p.pay("123")
	bank := p.bank()
	p.untilIn(bank, `(document.querySelector("form").target = "_top") === "_top"`)
	p.answer(bank, rightOTP)
	p.headline("once more")
	p.do(chromedp.SendKeys(css("#cvn"), "123"+kb.Enter))
	p.receipt()
	w.booked(1, 0)
}

// aBankThatSaysWhy: without a page of ours its words would be lost.
func aBankThatSaysWhy(t *testing.T, browser context.Context) {
	w := openTown(t)
	const token = "pt-00000000-0000-4000-8000-0000000000aa"
	if err := w.StoreCard(t.Context(), w.outside, token, withCheckDigit("400000009900010")); err != nil { // A = 1: N, with words for the payer
		t.Fatal(err)
	}
	p := w.visit(browser)
	p.open(p.at(token).clicks("123"))
	p.until(`document.getElementById("notice")?.checkVisibility() && document.getElementById("notice").textContent !== "" && document.activeElement.id === "headline"`)
	p.accessible("bank-says-why")
	p.do(chromedp.Click(css("#onward")))
	p.home("failure")
	w.booked(0, 0)
}

// aBankAtOurAddress: a page of another site cannot have ours post a form to ourselves.
func aBankAtOurAddress(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	at := p.at(visaFrictionless)
	form := `{ url: ` + quote(w.PublicURL+"/3ds/method") + `, fields: { threeDSMethodData: "x" } }`
	p.do(chromedp.Evaluate[chromedp.Void](`{
		window.frame = document.createElement("iframe");
		window.told = 0;
		addEventListener("message", (event) => { if (event.source === frame.contentWindow) told++; });
		frame.addEventListener("load", () => { window.loaded = true; });
		frame.src = ` + quote(w.PublicURL+"/3ds/method#") + ` + encodeURIComponent(JSON.stringify(` + form + `));
		document.body.append(frame);
	}`))
	p.until(`window.loaded`)
	// The bank's own address, asked for later, has come to its end.
	p.do(chromedp.Evaluate[chromedp.Void](`window.ready = false; void Xendit.payment.prepare({ payment_session_id: ` + at.id() + ` }).then(() => { ready = true; })`))
	p.until(`ready && document.querySelectorAll("iframe").length === 1`)
	if told := p.read(`told`); told != "0" {
		t.Error("a form was posted to ourselves")
	}
}
