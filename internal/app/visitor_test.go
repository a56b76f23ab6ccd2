package app

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// visitor is a browser on the attempt's page, without the browser: it does what web/src/pay.ts does.
type visitor struct {
	*front
	page, share string
}

// step is what the page is told to do next.
type step = map[string]any

// visitor opens the page that a submission was answered with.
func (f *front) visitor(accepted map[string]any) *visitor {
	f.t.Helper()
	return f.opens(accepted["action_url"].(string))
}

// opens opens an attempt's page, whose address may have the browser's share in its fragment.
func (f *front) opens(actionURL string) *visitor {
	f.t.Helper()
	address, fragment, _ := strings.Cut(actionURL, "#k=")
	at, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(at.Path, "/pay/") {
		f.t.Fatalf("action_url: %s", address)
	}
	return &visitor{f, strings.TrimPrefix(at.Path, "/pay/"), fragment}
}

// act posts to the page's own routes and returns the next step.
func (p *visitor) act(what string, body any) (step, error) {
	a, err := p.send("POST", "/pay/"+p.page+"/"+what, "", body)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s: %d %v", what, a.status, a.body)
	}
	return a.body, err
}

func (p *visitor) must(s step, err error) step {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *visitor) look() (step, error) {
	a, err := p.send("GET", "/pay/"+p.page+"/step?window=03", "", nil)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("step: %d %v", a.status, a.body)
	}
	return a.body, err
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

// arrive loads the page and lets the bank be asked. It returns what comes then: challenge, confirm or done.
func (p *visitor) arrive() (step, error) {
	page, err := p.http.Get(p.base + "/pay/" + p.page)
	if err != nil {
		return nil, err
	}
	_ = page.Body.Close()
	if page.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the page: %s", page.Status)
	}
	next, err := p.act("open", looking("U"))
	if err != nil || next["do"] != "authenticate" {
		return next, err
	}
	completed := "U"
	if form, ok := next["method"].(map[string]any); ok {
		completed = "Y"
		if _, err := p.follow(form); err != nil {
			return nil, err
		}
	}
	return p.act("authenticate", looking(completed))
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// post posts a form and returns the page that comes.
func (p *visitor) post(to string, fields url.Values) (page string, err error) {
	response, err := p.http.PostForm(to, fields)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", to, response.Status)
	}
	return string(body), err
}

// fields reads the form of one of the bank's pages.
func fields(page string) (action string, hiddenFields url.Values) {
	hiddenFields = url.Values{}
	if found := formAction.FindStringSubmatch(page); found != nil {
		action = html.UnescapeString(found[1])
	}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		hiddenFields.Set(field[1], html.UnescapeString(field[2]))
	}
	return action, hiddenFields
}

// follow posts a form of a step, and the form of the page that comes, which posts itself.
func (p *visitor) follow(form map[string]any) (string, error) {
	given := url.Values{}
	for name, value := range form["fields"].(map[string]any) {
		given.Set(name, value.(string))
	}
	page, err := p.post(form["url"].(string), given)
	if err != nil {
		return "", err
	}
	return p.home(page)
}

// home goes on where the bank's page posts itself to.
func (p *visitor) home(page string) (string, error) {
	action, given := fields(page)
	if !strings.HasPrefix(action, "http") {
		return page, nil // a page for the payer
	}
	return p.post(action, given)
}

// challenge shows the bank's page and types codes into it, "" being the cancel button; then the bank sends
// the payer home.
func (p *visitor) challenge(s step, codes ...string) error {
	c := p.meetBank(s)
	for _, code := range codes {
		if err := c.enter(code); err != nil {
			return err
		}
	}
	return nil
}

// challengePage is the bank's page, open in a frame.
type challengePage struct {
	p      *visitor
	origin string
	id     url.Values
}

// meetBank posts the CReq and shows the bank's page.
func (p *visitor) meetBank(s step) *challengePage {
	p.t.Helper()
	form, ok := s["challenge"].(map[string]any)
	if !ok {
		p.t.Fatalf("no challenge: %v", s)
	}
	page, err := p.follow(form)
	if err != nil {
		p.t.Fatal(err)
	}
	_, id := fields(page)
	if id.Get("acsTransID") == "" {
		p.t.Fatalf("the bank's page has no form:\n%s", page)
	}
	at, _ := url.Parse(form["url"].(string))
	return &challengePage{p, at.Scheme + "://" + at.Host, id}
}

// enter types a one-time code, or cancels. After the last one it waits until the bank sends the browser
// home, and goes.
func (c *challengePage) enter(code string) error {
	page, err := c.answer(code)
	if err != nil {
		return err
	}
	_, err = c.p.home(page)
	return err
}

// answer types a one-time code, or cancels, and returns the page that comes.
func (c *challengePage) answer(code string) (string, error) {
	given := url.Values{"acsTransID": c.id["acsTransID"], "otp": {code}, "action": {"confirm"}}
	if code == "" {
		given.Set("action", "cancel")
	}
	return c.p.post(c.origin+"/challenge/answer", given)
}

const rightOTP = "123456"

// confirm brings the share.
func (p *visitor) confirm() (step, error) { return p.act("pay", map[string]any{"share": p.share}) }

// pay goes all the way: the page, the bank with these codes, the share. It returns the last step.
func (p *visitor) pay(codes ...string) step {
	p.t.Helper()
	s := p.must(p.arrive())
	if s["do"] == "challenge" {
		if err := p.challenge(s, codes...); err != nil {
			p.t.Fatal(err)
		}
		s = p.must(p.look())
	}
	if s["do"] == "confirm" || s["do"] == "complete" {
		s = p.must(p.confirm())
	}
	return s
}
