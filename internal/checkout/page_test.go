package checkout

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"reprise/internal/payment"
)

var nonces = regexp.MustCompile(`nonce="([^"]+)"`)

// policy takes the Content-Security-Policy of a page apart.
func policy(t *testing.T, w *httptest.ResponseRecorder) map[string]string {
	t.Helper()
	directives := map[string]string{}
	for directive := range strings.SplitSeq(w.Header().Get("Content-Security-Policy"), "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		directives[name] = sources
	}
	return directives
}

func TestPages(t *testing.T) {
	d := newDoor(t, caseIn(payment.Challenging))
	seen := map[string]bool{}
	for _, test := range []struct {
		method, path string
		status       int
		ancestors    string
	}{
		{"GET", "/pay/" + page, 200, "'none'"},
		{"GET", "/pay/" + page + "/cvn", 200, "'none'"},
		{"GET", "/pay/nowhere", 404, "'none'"},
		{"GET", "/pay/nowhere/cvn", 404, "'none'"},
		{"GET", "/3ds/method", 200, "*"},
		{"POST", "/3ds/method", 200, "*"},
		{"POST", "/3ds/challenge", 200, "'self'"},
	} {
		w := d.send(test.method, test.path, "", "")
		h := w.Header()
		if w.Code != test.status || h.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %s", test.path, w.Code, h.Get("Content-Type"))
		}
		if h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", test.path, h)
		}
		p := policy(t, w)
		bank := "'none'"
		if test.path == "/pay/"+page || test.method == "GET" && test.path == "/3ds/method" { // where the bank's frames stand
			bank = "'self' https: http://acs.localhost:4243"
		}
		if p["frame-ancestors"] != test.ancestors || p["default-src"] != "'none'" || p["base-uri"] != "'none'" ||
			p["frame-src"] != bank || p["form-action"] != bank || p["connect-src"] != "'self'" {
			t.Errorf("%s: %v", test.path, p)
		}
		nonce := strings.TrimSuffix(strings.TrimPrefix(p["script-src"], "'nonce-"), "'")
		if len(nonce) < 24 || seen[nonce] {
			t.Errorf("%s: script-src %s", test.path, p["script-src"])
		}
		seen[nonce] = true
		scripts := strings.Count(w.Body.String(), "<script")
		allowed := nonces.FindAllStringSubmatch(w.Body.String(), -1)
		if len(allowed) != scripts {
			t.Errorf("%s: %d scripts, %d with a nonce", test.path, scripts, len(allowed))
		}
		for _, found := range allowed {
			if got := strings.ReplaceAll(found[1], "&#43;", "+"); got != nonce {
				t.Errorf("%s: nonce %s in the page, %s in the policy", test.path, got, nonce)
			}
		}
		if strings.Contains(w.Body.String(), " onclick=") || strings.Contains(w.Body.String(), "style=") {
			t.Errorf("%s: holds what its policy forbids", test.path)
		}
	}
	if d.c.Request.State != payment.Challenging {
		t.Error("a look has changed something")
	}
}

func TestPageSaysWhatIsPaid(t *testing.T) {
	for locale, amount := range map[string]string{"en": "IDR\u00a010,000", "id-ID": "Rp\u00a010.000", "th": "IDR\u00a010,000", "vi": "10.000\u00a0IDR", "fr": "IDR\u00a010,000"} {
		c := caseIn(payment.Submitted)
		c.Request.Locale = locale
		d := newDoor(t, c)
		for _, path := range []string{"/pay/" + page, "/pay/" + page + "/cvn"} {
			body := d.send("GET", path, "", "").Body.String()
			for _, want := range []string{"Shoes &amp; &lt;Co&gt;", amount, "1091", "Visa", page} {
				if !strings.Contains(body, want) {
					t.Errorf("%s in %s does not say %s", path, locale, want)
				}
			}
			if strings.Contains(body, "<Co>") || strings.Contains(body, "400000") {
				t.Errorf("%s shows too much", path)
			}
		}
	}
}

// What stands below a page, where the bank is asked and where it is not.
const (
	bankConfirms = "<p>Your bank confirms that it is you. Your security code is never kept.</p>"
	codeNotKept  = "<p>Your security code is never kept.</p>"
)

// TestPageSpeaksOfTheBank only where the bank is still to be asked.
func TestPageSpeaksOfTheBank(t *testing.T) {
	for state, want := range map[payment.State]bool{
		payment.Submitted: true, payment.Opened: true, payment.Authenticating: true, payment.Challenging: true,
		payment.Authenticated: false, payment.Authorizing: false, payment.Succeeded: false, payment.Failed: false,
	} {
		for _, skips := range []bool{false, true} {
			c := caseIn(state)
			c.Request.SkipThreeDS = skips
			body := newDoor(t, c).send("GET", "/pay/"+page, "", "").Body.String()
			asked := want && !skips
			if strings.Contains(body, bankConfirms) != asked || strings.Contains(body, codeNotKept) == asked {
				t.Errorf("%s, skips %v: does not speak of the bank as it should: %v", state, skips, asked)
			}
		}
	}
}

func TestPageSpeaksTheSessionsLanguage(t *testing.T) {
	for locale, said := range map[string][2]string{
		"en": {"Contacting your bank", "Your security code once more"}, "id": {"Menghubungi bank Anda", "Mohon masukkan kode keamanan"},
		"th": {"กำลังติดต่อธนาคาร", "โปรดกรอกรหัสความปลอดภัยอีกครั้ง"}, "vi": {"Đang liên hệ với ngân hàng", "Vui lòng nhập lại mã bảo mật"},
	} {
		c := caseIn(payment.Submitted)
		c.Request.Locale = locale
		d := newDoor(t, c)
		for i, path := range []string{"/pay/" + page, "/pay/" + page + "/cvn"} {
			body := d.send("GET", path, "", "").Body.String()
			if !strings.Contains(body, `<html lang="`+locale+`">`) || !strings.Contains(body, said[i]) {
				t.Errorf("%s does not speak %s", path, locale)
			}
		}
	}
}

// TestPageOfNobodySpeaksTheBrowsersLanguage: without a session there is only the browser to ask.
func TestPageOfNobodySpeaksTheBrowsersLanguage(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	for _, path := range []string{"/pay/nowhere", "/3ds/method", "/3ds/challenge"} {
		method := http.MethodGet
		if strings.HasPrefix(path, "/3ds/") {
			method = http.MethodPost
		}
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Accept-Language", "fr,vi;q=0.8,en;q=0.5")
		w := httptest.NewRecorder()
		d.mux.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), `<html lang="vi">`) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}

func TestPageWhenTheStoreIsDown(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	d.down = errors.New("no database")
	w := d.send("GET", "/pay/"+page, "", "")
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "does not exist") || strings.Contains(w.Body.String(), "database") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestChallengeComesHome(t *testing.T) {
	d := newDoor(t, caseIn(payment.Challenging))
	for body, broken := range map[string]bool{"cres=e30": false, "erro=e30": true, "": true, "%zz": true, "cres=" + strings.Repeat("x", 100<<10): true} {
		r := httptest.NewRequest("POST", "/3ds/challenge", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		d.mux.ServeHTTP(w, r)
		if w.Code != 200 || strings.Contains(w.Body.String(), `data-broken="1"`) != broken || !strings.Contains(w.Body.String(), `data-from="challenge"`) {
			t.Errorf("%.10s: %d", body, w.Code)
		}
	}
	if d.c.Request.State != payment.Challenging {
		t.Error("what a browser brings home proves nothing")
	}
	if w := d.send("GET", "/3ds/challenge", "", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("%d", w.Code)
	}
}

func TestAssets(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	for path, kind := range map[string]string{
		"/assets/page.css":          "text/css; charset=utf-8",
		"/assets/link.css":          "text/css; charset=utf-8",
		"/assets/icon.svg":          "image/svg+xml",
		"/assets/pay.js":            "text/javascript; charset=utf-8",
		"/assets/cvn.js":            "text/javascript; charset=utf-8",
		"/assets/link.js":           "text/javascript; charset=utf-8",
		"/assets/return.js":         "text/javascript; charset=utf-8",
		"/cards-session.min.js":     "text/javascript; charset=utf-8",
		"/assets/pay.html":          "",
		"/assets/..%2fcheckout.go":  "",
		"/assets/nothing":           "",
		"/assets/src%2fpage.ts":     "",
		"/assets/cards-session.map": "",
	} {
		w := d.send("GET", path, "", "")
		if kind == "" {
			if w.Code != 404 || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s: %d", path, w.Code)
			}
			continue
		}
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if shared := w.Header().Get("Access-Control-Allow-Origin") == "*"; shared != (path == "/cards-session.min.js") {
			t.Errorf("%s: shared %t", path, shared)
		}
	}
	for _, path := range []string{"/pay/" + page, "/pay/" + page + "/cvn", "/pay/nowhere"} {
		body := d.send("GET", path, "", "").Body.String()
		for _, found := range regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(body, -1) {
			if w := d.send("GET", found[1], "", ""); w.Code != 200 {
				t.Errorf("%s refers to %s: %d", path, found[1], w.Code)
			}
		}
	}
}

// TestHomeWithoutMemory: a browser that does not know where it came from is told by what the bank has brought home, if
// that names the transaction by both its names, and if it is to show it in its window.
func TestHomeWithoutMemory(t *testing.T) {
	for name, test := range map[string]struct {
		body, dest, mode string
		told             bool
	}{
		"both names":     {"cres=x&server=s-1&acs=a-1", "document", "navigate", true},
		"an old browser": {"cres=x&server=s-1&acs=a-1", "", "", true},
		"a frame":        {"cres=x&server=s-1&acs=a-1", "iframe", "navigate", false},
		"a script":       {"cres=x&server=s-1&acs=a-1", "empty", "cors", false},
		"no document":    {"cres=x&server=s-1&acs=a-1", "object", "navigate", false},
		"half a word":    {"cres=x&server=s-1&acs=a-1", "", "no-cors", false},
		"one name":       {"cres=x&server=s-1", "document", "navigate", false},
		"another's":      {"cres=x&server=s-1&acs=a-2", "document", "navigate", false},
		"nobody's":       {"cres=x&server=s-2&acs=a-1", "document", "navigate", false},
	} {
		c := caseIn(payment.Challenging)
		c.Request.Authentication.ServerTransID, c.Request.Authentication.ACSTransID = "s-1", "a-1"
		d := newDoor(t, c)
		r := d.request("POST", "/3ds/challenge", "", test.body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Dest", test.dest)
		r.Header.Set("Sec-Fetch-Mode", test.mode)
		if told := strings.Contains(d.answer(r).Body.String(), `data-page="`+page+`"`); told != test.told {
			t.Errorf("%s: told %v", name, told)
		}
	}
}
