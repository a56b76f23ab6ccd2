package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// TestMatrixInABrowser authenticates every way there is, in a real Chromium: version × 3DS Method × answer × challenge ×
// how the payer comes back. The card says by its digits what the bank does (docs/sandbox.md, "Cards by digits").
func TestMatrixInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes a while; run without -short")
	}
	browser := newBrowser(t, chromedp.Flag("process-per-site", true), chromedp.Flag("force-prefers-reduced-motion", true))
	m := &matrix{town: openTown(t), tokens: map[string]string{}}
	m.openSite()
	trials := matrixTrials()
	everyRow(t, trials)
	m.share(browser, trials)
	m.lapse()
	m.passed()
	m.booked(int(m.paid.Load()), 0)
	if n := m.escrow(); n != 0 {
		t.Errorf("%d left in escrow", n)
	}
	t.Logf("counted: %d authentications in a browser, %d paid", len(trials), m.paid.Load())
}

// everyRow finds rows of the matrix that no trial is about.
func everyRow(t *testing.T, trials []trial) {
	t.Helper()
	tried := map[simulator.Scenario]bool{}
	buttons := map[string]bool{}
	for _, c := range trials {
		for kind, digit := range map[string]byte{"V": c.version, "M": c.method, "A": c.answer, "C": c.challenge} {
			tried[simulator.Scenario{Kind: kind, When: string(digit)}] = true
		}
		tried[simulator.Scenario{Kind: "prefix", Then: c.scheme}] = true
		if c.challenge == '3' {
			buttons[c.does] = true
		}
	}
	results := 0
	for _, row := range simulator.Scenarios() {
		switch row.Kind {
		case "result":
			results++
			continue
		case "prefix":
			row.When = ""
		case "V", "M", "A", "C":
			row.Then = ""
		default:
			continue
		}
		if !tried[row] {
			t.Errorf("nobody tries %s %s%s", row.Kind, row.When, row.Then)
		}
	}
	if len(buttons) != results {
		t.Errorf("%d buttons of the bank's page are pressed, of %d", len(buttons), results)
	}
}

// trial is one authentication: the scheme and the digits of its card, what its payer does at the bank, and how he comes back.
type trial struct {
	scheme                             string
	version, method, answer, challenge byte // digits V, M, A, C
	does                               string
	comes                              string
	paid                               bool
}

// What the payer does at the bank: types a code, or presses a button by its value.
const (
	right  = "right"
	wrong  = "wrong"
	cancel = "cancel"
)

// How the payer comes back from the bank.
const (
	led      = "led"      // by the pages, and nothing else is pressed
	reloads  = "reloads"  // and again from the page that he has reloaded
	goesBack = "back"     // and forward again
	returns  = "returns"  // having closed the tab at the bank, in another
	leaves   = "closes"   // the tab at the bank, and is not seen again
	confirms = "confirms" // from elsewhere, having closed the tab
)

func (c trial) digits() string { return string([]byte{c.version, c.method, c.answer, c.challenge}) }

func (c trial) String() string {
	name := "V" + string(c.version) + " M" + string(c.method) + " A" + string(c.answer)
	if c.answer == '7' {
		name += " C" + string(c.challenge)
	}
	return strings.TrimSpace(name+" "+c.does) + ", " + c.comes + ", " + c.scheme
}

// askedIn are the versions in which the bank of a digit V is asked, one after the other: what it refuses is asked again
// one version lower, once.
var askedIn = map[byte][]string{
	'0': {"2.3.1"}, '1': {"2.1.0"}, '2': {"2.2.0"}, '3': {"2.3.1"},
	'4': {"2.3.1", "2.2.0"}, '5': {"2.2.0", "2.1.0"}, '6': {"2.3.1", "2.2.0"},
}

// matrixTrials are all of them. What takes ten seconds comes first, and only in part.
func matrixTrials() (all []trial) {
	schemes := []string{"visa", "mastercard", "amex", "jcb"}
	add := func(version, method, answer, challenge byte, does, comes string, paid bool) {
		all = append(all, trial{schemes[len(all)%len(schemes)], version, method, answer, challenge, does, comes, paid})
	}
	add('1', '2', '7', '2', right, led, true)
	add('2', '2', '0', '0', "", led, true)
	add('3', '3', '7', '2', right, led, true)
	for _, version := range []byte{'1', '2', '3'} {
		add(version, '1', '6', '0', "", led, false)
	}
	for _, method := range []byte{'0', '1'} {
		for _, version := range []byte{'0', '4', '5'} {
			add(version, method, '0', '0', "", led, true)
			add(version, method, '7', '2', right, led, true)
			add(version, method, '7', '3', "chosen-N", led, false)
		}
		add('6', method, '0', '0', "", led, false)
		add('6', method, '7', '2', "", led, false)
	}
	for _, version := range []byte{'1', '2', '3'} {
		for _, method := range []byte{'0', '1'} {
			for answer, paid := range map[byte]bool{'0': true, '1': false, '2': true, '3': false, '4': false, '5': false, '8': false, '9': false} {
				add(version, method, answer, '0', "", led, paid)
			}
			add(version, method, '7', '0', "", led, true)
			add(version, method, '7', '1', "", led, false)
			for _, page := range []byte{'2', '4', '5'} {
				add(version, method, '7', page, right, led, true)
				add(version, method, '7', page, cancel, led, false)
			}
			add(version, method, '7', '2', wrong, led, false)
			for button, paid := range map[string]bool{
				"chosen-Y": true, "chosen-A": true, "chosen-N": false, "chosen-U": false, "chosen-R": false,
				cancel: false, "chosen-timeout": false, "chosen-error": false,
			} {
				add(version, method, '7', '3', button, led, paid)
			}
			for _, comes := range []string{reloads, goesBack, returns} {
				add(version, method, '7', '2', right, comes, true)
				add(version, method, '7', '2', cancel, comes, false)
			}
			add(version, method, '7', '2', "", leaves, false)
			add(version, method, '7', '2', right, confirms, false)
		}
	}
	return all
}

// matrix is a town with a small shop of its own, and everything that the trials leave behind.
type matrix struct {
	*town
	site string
	paid atomic.Int64

	mu     sync.Mutex
	tokens map[string]string // of stored cards, by number
	left   map[string]trial  // attempts whose payer is gone, by page
	tried  map[payment.ServerTransID]trial
}

// openSite opens the shop: an empty page, which takes a browser no time.
func (m *matrix) openSite() {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = rw.Write([]byte(`<!doctype html><title>shop</title><link rel="icon" href="data:,">`))
	}))
	m.t.Cleanup(server.Close)
	m.site, m.left, m.tried = server.URL, map[string]trial{}, map[payment.ServerTransID]trial{}
}

// payersAtOnce is how many tabs are open at a time: most of a trial is waiting for the browser.
const payersAtOnce = 4

// share goes through all trials, with several browsers' memories at once.
func (m *matrix) share(browser context.Context, trials []trial) {
	m.t.Helper()
	next := make(chan trial)
	var all sync.WaitGroup
	for range payersAtOnce {
		memory, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
		m.t.Cleanup(end)
		// This tab stays open at the bank, so that the bank's frames share its process, which takes a while to start.
		if err := chromedp.Do(memory, chromedp.Navigate(m.world.Kit().ACSOrigin+"/acs.css")); err != nil {
			m.t.Fatal("chromium:", err)
		}
		p := m.beside(memory, 10*time.Minute)
		all.Go(func() {
			for c := range next {
				m.t.Run(c.String(), func(t *testing.T) { m.try(t, p, memory, c) })
			}
		})
	}
	for _, c := range trials {
		next <- c
	}
	close(next)
	all.Wait()
}

// token is the stored card of a number.
func (m *matrix) token(t *testing.T, c trial) string {
	t.Helper()
	number, ok := simulator.NumberFor(c.scheme, c.digits())
	if !ok {
		t.Fatalf("no card %s", c.digits())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tokens[number] == "" {
		id := fmt.Sprintf("pt-00000000-0000-4000-8000-%012d", 990_000+len(m.tokens))
		if err := m.StoreCard(t.Context(), m.outside, payment.TokenID(id), number); err != nil {
			t.Fatal(err)
		}
		m.tokens[number] = id
	}
	return m.tokens[number]
}

// beside opens another tab of a browser.
func (w *town) beside(memory context.Context, most time.Duration) *payer {
	w.t.Helper()
	tab, end := chromedp.NewContext(memory)
	w.t.Cleanup(end)
	return w.sitFor(tab, most)
}

// try is one trial, in the tab of those before it, or in one of its own where that is closed.
func (m *matrix) try(t *testing.T, sitting *payer, memory context.Context, c trial) {
	w := m.in(t)
	p := &payer{t: t, w: w, ctx: sitting.ctx, seen: sitting.seen}
	if slices.Contains([]string{returns, leaves, confirms}, c.comes) {
		p = w.beside(memory, 2*time.Minute)
	}
	home := fmt.Sprintf("%s/%d?", m.site, m.made.Add(1))
	session := w.newSession(m.token(t, c), func(request map[string]any) {
		urls := request["cards_session_js"].(map[string]any)
		urls["success_return_url"], urls["failure_return_url"] = home+"success", home+"failure"
	})
	cvn := "123"
	if c.scheme == "amex" {
		cvn = "1234"
	}
	address := w.submitted(session, cvn)["action_url"].(string)
	page := w.opens(address).page
	if c.comes == goesBack {
		p.open(m.site + "/?basket")
	}
	p.open(address)
	if c.does != "" || c.comes == leaves {
		bank := p.bankAt(c.challenge)
		switch c.comes {
		case leaves:
			m.leave(p, page, c)
			return
		case reloads:
			p.reload()
			bank = p.bankAt(c.challenge)
		case goesBack:
			p.backTo(`location.search === "?basket"`)
			p.do(chromedp.Evaluate[chromedp.Void]("void setTimeout(() => history.forward())"))
			p.page()
			bank = p.bankAt(c.challenge)
		case returns:
			p.close()
			p = w.beside(memory, 2*time.Minute)
			p.open(address)
			bank = p.bankAt(c.challenge)
		case confirms:
			origin, err := chromedp.Run(bank, chromedp.Evaluate[string]("location.origin"))
			if err != nil {
				t.Fatal(err)
			}
			elsewhere := &challengePage{&visitor{front: w.front}, origin, url.Values{"acsTransID": {p.acsTransID(bank)}}}
			m.leave(p, page, c)
			if _, err := elsewhere.answer(rightOTP); err != nil {
				t.Fatal(err)
			}
			w.reaches(page, payment.Authenticated)
			return
		}
		p.doesAt(bank, c)
	}
	if c.answer == '1' { // the bank has something to say, and the page stays
		p.until(`document.getElementById("notice")?.checkVisibility()`)
		p.do(chromedp.Click(css("#onward")))
	}
	outcome := "failure"
	if c.paid {
		outcome = "success"
	}
	p.until(`location.href === ` + quote(home+outcome))
	m.ended(w, page, c)
}

// bankAt waits for the page that the digit C means.
func (p *payer) bankAt(challenge byte) context.Context {
	p.t.Helper()
	switch challenge {
	case '3':
		return p.bankWith("button[value=chosen-Y]")
	case '5': // a private window, as these are, keeps the bank's cookies away in a frame; so the bank asks for the whole window
		p.press(p.bankWith("#whole"), "#whole")
		p.until(`location.host.startsWith("acs.") && document.readyState === "complete" && document.getElementById("otp")`)
		return p.ctx
	}
	return p.bank()
}

// backTo presses the back button until an expression is true. A 3DS Method that takes its time leaves a step in the
// history of the browser, though its frame is gone, and going back over that one shows nothing.
func (p *payer) backTo(expression string) {
	p.t.Helper()
	for range 5 {
		p.back()
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if there, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](expression)); err == nil && there {
				return
			}
		}
	}
	p.t.Fatalf("the back button never leads to where %s", expression)
}

// doesAt does at the bank what a trial says.
func (p *payer) doesAt(bank context.Context, c trial) {
	p.t.Helper()
	switch c.does {
	case right:
		p.answer(bank, rightOTP)
	case wrong:
		for _, left := range []string{"Wrong code. 2 tries left.", "Wrong code. 1 try left."} {
			p.answer(bank, "000000")
			p.hint(bank, left)
		}
		p.answer(bank, "000000")
	default:
		p.press(bank, "button[value="+c.does+"]")
	}
}

// ended holds an attempt that is over against what its card says.
func (m *matrix) ended(w *town, page string, c trial) {
	w.t.Helper()
	state, status := payment.Failed, map[byte]string{'0': "Y", '1': "N", '2': "A", '3': "R", '5': "U"}[c.answer]
	if c.paid {
		state = payment.Succeeded
		m.paid.Add(1)
	}
	if _, button, ok := strings.Cut(c.does, "chosen-"); ok {
		status = button
		if other := map[string]string{"timeout": "N", "error": "U"}[button]; other != "" {
			status = other
		}
	} else if c.answer == '7' {
		if status = "N"; c.paid {
			status = "Y"
		}
	}
	challenged := c.answer == '7'
	if c.version == '6' { // the bank refuses the lower version, too, and never gets to an answer
		status, challenged = "U", false
	}
	request := w.reaches(page, state).Request
	a, versions := request.Authentication, askedIn[c.version]
	m.mu.Lock()
	m.tried[a.ServerTransID] = c
	m.mu.Unlock()
	if a.Version != versions[len(versions)-1] || status != "" && a.TransStatus != status || a.Challenged != challenged {
		w.t.Errorf("in version %s, transStatus %s, challenged: %v", a.Version, a.TransStatus, a.Challenged)
	}
	told, want := w.attempt(string(request.ID)), "AUTHENTICATION_FAILED"
	switch c.does {
	case "chosen-timeout":
		want = "TIMEOUT_ERROR"
	case "chosen-error":
		want = "PROCESSOR_ERROR"
	}
	if code := told["failure_code"]; c.paid != (told["status"] == "SUCCEEDED") || !c.paid && code != want {
		w.t.Errorf("the merchant reads %v, %v", told["status"], code)
	}
}

// leave closes the tab for good.
func (m *matrix) leave(p *payer, page string, c trial) {
	p.t.Helper()
	p.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left[page] = c
}

// lapse lets the time pass in which those who left might have come back.
func (m *matrix) lapse() {
	m.t.Helper()
	m.forward(payment.AttemptLife + time.Minute)
	for page, c := range m.left {
		r := m.reaches(page, payment.Failed).Request
		if r.Trace != nil {
			m.t.Errorf("%v: something was asked of the acquirer", c)
		}
	}
}

// passed holds what came to the directory against the cards: in which version, and whether the 3DS Method had run.
func (m *matrix) passed() {
	m.t.Helper()
	seen := map[payment.ServerTransID]bool{}
	for _, p := range m.bank.history() {
		c, ours := m.tried[payment.ServerTransID(p.ID)]
		if !ours || p.Type != "AReq" {
			continue
		}
		seen[payment.ServerTransID(p.ID)] = true
		versions := askedIn[c.version]
		method := map[byte]string{'0': "Y", '1': "U", '2': "N", '3': "N"}[c.method]
		if len(versions) > 1 && method == "Y" {
			method = "N" // what ran, ran for the transaction that was refused (EMV 3DS 2.2 §5.8.1)
		}
		if p.Version != versions[len(versions)-1] || p.Method != method {
			m.t.Errorf("%v: asked in version %s, threeDSCompInd %s", c, p.Version, p.Method)
		}
	}
	if len(seen) != len(m.tried) {
		m.t.Errorf("%d of %d authentications came to the directory", len(seen), len(m.tried))
	}
}
