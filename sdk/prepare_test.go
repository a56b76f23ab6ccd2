package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// ready is what a preparation with a 3DS Method looks like, and what the gateway's frame makes of it: it says how the
// Method ended, after what the answer's own words tell it to do.
const ready = `{"preparation":"p-1","method":{"url":"https://acs.example/method","fields":{"threeDSMethodData":"e30"}}}`

// framed is the gateway's frame. It is told what to do by the test.
func framed(script string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><script>"+script+"</script>")
	}
}

const (
	comesBack = `const form = JSON.parse(decodeURIComponent(location.hash.slice(1)));
		if (form.url === "https://acs.example/method" && form.fields.threeDSMethodData === "e30") parent.postMessage({ reprise: "prepared", completed: "Y" }, "*");`
	timesOut = `parent.postMessage({ reprise: "prepared", completed: "N" }, "*")`
	hangs    = `parent.postMessage({ reprise: "something else" }, "*"); parent.postMessage("Y", "*")`
)

// stage is a merchant's page in a browser, with a gateway.
type stage struct {
	t   *testing.T
	g   *gateway
	ctx context.Context
}

func (s *stage) open(policy string) {
	s.t.Helper()
	page := merchant(s.t, s.g.URL, policy)
	// Ten seconds are half of one here.
	fast := `const real = setTimeout; setTimeout = (f, ms, ...more) => real(f, ms >= 5000 ? ms / 20 : ms, ...more)`
	if err := chromedp.Do(s.ctx, chromedp.Navigate(page), chromedp.Evaluate[chromedp.Void](fast)); err != nil {
		s.t.Fatal(err)
	}
	evaluate(s.t, s.ctx, `Xendit.setPublishableKey("`+publicKey+`")`)
}

// pays collects a CVN, and returns what was handed in of the preparation.
func (s *stage) pays(before string) (preparation, completed string) {
	s.t.Helper()
	s.g.expect(reply(http.StatusOK, accepted))
	evaluate(s.t, s.ctx, before)
	if got := evaluate(s.t, s.ctx, `Xendit.payment.collectCardData({cvn: "123", payment_session_id: "`+sessionID+`"}).then(() => 1)`); got != "1" {
		s.t.Fatalf("collected %s", got)
	}
	seen := s.g.seen()
	if len(seen) != 1 {
		s.t.Fatalf("%d requests", len(seen))
	}
	b := body(s.t, seen[0])
	preparation, _ = b["preparation"].(string)
	completed, _ = b["method_completed"].(string)
	return preparation, completed
}

const prepares = `Xendit.payment.prepare({payment_session_id: "` + sessionID + `"})`

func TestPrepare(t *testing.T) {
	ctx, cancel := context.WithTimeout(newBrowser(t), 2*time.Minute)
	defer cancel()
	s := &stage{t: t, g: newGateway(t), ctx: ctx}
	s.open("")
	want := func(what, before, preparation, completed string) {
		t.Helper()
		if p, c := s.pays(before); p != preparation || c != completed {
			t.Errorf("%s: %q %q, want %q %q", what, p, c, preparation, completed)
		}
	}
	s.g.says(reply(http.StatusOK, ready))
	s.g.frame(framed(comesBack))
	want("prepared before", prepares, "p-1", "Y")
	if n := len(s.g.preparations()); n != 1 {
		t.Errorf("%d preparations of one payment", n)
	}
	want("prepared by the call itself", "0", "p-1", "Y")
	if n := len(s.g.preparations()); n != 2 {
		t.Errorf("%d preparations of two payments: one is good once", n)
	}
	want("prepared twice", prepares+`, `+prepares, "p-1", "Y")
	s.g.frame(framed(timesOut))
	want("the Method does not come back", "0", "p-1", "N")
	s.g.frame(framed(hangs))
	want("nor does the frame", "0", "p-1", "N")
	want("somebody else says that it did", prepares+`, postMessage({ reprise: "prepared", completed: "Y" }, "*")`, "p-1", "N")
	s.g.says(reply(http.StatusOK, "{}"))
	want("nothing to do", "0", "", "U")
	for name, answer := range map[string]http.HandlerFunc{
		"refused":       reply(http.StatusNotFound, `{"error_code":"NOT_FOUND","message":"m"}`),
		"broken":        reply(http.StatusBadGateway, "<html>"),
		"not an answer": reply(http.StatusOK, "[]"),
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = connection.Close()
			}
		},
		"late": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		s.g.says(answer)
		want("the preparation is "+name, "0", "", "U")
	}
	if got := evaluate(t, ctx, `[document.querySelectorAll("iframe").length, unhandled, logged]`); got != `[0,[],[]]` {
		t.Errorf("left behind: %s", got)
	}
	if got := evaluate(t, ctx, `Promise.all([Xendit.payment.prepare(), Xendit.payment.prepare({}), Xendit.payment.prepare({payment_session_id: 1})]).then(() => "fine")`); got != `"fine"` {
		t.Errorf("prepared nothing: %s", got)
	}

	// What was refused was not used.
	s.g.says(reply(http.StatusOK, ready))
	s.g.frame(framed(comesBack))
	s.g.expect(reply(http.StatusBadRequest, `{"error_code":"API_VALIDATION_ERROR","message":"m"}`))
	evaluate(t, ctx, `settled(Xendit.payment.collectCardData({cvn: "123", payment_session_id: "`+sessionID+`"}))`)
	want("again, after a refusal", "0", "p-1", "Y")
	if n := len(s.g.preparations()); n != 1 {
		t.Errorf("%d preparations of a payment that was refused first", n)
	}
	s.g.expect(reply(http.StatusInternalServerError, `{}`))
	evaluate(t, ctx, `settled(Xendit.payment.collectCardData({cvn: "123", payment_session_id: "`+sessionID+`"}))`)
	want("again, after nobody knows", "0", "p-1", "Y")
	if n := len(s.g.preparations()); n != 3 {
		t.Errorf("%d preparations", n)
	}
}

// TestStrictPages: a page with a policy admits the gateway, and no bank. Where it does not, the bank is told so, and
// nobody waits.
func TestStrictPages(t *testing.T) {
	ctx, cancel := context.WithTimeout(newBrowser(t), time.Minute)
	defer cancel()
	s := &stage{t: t, g: newGateway(t), ctx: ctx}
	s.g.says(reply(http.StatusOK, ready))
	s.g.frame(framed(comesBack))
	const page = "default-src 'none'; script-src 'unsafe-inline' %[1]s; connect-src %[1]s"
	for more, want := range map[string]string{"": "N", "; frame-src 'none'": "N", "; child-src 'self'": "N", "; frame-src %[1]s": "Y"} {
		policy := fmt.Sprintf(page, s.g.URL) + strings.ReplaceAll(more, "%[1]s", s.g.URL)
		s.open(policy)
		evaluate(t, ctx, `void (setTimeout = () => 0)`) // no time-out helps
		if _, got := s.pays("0"); got != want {
			t.Errorf("%s: %s, want %s", policy, got, want)
		}
	}
}

// TestWithoutThirdPartyCookies: neither the SDK nor the frame needs any.
func TestWithoutThirdPartyCookies(t *testing.T) {
	ctx, cancel := context.WithTimeout(newBrowser(t), time.Minute)
	defer cancel()
	if _, err := chromedp.Call(ctx, network.SetCookieControls, network.SetCookieControlsParams{EnableThirdPartyCookieRestriction: true}); err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, g: newGateway(t), ctx: ctx}
	s.open("")
	s.g.says(reply(http.StatusOK, ready))
	s.g.frame(framed(comesBack))
	if p, c := s.pays(prepares); p != "p-1" || c != "Y" {
		t.Errorf("%q %q", p, c)
	}
	for _, r := range append(s.g.seen(), s.g.preparations()...) {
		if diff := cmp.Diff([2]string{}, [2]string{r.Cookie, r.Referer}); diff != "" {
			t.Errorf("%s", diff)
		}
	}
}
