package checkout

import (
	"strings"
	"testing"

	"reprise/internal/payment"
)

const preparePath = "/v3/payment_with_session/" + session + "/preparation"

// fresh is a case whose session nobody has submitted to.
func fresh() payment.Case {
	c := caseIn(payment.Submitted)
	c.Session.Open, c.Request = "", nil
	return c
}

func TestPrepare(t *testing.T) {
	d := newDoor(t, fresh())
	if w := d.send("GET", preparePath, publicKey, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != "{}" {
		t.Errorf("nothing to do: %d %s", w.Code, w.Body)
	}
	d.method = "https://acs.example/method"
	w := d.send("GET", preparePath, publicKey, "")
	got := decoded(t, w)
	form, _ := got["method"].(map[string]any)
	if w.Code != 200 || got["preparation"] == "" || form["url"] != d.method || form["fields"].(map[string]any)["home"] != "https://pay.example/3ds/method" {
		t.Errorf("%d %v", w.Code, got)
	}
	if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
	for _, hidden := range []string{"1091", "pt-1", "VISA"} {
		if strings.Contains(w.Body.String(), hidden) {
			t.Errorf("the answer tells of the card: %s", w.Body)
		}
	}
	if d.c.Request != nil {
		t.Error("a preparation changes something")
	}
	if w := d.send("GET", preparePath, secretKey, ""); w.Code != 401 {
		t.Errorf("with a secret key: %d", w.Code)
	}
	if w := d.send("OPTIONS", preparePath, "", ""); w.Code != 204 || w.Header().Get("Access-Control-Allow-Methods") != "GET" {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
}

// TestSubmitWithABrowser: the bank is asked within the call, about the browser as its request shows it and its script
// describes it.
func TestSubmitWithABrowser(t *testing.T) {
	d := newDoor(t, fresh())
	d.method = "https://acs.example/method"
	preparation := decoded(t, d.send("GET", preparePath, publicKey, ""))["preparation"].(string)
	r := d.request("POST", submitPath, publicKey, submission(`"cvn":"737","preparation":"`+preparation+`","method_completed":"Y",
		"browser":{"language":"id-ID","java_enabled":false,"color_depth":30,"screen_height":800,"screen_width":360,"time_zone":-420}`))
	r.Header.Set("User-Agent", "Browser/1")
	r.Header.Set("Accept", "*/*")
	got := decoded(t, d.answer(r))
	if d.asked.MethodCompleted != "Y" || !strings.HasPrefix(preparation, string(d.asked.Authentication.ServerTransID)+".") {
		t.Errorf("asked %+v", d.asked)
	}
	b := d.asked.Browser
	if b.AcceptHeader != "*/*" || b.UserAgent != "Browser/1" || b.Language != "id-ID" || b.IP != "192.0.2.1" || b.JavaEnabled ||
		b.ColorDepth != 30 || b.ScreenHeight != 800 || b.ScreenWidth != 360 || b.TimeZone != -420 {
		t.Errorf("%+v", b)
	}
	if url, _ := got["action_url"].(string); d.c.Request.State != payment.Challenging || d.sealed != "737" || !strings.Contains(url, "#k=") {
		t.Errorf("%s: %v", d.c.Request.State, got)
	}
}
