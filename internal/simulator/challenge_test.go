package simulator

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func debugLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// resultListener is a gateway's RReq listener, with the certificates of the kit.
type resultListener struct {
	url string

	mu     sync.Mutex
	got    []object
	answer func(object) object // nil: a proper RRes
}

func listenForResults(t *testing.T, w *World, address string) *resultListener {
	t.Helper()
	kit := w.Kit()
	pair, err := tls.X509KeyPair([]byte(kit.ServerCert), []byte(kit.ServerKey))
	if err != nil {
		t.Fatal(err)
	}
	r := &resultListener{}
	server := httptest.NewUnstartedServer(r)
	if address != "" {
		server.Listener.Close()
		if server.Listener, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: caPool(t, kit)}
	server.StartTLS()
	t.Cleanup(server.Close)
	r.url = "https://" + server.Listener.Addr().String() + "/rreq"
	return r
}

func (r *resultListener) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	o, err := parseObject(body)
	if err != nil || req.TLS.PeerCertificates[0].VerifyHostname(directoryIdentity) != nil || req.Method != http.MethodPost {
		http.Error(rw, "not the DS", http.StatusForbidden)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, o)
	rres := object{
		"messageType": "RRes", "messageVersion": o["messageVersion"], "threeDSServerTransID": o["threeDSServerTransID"],
		"dsTransID": o["dsTransID"], "acsTransID": o["acsTransID"], "resultsStatus": "01",
	}
	if o["challengeCancel"] == "05" {
		rres["resultsStatus"] = "02"
	}
	if r.answer != nil {
		rres = r.answer(rres)
	}
	_ = json.NewEncoder(rw).Encode(rres)
}

func (r *resultListener) results() []object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]object{}, r.got...)
}

// payer is a browser without scripts.
type payer struct {
	t    *testing.T
	w    *World
	ares object
	areq object
}

const shopHome = "http://127.0.0.1:1/3ds/home"

func (w *World) challenged(t *testing.T, results string, change object) *payer {
	t.Helper()
	r := newRequestor(t, w)
	all := object{"threeDSServerURL": results, "notificationURL": shopHome}
	for k, v := range change {
		all[k] = v
	}
	areq := r.areq("4000000000001091", all)
	ares := r.ask(areq)
	if ares.text("transStatus") != "C" {
		t.Fatalf("no challenge: %v", ares)
	}
	return &payer{t: t, w: w, ares: ares, areq: areq}
}

func (p *payer) creq() object {
	return object{
		"messageType": "CReq", "messageVersion": p.ares.text("messageVersion"), "challengeWindowSize": "02",
		"threeDSServerTransID": p.ares.text("threeDSServerTransID"), "acsTransID": p.ares.text("acsTransID"),
	}
}

// post sends a form to the ACS and returns the page.
func (p *payer) post(path string, form url.Values) (int, string) {
	p.t.Helper()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(p.w.Kit().ACSOrigin, "http://"))
	res, err := http.PostForm("http://127.0.0.1:"+port+path, form)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		p.t.Errorf("CSP %q", csp)
	}
	return res.StatusCode, string(body)
}

func (p *payer) open(session string) string {
	p.t.Helper()
	form := url.Values{"creq": {encodeURL(p.creq())}}
	if session != "" {
		form.Set("threeDSSessionData", session)
	}
	_, page := p.post("/challenge", form)
	return page
}

func (p *payer) answer(action, otp string) string {
	p.t.Helper()
	_, page := p.post("/challenge/answer", url.Values{"acsTransID": {p.ares.text("acsTransID")}, "action": {action}, "otp": {otp}})
	return page
}

var (
	homeAction = regexp.MustCompile(`<form method="post" action="([^"]*)" data-go>`)
	homeField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// atHome reads the page that sends the browser home: where to, and the message it brings.
func atHome(t *testing.T, page string) (target string, cres object, session string) {
	t.Helper()
	action := homeAction.FindStringSubmatch(page)
	if action == nil {
		t.Fatalf("no way home on this page:\n%s", page)
	}
	for _, m := range homeField.FindAllStringSubmatch(page, -1) {
		value := html.UnescapeString(m[2])
		switch m[1] {
		case "cres", "threeDSMethodData":
			var err error
			if cres, err = decodeURL(value); err != nil || strings.Contains(value, "=") {
				t.Fatalf("%s: %v", m[1], err)
			}
		case "threeDSSessionData":
			session = value
		}
	}
	return html.UnescapeString(action[1]), cres, session
}

func TestChallenge(t *testing.T) {
	type step struct{ action, otp, says string }
	right := step{"confirm", "123456", ""}
	wrong := func(says string) step { return step{"confirm", "000000", says} }
	for _, c := range []struct {
		name  string
		steps []step
		want  object // what matters of the RReq
	}{
		{"right", []step{right}, object{"transStatus": "Y", "interactionCounter": "01", "eci": "05"}},
		{"with blanks", []step{{"confirm", " 123 456 ", ""}}, object{"transStatus": "Y", "interactionCounter": "01", "eci": "05"}},
		{"a slip, then right", []step{{"confirm", "12345", "6 digits"}, {"confirm", "", "6 digits"}, right}, object{"transStatus": "Y", "interactionCounter": "01", "eci": "05"}},
		{"wrong, then right", []step{wrong("2 tries left"), right}, object{"transStatus": "Y", "interactionCounter": "02", "eci": "05"}},
		{"wrong thrice", []step{wrong("2 tries left"), wrong("1 try left"), wrong("")}, object{"transStatus": "N", "interactionCounter": "03", "transStatusReason": "01"}},
		{"cancel", []step{{"cancel", "", ""}}, object{"transStatus": "N", "interactionCounter": "00", "transStatusReason": "01", "challengeCancel": "01"}},
		{"wrong, then cancel", []step{wrong("2 tries left"), {"cancel", "123456", ""}}, object{"transStatus": "N", "interactionCounter": "01", "transStatusReason": "01", "challengeCancel": "01"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := startWorld(t, nil)
			gateway := listenForResults(t, w, "")
			p := w.challenged(t, gateway.url, nil)
			page := p.open("c2Vzc2lvbg")
			for _, words := range []string{"Harbour Bank", "Visa Secure", "Toko Kopi", "Rp\u00a0100.000", "•••• 1091", `autocomplete="one-time-code"`, `inputmode="numeric"`} {
				if !strings.Contains(page, words) {
					t.Errorf("the page lacks %q", words)
				}
			}
			for _, s := range c.steps {
				page = p.answer(s.action, s.otp)
				if s.says != "" && !strings.Contains(page, s.says) {
					t.Fatalf("after %v the page does not say %q:\n%s", s, s.says, page)
				}
			}
			// The result is there before the browser goes home.
			results := gateway.results()
			if len(results) != 1 {
				t.Fatalf("%d results", len(results))
			}
			target, cres, session := atHome(t, page)
			wantCRes := object{
				"messageType": "CRes", "messageVersion": "2.2.0", "transStatus": c.want["transStatus"],
				"threeDSServerTransID": p.ares["threeDSServerTransID"], "acsTransID": p.ares["acsTransID"],
			}
			if diff := cmp.Diff(wantCRes, cres); diff != "" || target != shopHome || session != "c2Vzc2lvbg" {
				t.Errorf("home to %s with session %q, CRes (-want +got):\n%s", target, session, diff)
			}

			want := object{
				"messageType": "RReq", "messageVersion": "2.2.0", "messageCategory": "01", "authenticationType": "02",
				"authenticationMethod": "02", "threeDSServerTransID": p.ares["threeDSServerTransID"],
				"dsTransID": p.ares["dsTransID"], "acsTransID": p.ares["acsTransID"],
			}
			for k, v := range c.want {
				want[k] = v
			}
			got := results[0]
			value := got.text("authenticationValue")
			delete(got, "authenticationValue")
			if diff := cmp.Diff(want, got); diff != "" || (len(value) == 28) != (want["transStatus"] == "Y") {
				t.Errorf("RReq with value %q (-want +got):\n%s", value, diff)
			}

			// The end stays the end, whatever comes.
			for _, again := range []string{p.open("c2Vzc2lvbg"), p.answer("confirm", "123456")} {
				if _, late, _ := atHome(t, again); cmp.Diff(wantCRes, late) != "" {
					t.Errorf("afterwards: %v", late)
				}
			}
			if n := len(gateway.results()); n != 1 {
				t.Errorf("%d results in the end", n)
			}
			if value != "" {
				g := signedOn(t, w)
				a := g.ask(g.buy("4000000000001091", map[int]string{48: "2204C101" + "420205" + "4328" + value + "66372" + p.ares.text("dsTransID") + "9203123"}))
				if a.fields[39] != "00" || a.fields[44] != " Y       M  2" {
					t.Errorf("payment with the proof: %q %q", a.fields[39], a.fields[44])
				}
			}
			wantComplaints(t, w)
		})
	}
}

// TestChallengeForACard: a card is added as a payment is confirmed, without an amount. Mastercard's result has
// no authentication value.
func TestChallengeForACard(t *testing.T) {
	for _, c := range []struct {
		name, pan, action string
		want              object
		value             bool
	}{
		{"Visa", "4000000000001091", "confirm", object{"transStatus": "Y", "interactionCounter": "02", "eci": "05"}, true},
		{"Mastercard", "5200000000001096", "confirm", object{"transStatus": "Y", "interactionCounter": "02", "eci": "N2"}, false},
		{"Visa, cancelled", "4000000000001091", "cancel", object{"transStatus": "N", "interactionCounter": "01", "transStatusReason": "01", "challengeCancel": "01"}, false},
		{"Mastercard, cancelled", "5200000000001096", "cancel", object{"transStatus": "N", "interactionCounter": "01", "transStatusReason": "01", "challengeCancel": "01", "eci": "N0"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := startWorld(t, nil)
			gateway := listenForResults(t, w, "")
			p := w.challenged(t, gateway.url, adding(object{"acctNumber": c.pan, "email": "siti@example.com"}))
			page := p.open("")
			if !strings.Contains(page, "<h1>Add your card</h1>") || !strings.Contains(page, "Nothing to pay") || !strings.Contains(page, "Toko Kopi") || strings.Contains(page, "onfirm your payment") {
				t.Errorf("the page does not say what it is for:\n%s", page)
			}
			if page = p.answer("confirm", "000000"); !strings.Contains(page, "<title>Error: Add your card") {
				t.Errorf("the page after a wrong code:\n%s", page)
			}
			atHome(t, p.answer(c.action, "123456"))
			results := gateway.results()
			if len(results) != 1 {
				t.Fatalf("%d results", len(results))
			}
			want := object{
				"messageType": "RReq", "messageVersion": "2.2.0", "messageCategory": "02", "authenticationType": "02",
				"authenticationMethod": "02", "threeDSServerTransID": p.ares["threeDSServerTransID"],
				"dsTransID": p.ares["dsTransID"], "acsTransID": p.ares["acsTransID"],
			}
			maps.Copy(want, c.want)
			got := results[0]
			if value := got.text("authenticationValue"); (len(value) == 28) != c.value {
				t.Errorf("authenticationValue %q", value)
			}
			delete(got, "authenticationValue")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("RReq (-want +got):\n%s", diff)
			}
			wantComplaints(t, w)
		})
	}
}

func TestReloadKeepsTheTries(t *testing.T) {
	w := startWorld(t, nil)
	p := w.challenged(t, listenForResults(t, w, "").url, nil)
	if page := p.open(""); strings.Contains(page, "left.") {
		t.Error("a fresh page speaks of tries")
	}
	p.answer("confirm", "000000")
	p.answer("confirm", "000000")
	if page := p.open(""); !strings.Contains(page, "1 try left") {
		t.Error("a reload gives tries back")
	}
	if err := w.Turn(func(k *Knobs) { k.ReloadErro = true }); err != nil {
		t.Fatal(err)
	}
	target, erro, _ := atHome(t, p.open(""))
	if target != shopHome || erro.text("messageType") != "Erro" || erro.text("errorComponent") != "A" || erro.text("errorMessageType") != "CReq" {
		t.Errorf("with reload_erro: %s %v", target, erro)
	}
	wantComplaints(t, w)
}

func TestCReqIsJudged(t *testing.T) {
	w := startWorld(t, nil)
	p := w.challenged(t, listenForResults(t, w, "").url, nil)
	for _, c := range []struct {
		change  object
		session string
		code    string
	}{
		{object{"messageVersion": "2.1.0"}, "", "102"},
		{object{"challengeWindowSize": "06"}, "", "203"},
		{object{"challengeWindowSize": nil}, "", "201"},
		{object{"sdkCounterStoA": "000"}, "", "203"},
		{object{"messageType": "AReq"}, "", "101"},
		{object{"threeDSServerTransID": w.stage.random.uuid()}, "", "301"},
		{nil, "not base64url!", "203"},
		{nil, strings.Repeat("a", 1025), "203"},
	} {
		o := p.creq()
		for k, v := range c.change {
			if o[k] = v; v == nil {
				delete(o, k)
			}
		}
		form := url.Values{"creq": {encodeURL(o)}}
		if c.session != "" {
			form.Set("threeDSSessionData", c.session)
		}
		_, page := p.post("/challenge", form)
		if target, erro, _ := atHome(t, page); target != shopHome || erro.text("errorCode") != c.code {
			t.Errorf("%v %q: %v", c.change, c.session, erro)
		}
	}
	if n := len(w.Complaints()); n != 8 {
		t.Errorf("%d complaints", n)
	}
	for _, form := range []url.Values{
		{}, {"creq": {"e30"}}, {"creq": {"%%%"}},
		{"creq": {encodeURL(object{"acsTransID": w.stage.random.uuid()})}},
		{"creq": {encodeURL(p.creq()), encodeURL(p.creq())}},
	} {
		if status, page := p.post("/challenge", form); status != http.StatusNotFound || strings.Contains(page, "data-go") {
			t.Errorf("%v: status %d", form, status)
		}
	}
	padded := encodeURL(p.creq())
	padded += strings.Repeat("=", (4-len(padded)%4)%4)
	if _, page := p.post("/challenge", url.Values{"creq": {padded}}); !strings.Contains(page, "one-time-code") {
		t.Error("padded base64url was not taken")
	}
}

func TestAbandonedChallenge(t *testing.T) {
	for _, c := range []struct {
		name   string
		visit  bool
		cancel string
	}{{"page left open", true, "04"}, {"page never opened", false, "05"}} {
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			w := startWorld(t, func(o *Options) { o.Now, o.Timer = clock.Now, clock.Timer })
			gateway := listenForResults(t, w, "")
			p := w.challenged(t, gateway.url, nil)
			eventually(t, "the watch", func() bool { return clock.pending(firstAfter) == 1 })
			if c.visit {
				p.open("")
				clock.Advance(firstAfter)
				eventually(t, "the watch for the cardholder", func() bool { return clock.pending(abandonAfter) == 1 })
				clock.Advance(9 * time.Minute)
				p.answer("confirm", "000000")
				clock.Advance(time.Minute) // ten minutes since the page was shown, but not since the try
				eventually(t, "the watch again", func() bool { return clock.pending(abandonAfter) == 1 })
				if len(gateway.results()) != 0 {
					t.Fatal("given up too early")
				}
				clock.Advance(abandonAfter)
			}
			clock.Advance(firstAfter)
			eventually(t, "the result", func() bool { return len(gateway.results()) == 1 })
			got := gateway.results()[0]
			if got.text("transStatus") != "N" || got.text("challengeCancel") != c.cancel || got.text("transStatusReason") != "14" {
				t.Errorf("RReq: %v", got)
			}
			if _, cres, _ := atHome(t, p.open("")); cres.text("transStatus") != "N" {
				t.Errorf("CRes: %v", cres)
			}
			wantComplaints(t, w)
		})
	}
}

func TestRResIsChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(object) object
		want   string
	}{
		{"Erro", func(o object) object { return object{"messageType": "Erro", "errorCode": "301"} }, "an Erro came instead"},
		{"other id", func(o object) object { o["acsTransID"] = "e537f539-d59f-4ebe-8d56-7fdc31a8e9b4"; return o }, "acsTransID is not that of the RReq"},
		{"no status", func(o object) object { delete(o, "resultsStatus"); return o }, "Erro 201 required data element missing: resultsStatus"},
		{"never sent", func(o object) object { o["resultsStatus"] = "02"; return o }, "resultsStatus 02 says that no CReq was sent, but one was"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := startWorld(t, nil)
			gateway := listenForResults(t, w, "")
			gateway.answer = c.answer
			p := w.challenged(t, gateway.url, nil)
			p.open("")
			atHome(t, p.answer("confirm", "123456"))
			if n := len(gateway.results()); n != 1 {
				t.Errorf("%d results: a wrong answer is no reason to try again", n)
			}
			wantComplaints(t, w, "directory: RRes: "+c.want)
		})
	}
}

func TestResultSkippedTwiceAndCResSkipped(t *testing.T) {
	w := startWorld(t, func(o *Options) { o.Calm = false })
	gateway := listenForResults(t, w, "")
	for range 3 { // the third is sent twice
		p := w.challenged(t, gateway.url, nil)
		p.open("")
		p.answer("confirm", "123456")
	}
	results := gateway.results()
	if len(results) != 4 || cmp.Diff(results[2], results[3]) != "" {
		t.Errorf("%d results", len(results))
	}
	if err := w.Turn(func(k *Knobs) { k.SkipRReq, k.SkipCRes = true, true }); err != nil {
		t.Fatal(err)
	}
	p := w.challenged(t, gateway.url, nil)
	p.open("")
	if page := p.answer("confirm", "123456"); strings.Contains(page, "data-go") || !strings.Contains(page, "Identity confirmed") {
		t.Errorf("skip_cres: %s", page)
	}
	if len(gateway.results()) != 4 {
		t.Error("skip_rreq: a result came")
	}
	wantComplaints(t, w)
}

func TestMethod(t *testing.T) {
	w := startWorld(t, nil)
	p := &payer{t: t, w: w}
	id := w.stage.random.uuid()
	ask := object{"threeDSServerTransID": id, "threeDSMethodNotificationURL": "http://127.0.0.1:1/method-done"}
	_, page := p.post("/method", url.Values{"threeDSMethodData": {encodeURL(ask)}})
	target, got, _ := atHome(t, page)
	if diff := cmp.Diff(object{"threeDSServerTransID": id}, got); diff != "" || target != "http://127.0.0.1:1/method-done" {
		t.Errorf("to %s (-want +got):\n%s", target, diff)
	}
	newRequestor(t, w).ask(newRequestor(t, w).areq("4000000000001000", object{"threeDSServerTransID": id, "threeDSCompInd": "Y"}))
	wantComplaints(t, w)

	for _, bad := range []string{"", "e30", encodeURL(object{"threeDSServerTransID": id, "threeDSMethodNotificationURL": "javascript:alert(1)"})} {
		if status, page := p.post("/method", url.Values{"threeDSMethodData": {bad}}); status != 400 || strings.Contains(page, "data-go") {
			t.Errorf("%q: status %d", bad, status)
		}
	}
	if err := w.Turn(func(k *Knobs) { k.SkipMethod = true }); err != nil {
		t.Fatal(err)
	}
	if _, page := p.post("/method", url.Values{"threeDSMethodData": {encodeURL(ask)}}); strings.Contains(page, "data-go") {
		t.Error("skip_method: the notification comes")
	}
}

// TestResultsComeFromTheDirectory makes sure that a gateway can tell the DS by its certificate.
func TestResultsComeFromTheDirectory(t *testing.T) {
	w := startWorld(t, nil)
	leaf := w.papers.dsClient.pair.Leaf
	if leaf.Subject.CommonName != w.Kit().DirectoryIdentity || leaf.VerifyHostname(w.Kit().DirectoryIdentity) != nil {
		t.Errorf("CN %q, DNS names %v", leaf.Subject.CommonName, leaf.DNSNames)
	}
	// The gateway's own papers are not the DS's, and do not serve as them.
	gateway := w.papers.gatewayClient.pair.Leaf
	if gateway.VerifyHostname(w.Kit().DirectoryIdentity) == nil {
		t.Error("the gateway's certificate carries the DS's name")
	}
	_, err := w.papers.gatewayServer.pair.Leaf.Verify(x509.VerifyOptions{Roots: w.papers.pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err == nil {
		t.Error("a server certificate serves as a client's")
	}
}

func TestPageNeverTrustsItsInput(t *testing.T) {
	w := startWorld(t, nil)
	p := w.challenged(t, "https://127.0.0.1:1/", object{"merchantName": `<script>alert("x")</script>`})
	page := p.open(`x`)
	if bytes.Contains([]byte(page), []byte("<script>alert")) {
		t.Error("the merchant's name is markup")
	}
	if !strings.Contains(page, html.EscapeString("<script>alert(")) {
		t.Error("the merchant's name is missing")
	}
}
