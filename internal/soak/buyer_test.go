package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"reprise/internal/app"
)

// buyer is a payer and the merchant's server that sells to it. Both repeat what was not answered, as good clients do,
// and both may lose interest.
type buyer struct {
	s      *story
	name   string
	chance *rand.Rand
	amount int64 // rupiah, each buyer's own
	calls  int

	requests []string            // payment requests it has heard of
	said     map[string][]string // what the gateway said of each, in order, without repetitions
	page     string              // of the attempt, where the payer is
	share    string
}

func newBuyer(s *story, n int) *buyer {
	return &buyer{
		s: s, name: fmt.Sprintf("buyer%d", n), chance: rand.New(rand.NewPCG(s.seed, uint64(100+n))),
		amount: int64(20_001 + 7*n), said: map[string][]string{},
	}
}

func (b *buyer) once(in int) bool { return b.chance.IntN(in) == 0 }

// tell writes a line of the story.
func (b *buyer) tell(format string, args ...any) { b.s.tell(nil, b.name+" "+format, args...) }

// rest waits.
func (b *buyer) rest(d time.Duration) {
	over, _ := b.s.timer(nil, d)
	<-over
}

// heard notes what the gateway says of a payment request.
func (b *buyer) heard(body map[string]any) {
	id, _ := body["payment_request_id"].(string)
	status, _ := body["status"].(string)
	if id == "" || status == "" || body["payment_id"] != nil || body["reason"] != nil {
		return
	}
	b.saw(id, status)
}

func (b *buyer) saw(id, status string) {
	said := b.said[id]
	if len(said) == 0 {
		b.requests = append(b.requests, id)
	}
	if len(said) == 0 || said[len(said)-1] != status {
		b.said[id] = append(said, status)
		b.tell("hears that %s is %s", id, status)
	}
}

// send sends a request once.
func (b *buyer) send(method, path, key, idempotency string, body any) (int, map[string]any, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, "http://"+loopback(portAPI)+path, reader)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.SetBasicAuth(key, "")
	}
	if idempotency != "" {
		r.Header.Set("idempotency-key", idempotency)
	}
	answer, err := b.s.front.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, err
	}
	var said map[string]any
	if err := json.Unmarshal(text, &said); err != nil {
		return 0, nil, fmt.Errorf("%s %s: %d, not JSON", method, path, answer.StatusCode)
	}
	if answer.StatusCode == http.StatusInternalServerError {
		b.s.wrong("%s %s was answered 500", method, path)
	}
	if answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "" {
		b.s.wrong("%s %s: 503 without Retry-After", method, path)
	}
	return answer.StatusCode, said, nil
}

// patience is how often a request is repeated.
const patience = 25

// ask sends a request until it is answered. A command carries a key, so that it is carried out once.
func (b *buyer) ask(method, path, key string, body any) (int, map[string]any) {
	b.calls++
	idempotency := ""
	if method == http.MethodPost && key == app.SandboxSecretKey {
		idempotency = fmt.Sprintf("%s-%d", b.name, b.calls)
	}
	for try := range patience {
		status, said, err := b.send(method, path, key, idempotency, body)
		switch {
		case err != nil:
			b.tell("%s %s: no answer: %v", method, path, err)
		case status >= 500 || status == http.StatusTooManyRequests || said["error_code"] == "IDEMPOTENCY_ERROR" && try > 0:
			b.tell("%s %s: %d %v", method, path, status, said["error_code"])
		default:
			if status >= 400 {
				b.tell("%s %s: %d %v", method, path, status, said["error_code"])
			}
			b.heard(said)
			return status, said
		}
		b.rest(time.Duration(200+b.chance.IntN(1500)) * time.Millisecond)
	}
	return 0, map[string]any{}
}

// run is all that a buyer does.
func (b *buyer) run() {
	b.rest(time.Duration(b.chance.IntN(4000)) * time.Millisecond)
	var bought []string
	if b.once(5) {
		bought = b.withoutSession()
	} else {
		bought = b.inSession()
	}
	for _, id := range bought {
		b.afterwards(id)
	}
}

// storedCards are those whose bank asks for a one-time code, or for nothing.
var storedCards = app.StoredCards()[:6]

// withoutSession has the merchant's server pay with a stored card.
func (b *buyer) withoutSession() []string {
	stored := storedCards[b.chance.IntN(len(storedCards))]
	request := map[string]any{
		"reference_id": b.name, "type": "PAY", "payment_token_id": stored.Token, "country": "ID", "currency": "IDR",
		"request_amount": b.amount, "channel_properties": map[string]any{"skip_three_ds": true},
	}
	if b.once(2) {
		request["capture_method"] = "MANUAL"
	}
	cvn := cvnOf(stored.Number)
	if b.once(2) {
		request["channel_properties"] = map[string]any{
			"card_details":       map[string]any{"cvn": cvn},
			"success_return_url": "http://localhost:4244/success", "failure_return_url": "http://localhost:4244/failure",
		}
	}
	_, said := b.ask("POST", "/v3/payment_requests", app.SandboxSecretKey, request)
	id, ok := said["payment_request_id"].(string)
	if !ok {
		return nil
	}
	actions, _ := said["actions"].([]any)
	if len(actions) > 0 && !b.once(5) {
		action, _ := actions[0].(map[string]any)
		to, _ := action["value"].(string)
		b.goes(id, to, cvn)
	}
	return []string{id}
}

// inSession has a session made, and a payer pay in it, with more than one try if need be.
func (b *buyer) inSession() []string {
	stored := storedCards[b.chance.IntN(len(storedCards))]
	request := map[string]any{
		"reference_id": b.name, "session_type": "PAY", "mode": "CARDS_SESSION_JS",
		"amount": b.amount, "currency": "IDR", "country": "ID",
		"customer": map[string]any{
			"reference_id": b.name, "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Jaap"},
		},
		"cards_session_js": map[string]any{
			"card_payment_token_id": stored.Token,
			"success_return_url":    "http://localhost:4244/success", "failure_return_url": "http://localhost:4244/failure",
		},
	}
	if b.once(4) {
		request["channel_properties"] = map[string]any{"cards": map[string]any{"skip_three_ds": true}}
	}
	if b.once(3) {
		request["capture_method"] = "MANUAL"
	}
	status, session := b.ask("POST", "/sessions", app.SandboxSecretKey, request)
	if status != http.StatusCreated {
		return nil
	}
	id, _ := session["payment_session_id"].(string)
	for try := range 3 {
		if b.submit(id, stored.Number, try) {
			break
		}
	}
	if b.once(8) {
		b.ask("POST", "/sessions/"+id+"/cancel", app.SandboxSecretKey, nil)
	}
	return b.requests
}

// submit types a CVN and goes wherever that leads. It says whether the payer is content, or gone.
func (b *buyer) submit(session, number string, try int) (over bool) {
	cvn := cvnOf(number)
	if try == 0 && b.once(8) {
		cvn = strings.Repeat("9", len(cvn)) // the wrong one
	}
	status, said := b.ask("POST", "/v3/payment_with_session", app.SandboxPublicKey, map[string]any{
		"cvn": cvn, "payment_session_id": session, "device": map[string]any{},
	})
	if status != http.StatusOK {
		return status != 0
	}
	if b.once(10) { // impatient
		if status, again := b.ask("POST", "/v3/payment_with_session", app.SandboxPublicKey, map[string]any{
			"cvn": cvn, "payment_session_id": session, "device": map[string]any{},
		}); status == http.StatusOK {
			said = again
		}
	}
	action, _ := said["action_url"].(string)
	if action == "" {
		return said["status"] != "FAILED"
	}
	if b.once(12) {
		b.tell("never opens the page")
		return true
	}
	request, _ := said["payment_request_id"].(string)
	return b.goes(request, action, cvn) != "failed"
}

// cvnOf is a CVN that the issuer takes.
func cvnOf(number string) string {
	if strings.HasPrefix(number, "34") {
		return "1234"
	}
	return "123"
}

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
	if outcome = b.walk(cvn); outcome != "" {
		b.tell("is told %s at the page of %s", outcome, request)
		b.said[request] = append(b.said[request], "page:"+outcome)
	}
	return outcome
}

// walk does what the attempt's page says comes next, as web/src/pay.ts does, until it says how it ended. Empty: the
// payer went away.
func (b *buyer) walk(cvn string) (outcome string) {
	next := map[string]any{"do": "look"}
	for range 60 {
		if b.once(120) {
			b.tell("leaves the page")
			return ""
		}
		status, said := 0, map[string]any(nil)
		switch next["do"] {
		case "open":
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
			status, said = b.act("pay", map[string]any{"share": b.share})
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

// afterwards is what the merchant does about a payment request once its payer is gone.
func (b *buyer) afterwards(id string) {
	var request map[string]any
	for range 6 {
		var status int
		if status, request = b.ask("GET", "/v3/payment_requests/"+id, app.SandboxSecretKey, nil); status != http.StatusOK {
			return
		}
		if request["status"] != "PENDING" {
			break
		}
		b.rest(5 * time.Second)
	}
	paid, _ := request["latest_payment_id"].(string)
	switch request["status"] {
	case "AUTHORIZED":
		switch b.chance.IntN(4) {
		case 0:
			b.ask("POST", "/v3/payments/"+paid+"/cancel", app.SandboxSecretKey, nil)
		case 1: // forgotten: it expires
		case 2:
			b.ask("POST", "/v3/payments/"+paid+"/capture", app.SandboxSecretKey, map[string]any{"capture_amount": b.amount / 2})
		default:
			b.ask("POST", "/v3/payments/"+paid+"/capture", app.SandboxSecretKey, map[string]any{"capture_amount": b.amount})
		}
		if b.once(3) {
			b.refund(id, b.amount/4)
		}
	case "SUCCEEDED":
		if b.once(3) {
			b.refund(id, b.amount/3)
		}
		if b.once(6) {
			b.refund(id, b.amount)
		}
	case "REQUIRES_ACTION":
		if b.once(2) {
			b.ask("POST", "/v3/payment_requests/"+id+"/cancel", app.SandboxSecretKey, nil)
		}
	}
}

func (b *buyer) refund(id string, amount int64) {
	b.calls++
	b.ask("POST", "/refunds", app.SandboxSecretKey, map[string]any{
		"payment_request_id": id, "reason": "REQUESTED_BY_CUSTOMER", "amount": amount, "currency": "IDR",
		"reference_id": fmt.Sprintf("%s-refund-%d", b.name, b.calls),
	})
}
