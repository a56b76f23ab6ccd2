package soak

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// goes sends the payer to the attempt's page, and says how that ended; empty: not at all.
func (b *buyer) goes(request, action, cvn string) (outcome string) {
	address, share, _ := strings.Cut(action, "#k=")
	at, err := url.Parse(address)
	if err != nil {
		b.s.wrong("action_url: %v", err)
		return ""
	}
	b.page, b.share = strings.TrimPrefix(at.Path, "/pay/"), share
	if b.once(15) {
		b.share = "" // another browser
	}
	if outcome = b.walk(cvn); outcome == "" {
		return ""
	}
	b.tell("is told %s at the page of %s", outcome, request)
	if request != "" { // where a card is only stored, the token has a name, and the attempt none
		b.said[request] = append(b.said[request], "page:"+outcome)
	}
	return outcome
}

// walk does what the attempt's page says comes next, as web/src/pay.ts does, until it says how it ended. Empty: the
// payer went away.
func (b *buyer) walk(cvn string) (outcome string) {
	next, opened := map[string]any{"do": "look"}, false
	for range 60 {
		if b.once(120) {
			b.tell("leaves the page")
			return ""
		}
		status, said := 0, map[string]any(nil)
		switch next["do"] {
		case "open":
			if opened { // once more: there is something to read about it
				b.rest(time.Duration(5000+b.chance.IntN(50_000)) * time.Millisecond)
			}
			opened = true
			status, said = b.act("open", looking("U"))
		case "authenticate":
			completed := "U"
			if form, ok := next["method"].(map[string]any); ok {
				if completed = "N"; b.follow(form) {
					completed = "Y"
				}
			}
			status, said = b.act("authenticate", looking(completed))
		case "wait":
			b.rest(1500 * time.Millisecond)
			status, said = b.act("authenticate", looking("N"))
		case "challenge":
			form, _ := next["challenge"].(map[string]any)
			b.challenge(form)
			b.rest(time.Duration(500+b.chance.IntN(2000)) * time.Millisecond)
			status, said = b.look()
		case "confirm", "complete":
			pay := func(b *buyer) { status, said = b.act("pay", map[string]any{"share": b.share}) }
			if b.once(6) {
				b.atOnce("tab", pay, func(tab *buyer) { tab.act("pay", map[string]any{"share": tab.share}) })
			} else {
				pay(b)
			}
		case "retype":
			status, said = b.act("cvn", map[string]any{"cvn": cvn})
		case "done":
			outcome, _ = next["outcome"].(string)
			return outcome
		default: // pending, look
			b.rest(1500 * time.Millisecond)
			status, said = b.look()
		}
		switch {
		case status == http.StatusOK:
			next = said
		case status == 0:
			return ""
		default:
			next = map[string]any{"do": "look"}
		}
	}
	b.tell("waits no longer")
	return ""
}

func (b *buyer) look() (int, map[string]any) {
	return b.ask("GET", "/pay/"+b.page+"/step?window=03", "", nil)
}

func (b *buyer) act(what string, body any) (int, map[string]any) {
	return b.ask("POST", "/pay/"+b.page+"/"+what, "", body)
}

// looking is what a browser tells of itself.
func looking(methodCompleted string) map[string]any {
	return map[string]any{
		"method_completed": methodCompleted,
		"browser": map[string]any{
			"accept_header": "text/html", "language": "en", "java_enabled": false, "color_depth": 24,
			"screen_height": 900, "screen_width": 1440, "time_zone": -420, "window": "03",
		},
	}
}

var (
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// follow posts a form of a step, and the form of the page that comes, which posts itself. It says whether that went
// well.
func (b *buyer) follow(form map[string]any) bool {
	page, ok := b.post(form)
	return ok && b.home(page)
}

func (b *buyer) post(form map[string]any) (page string, ok bool) {
	given := url.Values{}
	fields, _ := form["fields"].(map[string]any)
	for name, value := range fields {
		text, _ := value.(string)
		given.Set(name, text)
	}
	to, _ := form["url"].(string)
	return b.postForm(to, given)
}

func (b *buyer) postForm(to string, given url.Values) (page string, ok bool) {
	answer, err := b.s.front.PostForm(to, given)
	if err != nil {
		return "", false
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err == nil && answer.StatusCode == http.StatusOK
}

func (b *buyer) home(page string) bool {
	action, given := formOf(page)
	if !strings.HasPrefix(action, "http") {
		return false // a page for the payer, or one that sends nobody home
	}
	_, ok := b.postForm(action, given)
	return ok
}

func formOf(page string) (action string, given url.Values) {
	given = url.Values{}
	if found := formAction.FindStringSubmatch(page); found != nil {
		action = html.UnescapeString(found[1])
	}
	for _, field := range hiddenField.FindAllStringSubmatch(page, -1) {
		given.Set(field[1], html.UnescapeString(field[2]))
	}
	return action, given
}

// challenge shows the bank's page and types into it.
func (b *buyer) challenge(form map[string]any) {
	page, ok := b.post(form)
	_, id := formOf(page)
	if !ok || id.Get("acsTransID") == "" {
		return
	}
	if b.once(20) {
		b.tell("leaves the bank's page")
		return
	}
	answer := url.Values{"acsTransID": id["acsTransID"], "otp": {"123456"}, "action": {"confirm"}}
	switch {
	case b.once(15):
		answer.Set("action", "cancel")
	case b.once(10):
		answer.Set("otp", "000000")
	}
	to, _ := form["url"].(string)
	at, err := url.Parse(to)
	if err != nil {
		return
	}
	page, ok = b.postForm(at.Scheme+"://"+at.Host+"/challenge/answer", answer)
	if ok && !b.once(10) {
		b.home(page)
	}
}
