package app

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
)

// screenshots is a flag and not a setting of the environment.
var screenshots = flag.String("screenshots", "", "folder to keep pictures of the payer's pages in")

// TestInABrowser is the whole house as a payer meets it: a shop, the gateway's page and a bank, three sites,
// in a real Chromium. One browser serves all of it; everybody in it comes with a profile of their own.
func TestInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes a while; run without -short")
	}
	browser := newBrowser(t)
	for theme, visits := range map[string]visits{
		"paid": paidVisits(), "refused": refusedVisits(), "again": againVisits(), "late": lateVisits(), "access": accessVisits(),
	} {
		t.Run(theme, func(t *testing.T) {
			t.Parallel()
			for name, visit := range visits {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					visit(t, browser)
				})
			}
		})
	}
}

// visits are tests by name. Each comes to a town of its own, in a browser that all of them share.
type visits map[string]func(t *testing.T, browser context.Context)

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
		// Several payers at once: none of them is slowed down for being in the background.
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
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

// payer is someone at a tab of a browser. Every step waits, within a bound, for what it looks at.
type payer struct {
	t    *testing.T
	w    *town
	ctx  context.Context
	seen *seen
}

// seen is what a tab's console and requests told, kept for the end of the test.
type seen struct {
	mu       sync.Mutex
	troubles []string // errors and warnings in the console
	requests []string // method, address and headers of every request
	shares   []string // that came in the fragment of an action_url
	expected []string // parts of troubles that the test provokes
}

// visit comes to a town with no cookies and no memory.
func (w *town) visit(browser context.Context) *payer {
	w.t.Helper()
	tab, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	w.t.Cleanup(cancel)
	return w.sit(tab)
}

// another opens a second tab of the same browser: same cookies, and a memory of its own.
func (p *payer) another() *payer {
	p.t.Helper()
	tab, cancel := chromedp.NewContext(p.ctx)
	p.t.Cleanup(cancel)
	return p.w.sit(tab)
}

func (w *town) sit(tab context.Context) *payer {
	w.t.Helper()
	p := &payer{t: w.t, w: w, seen: &seen{}}
	if err := chromedp.Do(tab); err != nil {
		w.t.Fatal("chromium:", err)
	}
	ctx, cancel := context.WithTimeout(tab, 2*time.Minute)
	w.t.Cleanup(cancel)
	p.ctx = ctx
	p.watch(ctx)
	w.t.Cleanup(p.judge)
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: guard})
		return err
	})
	p.size(1280, 900)
	return p
}

// guard lets no page of ours fetch anything or make a frame while the browser's share is in the address.
const guard = `
	for (const [owner, name] of [[window, "fetch"], [Document.prototype, "createElement"], [HTMLFormElement.prototype, "submit"]]) {
		const real = owner[name];
		owner[name] = function (...given) {
			if (location.hash) throw new Error(name + " while the share is in the address");
			return real.apply(this, given);
		};
	}`

// watch writes down what a target's console says and what it asks the network for.
func (p *payer) watch(ctx context.Context) {
	s := p.seen
	if err := chromedp.Listen(ctx, func(event any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				s.troubles = append(s.troubles, string(e.Entry.Source)+": "+e.Entry.Text+" "+e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			s.troubles = append(s.troubles, "exception: "+describe(e.ExceptionDetails))
		case *runtime.EventConsoleAPICalled:
			s.troubles = append(s.troubles, "console: somebody wrote into it: "+string(e.Type))
		case *network.EventRequestWillBeSent:
			s.requests = append(s.requests, fmt.Sprint(e.Request.Method, " ", e.Request.URL, " ", e.Request.Headers))
			if share, ok := strings.CutPrefix(e.Request.URLFragment, "#k="); ok {
				s.shares = append(s.shares, share)
			}
		case *network.EventRequestWillBeSentExtraInfo: // what really went out
			s.requests = append(s.requests, fmt.Sprint("headers ", e.Headers))
		}
	}); err != nil {
		p.t.Fatal(err)
	}
}

func describe(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

// known are faults of other rooms.
var known = []string{"Loading the image 'data:,'", "Blocked autofocusing"}

// expect lets the console say something that the test provokes.
func (p *payer) expect(part string) { p.seen.expected = append(p.seen.expected, part) }

// judge is the end of every visit: nothing in the console, and the browser's share nowhere but in the
// page's memory and in the one request that brings it home.
func (p *payer) judge() {
	s := p.seen
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for _, trouble := range s.troubles {
		for _, part := range append(known, s.expected...) {
			if strings.Contains(trouble, part) {
				continue next
			}
		}
		p.t.Errorf("console: %s", trouble)
	}
	written := p.w.log.String()
	for _, share := range s.shares {
		for _, request := range s.requests {
			if strings.Contains(request, share) {
				p.t.Error("the browser's share is in the address or the Referer of a request")
			}
		}
		if strings.Contains(written, share) {
			p.t.Error("the browser's share is in the log")
		}
	}
}

func (p *payer) call(f func(ctx context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	if err := f(ctx); err != nil {
		p.t.Fatal(err)
	}
}

func (p *payer) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.call(func(ctx context.Context) error { return chromedp.Do(ctx, steps...) })
}

func (p *payer) size(width, height int64) { p.do(chromedp.EmulateViewport(width, height)) }

func (p *payer) open(address string) { p.do(chromedp.Navigate(address)) }

// until waits until a JavaScript expression is true, whatever pages come and go meanwhile.
func (p *payer) until(expression string) {
	p.t.Helper()
	p.untilIn(p.ctx, expression)
}

func (p *payer) untilIn(where context.Context, expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(where, 40*time.Second)
	defer cancel()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if ctx.Err() != nil || context.Cause(where) != nil {
			p.t.Fatalf("%s never became true; the tab shows %s", expression, p.read(`location.href + " " + document.body.innerText`))
		}
		time.Sleep(20 * time.Millisecond) // a poll's pace, for the sake of those who do the work
	}
}

func (p *payer) read(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// back presses the back button, whether or not the page comes from the browser's memory.
func (p *payer) back() {
	p.do(chromedp.Evaluate[chromedp.Void]("void setTimeout(() => history.back())"))
}

// reload presses the reload button.
func (p *payer) reload() {
	p.do(chromedp.Evaluate[chromedp.Void]("void setTimeout(() => location.reload())"))
}

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
	p.until(`document.getElementById("pay-button")?.getAttribute("aria-disabled") !== "true"`)
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

// bank waits for the bank's page in the frame of this tab. The frame is another site: Chromium gives it a
// process, and so a target, of its own.
func (p *payer) bank() context.Context {
	p.t.Helper()
	tab := cdp.FrameID(chromedp.FromContext(p.ctx).Target.TargetID)
	var inside context.Context
	p.w.eventually("the bank's page in its frame", func() bool {
		infos, err := chromedp.Targets(p.ctx)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, info := range infos {
			if info.Type != "iframe" || info.ParentFrameID != tab || !strings.HasSuffix(info.URL, "/challenge") {
				continue
			}
			frame, leave := chromedp.NewContext(p.ctx, chromedp.WithTargetID(info.TargetID), chromedp.WithDetachOnCancel())
			// A page of the bank that is only passing through may be gone by now.
			there, err := chromedp.Run(frame, chromedp.Evaluate[bool](`document.readyState === "complete" && document.getElementById("otp") !== null`))
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
	if err := chromedp.Do(bank, chromedp.SendKeys(otpBox, otp)); err != nil {
		p.t.Fatal(err)
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

// shoot keeps a picture when asked to.
func (p *payer) shoot(name string) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	p.call(func(ctx context.Context) error {
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o600)
	})
}
