package bench

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// payer is a person at a browser, on the page of one attempt.
type payer struct {
	*client
	page, share string
}

// code is what the simulated bank sends by telephone, to everybody.
const code = "123456"

// described is what the SDK says of a browser.
func described() object {
	return object{"language": "en", "java_enabled": false, "color_depth": 24, "screen_height": 900, "screen_width": 1440, "time_zone": -420}
}

// looking is what the attempt's page says of it.
func looking(methodCompleted string) object {
	browser := described()
	browser["accept_header"], browser["window"] = "text/html", "03"
	return object{"method_completed": methodCompleted, "browser": browser}
}

// opens takes the address of an attempt's page apart; the browser's share of the key is in the fragment.
func (c *client) opens(action string) (*payer, error) {
	address, share, _ := strings.Cut(action, "#k=")
	page, ours := strings.CutPrefix(address, c.public+"/pay/")
	if !ours {
		return nil, fmt.Errorf("no page of an attempt: %s", address)
	}
	return &payer{c, page, share}, nil
}

func (p *payer) act(ctx context.Context, what string, body any) (object, error) {
	return p.ask(ctx, "POST", "/pay/"+p.page+"/"+what, "", body)
}

func (p *payer) look(ctx context.Context) (object, error) {
	return p.ask(ctx, "GET", "/pay/"+p.page+"/step?window=03", "", nil)
}

// pause is how often the page looks again while it waits. A browser does so every second; here it would be most of what
// is measured.
const pause = 5 * time.Millisecond

// pay does what the attempt's page does, step by step, until the payment has succeeded.
func (p *payer) pay(ctx context.Context) error {
	step, err := p.look(ctx)
	for range 200 {
		if err != nil {
			return err
		}
		switch do := text(step, "do"); do {
		case "open":
			step, err = p.act(ctx, "open", looking("U"))
		case "authenticate":
			completed := "U"
			if form, ok := step["method"].(object); ok {
				if _, err := p.follow(ctx, form); err != nil {
					return err
				}
				completed = "Y"
			}
			step, err = p.act(ctx, "authenticate", looking(completed))
		case "challenge":
			form, _ := step["challenge"].(object)
			if err := p.bank(ctx, form); err != nil {
				return err
			}
			step, err = p.look(ctx)
		case "confirm":
			step, err = p.act(ctx, "pay", object{"share": p.share})
		case "wait", "pending":
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
			step, err = p.look(ctx)
		case "done":
			if outcome := text(step, "outcome"); outcome != "succeeded" {
				return fmt.Errorf("the payer's page says %s", outcome)
			}
			return nil
		default:
			return fmt.Errorf("the payer's page says %q, which nobody here knows", do)
		}
	}
	return fmt.Errorf("the payer's page says %q, again and again", text(step, "do"))
}

// bank shows the bank's page and types the code. The bank tells the gateway before it sends the payer home.
func (p *payer) bank(ctx context.Context, challenge object) error {
	page, err := p.follow(ctx, challenge)
	if err != nil {
		return err
	}
	_, fields := form(page)
	at, err := url.Parse(text(challenge, "url"))
	if err != nil || fields.Get("acsTransID") == "" {
		return fmt.Errorf("the bank shows no page that asks for a code: %w", err)
	}
	answer := url.Values{"acsTransID": fields["acsTransID"], "otp": {code}, "action": {"confirm"}}
	if page, err = p.post(ctx, at.Scheme+"://"+at.Host+"/challenge/answer", answer); err != nil {
		return err
	}
	_, err = p.home(ctx, page)
	return err
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// form reads the form on a page.
func form(page string) (action string, fields url.Values) {
	fields = url.Values{}
	if found := formAction.FindStringSubmatch(page); found != nil {
		action = html.UnescapeString(found[1])
	}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		fields.Set(field[1], html.UnescapeString(field[2]))
	}
	return action, fields
}

// follow posts a form that the gateway names, and the form of the page that comes if it posts itself.
func (c *client) follow(ctx context.Context, given object) (string, error) {
	values := url.Values{}
	fields, _ := given["fields"].(object)
	for name, value := range fields {
		values.Set(name, fmt.Sprint(value))
	}
	page, err := c.post(ctx, text(given, "url"), values)
	if err != nil {
		return "", err
	}
	return c.home(ctx, page)
}

// home goes on where a page posts itself to.
func (c *client) home(ctx context.Context, page string) (string, error) {
	action, fields := form(page)
	if !strings.HasPrefix(action, "http") {
		return page, nil // a page for people
	}
	return c.post(ctx, action, fields)
}
