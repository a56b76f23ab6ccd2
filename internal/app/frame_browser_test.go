package app

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// frameVisits look at single frames of the screen: what moves in one, and what is begun before the next.
func frameVisits() visits {
	return visits{
		"the SDK moves nothing":           theSDKMovesNothing,
		"the attempt's page stands still": theAttemptsPageStandsStill,
		"the payment link stands still":   thePaymentLinkStandsStill,
		"within a frame of the click":     withinAFrameOfTheClick,
	}
}

// shifts are what moved in a tab without being touched, as Chromium sees it (https://wicg.github.io/layout-instability/).
type shifts struct {
	mu   sync.Mutex
	seen []string
}

// noteShifts has every page of the tab tell what moves in it. What moves within half a second of a key or a click was
// asked for, and is told only where all says so.
func (p *payer) noteShifts(all bool) *shifts {
	p.t.Helper()
	s := &shifts{}
	if err := chromedp.Listen(p.ctx, func(event any) {
		if e, is := event.(*runtime.EventBindingCalled); is && e.Name == "shifted" {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seen = append(s.seen, e.Payload)
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, runtime.AddBinding, runtime.AddBindingParams{Name: "shifted"})
		return err
	})
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(`
			new PerformanceObserver((list) => {
				for (const shift of list.getEntries()) {
					if (%v || !shift.hadRecentInput) {
						const moved = shift.sources.map(({ node }) => node && (node.id || node.nodeName));
						shifted(location.pathname + ": " + shift.value.toFixed(4) + " by " + moved);
					}
				}
			}).observe({ type: "layout-shift", buffered: true });`, all)})
		return err
	})
	return s
}

// none fails where anything moved. A frame is drawn and looked at first.
func (s *shifts) none(p *payer) {
	p.t.Helper()
	p.drawn()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shift := range s.seen {
		p.t.Errorf("moved: %s", shift)
	}
	s.seen = nil
}

// some fails where nothing moved: then whoever looks is blind.
func (s *shifts) some(p *payer) {
	p.t.Helper()
	p.drawn()
	p.w.eventually("a page that moves is seen to", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.seen) > 0
	})
}

// drawn waits until what the page is now was on the screen, and told of.
func (p *payer) drawn() {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`window.frames2 = 0; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { frames2 = 1; })))`))
	p.until(`frames2 === 1`)
}

// theSDKMovesNothing: it is loaded, gets ready in a hidden frame and hands in the CVN, and the merchant's page stands as it
// did, whatever was touched.
func theSDKMovesNothing(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	moved := p.noteShifts(true)
	at := p.at(visaFrictionless)
	moved.none(p)
	p.do(chromedp.Evaluate[chromedp.Void](`window.ready = false; void Xendit.payment.prepare({ payment_session_id: ` + at.id() + ` }).then(() => { ready = true; })`))
	p.until(`ready`)
	if p.asked("/3ds/method") == 0 {
		t.Error("no frame was made that could have moved anything")
	}
	at.clicks("123")
	moved.none(p)
	p.do(chromedp.Evaluate[chromedp.Void](`document.body.style.paddingTop = "200px"`))
	moved.some(p)
}

// theAttemptsPageStandsStill, from the first words to the bank's frame and home.
func theAttemptsPageStandsStill(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	moved := p.noteShifts(false)
	p.open(w.submitted(w.newSession(visaChallenge, w.atShop), "123")["action_url"].(string))
	bank := p.bank()
	moved.none(p)
	p.answer(bank, rightOTP)
	p.home("success")
	for _, shift := range moved.seen {
		if strings.HasPrefix(shift, "/pay/") {
			t.Errorf("moved: %s", shift)
		}
	}
}

func thePaymentLinkStandsStill(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	moved := p.noteShifts(false)
	p.link(w.newLink(withItems))
	p.until(`document.readyState === "complete" && document.getElementById("submit")`)
	moved.none(p)
}

// oneFrame is how long a picture stands on a screen that shows sixty a second, in milliseconds.
const oneFrame = 1000.0 / 60

// withinAFrameOfTheClick: once the browser was prepared, nothing is waited for between the payer's click and the call that
// takes the CVN. Both times are the browser's own: of the click that came from outside, and of the request's start. A machine
// that does other things only adds to what lies between them, so of several clicks the quickest counts.
func withinAFrameOfTheClick(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	least := 0.0
	for n := range 6 {
		at := p.at(visaFrictionless)
		p.do(chromedp.Evaluate[chromedp.Void](`{
			window.ready = false;
			void Xendit.payment.prepare({ payment_session_id: ` + at.id() + ` }).then(() => { ready = true; });
			const button = document.createElement("button");
			button.id = "now";
			button.style = "position: fixed; top: 0; left: 0; width: 100px; height: 50px; z-index: 9";
			document.body.append(button);
			button.addEventListener("click", (event) => {
				window.clicked = event.isTrusted && event.timeStamp;
				Xendit.payment.collectCardData({ cvn: "123", payment_session_id: ` + at.id() + ` }).then((a) => { window.answer = a; }, (e) => { window.answer = e; });
			});
		}`))
		p.until(`ready`)
		p.do(chromedp.Click(css("#now")))
		const started = `performance.getEntriesByType("resource").filter((r) => r.name.endsWith("/v3/payment_with_session")).map((r) => r.startTime)[0]`
		p.until(`window.answer && clicked > 0 && ` + started + ` > 0`)
		if status := w.attemptOf(at).State; status != "SUCCEEDED" {
			t.Fatalf("the attempt is %s", status)
		}
		var took float64
		if _, err := fmt.Sscan(p.read(started+` - clicked`), &took); err != nil {
			t.Fatal(err)
		}
		if n == 0 || took < least {
			least = took
		}
	}
	t.Logf("%.1f ms from the click to the call", least)
	if least > oneFrame {
		t.Errorf("the call starts %.1f ms after the click, want at most %.1f", least, oneFrame)
	}
}
