package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// shop is the merchant's server, and knows what it was promised.
type shop struct {
	*client
	secret, public string
	back           string // where payers come home to
	cards          []storedCard

	mu      sync.Mutex
	chance  *rand.Rand
	orders  []*order
	paid    []time.Time // when payments were completed
	strange []string    // answers that no fault excuses
	cvns    []int       // CVNs that may be typed, half of all, by lot
	numbers []string    // of cards that were typed
}

// storedCard is a card that the shop's customer stored.
type storedCard struct {
	token     string
	challenge bool
}

// order is one thing that somebody wants to buy. Its amount is like no other's, so that the bank's books tell
// by it alone what was paid for it and how often.
type order struct {
	n      int
	kind   string
	amount int64

	mu       sync.Mutex
	session  string
	requests []string // payment requests, those that were answered
	payment  string   // of a hold or a request without a session
	refunds  []string
	promised []string // "payment_request ID SUCCEEDED", as it was answered
	open     []command
	history  []string
}

// command is something that the shop asked for and had no answer to. It asks again at the end.
type command struct {
	path, again string
	body        object
	took        func(answer)
}

func (o *order) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.history = append(o.history, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (o *order) promise(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.promised, what) {
		o.promised = append(o.promised, what)
	}
}

// lot is a number below n, by the seed.
func (s *shop) lot(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chance.IntN(n)
}

func (s *shop) completed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paid = append(s.paid, time.Now())
}

func (s *shop) wonder(o *order, what string, a answer) {
	o.note("unexpected: %s: %s %v", what, a, a.body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strange = append(s.strange, fmt.Sprintf("order %d (%s), %s: %s", o.n, o.kind, what, a))
}

// firstAmount is what the first order costs. No scenario of the simulated bank is about it or those after.
const firstAmount = 200_000

func (s *shop) order(kind string) *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &order{n: len(s.orders), kind: kind}
	o.amount = firstAmount + int64(o.n)
	s.orders = append(s.orders, o)
	return o
}

// all are the orders so far.
func (s *shop) all() []*order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.orders)
}

// card draws a stored card.
func (s *shop) card(challenge bool) string {
	of := slices.DeleteFunc(slices.Clone(s.cards), func(c storedCard) bool { return c.challenge != challenge })
	return of[s.lot(len(of))].token
}

// number draws a card that nobody else has, of an issuer who does not challenge.
func (s *shop) number() string {
	number := withCheckDigit(fmt.Sprintf("4276%06d%05d", s.lot(1e6), s.lot(1e5)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers = append(s.numbers, number)
	return number
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
	return number + string(rune('0'+(10-sum%10)%10))
}

// cvn draws a CVN that matches.
func (s *shop) cvn() string { return fmt.Sprintf("%03d", s.cvns[s.lot(len(s.cvns))]) }

// sessionFor is the body of POST /sessions.
func (s *shop) sessionFor(o *order, token string) object {
	js := object{"success_return_url": s.back + "/success", "failure_return_url": s.back + "/failure"}
	if token != "" {
		js["card_payment_token_id"] = token
	}
	return object{
		"reference_id": fmt.Sprint("order-", o.n), "session_type": "PAY", "mode": "CARDS_SESSION_JS",
		"amount": o.amount, "currency": "IDR", "country": "ID", "cards_session_js": js,
		"customer": object{
			"reference_id": "jaap", "type": "INDIVIDUAL", "individual_detail": object{"given_names": "Jaap"},
		},
	}
}

// skipping makes a session that skips 3-D Secure.
func skipping(session object) {
	session["channel_properties"] = object{"cards": object{"skip_three_ds": true}}
}

// command sends what must happen once, with a key of its own, until it is answered. Where it is not, it stays
// open and is asked for again at the end.
func (s *shop) command(ctx context.Context, o *order, path string, body object, took func(answer)) {
	s.commandAs(ctx, o, fmt.Sprintf("order-%d-%s-%d", o.n, strings.Trim(path, "/"), s.lot(1e9)), path, body, took)
}

func (s *shop) commandAs(ctx context.Context, o *order, again, path string, body object, took func(answer)) {
	if len(again) > 100 {
		again = again[len(again)-100:]
	}
	a, err := s.insist(ctx, http.MethodPost, path, s.secret, again, body)
	o.note("POST %s: %s %v", path, a, orNothing(err))
	if err != nil {
		o.mu.Lock()
		o.open = append(o.open, command{path, again, body, took})
		o.mu.Unlock()
		return
	}
	took(a)
}

func orNothing(err error) any {
	if err == nil {
		return ""
	}
	return err
}

// opened makes a session and tells whether it stands.
func (s *shop) opened(ctx context.Context, o *order, body object) bool {
	twice := s.lot(10) == 0
	again := fmt.Sprintf("session-%d", o.n)
	if twice { // the same at the same time, which may come to two nodes
		go s.commandAs(ctx, o, again, "/sessions", body, func(a answer) { s.isSession(o, a) })
	}
	s.commandAs(ctx, o, again, "/sessions", body, func(a answer) { s.isSession(o, a) })
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.session != ""
}

func (s *shop) isSession(o *order, a answer) {
	id := text(a.body, "payment_session_id")
	if a.status != http.StatusCreated || id == "" {
		s.wonder(o, "POST /sessions", a)
		return
	}
	o.mu.Lock()
	before := o.session
	o.session = id
	o.mu.Unlock()
	if before != "" && before != id {
		s.wonder(o, "two sessions under one idempotency-key: "+before+" and "+id, a)
	}
	o.promise("session " + id)
}

// typedCard is what the SDK sends of a card that is typed.
func typedCard(session, number, cvn string) object {
	return object{
		"card_number": number, "expiry_month": "12", "expiry_year": "2031", "cvn": cvn,
		"cardholder_first_name": "Jaap", "cardholder_last_name": "Stam",
		"cardholder_email": "jaap@example.com", "cardholder_phone_number": "+628123456789",
		"payment_session_id": session, "device": object{},
	}
}

// typedCVN is what the SDK sends of a stored card.
func typedCVN(session, cvn string) object {
	return object{"cvn": cvn, "payment_session_id": session, "device": object{}}
}

// submit hands in what the payer typed, and walks the page to its end. It returns succeeded, failed, canceled,
// or nothing where nobody knows.
func (s *shop) submit(ctx context.Context, o *order, body object, p *payer) string {
	again := fmt.Sprintf("submit-%d-%d", o.n, s.lot(1e9))
	a, err := s.insist(ctx, http.MethodPost, "/v3/payment_with_session", s.public, again, body)
	o.note("payment_with_session: %s %s %v", a, text(a.body, "payment_request_id"), orNothing(err))
	if err != nil {
		return ""
	}
	if !a.good() {
		// The submit before may have paid the session after all, or the merchant has cancelled it.
		if a.code() != "INVALID_SESSION_STATUS" && !slices.Contains(capped, a.code()) {
			s.wonder(o, "payment_with_session", a)
		}
		return ""
	}
	request := text(a.body, "payment_request_id")
	if request != "" {
		o.mu.Lock()
		o.requests = append(o.requests, request)
		o.mu.Unlock()
		o.promise("payment_request " + request)
	}
	if action := text(a.body, "action_url"); action != "" {
		p.client, p.cvn = s.client, text(body, "cvn")
		if err := p.opens(action); err != nil {
			s.wonder(o, err.Error(), a)
			return ""
		}
		end, err := p.pay(ctx)
		o.note("the payer's page %s: %s %v", p.page, end, orNothing(err))
		if end == "succeeded" && request != "" {
			o.promise("payment_request " + request + " paid")
			s.completed()
		}
		return end
	}
	if request == "" {
		return "" // a card was saved
	}
	return s.outcome(ctx, o, request)
}

// outcome asks the API how a payment request ended.
func (s *shop) outcome(ctx context.Context, o *order, request string) string {
	for ctx.Err() == nil {
		a, err := s.insist(ctx, http.MethodGet, "/v3/payment_requests/"+request, s.secret, "", nil)
		if err != nil {
			break
		}
		switch status := text(a.body, "status"); status {
		case "SUCCEEDED", "AUTHORIZED":
			o.note("%s is %s", request, status)
			o.promise("payment_request " + request + " paid")
			s.completed()
			return "succeeded"
		case "FAILED", "EXPIRED", "CANCELED":
			o.note("%s is %s %s", request, status, text(a.body, "failure_code"))
			return strings.ToLower(status)
		case "PENDING", "REQUIRES_ACTION":
		default:
			s.wonder(o, "status of a payment request", a)
			return ""
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return ""
}
