package checkout

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

const browser = `{"browser":{"accept_header":"text/html","language":"en","java_enabled":false,"color_depth":24,
	"screen_height":800,"screen_width":600,"time_zone":-420,"window":"02"},"method_completed":"Y"}`

func TestStepOfEveryState(t *testing.T) {
	want := map[payment.State]map[string]any{
		payment.Submitted: {"do": "open"},
		payment.Opened: {"do": "authenticate", "method": map[string]any{
			"url": "https://acs.example/method", "fields": map[string]any{"home": "https://pay.example/3ds/method"},
		}},
		payment.Authenticating: {"do": "wait"},
		payment.Challenging: {"do": "challenge", "challenge": map[string]any{
			"url": "https://acs.example/challenge", "fields": map[string]any{"window": "03"},
		}},
		payment.Authenticated: {"do": "confirm", "confirmed": true},
		payment.SteppingUp:    {"do": "open"},
		payment.Authorizing:   {"do": "pending"},
		payment.Reversing:     {"do": "pending"},
		payment.Authorized:    {"do": "done", "outcome": "succeeded", "return_url": "https://shop.example/yes"},
		payment.Capturing:     {"do": "done", "outcome": "succeeded", "return_url": "https://shop.example/yes"},
		payment.Expired:       {"do": "done", "outcome": "failed", "return_url": "https://shop.example/no", "notice": "Please call your bank."},
		payment.Succeeded:     {"do": "done", "outcome": "succeeded", "return_url": "https://shop.example/yes"},
		payment.Failed:        {"do": "done", "outcome": "failed", "return_url": "https://shop.example/no", "notice": "Please call your bank."},
		payment.Canceled:      {"do": "done", "outcome": "canceled", "return_url": "https://shop.example/no"},
	}
	states := slices.Sorted(slices.Values(payment.States()))
	if diff := cmp.Diff(states, slices.Sorted(maps.Keys(doing))); diff != "" {
		t.Errorf("the states, and those that have a step:\n%s", diff)
	}
	if diff := cmp.Diff(states, slices.Sorted(maps.Keys(want))); diff != "" {
		t.Errorf("the states, and those that are tried here:\n%s", diff)
	}
	for state, step := range want {
		d := newDoor(t, caseIn(state))
		w := d.send("GET", "/pay/"+page+"/step?window=03", "", "")
		if diff := cmp.Diff(step, decoded(t, w)); w.Code != 200 || diff != "" {
			t.Errorf("%s: %d %s", state, w.Code, diff)
		}
		if d.c.Request.State != state || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a look changed something, or may be kept", state)
		}
	}
	c := caseIn(payment.Opened)
	c.Request.Authentication.MethodURL = ""
	if got := decoded(t, newDoor(t, c).send("GET", "/pay/"+page+"/step", "", "")); got["method"] != nil {
		t.Errorf("a Method where the range has none: %v", got)
	}
	c = caseIn(payment.Authenticated)
	c.Request.Authentication.TransStatus = "U"
	if got := decoded(t, newDoor(t, c).send("GET", "/pay/"+page+"/step", "", "")); got["do"] != "confirm" || got["confirmed"] != nil {
		t.Errorf("paid without the bank's word: %v", got)
	}
	c = caseIn(payment.Authenticated)
	c.Request.WithoutCVN = true
	if got := decoded(t, newDoor(t, c).send("GET", "/pay/"+page+"/step", "", "")); got["do"] != "complete" {
		t.Errorf("a CVN is asked for that the merchant did not want: %v", got)
	}
	for state, want := range map[payment.State]bool{payment.SteppingUp: true, payment.Challenging: true, payment.Authenticated: false, payment.Failed: false} {
		c = caseIn(state)
		c.Request.SoftDecline = &payment.SoftDecline{}
		if got := decoded(t, newDoor(t, c).send("GET", "/pay/"+page+"/step", "", "")); (got["step_up"] == true) != want {
			t.Errorf("%s after a soft decline: %v", state, got)
		}
	}
	c = caseIn(payment.Failed)
	c.Request.Authentication = nil
	if got := decoded(t, newDoor(t, c).send("GET", "/pay/"+page+"/step", "", "")); got["outcome"] != "failed" {
		t.Errorf("%v", got)
	}
}

func TestWindowThatFits(t *testing.T) {
	for query, want := range map[string]string{"": "05", "?window=01": "01", "?window=04": "04", "?window=05": "05"} {
		d := newDoor(t, caseIn(payment.Challenging))
		got := decoded(t, d.send("GET", "/pay/"+page+"/step"+query, "", ""))
		form, _ := got["challenge"].(map[string]any)
		if diff := cmp.Diff(map[string]any{"window": want}, form["fields"]); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
	d := newDoor(t, caseIn(payment.Challenging))
	if w := d.send("GET", "/pay/"+page+"/step?window=06", "", ""); w.Code != 400 {
		t.Errorf("a window that EMV does not know: %d", w.Code)
	}
}

// TestOpenAsksTheBank: without a Method to run first, opening the page is enough.
func TestOpenAsksTheBank(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	got := decoded(t, d.send("POST", "/pay/"+page+"/open", "", browser))
	if got["do"] != "challenge" || got["challenge"].(map[string]any)["fields"].(map[string]any)["window"] != "02" {
		t.Errorf("%v", got)
	}
}

func TestPagesOfNobody(t *testing.T) {
	other := strings.Repeat("x", 32)
	for path, body := range map[string]string{
		"GET /step": "", "POST /open": browser, "POST /authenticate": browser, "POST /restart": `{"round":0}`, "POST /cancel": `{}`, "POST /pay": `{"share":""}`, "POST /cvn": `{"cvn":"737"}`,
	} {
		method, end, _ := strings.Cut(path, " ")
		d := newDoor(t, caseIn(payment.Authenticated))
		w := d.send(method, "/pay/"+other+end, "", body)
		if got := decoded(t, w); w.Code != 404 || got["error_code"] != "NOT_FOUND" {
			t.Errorf("%s: %d %v", path, w.Code, got)
		}
	}
}

func TestLostShareIsTypedAgain(t *testing.T) {
	zeros := strings.Repeat("A", 43)
	for _, share := range []string{"", "!!!", "AAAA", zeros + "!", strings.Repeat("B", 42) + "A"} {
		d := newDoor(t, caseIn(payment.Authenticated))
		w := d.send("POST", "/pay/"+page+"/pay", "", `{"share":"`+share+`"}`)
		if got := decoded(t, w); w.Code != 200 || got["do"] != "retype" || d.c.Request.State != payment.Authenticated {
			t.Errorf("%q: %d %v", share, w.Code, got)
		}
	}
	for _, typed := range []string{`"73"`, `"7373"`, `"7a7"`, `""`, `737`, `null`} {
		d := newDoor(t, caseIn(payment.Authenticated))
		w := d.send("POST", "/pay/"+page+"/cvn", "", `{"cvn":`+typed+`}`)
		got := decoded(t, w)
		fields, _ := got["errors"].([]any)
		if w.Code != 400 || len(fields) != 1 || fields[0].(map[string]any)["path"] != "/body/cvn" || strings.Contains(w.Body.String(), "73") {
			t.Errorf("%s: %d %v", typed, w.Code, got)
		}
		if d.sent != "" {
			t.Errorf("%s was sent", typed)
		}
	}
	for path, body := range map[string]string{"/pay": `{"share":"` + zeros + `"}`, "/cvn": `{"cvn":"737"}`} {
		d := newDoor(t, caseIn(payment.Authenticated))
		got := decoded(t, d.send("POST", "/pay/"+page+path, "", body))
		if got["outcome"] != "succeeded" || d.sent != "737" || d.sealed != "" {
			t.Errorf("%s: %v", path, got)
		}
	}
}
