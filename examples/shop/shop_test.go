package shop

import (
	"encoding/json"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// basket opens the shop and returns the order in it, and the page.
func (p *payer) basket() (order, page string) {
	p.g.t.Helper()
	_, page = p.do(http.MethodGet, "/", "")
	found := regexp.MustCompile(`data-order="([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		p.g.t.Fatal("no order in the basket")
	}
	return found[1], html.UnescapeString(page)
}

// checkout clicks the pay button.
func (p *payer) checkout(order string, card int) checkoutAnswer {
	p.g.t.Helper()
	_, body := p.do(http.MethodPost, "/checkout", `{"order":"`+order+`","card":"`+savedCards()[card].TokenID+`"}`)
	var answer checkoutAnswer
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		p.g.t.Fatalf("%s: %v", body, err)
	}
	return answer
}

// started has clicked, and been told of a payment request.
func started(t *testing.T) (g *gateway, p *payer, order, reference string) {
	t.Helper()
	g = newShop(t)
	p = newPayer(g)
	order, _ = p.basket()
	if p.checkout(order, 0).Session == "" {
		t.Fatal("no session")
	}
	reference = g.sessions()[0]["reference_id"].(string)
	p.attempt(order, "pr-1")
	return g, p, order, reference
}

func (p *payer) attempt(order, request string) {
	p.g.t.Helper()
	response, _ := p.do(http.MethodPost, "/orders/"+order+"/attempt", `{"payment_request_id":"`+request+`"}`)
	if response.StatusCode != http.StatusNoContent {
		p.g.t.Fatalf("attempt: %s", response.Status)
	}
}

func (p *payer) status(order string) string {
	p.g.t.Helper()
	_, body := p.do(http.MethodGet, "/orders/"+order+"/status", "")
	var answer struct{ Status string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		p.g.t.Fatal(err)
	}
	return answer.Status
}

func mustContain(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func TestBasket(t *testing.T) {
	g := newShop(t)
	p := newPayer(g)
	response, page := p.do(http.MethodGet, "/", "")
	mustContain(t, page, "IDR\u00a0100,000", "1091", `maxlength="3"`, `autocomplete="cc-csc"`, g.URL+"/cards-session.min.js", publicKey, "123456")
	if strings.Contains(page, secretKey) {
		t.Error("the page has the secret key")
	}
	policy := response.Header.Get("Content-Security-Policy")
	mustContain(t, policy, "default-src 'none'", "script-src 'self' "+g.URL+";", "frame-src "+g.URL+";", "frame-ancestors 'none'")
	if strings.Contains(policy, "unsafe") {
		t.Error(policy)
	}
	first, _ := p.basket()
	if again, _ := p.basket(); again != first {
		t.Error("a reload lost the order")
	}
	if other, _ := newPayer(g).basket(); other == first {
		t.Error("two payers share an order")
	}
}

func TestCheckoutOpensTheSeedsSession(t *testing.T) {
	g := newShop(t)
	p := newPayer(g)
	order, _ := p.basket()
	answer := p.checkout(order, 0)
	want := checkoutAnswer{Session: "ps-000000000000000000000001", Receipt: "/orders/" + order}
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("answer (-want +got)\n%s", diff)
	}
	body := g.sessions()[0]
	reference := body["reference_id"].(string)
	wantBody := map[string]any{
		"reference_id": reference, "session_type": "PAY", "mode": "CARDS_SESSION_JS",
		"amount": 100000.0, "currency": "IDR", "country": "ID",
		"customer": map[string]any{
			"reference_id": "customer-" + reference, "type": "INDIVIDUAL", "email": "jaap@example.com", "mobile_number": "+6212345678",
			"individual_detail": map[string]any{"given_names": "Jaap", "surname": "Stam"},
		},
		"cards_session_js": map[string]any{
			"card_payment_token_id": savedCards()[0].TokenID,
			"success_return_url":    g.shopURL + "/return/" + order + "/success",
			"failure_return_url":    g.shopURL + "/return/" + order + "/failure",
		},
	}
	if diff := cmp.Diff(wantBody, body); diff != "" {
		t.Errorf("POST /sessions (-want +got)\n%s", diff)
	}
	if len(reference) > 64 || reference == order {
		t.Errorf("reference %q", reference)
	}
}

func TestCheckoutReusesTheSessionWhileItIsActive(t *testing.T) {
	g, p, order, _ := started(t)
	first := "ps-000000000000000000000001"
	if got := p.checkout(order, 0).Session; got != first {
		t.Errorf("second try in %q, want the same session", got)
	}
	g.settle(first, "EXPIRED")
	if got := p.checkout(order, 0).Session; got == first || got == "" {
		t.Errorf("after expiry in %q, want a new session", got)
	}
	second := "ps-000000000000000000000002"
	if got := p.checkout(order, 1).Session; got == second || got == "" {
		t.Errorf("with another card in %q, want a new session", got)
	}
	if got := g.session(second); got != "CANCELED" {
		t.Errorf("the other card's session is %s, and could be paid as well", got)
	}
	g.settle("ps-000000000000000000000003", "COMPLETED")
	if diff := cmp.Diff(checkoutAnswer{Receipt: "/orders/" + order}, p.checkout(order, 1)); diff != "" {
		t.Errorf("paid, webhook on its way (-want +got)\n%s", diff)
	}
	if n := len(g.sessions()); n != 3 {
		t.Errorf("%d sessions, want 3", n)
	}
}

func TestCheckoutAheadBeginsNothing(t *testing.T) {
	g := newShop(t)
	p := newPayer(g)
	order, _ := p.basket()
	ahead := func(card int) (answer checkoutAnswer) {
		_, body := p.do(http.MethodPost, "/checkout", `{"order":"`+order+`","card":"`+savedCards()[card].TokenID+`","ahead":true}`)
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return answer
	}
	first := ahead(0).Session
	if again := ahead(0).Session; first == "" || again != first {
		t.Errorf("sessions %q and %q, want one", first, again)
	}
	g.send(`{"event":"payment_session.expired","data":{"payment_session_id":"` + first + `"}}`)
	if _, page := p.basket(); strings.Contains(page, "was not finished") || !strings.Contains(page, `role="alert" tabindex="-1" hidden`) {
		t.Error("the basket tells of a payment that was never begun")
	}
	other := ahead(1).Session
	if other == "" || other == first || g.session(first) != "CANCELED" {
		t.Errorf("for the other card session %q, and the first is %s", other, g.session(first))
	}
	if clicked := p.checkout(order, 1).Session; clicked != other {
		t.Errorf("paid in %q, and %q was prepared", clicked, other)
	}
	if ahead(0).Session != "" || g.session(other) != "ACTIVE" {
		t.Error("another card was looked at, and what is being paid with is given up")
	}
	g.send(`{"event":"payment_session.expired","data":{"payment_session_id":"` + other + `"}}`)
	if _, page := p.basket(); !strings.Contains(page, "ran out") {
		t.Error("the basket does not tell that the time to pay ran out")
	}
}

func TestTwoTabsOpenOneSession(t *testing.T) {
	g := newShop(t)
	p := newPayer(g)
	order, _ := p.basket()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { p.checkout(order, 0) })
	}
	wait.Wait()
	if n := len(g.sessions()); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

func TestCheckoutRefuses(t *testing.T) {
	g := newShop(t)
	p := newPayer(g)
	order, _ := p.basket()
	card := savedCards()[0].TokenID
	for name, tc := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"no JSON":       {`order=1`, nil, http.StatusBadRequest},
		"foreign card":  {`{"order":"` + order + `","card":"pt-other"}`, nil, http.StatusUnprocessableEntity},
		"unknown order": {`{"order":"x","card":"` + card + `"}`, nil, http.StatusNotFound},
		"another site":  {`{"order":"` + order + `","card":"` + card + `"}`, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
	} {
		response, _ := p.do(http.MethodPost, "/checkout", tc.body, tc.header...)
		if response.StatusCode != tc.want {
			t.Errorf("%s: %s, want %d", name, response.Status, tc.want)
		}
	}
	if len(g.sessions()) != 0 {
		t.Error("a session was opened")
	}
	g.Close()
	response, body := p.do(http.MethodPost, "/checkout", `{"order":"`+order+`","card":"`+card+`"}`)
	if response.StatusCode != http.StatusBadGateway || !strings.Contains(body, "not been charged") {
		t.Errorf("gateway down: %s %s", response.Status, body)
	}
}

func TestPaid(t *testing.T) {
	g, p, order, reference := started(t)
	response, _ := p.do(http.MethodGet, "/return/"+order+"/success", "")
	if got := response.Header.Get("Location"); got != "/orders/"+order {
		t.Errorf("success return leads to %q", got)
	}
	if got := p.status(order); got != "waiting" {
		t.Errorf("%s before the webhook: the return address proves nothing", got)
	}
	if got := g.send(captured(reference, "pr-1")); got != http.StatusOK {
		t.Errorf("webhook answered %d", got)
	}
	if got := p.status(order); got != "paid" {
		t.Fatalf("%s after the webhook", got)
	}
	_, receipt := p.do(http.MethodGet, "/orders/"+order, "")
	mustContain(t, html.UnescapeString(receipt), "your order is paid", "831000", "632709205253", "· matches", "· authenticated", "Confirmed at the bank",
		"py-3f57d678-2448-4c9f-a433-8468d366fb5c", "cptr-08f17fa3", `"network_transaction_id": "016153570198200"`)

	// Paid is final, whatever is told later and whoever visits the failure address.
	g.send(failed(reference, "pr-0", "INVALID_CVV"))
	response, _ = p.do(http.MethodGet, "/return/"+order+"/failure", "")
	if got := response.Header.Get("Location"); got != "/orders/"+order {
		t.Errorf("failure return of a paid order leads to %q", got)
	}
	if diff := cmp.Diff(checkoutAnswer{Receipt: "/orders/" + order}, p.checkout(order, 0)); diff != "" {
		t.Errorf("paying again (-want +got)\n%s", diff)
	}
	next, page := p.basket()
	if next == order {
		t.Error("a paid order is in the basket")
	}
	mustContain(t, page, "/orders/"+order)
}

func TestFailedThenPaid(t *testing.T) {
	g, p, order, reference := started(t)
	response, _ := p.do(http.MethodGet, "/return/"+order+"/failure", "")
	if got := response.Header.Get("Location"); got != "/" {
		t.Errorf("failure return leads to %q", got)
	}
	_, page := p.basket()
	mustContain(t, page, "data-pending", "The payment did not go through", "autofocus")

	g.send(failed(reference, "pr-1", "AUTHENTICATION_FAILED"))
	_, page = p.basket()
	mustContain(t, page, "could not confirm that it was you", "autofocus")
	if strings.Contains(page, "data-pending") {
		t.Error("still waiting for the reason")
	}
	_, receipt := p.do(http.MethodGet, "/orders/"+order, "")
	mustContain(t, receipt, "could not confirm that it was you", "AUTHENTICATION_FAILED")

	again := p.checkout(order, 0)
	if again.Session != "ps-000000000000000000000001" {
		t.Errorf("retry in %q", again.Session)
	}
	if got := p.status(order); got != "waiting" {
		t.Errorf("%s during the retry", got)
	}
	g.send(failed(reference, "pr-1", "INVALID_CVV")) // told again under another id, too late to matter
	if got := p.status(order); got != "waiting" {
		t.Errorf("%s: an old failure ended the retry", got)
	}
	p.attempt(order, "pr-2")
	g.send(captured(reference, "pr-2"))
	if got := p.status(order); got != "paid" {
		t.Errorf("%s after the retry", got)
	}
}

// A payer who tries again while the first payment is pending is refused by the gateway, and must hear of the
// first one's end.
func TestFailureOfAPaymentThatWasPendingAtTheRetry(t *testing.T) {
	g, p, order, reference := started(t)
	p.attempt(order, "pr-1")
	p.checkout(order, 0) // the gateway refuses the submit: no attempt is told of
	g.send(failed(reference, "pr-1", "PARTNER_TIMEOUT_ERROR"))
	if got := p.status(order); got != "failed" {
		t.Errorf("%s, want failed", got)
	}
}

func TestSharedPaymentRequestCanStillFail(t *testing.T) {
	g, p, order, reference := started(t)
	p.checkout(order, 0) // a second tab: the gateway gives both the same payment request
	p.attempt(order, "pr-1")
	g.send(failed(reference, "pr-1", "CARD_DECLINED"))
	if got := p.status(order); got != "failed" {
		t.Errorf("%s, want failed", got)
	}
}

func TestExpired(t *testing.T) {
	g, p, order, _ := started(t)
	g.send(`{"event":"payment_session.expired","data":{"payment_session_id":"ps-000000000000000000000001","status":"EXPIRED"}}`)
	if got := p.status(order); got != "expired" {
		t.Fatalf("%s", got)
	}
	_, page := p.basket()
	mustContain(t, page, "The time to pay ran out")
}

func TestWebhookRefusals(t *testing.T) {
	g, p, order, reference := started(t)
	event := captured(reference, "pr-1")
	for name, tc := range map[string]struct {
		event  string
		header []string
		want   int
	}{
		"wrong token":          {event, []string{"x-callback-token", "guess"}, http.StatusUnauthorized},
		"no token":             {event, []string{"x-callback-token", ""}, http.StatusUnauthorized},
		"no JSON":              {"capture", nil, http.StatusBadRequest},
		"too large":            {strings.Repeat(" ", 1<<18) + event, nil, http.StatusBadRequest},
		"another amount":       {strings.Replace(event, `"request_amount": 100000`, `"request_amount": 1000`, 1), nil, http.StatusOK},
		"another currency":     {strings.Replace(event, `"currency": "IDR"`, `"currency": "VND"`, 1), nil, http.StatusOK},
		"another shop's order": {captured("other", "pr-1"), nil, http.StatusOK},
		"another event":        {strings.Replace(event, "payment.capture", "payment.authorization", 1), nil, http.StatusOK},
		"no reference":         {`{"event":"payment.capture","data":{}}`, nil, http.StatusOK},
	} {
		if got := g.send(tc.event, tc.header...); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
		if got := p.status(order); got != "waiting" {
			t.Fatalf("%s: order is %s", name, got)
		}
	}
}

func TestWebhookIsTakenOnce(t *testing.T) {
	g, p, order, reference := started(t)
	event := failed(reference, "pr-9", "CARD_DECLINED")
	g.send(event, "webhook-id", "same")
	p.checkout(order, 0)
	p.attempt(order, "pr-9") // even where the attempt is current again
	g.send(event, "webhook-id", "same")
	if got := p.status(order); got != "waiting" {
		t.Errorf("%s: the duplicate counted", got)
	}
	g.send(event, "webhook-id", "other")
	if got := p.status(order); got != "failed" {
		t.Errorf("%s: the new webhook did not count", got)
	}
}

// TestALateWebhookIsOvertaken: of one payment the highest webhook-sequence counts, whatever comes last.
func TestALateWebhookIsOvertaken(t *testing.T) {
	g, p, order, reference := started(t)
	about := func(object, sequence string) []string {
		return []string{"webhook-object", object, "webhook-sequence", sequence}
	}
	g.send(failed(reference, "pr-1", "CARD_DECLINED"), about("py-1", "10")...)
	p.checkout(order, 0)
	p.attempt(order, "pr-1")
	for _, late := range []string{"9", "10"} {
		g.send(failed(reference, "pr-1", "CARD_DECLINED"), about("py-1", late)...)
		if got := p.status(order); got != "waiting" {
			t.Fatalf("%s: number %s counted after 10", got, late)
		}
	}
	g.send(failed(reference, "pr-1", "CARD_DECLINED"), about("py-2", "2")...)
	if got := p.status(order); got != "failed" {
		t.Errorf("%s: another object has numbers of its own", got)
	}
	g.send(captured(reference, "pr-1"), about("py-1", "11")...)
	if got := p.status(order); got != "paid" {
		t.Errorf("%s: the later one did not count", got)
	}
}

func TestARefusalTellsNothingAboutTheCVN(t *testing.T) {
	if diff := cmp.Diff(explain("DECLINED_BY_ISSUER"), explain("INVALID_CVV")); diff != "" {
		t.Errorf("a wrong CVN can be told from a refusal:\n%s", diff)
	}
	for _, code := range []string{"", "SOMETHING_NEW", "EXPIRED_CARD", "SERVER_ERROR", "TIMEOUT_ERROR", "USER_DECLINED_PAYMENT", "INSUFFICIENT_BALANCE", "PAYMENT_ATTEMPT_COUNTS_EXCEEDED"} {
		if p := explain(code); p.Title == "" || !strings.Contains(p.Advice, "not been charged") {
			t.Errorf("%q: %+v", code, p)
		}
	}
}

func TestWebhookIsShownAsText(t *testing.T) {
	g, p, order, reference := started(t)
	g.send(strings.Replace(captured(reference, "pr-1"), "reprise_sandbox", "</pre><script>alert(1)</script>", 1))
	_, receipt := p.do(http.MethodGet, "/orders/"+order, "")
	if strings.Contains(receipt, "<script>alert") {
		t.Error("a webhook became markup")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	g, p, order, reference := started(t)
	for range mostOrders {
		newPayer(g).basket()
	}
	s := g.shop
	if len(s.orders.byID) != mostOrders || len(s.orders.age) != mostOrders || len(s.orders.byReference) != 0 || len(s.orders.bySession) != 0 {
		t.Errorf("%d orders, %d ages, %d references, %d sessions", len(s.orders.byID), len(s.orders.age), len(s.orders.byReference), len(s.orders.bySession))
	}
	if response, _ := p.do(http.MethodGet, "/orders/"+order, ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("the oldest order: %s", response.Status)
	}
	g.send(captured(reference, "pr-1"))
	for range mostWebhooks + 10 {
		s.orders.news(s.options.NewID(), s.options.NewID(), 1)
	}
	if len(s.orders.seen.of) != mostWebhooks || len(s.orders.seen.age) != mostWebhooks || len(s.orders.latest.of) != mostWebhooks || len(s.orders.latest.age) != mostWebhooks {
		t.Errorf("%d webhook ids, %d objects", len(s.orders.seen.of), len(s.orders.latest.of))
	}
}

func TestUnknownOrders(t *testing.T) {
	p := newPayer(newShop(t))
	for _, path := range []string{"/orders/x", "/orders/x/status", "/return/x/success", "/return/x/failure"} {
		response, page := p.do(http.MethodGet, path, "")
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, response.Status)
		}
		if !strings.HasSuffix(path, "/status") {
			mustContain(t, page, "forgets them at a restart", "Your payment may have succeeded")
		}
	}
}

func TestPaymentsMadeByHandComeBack(t *testing.T) {
	p := newPayer(newShop(t))
	for path, want := range map[string]string{"/": "", "/?paid": "success_return_url", "/?failed": "failure_return_url", "/?paid=": "success_return_url"} {
		_, page := p.do(http.MethodGet, path, "")
		if got := strings.Contains(page, `id="by-hand"`); got != (want != "") {
			t.Errorf("%s: told of a payment made by hand: %t", path, got)
		}
		mustContain(t, page, want, "Your basket")
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a shop without options opened")
	}
	if _, err := New(Options{APIBase: "http://127.0.0.1:1", BaseURL: "http://localhost:2", SecretKey: "s", PublicKey: "p", CallbackToken: "t"}); err == nil {
		t.Error("a shop without cards opened")
	}
}

func FuzzWebhook(f *testing.F) {
	f.Add(captured("ref", "pr-1"))
	f.Add(failed("ref", "pr-1", "INVALID_CVV"))
	f.Add(`{"event":"payment_session.expired","data":{"payment_session_id":"ps-1"}}`)
	f.Add(`{"data":{"captures":[null]}}`)
	f.Fuzz(func(t *testing.T, event string) {
		o := &order{id: "o"}
		o.card, o.session, o.reference = savedCards()[0], "ps-1", "ref"
		o.begin()
		s := &Shop{options: Options{CallbackToken: callbackToken, Log: discard()}, orders: newOrders()}
		s.orders.add(o)
		s.orders.index(o)
		deliver(t, s, event)
		if o.status == statusPaid && (o.paid.Amount != 100000 || o.paid.Currency != "IDR" || !strings.HasPrefix(o.paid.Reference, "ref_")) {
			t.Errorf("paid by %q", event)
		}
		if o.status != statusWaiting && !json.Valid(o.event) {
			t.Error("kept what is not JSON")
		}
	})
}
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// deliver hands a webhook to the shop without a socket.
func deliver(t *testing.T, s *Shop, event string) {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/webhooks", strings.NewReader(event))
	request.Header.Set("x-callback-token", callbackToken)
	answer := httptest.NewRecorder()
	s.webhook(answer, request)
	if answer.Code != http.StatusOK && answer.Code != http.StatusBadRequest {
		t.Errorf("answered %d", answer.Code)
	}
}
