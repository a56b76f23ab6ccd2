package simulator

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browse starts a Chromium with an empty profile, or skips the test.
func browse(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("Chromium is not installed")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()),
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancel() })
	bounded, done := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(done)
	return bounded
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func get[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// styled waits until the page has its stylesheet: a form is visible before.
func styled(t *testing.T, ctx context.Context) {
	t.Helper()
	eventually(t, "the whole page", func() bool {
		return get(t, ctx, chromedp.Evaluate[bool](`document.readyState === "complete"`))
	})
}

const otpBox, otpError = chromedp.CSS("#otp"), chromedp.CSS("#otp-error:not(:empty)")

// insideFrame enters a frame of another site, which Chromium runs as a target of its own.
func insideFrame(t *testing.T, ctx context.Context, origin string) context.Context {
	t.Helper()
	var inside context.Context
	eventually(t, "the frame of "+origin, func() bool {
		infos, err := chromedp.Targets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range infos {
			if info.Type == "iframe" && strings.HasPrefix(info.URL, origin) {
				frame, leave := chromedp.NewContext(ctx, chromedp.WithTargetID(info.TargetID), chromedp.WithDetachOnCancel())
				t.Cleanup(leave)
				inside = frame
			}
		}
		return inside != nil
	})
	return inside
}

// shopfront is a gateway as far as the browser sees it: a page that opens the challenge in a frame
// (or as the whole page), and a place to come home to.
type shopfront struct {
	*httptest.Server
	home chan object
}

var frame = template.Must(template.New("").Parse(`<!doctype html><title>gateway</title>
<style>body{margin:0}iframe{border:0;display:block}</style>
{{if .Width}}<iframe name="acs" width="{{.Width}}" height="{{.Height}}"></iframe>{{end}}
<form method="post" action="{{.ACS}}" {{if .Width}}target="acs"{{end}}><input type="hidden" name="creq" value="{{.CReq}}">
<input type="hidden" name="threeDSSessionData" value="c2Vzc2lvbg"></form>
<script>document.forms[0].submit()</script>`))

func openShopfront(t *testing.T) *shopfront {
	s := &shopfront{home: make(chan object, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /challenge", func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		_ = frame.Execute(rw, map[string]string{"ACS": q.Get("acs"), "CReq": q.Get("creq"), "Width": q.Get("w"), "Height": q.Get("h")})
	})
	mux.HandleFunc("POST /home", func(rw http.ResponseWriter, r *http.Request) {
		o, err := decodeURL(r.PostFormValue("cres"))
		if err != nil || r.PostFormValue("threeDSSessionData") != "c2Vzc2lvbg" {
			http.Error(rw, "no CRes", http.StatusBadRequest)
			return
		}
		fmt.Fprint(rw, `<!doctype html><p id="home">home</p>`)
		s.home <- o
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *shopfront) page(p *payer, width, height int) string {
	page := s.URL + "/challenge?acs=" + template.URLQueryEscaper(p.ares.text("acsURL")) + "&creq=" + encodeURL(p.creq())
	if width > 0 {
		page += fmt.Sprintf("&w=%d&h=%d", width, height)
	}
	return page
}

func TestChallengeInABrowser(t *testing.T) {
	ctx := browse(t)
	w := startWorld(t, nil)
	gateway, shop := listenForResults(t, w, ""), openShopfront(t)
	p := w.challenged(t, gateway.url, object{"notificationURL": shop.URL + "/home"})

	// In a frame of another site: a wrong code, then the right one, each sent with Enter.
	do(t, ctx, chromedp.Navigate(shop.page(p, 390, 400)))
	in := insideFrame(t, ctx, w.Kit().ACSOrigin)
	do(t, in,
		chromedp.WaitVisible(otpBox),
		chromedp.SendKeys(otpBox, "000000"+kb.Enter),
		chromedp.WaitVisible(otpError),
	)
	if says := get(t, in, chromedp.Text(otpError)); says != "Wrong code. 2 tries left." {
		t.Errorf("page says %q", says)
	}
	if invalid := get(t, in, chromedp.Evaluate[string](`document.getElementById("otp").getAttribute("aria-invalid")`)); invalid != "true" {
		t.Errorf("aria-invalid %q", invalid)
	}
	do(t, in, chromedp.SendKeys(otpBox, "123456"))
	// Enter takes the frame to another site, and with it the target that answers here.
	_ = chromedp.Do(in, chromedp.KeyEvent(kb.Enter))
	select {
	case cres := <-shop.home:
		if cres.text("transStatus") != "Y" || len(gateway.results()) != 1 {
			t.Errorf("CRes %v, %d results", cres, len(gateway.results()))
		}
	case <-ctx.Done():
		t.Fatal("the browser never came home")
	}

	// As a whole page, by keyboard only: the focus is in the box, a slip is refused on the spot, Tab
	// leads to Confirm and Cancel.
	p = w.challenged(t, gateway.url, object{"notificationURL": shop.URL + "/home"})
	focused := func(want string) {
		t.Helper()
		eventually(t, "the focus is on "+want, func() bool { // a page that is there may not have it yet
			return get(t, ctx, chromedp.Evaluate[string](`String(document.activeElement?.id || document.activeElement?.value)`)) == want
		})
	}
	do(t, ctx, chromedp.Navigate(shop.page(p, 0, 0)), chromedp.WaitVisible(otpBox))
	focused("otp")
	do(t, ctx, chromedp.KeyEvent("12"+kb.Enter), chromedp.WaitVisible(otpError))
	if says := get(t, ctx, chromedp.Text(otpError)); says != "Enter the 6 digits of the code." {
		t.Errorf("page says %q", says)
	}
	focused("otp")
	do(t, ctx, chromedp.KeyEvent(kb.Tab))
	focused("confirm")
	do(t, ctx, chromedp.KeyEvent(kb.Tab))
	focused("cancel")
	do(t, ctx, chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS("#home")))
	if cres := <-shop.home; cres.text("transStatus") != "N" {
		t.Errorf("CRes %v", cres)
	}
	if got := gateway.results()[1]; got.text("challengeCancel") != "01" || got.text("interactionCounter") != "00" {
		t.Errorf("RReq %v", got)
	}
	wantComplaints(t, w)
}

// TestChallengePageFits looks at every window that EMV 3DS knows, a telephone and a desk: all of the
// page in sight, without scrolling. With -args -screenshots DIR it keeps the pictures.
func TestChallengePageFits(t *testing.T) {
	ctx := browse(t)
	w := startWorld(t, nil)
	shop := openShopfront(t)
	results := listenForResults(t, w, "").url
	for _, size := range []struct{ width, height int64 }{{250, 400}, {390, 400}, {500, 600}, {600, 400}, {360, 740}, {1280, 800}} {
		for _, kind := range []string{"", "-error", "-card", "-chooser"} {
			name := fmt.Sprintf("%dx%d%s", size.width, size.height, kind)
			change := object{"notificationURL": shop.URL + "/home"}
			wrong := kind == "-error"
			there := otpBox
			switch kind {
			case "-card":
				change = adding(change)
			case "-chooser":
				change["acctNumber"], change["merchantName"] = matrix("0073"), "PT Perusahaan Perdagangan Kopi Nusantara"
				there = chromedp.CSS(".choice")
			}
			if wrong { // and everything as long as it can be
				change["acctNumber"], change["merchantName"] = "5200000000002151", "PT Perusahaan Perdagangan Kopi Nusantara"
				change["purchaseAmount"] = "99999999999999"
			}
			p := w.challenged(t, results, change)
			if wrong {
				p.open("")
				p.answer("confirm", "000000")
			}
			do(t, ctx,
				chromedp.EmulateViewport(size.width, size.height),
				chromedp.Navigate(shop.page(p, 0, 0)),
				chromedp.WaitVisible(there),
			)
			styled(t, ctx)
			layout := get(t, ctx, chromedp.Evaluate[struct {
				Wide, High float64
				Small      []string
				Spilled    int
			}](`({
				Wide: document.documentElement.scrollWidth, High: document.documentElement.scrollHeight,
				Small: [...document.querySelectorAll("button, input[type=text]")].filter((e) => e.getBoundingClientRect().height < 36).map((e) => e.name),
				Spilled: [...document.querySelectorAll("main *:not(.spoken)")].filter((e) => e.getBoundingClientRect().right > e.parentElement.getBoundingClientRect().right + 1).length,
			})`))
			if layout.Wide > float64(size.width) || layout.High > float64(size.height) || len(layout.Small) > 0 || layout.Spilled > 0 {
				t.Errorf("%s does not fit: %+v", name, layout)
			}
			if *screenshots != "" {
				picture := get(t, ctx, chromedp.CaptureScreenshot())
				if err := os.WriteFile(filepath.Join(*screenshots, "acs-"+name+".png"), picture, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestChallengePageSpeaks reads the accessibility tree, as a screen reader does.
func TestChallengePageSpeaks(t *testing.T) {
	ctx := browse(t)
	w := startWorld(t, nil)
	shop := openShopfront(t)
	p := w.challenged(t, listenForResults(t, w, "").url, object{"notificationURL": shop.URL + "/home"})
	p.open("")
	p.answer("confirm", "000000")
	do(t, ctx, chromedp.Navigate(shop.page(p, 0, 0)), chromedp.WaitVisible(otpBox))
	title := get(t, ctx, chromedp.Title())
	if !strings.HasPrefix(title, "Error: ") {
		t.Errorf("title %q", title)
	}
	hears(t, ctx, "heading: Confirm your payment",
		"textbox: One-time code 6 digits, by SMS to your phone ending",
		"Wrong code. 2 tries left.",
		"button: Confirm", "button: Cancel", "alert:", "Toko Kopi", "Rp\u00a0100.000", "ending 1091")

	p = w.challenged(t, listenForResults(t, w, "").url, object{"notificationURL": shop.URL + "/home", "acctNumber": matrix("0073")})
	do(t, ctx, chromedp.Navigate(shop.page(p, 0, 0)), chromedp.WaitVisible(chromedp.CSS(".choice")))
	hears(t, ctx, "heading: Confirm your payment", "group: The bank’s answer", "button: Confirmed (Y)", "button: Time-out", "Toko Kopi", "ending 0731")

	// Without the cookie that the bank has baked.
	p = w.challenged(t, listenForResults(t, w, "").url, object{"notificationURL": shop.URL + "/home", "acctNumber": matrix("0075")})
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`{
		const form = document.createElement("form");
		form.method = "POST"; form.action = "/challenge/cookie";
		const id = document.createElement("input");
		id.name = "acsTransID"; id.value = "`+p.ares.text("acsTransID")+`";
		form.append(id); document.body.append(form); void setTimeout(() => form.submit());
	}`), chromedp.WaitVisible(chromedp.CSS("#whole")))
	hears(t, ctx, "heading: Your browser keeps the bank’s cookies away", "button: Go on in the whole window")
}

// hears reads the accessibility tree of a page for what a screen reader says.
func hears(t *testing.T, ctx context.Context, want ...string) {
	t.Helper()
	tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	text := func(v *accessibility.Value) (s string) {
		if v != nil {
			_ = json.Unmarshal([]byte(v.Value), &s)
		}
		return s
	}
	var said []string
	for _, node := range tree.Nodes {
		if !node.Ignored {
			said = append(said, strings.TrimSpace(text(node.Role)+": "+text(node.Name)+" "+text(node.Description)))
		}
	}
	all := strings.Join(said, "\n")
	for _, words := range want {
		if !strings.Contains(all, words) {
			t.Errorf("a screen reader does not hear %q in:\n%s", words, all)
		}
	}
}

// screenshots is a flag and not a setting of the environment.
var screenshots = flag.String("screenshots", "", "folder to keep pictures of the challenge page in")
