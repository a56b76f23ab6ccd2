package app

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
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
		"paid": paidVisits(), "refused": refusedVisits(), "again": againVisits(), "late": lateVisits(), "killed": killVisits(),
		"access": accessVisits(), "reference": referenceVisits(), "link": linkVisits(), "prepared": prepareVisits(), "declined": declinedVisits(), "frame": frameVisits(),
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
func newBrowser(t *testing.T, flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(flags, // outlives t.Context, to end in order
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
	)...)
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
	return w.sitFor(tab, 2*time.Minute)
}

// sitFor sits at a tab, for no longer than a time.
func (w *town) sitFor(tab context.Context, most time.Duration) *payer {
	w.t.Helper()
	p := &payer{t: w.t, w: w, seen: &seen{}}
	if err := chromedp.Do(tab); err != nil {
		w.t.Fatal("chromium:", err)
	}
	ctx, cancel := context.WithTimeout(tab, most)
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

// harmless is what a console may always say.
var harmless = []string{
	// The 3DS Method's frame may not open or leave anything, and comes home to a page of ours, which could.
	"An iframe which has both allow-scripts and allow-same-origin",
}

// expect lets the console say something that the test provokes.
func (p *payer) expect(part string) { p.seen.expected = append(p.seen.expected, part) }

// asked counts the requests so far whose address contains something.
func (p *payer) asked(part string) (n int) {
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	for _, request := range p.seen.requests {
		if strings.Contains(request, part) {
			n++
		}
	}
	return n
}

// judge is the end of every visit: nothing in the console, and the browser's share nowhere but in the
// page's memory and in the one request that brings it home.
func (p *payer) judge() {
	s := p.seen
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for _, trouble := range s.troubles {
		for _, part := range append(harmless, s.expected...) {
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

// reload presses the reload button, and waits until the page that was there is gone.
func (p *payer) reload() {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void]("window.wasHere = true, void setTimeout(() => location.reload())"))
	p.until(`!window.wasHere && document.readyState === "complete"`)
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
