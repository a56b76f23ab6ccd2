package cluster

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// dialLocalhost finds names under localhost where browsers find them: on this machine (RFC 6761 section 6.3).
func dialLocalhost(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, "localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return dialer.DialContext(ctx, network, address)
}

// payer is a person at a browser, on the page of one attempt.
type payer struct {
	*client
	page, share string
	cvn         string   // for when the page asks again
	codes       []string // typed at the bank, one after the other; "" is its cancel button
	leaves      bool     // at the bank, without a word
}

// errLeft: the payer closed the browser.
var errLeft = errors.New("the payer left")

const rightCode = "123456"

// opens takes the address of an attempt's page apart; the browser's share is in the fragment.
func (p *payer) opens(actionURL string) error {
	address, share, _ := strings.Cut(actionURL, "#k=")
	at, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(at.Path, "/pay/") {
		return fmt.Errorf("no page of an attempt: %s", address)
	}
	p.page, p.share = strings.TrimPrefix(at.Path, "/pay/"), share
	return nil
}

// act posts to the page's own routes, patiently, and returns what comes next.
func (p *payer) act(ctx context.Context, what string, body any) (object, error) {
	a, err := p.insist(ctx, http.MethodPost, "/pay/"+p.page+"/"+what, "", "", body)
	if err == nil && !a.good() {
		err = fmt.Errorf("%s: %s", what, a)
	}
	return a.body, err
}

func (p *payer) look(ctx context.Context) (object, error) {
	a, err := p.insist(ctx, http.MethodGet, "/pay/"+p.page+"/step?window=03", "", "", nil)
	if err == nil && !a.good() {
		err = fmt.Errorf("step: %s", a)
	}
	return a.body, err
}

// browser is what a browser tells of itself.
func browser(methodCompleted string) object {
	return object{"method_completed": methodCompleted, "browser": object{
		"accept_header": "text/html", "language": "en", "java_enabled": false, "color_depth": 24,
		"screen_height": 900, "screen_width": 1440, "time_zone": -420, "window": "03",
	}}
}

// pay does what the page does, step by step, until there is nothing left to do. It returns how it ended:
// succeeded, failed or canceled.
func (p *payer) pay(ctx context.Context) (string, error) {
	step, err := p.look(ctx)
	for err == nil {
		pause := time.Duration(0)
		switch text(step, "do") {
		case "open":
			step, err = p.act(ctx, "open", browser("U"))
		case "authenticate":
			completed := "U"
			if form, ok := step["method"].(object); ok {
				if _, err := p.follow(ctx, form); err == nil {
					completed = "Y"
				} else {
					completed = "N"
				}
			}
			step, err = p.act(ctx, "authenticate", browser(completed))
		case "wait":
			if pause = time.Second; p.paused(ctx, pause) {
				step, err = p.act(ctx, "authenticate", browser("N"))
			}
		case "challenge":
			step, err = p.challenge(ctx, step)
		case "confirm":
			step, err = p.act(ctx, "pay", object{"share": p.share})
		case "complete":
			step, err = p.act(ctx, "pay", object{"share": ""})
		case "retype":
			step, err = p.act(ctx, "cvn", object{"cvn": p.cvn})
		case "pending":
			if pause = 700 * time.Millisecond; p.paused(ctx, pause) {
				step, err = p.look(ctx)
			}
		case "done":
			return text(step, "outcome"), nil
		default:
			return "", fmt.Errorf("the page does not know what to do: %v", step["do"])
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	return "", err
}

func (p *payer) paused(ctx context.Context, pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// challenge meets the bank, and then waits until the gateway has heard of the result. A bank's page that is
// broken is left, and begun anew by the page.
func (p *payer) challenge(ctx context.Context, step object) (object, error) {
	form, _ := step["challenge"].(object)
	fields, _ := form["fields"].(object)
	if err := p.bank(ctx, form); errors.Is(err, errLeft) {
		return nil, err
	}
	for looks := 0; ; looks++ {
		next, err := p.look(ctx)
		if err != nil {
			return nil, err
		}
		now, _ := next["challenge"].(object)
		if now == nil || text(now, "fields", "creq") != text(fields, "creq") {
			return next, nil
		}
		if looks == 12 { // the bank's page is lost: what a page does that hears an Erro
			return p.act(ctx, "restart", object{"round": step["round"]})
		}
		if !p.paused(ctx, time.Second) {
			return nil, ctx.Err()
		}
	}
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

// follow posts a form that a step names, and the form of the page that comes if it posts itself.
func (p *payer) follow(ctx context.Context, given object) (string, error) {
	values := url.Values{}
	fields, _ := given["fields"].(object)
	for name, value := range fields {
		values.Set(name, fmt.Sprint(value))
	}
	page, err := p.post(ctx, text(given, "url"), values)
	if err != nil {
		return "", err
	}
	return p.home(ctx, page)
}

// home goes on where a page posts itself to.
func (p *payer) home(ctx context.Context, page string) (string, error) {
	action, fields := form(page)
	if !strings.HasPrefix(action, "http") {
		return page, nil // a page for people
	}
	return p.post(ctx, action, fields)
}

// bank shows the bank's page and types the codes.
func (p *payer) bank(ctx context.Context, challenge object) error {
	page, err := p.follow(ctx, challenge)
	if err != nil {
		return err
	}
	_, id := form(page)
	if id.Get("acsTransID") == "" {
		return nil // it was answered before, and the browser went home by itself
	}
	if p.leaves {
		return errLeft
	}
	at, err := url.Parse(text(challenge, "url"))
	if err != nil {
		return err
	}
	for _, code := range p.codes {
		answer := url.Values{"acsTransID": {id.Get("acsTransID")}, "otp": {code}, "action": {"confirm"}}
		if code == "" {
			answer.Set("action", "cancel")
		}
		if page, err = p.post(ctx, at.Scheme+"://"+at.Host+"/challenge/answer", answer); err != nil {
			return err
		}
	}
	_, err = p.home(ctx, page)
	return err
}
