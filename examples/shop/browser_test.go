package shop

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var screenshots = flag.String("screenshots", "", "folder for pictures of what the accessibility test sees")

// newBrowser starts a real Chromium with a new profile, ended with the test.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), // outlives t.Context, to end in order
		chromedp.ExecPath(path),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log("chromium:", err)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("chromium:", err)
	}
	return ctx
}

// visitor is a payer at a real browser. Every step waits, within a bound, for what it looks at.
type visitor struct {
	t   *testing.T
	g   *gateway
	ctx context.Context
}

// newVisitor comes to a shop of its own, with no cookies.
func newVisitor(t *testing.T, browser context.Context) visitor {
	t.Helper()
	g := newShop(t)
	g.sdk = sdk(t)
	tab, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal("chromium:", err)
	}
	ctx, cancel := context.WithTimeout(tab, 2*time.Minute)
	t.Cleanup(cancel)
	v := visitor{t, g, ctx}
	v.size(1280, 900)
	v.open("/")
	return v
}

func (v visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

func (v visitor) size(width, height int64) {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(width, height))
}

func (v visitor) open(path string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.g.shopURL + path))
}

// back presses the back button, whether or not the page comes from the browser's cache.
func (v visitor) back(pages int) {
	v.t.Helper()
	v.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("void setTimeout(() => history.go(-%d))", pages)))
}

// until waits until a JavaScript expression is true, whatever pages come and go meanwhile.
func (v visitor) until(expression string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 30*time.Second)
	defer cancel()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if ctx.Err() != nil {
			v.t.Fatalf("%s never became true; at %s: %s", expression, v.read("location.href"), v.read("document.body.innerText"))
		}
	}
}

func (v visitor) read(expression string) string {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 30*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		v.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

func (v visitor) pay(cvn string) {
	v.t.Helper()
	v.do(chromedp.SendKeys(css("#cvn"), cvn), chromedp.Click(css("#pay-button")))
}

// empty takes out what was typed.
func (v visitor) empty() {
	v.t.Helper()
	v.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("cvn").value = ""`))
}

func (v visitor) title(text string) {
	v.t.Helper()
	v.until(`document.querySelector("#outcome-title, #problem-title")?.textContent.includes(` + quote(text) + `)`)
}

func (v visitor) collects() int {
	v.g.mu.Lock()
	defer v.g.mu.Unlock()
	return v.g.collects
}

func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

type css = chromedp.CSS

func TestInABrowser(t *testing.T) {
	browser := newBrowser(t)
	for name, visit := range map[string]func(*testing.T, visitor){
		"pay with one click":               payWithOneClick,
		"prepares while the payer types":   preparesWhileThePayerTypes,
		"pay by keyboard on a phone":       payByKeyboardOnAPhone,
		"the bank refuses":                 theBankRefuses,
		"the webhook is late":              theWebhookIsLate,
		"the shop forgets":                 theShopForgets,
		"errors at the field":              errorsAtTheField,
		"trouble on the way":               troubleOnTheWay,
		"double click pays once":           doubleClickPaysOnce,
		"nothing is loaded from elsewhere": nothingIsLoadedFromElsewhere,
		"accessibility":                    accessibility,
	} {
		t.Run(name, func(t *testing.T) { visit(t, newVisitor(t, browser)) })
	}
}

const focusedOnEmptyCVN = `document.activeElement.id === "cvn" && document.activeElement.value === ""`

func payWithOneClick(t *testing.T, v visitor) {
	v.pay("123")
	v.do(chromedp.Click(css("#done")))
	v.title("your order is paid")
	if got := v.read("location.pathname"); !strings.HasPrefix(got, "/orders/") {
		t.Errorf("receipt at %s", got)
	}
	if n := v.collects(); n != 1 {
		t.Errorf("%d submits, want 1", n)
	}

	// Back and back again: the basket notices that it is paid.
	v.back(2)
	v.until(`location.pathname.startsWith("/orders/") || document.querySelector(".notice a[href^='/orders/']")`)
}

// The session is prepared while the payer types, and paid in at the click.
func preparesWhileThePayerTypes(t *testing.T, v visitor) {
	v.do(chromedp.SendKeys(css("#cvn"), "1"))
	v.until(`performance.getEntriesByType("resource").some((r) => r.name.endsWith("/ps-000000000000000000000001/preparation"))`)
	if n := v.collects(); n != 0 {
		t.Errorf("%d submits before the click", n)
	}
	v.open("/")
	if v.read(`document.body.innerText.includes("was not finished")`) == "true" {
		t.Error("who only turned to the field has begun a payment")
	}
	v.pay("123")
	v.do(chromedp.Click(css("#done")))
	v.title("your order is paid")
	v.g.mu.Lock()
	defer v.g.mu.Unlock()
	if len(v.g.created) != 1 || slices.ContainsFunc(v.g.prepared, func(s string) bool { return s != "ps-000000000000000000000001" }) {
		t.Errorf("%d sessions, prepared %v; want one, prepared and paid in", len(v.g.created), v.g.prepared)
	}
}

func payByKeyboardOnAPhone(t *testing.T, v visitor) {
	v.size(360, 740)
	v.open("/")
	if got := v.read("document.documentElement.scrollWidth"); got != "360" {
		t.Errorf("the page is %s px wide on a phone of 360", got)
	}
	tab := func(n int) {
		for range n {
			v.do(chromedp.KeyEvent(kb.Tab))
		}
	}
	tab(2) // the shop's name, the card picker
	v.do(chromedp.KeyEvent(kb.Enter))
	tab(1)
	v.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown))
	v.until(`document.getElementById("chosen-name").textContent.includes("2708") && document.getElementById("cvn").maxLength === 4 &&
		document.getElementById("cvn-hint").textContent === "The 4 digits on the front of your card"`)
	tab(1)
	v.do(chromedp.KeyEvent("1234"), chromedp.KeyEvent(kb.Enter))
	v.until(`document.title === "Bank"`)
	if got := v.g.sessions()[0]["cards_session_js"].(map[string]any)["card_payment_token_id"]; got != savedCards()[2].TokenID {
		t.Errorf("paid with %v", got)
	}
}

func theBankRefuses(t *testing.T, v visitor) {
	v.pay("999")
	v.do(chromedp.Click(css("#done")))
	v.title("did not approve")
	v.until(focusedOnEmptyCVN)
	v.until(`document.activeElement.getAttribute("aria-describedby").includes("problem")`)
	order := v.read(`document.getElementById("pay").dataset.order`)

	v.pay("111")
	v.do(chromedp.Click(css("#done")))
	v.title("could not confirm that it was you")
	if got := v.read(`document.getElementById("pay").dataset.order`); got != order {
		t.Error("the retry lost the order")
	}

	v.pay("123")
	v.do(chromedp.Click(css("#done")))
	v.title("your order is paid")
	if n := len(v.g.sessions()); n != 1 {
		t.Errorf("%d sessions, want one for all three tries", n)
	}
}

func theWebhookIsLate(t *testing.T, v visitor) {
	v.g.silent = true
	v.pay("111")
	v.do(chromedp.Click(css("#done")))
	v.title("The payment did not go through")
	reference := v.g.sessions()[0]["reference_id"].(string)
	v.g.send(failed(reference, "pr-1", "INSUFFICIENT_BALANCE"))
	v.title("not enough on this card")

	v.pay("123")
	v.do(chromedp.Click(css("#done")))
	v.title("Waiting for the confirmation")
	v.g.send(captured(reference, "pr-2"))
	v.title("your order is paid")
	v.until(`document.activeElement.id === "outcome-title" && document.title.startsWith("Paid")`)
}

func theShopForgets(t *testing.T, v visitor) {
	v.g.silent = true
	v.pay("123")
	v.do(chromedp.Click(css("#done")))
	v.title("Waiting for the confirmation")
	v.g.shop.mu.Lock()
	v.g.shop.orders = newOrders() // as after a restart
	v.g.shop.mu.Unlock()
	v.until(`document.title.startsWith("Order not found")`)
}

func errorsAtTheField(t *testing.T, v visitor) {
	fieldSays := func(text string) {
		t.Helper()
		v.until(`document.getElementById("cvn-error").textContent === ` + quote(text) + ` && document.getElementById("cvn").getAttribute("aria-invalid") === "true" &&
			document.activeElement.id === "cvn" && document.getElementById("pay-button").getAttribute("aria-disabled") === "false"`)
	}
	v.pay("")
	fieldSays("Enter the security code.")
	v.pay("12")
	fieldSays("The security code has 3 digits.")
	if n := v.collects(); n != 0 {
		t.Errorf("%d submits of codes that cannot be right", n)
	}
	v.do(chromedp.KeyEvent("x3")) // what is no digit is not taken, and typing takes the message away
	v.until(`document.getElementById("cvn").value === "123" && document.getElementById("cvn-error").textContent === "" && !document.getElementById("cvn").hasAttribute("aria-invalid")`)
	v.empty()
	v.pay("222")
	fieldSays("Check the security code: it has 3 digits.")
	v.until(focusedOnEmptyCVN)
}

func troubleOnTheWay(t *testing.T, v visitor) {
	// An earlier payment is at the bank: the receipt opens when it went through.
	v.pay("333")
	v.title("still being processed")
	v.g.send(captured(v.g.sessions()[0]["reference_id"].(string), "pr-7"))
	v.title("your order is paid")

	v.open("/")
	v.until(`document.getElementById("closed").hidden`)
	v.pay("444")
	v.title("too many attempts with this card")
	v.until(`document.getElementById("problem-advice").textContent.includes("tomorrow") && !document.getElementById("closed").hidden`)

	v.open("/")
	v.until(`document.getElementById("pay")`)
	v.g.Close()
	v.pay("123")
	v.title("could not be started")
	v.until(focusedOnEmptyCVN)

	v.do(chromedp.Evaluate[chromedp.Void](`delete window.Xendit`))
	v.pay("123")
	v.title("could not be loaded")
}

func doubleClickPaysOnce(t *testing.T, v visitor) {
	held := make(chan struct{})
	v.g.mu.Lock()
	v.g.release = held
	v.g.mu.Unlock()
	v.do(chromedp.SendKeys(css("#cvn"), "123"), chromedp.DoubleClick(css("#pay-button")))
	v.until(`document.getElementById("pay-button").getAttribute("aria-disabled") === "true"`)
	v.do(chromedp.Click(css("#pay-button")), chromedp.Focus(css("#cvn")), chromedp.KeyEvent(kb.Enter))
	close(held)
	v.until(`document.title === "Bank"`)
	if n, m := len(v.g.sessions()), v.collects(); n != 1 || m != 1 {
		t.Errorf("%d sessions and %d submits, want one of each", n, m)
	}

	// Back from the bank's page: ready to pay again, with nothing of the code left.
	v.back(1)
	v.until(`document.getElementById("pay-button")?.getAttribute("aria-disabled") === "false" && document.getElementById("cvn").value === ""`)
	v.pay("123")
	v.do(chromedp.Click(css("#done")))
	v.title("your order is paid")
	if n := len(v.g.sessions()); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

func nothingIsLoadedFromElsewhere(t *testing.T, v visitor) {
	v.until(`performance.getEntriesByType("resource").length >= 3`)
	got := v.read(`performance.getEntriesByType("resource").map(e => new URL(e.name).origin).filter(o => o !== location.origin && o !== ` + quote(v.g.URL) + `)`)
	if got != "" {
		t.Errorf("loaded from %s", got)
	}
}

func accessibility(t *testing.T, v visitor) {
	axe, err := os.ReadFile("../../sdk/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("axe-core is not installed: npm ci in sdk/")
	}
	check := func(state string) {
		t.Helper()
		v.do(chromedp.Evaluate[chromedp.Void](string(axe)))
		v.do(chromedp.Evaluate[chromedp.Void](`window.found = null; axe.run({resultTypes: ["violations"]}).then(r => found = r.violations.map(f => f.id + ": " + f.nodes.map(n => n.html).join(" ")).join("\n"))`))
		v.until(`window.found !== null`)
		if found := v.read("found"); found != "" {
			t.Errorf("%s:\n%s", state, found)
		}
	}
	shoot := func(name string) {
		t.Helper()
		if *screenshots == "" {
			return
		}
		image, err := chromedp.Run(v.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), image, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, device := range []struct {
		name          string
		width, height int64
	}{{"phone", 360, 740}, {"desktop", 1280, 900}} {
		v.size(device.width, device.height)
		both := func(state string) {
			t.Helper()
			check(device.name + " " + state)
			shoot(device.name + "-" + state)
		}
		v.open("/")
		both("basket")
		v.open("/?paid")
		both("by-hand")
		v.open("/orders/x")
		both("lost")
		v.open("/")
		v.do(chromedp.Click(css("summary")))
		both("cards")
		v.pay("12")
		v.until(`document.getElementById("cvn").getAttribute("aria-invalid")`)
		both("field")
		v.empty()
		v.pay("999")
		v.do(chromedp.Click(css("#done")))
		v.title("did not approve")
		both("refused")
		v.open("/orders/" + v.read(`document.getElementById("pay").dataset.order`))
		both("receipt-failed")
		v.g.silent = true
		v.open("/")
		v.pay("123")
		v.do(chromedp.Click(css("#done")))
		v.title("Waiting for the confirmation")
		both("receipt-waiting")
		v.g.silent = false
		all := v.g.sessions()
		v.g.send(captured(all[len(all)-1]["reference_id"].(string), "pr-9"))
		v.title("your order is paid")
		both("receipt-paid")
		v.do(chromedp.Click(css("summary")))
		check(device.name + " raw webhook")
	}
}
