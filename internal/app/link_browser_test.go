package app

import (
	"context"
	"net/http"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"reprise/internal/payment"
)

func linkVisits() visits {
	all := visits{
		"by keyboard alone":                 linkByKeyboardAlone,
		"a decline, then another card":      linkDeclined,
		"what is typed":                     linkTyped,
		"what the gateway finds fault with": linkRefused,
		"without 3-D Secure":                linkWithoutThreeDS,
		"a card is saved and nothing paid":  linkSaves,
		"while the acquirer is silent":      linkWaits,
		"links that are over":               linksThatAreOver,
		"back to the merchant":              linkLeadsBack,
		"the CVN once more":                 linkAsksOnceMore,
	}
	for language, said := range map[string]struct{ card, stored, paid string }{
		"en": {"Card details", "Pay with your saved card", "Payment complete"},
		"id": {"Detail kartu", "Bayar dengan kartu Anda yang tersimpan", "Pembayaran selesai"},
		"th": {"ข้อมูลบัตร", "ชำระด้วยบัตรที่บันทึกไว้", "ชำระเงินเรียบร้อยแล้ว"},
		"vi": {"Thông tin thẻ", "Thanh toán bằng thẻ đã lưu", "Thanh toán hoàn tất"},
	} {
		// A new card with save ticked, then a second link paid with the CVN only, on a telephone.
		all["saved, then paid with the CVN only, in "+language] = func(t *testing.T, browser context.Context) {
			w := openTown(t)
			p := w.visit(browser)
			phone := func() { p.size(360, 740) }
			phone()
			session := w.newLink(with("locale", language), with("allow_save_payment_method", "OPTIONAL"), withItems)
			p.link(session)
			p.headline(said.card)
			p.speaks(language)
			p.accessible("link-card-" + language)
			phone()
			p.card("4000000000001091", "1231", "123", "JAAP STAM")
			p.do(chromedp.Click(css("#save")), chromedp.Click(css("#submit")))
			bank := p.bank()
			p.speaks(language)
			p.answer(bank, rightOTP)
			p.state("paid")
			p.headline(said.paid)
			p.speaks(language)
			p.accessible("link-paid-" + language)
			token, _ := w.session(session)["payment_token_id"].(string)
			if token == "" {
				t.Fatal("no card was saved")
			}

			phone()
			again := w.newLink(with("locale", language), withStored(token))
			p.link(again)
			p.headline(said.stored)
			if shown := p.read(`[...document.querySelectorAll("input")].map((box) => box.id)`); shown != "cvn" {
				t.Errorf("the payer is asked for %s", shown)
			}
			p.accessible("link-cvn-" + language)
			phone()
			p.do(chromedp.SendKeys(css("#cvn"), "123"), chromedp.Click(css("#submit")))
			p.answer(p.bank(), rightOTP)
			p.state("paid")
			if got := w.session(again)["status"]; got != "COMPLETED" {
				t.Errorf("the second session is %v", got)
			}
			w.booked(2, 0)
		}
	}
	return all
}

// link is the body of a POST /sessions for a payment link.
func (f *front) link(change ...func(map[string]any)) map[string]any {
	request := f.request("", with("cards_session_js", nil), with("mode", "PAYMENT_LINK"), with("reference_id", "link-1"))
	for _, c := range change {
		c(request)
	}
	return request
}

// newLink opens a session with a payment link.
func (f *front) newLink(change ...func(map[string]any)) map[string]any {
	f.t.Helper()
	status, session := f.call("POST", "/sessions", SandboxSecretKey, f.link(change...))
	if status != http.StatusCreated {
		f.t.Fatalf("POST /sessions: %d %v", status, session)
	}
	return session
}

// linkOf is the last part of a payment link's address.
func linkOf(session map[string]any) string { return path.Base(session["payment_link_url"].(string)) }

// withStored names the stored card of which only the CVN is asked.
func withStored(token string) func(map[string]any) {
	return with("cards_session_js", map[string]any{"card_payment_token_id": token})
}

func withItems(request map[string]any) {
	request["description"] = "Beans for the weekend"
	request["items"] = []map[string]any{
		{"reference_id": "b", "name": "House blend, 250 g", "net_unit_amount": 45000, "quantity": 2, "category": "coffee"},
		{"reference_id": "d", "name": "Delivery", "net_unit_amount": 10000, "quantity": 1, "category": "delivery"},
	}
}

// link opens the hosted page of a session and waits until it takes a card.
func (p *payer) link(session map[string]any) {
	p.t.Helper()
	p.open(session["payment_link_url"].(string))
	p.until(`document.getElementById("submit")?.disabled === false`)
}

// card types a card.
func (p *payer) card(number, expiry, cvn, name string) {
	p.t.Helper()
	for box, text := range map[string]string{"#number": number, "#expiry": expiry, "#cvn": cvn, "#name": name} {
		p.do(chromedp.SendKeys(css(box), text))
	}
}

// state waits until the hosted page shows a state.
func (p *payer) state(state string) {
	p.t.Helper()
	p.until(`location.pathname.startsWith("/link/") && document.body?.dataset.state === ` + quote(state))
}

func (p *payer) speaks(language string) {
	p.t.Helper()
	if got := p.read("document.documentElement.lang"); got != language {
		p.t.Errorf("%s speaks %s, want %s", p.read("location.pathname"), got, language)
	}
}

// values are what stands in the boxes.
func (p *payer) values() string {
	p.t.Helper()
	return p.read(`["number", "expiry", "cvn", "name"].map((id) => document.getElementById(id).value).join("|")`)
}

// wrong waits for what is said under a box.
func (p *payer) wrong(box, text string) {
	p.t.Helper()
	p.until(`document.getElementById(` + quote(box+"-error") + `).textContent === ` + quote(text))
	if invalid := p.read(`document.getElementById(` + quote(box) + `).getAttribute("aria-invalid")`); (invalid == "true") != (text != "") {
		p.t.Errorf("%s: aria-invalid is %s", box, invalid)
	}
}

// linkByKeyboardAlone saves a card on one link and pays a second one, without a mouse.
func linkByKeyboardAlone(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	at := func(id string) { t.Helper(); p.tabTo(`document.activeElement.id === ` + quote(id)) }
	keys := func(text string) { t.Helper(); p.do(chromedp.KeyEvent(text)) }
	bank := func() {
		t.Helper()
		p.untilIn(p.bank(), `document.activeElement.id === "otp" && document.hasFocus()`)
		keys(rightOTP + kb.Tab + kb.Enter)
	}
	p.size(360, 740)
	session := w.newLink(with("allow_save_payment_method", "OPTIONAL"))
	p.link(session)
	at("number")
	keys("4000000000001091" + kb.Tab + "1231" + kb.Tab + "12" + kb.Tab + "JAAP STAM" + kb.Tab + " " + kb.Enter)
	p.wrong("cvn", "Please type the 3 digits of the security code.")
	p.until(`document.activeElement.id === "cvn"`)
	keys("3" + kb.Enter)
	bank()
	p.state("paid")
	again := w.newLink(withStored(w.session(session)["payment_token_id"].(string)))
	p.link(again)
	at("cvn")
	keys("123" + kb.Tab + kb.Enter) // the button after the box
	bank()
	p.state("paid")
	w.booked(2, 0)
}

func linkDeclined(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	session := w.newLink()
	p.link(session)
	p.card("4000000000001091", "12/31", "999", "JAAP STAM")
	p.do(chromedp.Click(css("#submit")))
	p.answer(p.bank(), rightOTP)
	p.until(`location.search === "?failed" && document.getElementById("submit")?.disabled === false`)
	p.until(`document.activeElement.id === "problem"`)
	if said := p.read(`document.getElementById("problem").textContent`); said != "The payment did not go through. Nothing was charged. Please check your details and try again, or use another card." {
		t.Errorf("the payer is told %q", said)
	}
	if left := p.values(); left != "|||" {
		t.Errorf("left in the boxes: %s", left)
	}
	p.accessible("link-failed")
	p.card("5200000000001005", "12/31", "123", "JAAP STAM") // frictionless
	p.do(chromedp.Click(css("#submit")))
	p.state("paid")
	p.until(`document.querySelector(".facts").textContent.includes("1005")`)
	w.booked(1, 0)

	p.back() // to a form that is over
	p.state("paid")
}

// linkTyped is the form without the gateway: what it makes of what is typed, and what it says of it.
func linkTyped(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.link(w.newLink())
	typed := func(box, keys, want string) {
		t.Helper()
		p.do(chromedp.Evaluate[chromedp.Void](`void (document.getElementById(`+quote(box)+`).value = "")`), chromedp.SendKeys(css("#"+box), keys))
		if got := p.read(`document.getElementById(` + quote(box) + `).value`); got != want {
			t.Errorf("%q in the box %s becomes %q, want %q", keys, box, got, want)
		}
	}
	leave := func() { t.Helper(); p.do(chromedp.KeyEvent(kb.Tab)) }
	brand := func(want string) {
		t.Helper()
		p.until(`[...document.querySelectorAll("#brands [data-brand]:not([hidden])")].map((mark) => mark.dataset.brand).join() === ` + quote(want))
	}

	brand("VISA,MASTERCARD,AMEX,JCB")
	typed("number", "4000-0000 0000x1091", "4000 0000 0000 1091")
	brand("VISA")
	typed("number", "5200000000002151", "5200 0000 0000 2151")
	brand("MASTERCARD")
	typed("number", "3528", "3528")
	brand("JCB")
	typed("number", "340000000002708", "3400 000000 02708")
	brand("AMEX")
	p.until(`document.getElementById("cvn-hint").textContent.includes("4 digits on the front")`)
	typed("cvn", "12a345", "1234")
	leave()
	p.wrong("cvn", "")
	typed("number", "4000000000001092", "4000 0000 0000 1092")
	p.wrong("cvn", "Please type the 3 digits of the security code.") // the brand has changed
	leave()
	p.wrong("number", "This card number is not right. Please check it for a mistyped digit.")
	typed("number", "6011000990139424", "6011 0009 9013 9424")
	leave()
	p.wrong("number", "Please use a Visa, Mastercard, American Express or JCB card.")
	// A digit in the middle: the caret stays behind it.
	typed("number", "4000000000001091", "4000 0000 0000 1091")
	p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("number").setSelectionRange(2, 2)`), chromedp.KeyEvent("77"+kb.Backspace))
	if got := p.read(`document.getElementById("number").value + " " + document.getElementById("number").selectionStart`); got != "4070 0000 0000 0109 1 3" {
		t.Errorf("typed in the middle: %s", got)
	}

	for keys, want := range map[string]string{
		"1231": "12/31", "12/31": "12/31", "12 / 2031": "12/31", "9": "09/", "1/": "01/", "0131": "01/31", "12" + kb.Backspace + kb.Backspace + "131": "11/31",
	} {
		typed("expiry", keys, want)
	}
	typed("expiry", "1331", "13/31")
	leave()
	p.wrong("expiry", "Please type the month and the year as on the card, for example 08/29.")
	typed("expiry", "0124", "01/24")
	leave()
	p.wrong("expiry", "This card has expired. Please use another one.")
	typed("expiry", "1231", "12/31")
	p.wrong("expiry", "")

	// Sent with nothing in it: every box says what it lacks, the first has the focus, nothing has left.
	p.link(w.newLink(with("locale", "id")))
	p.do(chromedp.Click(css("#submit")))
	p.wrong("number", "Masukkan nomor kartu.")
	p.wrong("expiry", "Masukkan masa berlaku kartu.")
	p.wrong("cvn", "Masukkan 3 digit kode keamanan.")
	p.wrong("name", "Masukkan nama seperti yang tertera pada kartu.")
	p.until(`document.activeElement.id === "number"`)
	p.accessible("link-errors")
	if p.asked("/pay") != 0 {
		t.Error("what is wrong was sent")
	}
}

// linkRefused: the page says what the gateway finds fault with at the box that it is about, in the payer's
// language, and nothing else that was typed is lost.
func linkRefused(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.expect("status of 4")
	p.link(w.newLink(with("locale", "vi")))
	answer := func(status int, body string) {
		t.Helper()
		p.do(chromedp.Evaluate[chromedp.Void](`window.fetch = async (path, how) => how?.method === "POST"
			? new Response(` + quote(body) + `, { status: ` + strconv.Itoa(status) + ` }) : new Response(document.documentElement.outerHTML)`))
		p.do(chromedp.Click(css("#submit")))
	}
	p.card("4000000000001091", "1231", "123", "JAAP STAM")
	answer(400, `{"error_code":"API_VALIDATION_ERROR","message":"m","errors":[{"path":"/body/card_number","message":"must be a valid card number"}]}`)
	p.wrong("number", "Số thẻ này không đúng. Vui lòng kiểm tra lại từng chữ số.")
	p.until(`document.activeElement.id === "number"`)
	if left := p.values(); left != "4000 0000 0000 1091|12/31|123|JAAP STAM" {
		t.Errorf("left in the boxes: %s", left)
	}
	answer(400, `{"error_code":"CARD_EXPIRED","message":"m"}`)
	p.wrong("expiry", "Thẻ này đã hết hạn. Vui lòng dùng thẻ khác.")
	answer(400, `{"error_code":"API_VALIDATION_ERROR","message":"m","errors":[{"path":"/body/cvn","message":"must be 3 digits"}]}`)
	p.wrong("cvn", "Vui lòng nhập 3 chữ số của mã bảo mật.")
	if left := p.values(); left != "4000 0000 0000 1091|12/31||JAAP STAM" {
		t.Errorf("left in the boxes: %s", left)
	}
	p.do(chromedp.SendKeys(css("#cvn"), "123"))
	answer(422, `{"error_code":"PAYMENT_ATTEMPT_COUNTS_EXCEEDED","message":"m"}`)
	p.until(`document.getElementById("problem").textContent.startsWith("Quá nhiều lần thử")`)
	if left := p.values(); left != "4000 0000 0000 1091|12/31||JAAP STAM" {
		t.Errorf("left in the boxes: %s", left)
	}
}

func linkWithoutThreeDS(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.link(w.newLink(skipping, amount(10054))) // declined
	p.card("4000000000001091", "1231", "123", "JAAP STAM")
	p.do(chromedp.Click(css("#submit")))
	p.until(`location.search === "?failed" && document.getElementById("problem")?.textContent.includes("did not go through")`)

	p.link(w.newLink(skipping))
	p.card("4000000000001091", "1231", "123", "JAAP STAM")
	p.do(chromedp.DoubleClick(css("#submit")))
	p.state("paid")
	w.booked(1, 0)
	p.accessible("link-paid")
}

func linkSaves(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	session := w.newLink(with("session_type", "SAVE"), amount(0))
	p.link(session)
	p.accessible("link-save")
	p.card("4000000000001091", "1231", "123", "JAAP STAM")
	p.do(chromedp.Click(css("#submit")))
	p.answer(p.bank(), rightOTP)
	p.state("paid")
	p.headline("Card saved")
	p.until(`document.querySelector(".facts").textContent.includes("1091")`)
	p.accessible("link-saved")
	if token, _ := w.session(session)["payment_token_id"].(string); token == "" {
		t.Error("no card was saved")
	}
	w.booked(0, 0)
}

// linkWaits: whoever opens the link while the acquirer is silent is asked for no card.
func linkWaits(t *testing.T, browser context.Context) {
	w := openTown(t)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"silence"}}`)
	p := w.visit(browser)
	session := w.newLink(skipping)
	p.link(session)
	p.card("4000000000001091", "1231", "123", "JAAP STAM")
	p.do(chromedp.Click(css("#submit")))
	p.until(`document.getElementById("submit").getAttribute("aria-disabled") === "true"`)
	p.accessible("link-busy")
	w.eventually("a purchase booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	other := p.another()
	other.open(session["payment_link_url"].(string))
	other.state("processing")
	other.accessible("link-processing")
	w.forward(9 * time.Second)
	p.state("processing")
	w.eventually("the reversal has been sent", func() bool { return w.requests()[0].State == payment.Reversing })
	w.forward(10 * time.Second)
	w.eventually("the purchase given back", func() bool { return len(w.bank.purchases("reversed")) == 1 })
	for _, tab := range []*payer{p, other} {
		tab.state("form")
	}
	w.booked(0, 1)
}

func linksThatAreOver(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	session := w.newLink(with("cancel_return_url", w.ShopURL+"/?cancelled"))
	w.ask("POST", "/sessions/"+session["payment_session_id"].(string)+"/cancel", SandboxSecretKey, nil)
	p.open(session["payment_link_url"].(string))
	p.state("canceled")
	p.accessible("link-canceled")
	p.do(chromedp.Click(css("a.button")))
	p.until(`location.search === "?cancelled"`)

	open, stored := w.newLink(), w.ownCard()
	p.link(open)
	closed := w.newLink(withStored(stored))
	w.cancelCard(stored)
	p.open(closed["payment_link_url"].(string))
	p.state("unusable")
	p.accessible("link-unusable")
	guessed := w.ownCard()
	exhausted := w.newLink(withStored(guessed))
	w.guess(guessed)
	p.open(exhausted["payment_link_url"].(string))
	p.state("exhausted")

	p.link(open)
	w.forward(31 * time.Minute)
	p.card("4000000000001091", "1231", "123", "JAAP STAM")
	p.expect("status of 422")
	p.do(chromedp.Click(css("#submit"))) // too late
	p.state("expired")
	p.accessible("link-expired")

	p.expect("status of 404")
	p.open(w.PublicURL + "/link/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	p.headline("This payment page does not exist")
}

// linkAsksOnceMore: where the browser's share is lost, the CVN is asked for once more, in the session's language,
// and the payer ends on the link.
func linkAsksOnceMore(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	q := onLink(w.newLink(with("locale", "th")), with("card_number", "4000000000001000"))
	address, _, _ := strings.Cut(w.ask("POST", q.path, "", q.body).body["action_url"].(string), "#")
	p.open(address)
	p.headline("โปรดกรอกรหัสความปลอดภัยอีกครั้ง")
	p.speaks("th")
	p.accessible("link-once-more-th")
	p.do(chromedp.SendKeys(css("#cvn"), "123"+kb.Enter))
	p.state("paid")
	w.booked(1, 0)
}

func linkLeadsBack(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	session := w.newLink(with("customer", nil), // nobody to save a card for
		with("success_return_url", w.ShopURL+"/?success"), with("cancel_return_url", w.ShopURL+"/?cancelled"))
	p.link(session)
	p.do(chromedp.Click(css("a.cancel")))
	p.home("cancelled")
	p.link(session)
	p.card("4000000000001000", "1231", "123", "JAAP STAM")
	p.do(chromedp.Click(css("#submit")))
	p.home("success")
	p.open(session["payment_link_url"].(string))
	p.state("paid")
	p.do(chromedp.Click(css("a.button")))
	p.home("success")
	w.booked(1, 0)
}
