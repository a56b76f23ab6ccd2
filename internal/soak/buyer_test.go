package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"reprise/internal/app"
)

// buyer is a payer and the merchant's server that sells to it. Both repeat what was not answered, as good clients do,
// and both may lose interest.
type buyer struct {
	s      *story
	n      int
	name   string
	chance *rand.Rand
	amount int64 // rupiah
	calls  int

	requests []string            // payment requests it has heard of
	said     map[string][]string // what the gateway said of each, in order, without repetitions
	page     string              // of the attempt, where the payer is
	share    string
}

// soft is an amount that Visa's and Mastercard's issuers decline until the payer was challenged.
const soft = 10_065

func newBuyer(s *story, n int) *buyer {
	b := &buyer{
		s: s, n: n, name: fmt.Sprintf("buyer%d", n), chance: rand.New(rand.NewPCG(s.seed, uint64(100+n))),
		amount: int64(20_001 + 7*n), said: map[string][]string{},
	}
	if b.once(3) {
		b.amount = soft
	}
	return b
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

// atOnce does two things at the same time, the other as somebody who shares nothing but the page.
func (b *buyer) atOnce(who string, one, other func(*buyer)) {
	b.calls++
	second := &buyer{
		s: b.s, name: fmt.Sprintf("%s-%s-%d", b.name, who, b.calls), chance: rand.New(rand.NewPCG(b.chance.Uint64(), 0)),
		amount: b.amount, said: map[string][]string{}, page: b.page, share: b.share,
	}
	turn, done := b.s.turn(nil, "task", second.name, nil), make(chan struct{})
	go func() {
		defer close(done)
		<-turn
		other(second)
	}()
	one(b)
	<-done
	for id, said := range second.said {
		b.said[id] = append(b.said[id], said...)
	}
}

// run is all that a buyer does.
func (b *buyer) run() {
	b.rest(time.Duration(b.chance.IntN(4000)) * time.Millisecond)
	for again := true; again; again = b.once(3) {
		bought := b.inSession
		if b.once(5) {
			bought = b.withoutSession
		}
		for _, id := range bought() {
			b.afterwards(id)
		}
	}
}

// reference names what the buyer asks for next: nothing else has that name.
func (b *buyer) reference() string { return fmt.Sprintf("%s-%d", b.name, b.calls) }

var storedCards = app.StoredCards()[:6]

// withoutSession has the merchant's server pay with a stored card.
func (b *buyer) withoutSession() []string {
	stored := storedCards[b.chance.IntN(len(storedCards))]
	request := map[string]any{
		"reference_id": b.reference(), "type": "PAY", "payment_token_id": stored.Token, "country": "ID", "currency": "IDR",
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

// inSession has a session made, and a payer pay in it, with more than one try if need be. The card is stored, or the
// payer types one, which may then be stored; or it is only that.
func (b *buyer) inSession() []string {
	before := len(b.requests)
	urls := map[string]any{
		"success_return_url": "http://localhost:4244/success", "failure_return_url": "http://localhost:4244/failure",
	}
	request := map[string]any{
		"reference_id": b.reference(), "session_type": "PAY", "mode": "CARDS_SESSION_JS",
		"amount": b.amount, "currency": "IDR", "country": "ID", "cards_session_js": urls,
		"customer": map[string]any{
			"reference_id": b.name, "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Jaap"},
		},
	}
	number := storedCards[b.chance.IntN(len(storedCards))].Number
	typed := map[string]any{}
	switch b.chance.IntN(8) {
	case 0:
		request["session_type"], request["amount"] = "SAVE", 0
		number, typed = b.typedCard()
	case 1:
		number, typed = b.typedCard()
		request["allow_save_payment_method"] = []string{"DISABLED", "OPTIONAL", "FORCED"}[b.chance.IntN(3)]
	default:
		stored := storedCards[b.chance.IntN(len(storedCards))]
		number, urls["card_payment_token_id"] = stored.Number, stored.Token
	}
	if b.once(4) {
		request["channel_properties"] = map[string]any{"cards": map[string]any{"skip_three_ds": true}}
	}
	if b.once(2) && request["session_type"] == "PAY" {
		request["capture_method"] = "MANUAL"
	}
	status, session := b.ask("POST", "/sessions", app.SandboxSecretKey, request)
	if status != http.StatusCreated {
		b.tell("has no session: %v", session["message"])
		return nil
	}
	id, _ := session["payment_session_id"].(string)
	typed["payment_session_id"], typed["device"] = id, map[string]any{}
	for try := range 3 {
		if b.submit(typed, cvnOf(number), try) {
			break
		}
	}
	if b.once(8) {
		b.ask("POST", "/sessions/"+id+"/cancel", app.SandboxSecretKey, nil)
	}
	return b.requests[before:]
}

// typedCard is a card that nobody has typed before in this story, and what the payer types of it.
func (b *buyer) typedCard() (number string, fields map[string]any) {
	number = withCheckDigit(fmt.Sprintf("40000%05d%05d", b.s.seed%100_000, 1000*b.n+b.calls))
	return number, map[string]any{
		"card_number": number, "expiry_month": "12", "expiry_year": "2031",
		"cardholder_first_name": "Jaap", "cardholder_last_name": "Stam",
		"cardholder_email": "jaap@example.com", "cardholder_phone_number": "+628123456789",
	}
}

// withCheckDigit completes a card's number (ISO/IEC 7812-1 annex B).
func withCheckDigit(number string) string {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return number + fmt.Sprint((10-sum%10)%10)
}

// submit hands in what the payer typed and goes wherever that leads. It says whether the payer is content, or gone.
func (b *buyer) submit(typed map[string]any, cvn string, try int) (over bool) {
	given := maps.Clone(typed)
	if given["cvn"] = cvn; try == 0 && b.once(8) {
		given["cvn"] = strings.Repeat("9", len(cvn)) // the wrong one
	}
	if b.once(3) {
		b.prepare(given)
	}
	status, said := b.ask("POST", "/v3/payment_with_session", app.SandboxPublicKey, given)
	if status != http.StatusOK {
		return status != 0
	}
	if b.once(10) { // impatient
		if status, again := b.ask("POST", "/v3/payment_with_session", app.SandboxPublicKey, given); status == http.StatusOK {
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

// prepare has the bank look at the browser while the payer types, so that it can be asked within the call that submits.
func (b *buyer) prepare(given map[string]any) {
	session, _ := given["payment_session_id"].(string)
	_, said := b.ask("GET", "/v3/payment_with_session/"+session+"/preparation", app.SandboxPublicKey, nil)
	seen := looking("N")
	if form, ok := said["method"].(map[string]any); ok && b.follow(form) {
		seen["method_completed"] = "Y"
	}
	if id, ok := said["preparation"]; ok {
		given["preparation"] = id
	}
	maps.Copy(given, seen)
}

// cvnOf is a CVN that the issuer takes.
func cvnOf(number string) string {
	if strings.HasPrefix(number, "34") {
		return "1234"
	}
	return "123"
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
		if b.once(2) {
			b.s.holdUp()
		}
		switch b.chance.IntN(7) {
		case 4, 5: // two clerks who do not talk to each other
			b.atOnce("clerk", func(b *buyer) {
				b.ask("POST", "/v3/payments/"+paid+"/capture", app.SandboxSecretKey, map[string]any{"capture_amount": b.amount})
			}, func(clerk *buyer) {
				clerk.ask("POST", "/v3/payments/"+paid+"/cancel", app.SandboxSecretKey, nil)
			})
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
