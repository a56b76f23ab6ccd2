package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// front is a gateway as it looks from outside, to a merchant's server and to a payer's browser.
type front struct {
	t    *testing.T
	base string // of the API and of the payer's pages
	shop string
	http *http.Client
	said *lockedBuffer // every answer of the gateway, headers and body

	made *atomic.Int64 // payment requests made, which need references of their own

	secretKey, publicKey string // the sandbox's where nothing else is said
}

func newFront(t *testing.T, base, shop string) *front {
	straight := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: dialLocalhost}
	t.Cleanup(straight.CloseIdleConnections) // a server that is closed waits for connections that were never used
	f := &front{t: t, base: base, shop: shop, said: &lockedBuffer{}, made: &atomic.Int64{}, secretKey: SandboxSecretKey, publicKey: SandboxPublicKey}
	f.http = &http.Client{Transport: listening{straight, f}}
	return f
}

// dialLocalhost finds names under localhost where browsers find them: on this machine.
func dialLocalhost(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, "localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// listening keeps what a gateway answers.
type listening struct {
	http.RoundTripper
	f *front
}

func (l listening) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	if err != nil || l.f.base != r.URL.Scheme+"://"+r.URL.Host {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	fmt.Fprintf(l.f.said, "%s %s\n", r.Method, response.Status)
	_ = response.Header.Write(l.f.said)
	_, _ = l.f.said.Write(append(body, '\n'))
	return response, err
}

// answer is an answer of the API.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// send sends a request with a key. A body that is a string is sent as it is. headers come in pairs.
func (f *front) send(method, path, key string, body any, headers ...string) (answer, error) {
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, f.base+path, reader)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if key != "" {
		request.SetBasicAuth(key, "")
	}
	response, err := f.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if err := json.Unmarshal(text, &a.body); err != nil {
		return a, fmt.Errorf("%s %s: %d, not JSON: %w", method, path, response.StatusCode, err)
	}
	return a, nil
}

// ask is send for a request that must be answered.
func (f *front) ask(method, path, key string, body any, headers ...string) answer {
	f.t.Helper()
	a, err := f.send(method, path, key, body, headers...)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// call sends a request with a key and returns status and body.
func (f *front) call(method, path, key string, body any) (int, map[string]any) {
	f.t.Helper()
	a := f.ask(method, path, key, body)
	return a.status, a.body
}

// read gets an object of the merchant's, which must be there.
func (f *front) read(path string) map[string]any {
	f.t.Helper()
	status, body := f.call("GET", path, f.secretKey, nil)
	if status != http.StatusOK {
		f.t.Fatalf("GET %s: %d %v", path, status, body)
	}
	return body
}

// attempt reads a payment request.
func (f *front) attempt(id string) map[string]any {
	f.t.Helper()
	return f.read("/v3/payment_requests/" + id)
}

// session reads a session again.
func (f *front) session(session map[string]any) map[string]any {
	f.t.Helper()
	return f.read("/sessions/" + session["payment_session_id"].(string))
}

// request is the body of a POST /sessions for a stored card.
func (f *front) request(token string, change ...func(map[string]any)) map[string]any {
	request := map[string]any{
		"reference_id": "order-1", "session_type": "PAY", "mode": "CARDS_SESSION_JS",
		"amount": 100000, "currency": "IDR", "country": "ID",
		"customer": map[string]any{
			"reference_id": "jaap", "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Jaap"},
		},
		"cards_session_js": map[string]any{
			"card_payment_token_id": token,
			"success_return_url":    f.shop + "/return/success", "failure_return_url": f.shop + "/return/failure",
		},
	}
	for _, c := range change {
		c(request)
	}
	return request
}

// newSession opens a session for a stored card; change edits the request first.
func (f *front) newSession(token string, change ...func(map[string]any)) map[string]any {
	f.t.Helper()
	status, session := f.call("POST", "/sessions", f.secretKey, f.request(token, change...))
	if status != http.StatusCreated {
		f.t.Fatalf("POST /sessions: %d %v", status, session)
	}
	return session
}

// newRequest makes a payment request for a stored card; change edits the request first.
func (f *front) newRequest(token string, change ...func(map[string]any)) map[string]any {
	f.t.Helper()
	body := f.paymentRequest(token, change...)
	status, request := f.call("POST", "/v3/payment_requests", f.secretKey, body)
	if status != http.StatusCreated {
		f.t.Fatalf("POST /v3/payment_requests: %d %v", status, request)
	}
	return request
}

// paymentRequest is the body of a POST /v3/payment_requests for a stored card.
func (f *front) paymentRequest(token string, change ...func(map[string]any)) map[string]any {
	request := map[string]any{
		"reference_id": fmt.Sprintf("request-%d", f.made.Add(1)), "type": "PAY", "payment_token_id": token,
		"country": "ID", "currency": "IDR", "request_amount": 10000,
	}
	for _, c := range change {
		c(request)
	}
	return request
}

// channel sets channel_properties of a payment request, in pairs of name and value.
func channel(properties ...any) func(map[string]any) {
	return func(request map[string]any) {
		all := map[string]any{}
		for i := 0; i < len(properties); i += 2 {
			all[properties[i].(string)] = properties[i+1]
		}
		request["channel_properties"] = all
	}
}

// typing takes the stored card out of a request and puts a card's number in.
func typing(number string, more ...any) func(map[string]any) {
	details := map[string]any{"card_number": number, "expiry_month": "12", "expiry_year": "2031", "cvn": "123"}
	return func(request map[string]any) {
		delete(request, "payment_token_id")
		request["channel_code"] = "CARDS"
		channel(append([]any{"card_details", details}, more...)...)(request)
	}
}

// held10000 holds 10000 rupiah of a stored card and returns the payment.
func (f *front) held10000() string {
	f.t.Helper()
	r := f.newRequest(visaChallenge, with("capture_method", "MANUAL"), channel("skip_three_ds", true))
	if r["status"] != "AUTHORIZED" {
		f.t.Fatalf("not held: %v", r)
	}
	return r["latest_payment_id"].(string)
}

// skipping makes a session that skips 3-D Secure.
func skipping(request map[string]any) {
	request["channel_properties"] = map[string]any{"cards": map[string]any{"skip_three_ds": true}}
}

// saving makes a session in which a card is saved.
func saving(request map[string]any) {
	request["session_type"], request["amount"] = "SAVE", 0
	inside("cards_session_js", "card_payment_token_id", nil)(request)
}

// typedFor makes a session to be paid with a card that is typed, which is stored or not as allowed says.
func typedFor(allowed string) func(map[string]any) {
	return func(request map[string]any) {
		inside("cards_session_js", "card_payment_token_id", nil)(request)
		with("allow_save_payment_method", allowed)(request)
	}
}

// amount makes a session for an amount.
func amount(n any) func(map[string]any) { return with("amount", n) }

// with sets a member of a request; nil takes it out.
func with(name string, value any) func(map[string]any) {
	return func(request map[string]any) {
		if request[name] = value; value == nil {
			delete(request, name)
		}
	}
}

// submission is what the SDK sends.
func submission(session map[string]any, cvn string) map[string]any {
	return map[string]any{"cvn": cvn, "payment_session_id": session["payment_session_id"], "device": map[string]any{}}
}

// typed is what the SDK sends of a card that was typed for a session; change edits it first.
func typed(session map[string]any, number string, change ...func(map[string]any)) map[string]any {
	body := map[string]any{
		"card_number": number, "expiry_month": "12", "expiry_year": "2031", "cvn": "123",
		"cardholder_first_name": "Jaap", "cardholder_last_name": "Stam",
		"cardholder_email": "jaap@example.com", "cardholder_phone_number": "+628123456789",
		"payment_session_id": session["payment_session_id"], "device": map[string]any{},
	}
	for _, c := range change {
		c(body)
	}
	return body
}

// hand hands in what a payer typed, which must be taken.
func (f *front) hand(body map[string]any) map[string]any {
	f.t.Helper()
	status, accepted := f.call("POST", "/v3/payment_with_session", f.publicKey, body)
	if status != http.StatusOK {
		f.t.Fatalf("payment_with_session: %d %v", status, accepted)
	}
	return accepted
}

// submit hands in a CVN for a session, as the SDK does.
func (f *front) submit(session map[string]any, cvn string) (int, map[string]any) {
	f.t.Helper()
	return f.call("POST", "/v3/payment_with_session", f.publicKey, submission(session, cvn))
}

// submitted hands in a CVN that must be taken.
func (f *front) submitted(session map[string]any, cvn string) map[string]any {
	f.t.Helper()
	status, accepted := f.submit(session, cvn)
	if status != http.StatusOK {
		f.t.Fatalf("payment_with_session: %d %v", status, accepted)
	}
	return accepted
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
