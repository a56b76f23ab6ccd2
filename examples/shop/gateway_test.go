package shop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// gateway plays the payment gateway's public API, on an origin of its own. What it does with a CVN:
// 999 is declined after the bank, 111 fails at the bank, 222 is refused as wrong, 333 must wait.
type gateway struct {
	*httptest.Server
	t        *testing.T
	shop     *Shop
	shopURL  string
	sdk      []byte
	silent   bool // the webhook is not sent when the payer comes back
	mu       sync.Mutex
	created  []map[string]any // bodies of POST /sessions
	status   map[string]string
	prepared []string // sessions, each time
	collects int
	events   int
	release  chan struct{} // closed: collections are answered
}

const (
	secretKey     = "xnd_development_sandbox"
	publicKey     = "xnd_public_development_sandbox"
	callbackToken = "sandbox_callback_token"
)

func savedCards() []SavedCard {
	return []SavedCard{
		{Label: "Everyday Visa", Brand: "VISA", Last4: "1091", TokenID: "pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e", CVNDigits: 3},
		{Label: "Mastercard", Brand: "MASTERCARD", Last4: "2151", TokenID: "pt-00000000-0000-4000-8000-000000002151", CVNDigits: 3},
		{Label: "Amex Gold", Brand: "AMEX", Last4: "2708", TokenID: "pt-00000000-0000-4000-8000-000000002708", CVNDigits: 4},
	}
}

func counter(prefix string) func() string {
	var mu sync.Mutex
	n := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("%s%06d", prefix, n)
	}
}

// newShop opens a shop beside a gateway, both on real sockets.
func newShop(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{t: t, status: map[string]string{}, release: make(chan struct{})}
	close(g.release)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sessions", g.create)
	mux.HandleFunc("GET /sessions/{id}", g.read)
	mux.HandleFunc("POST /sessions/{id}/cancel", g.cancel)
	mux.HandleFunc("GET /cards-session.min.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(g.sdk)
	})
	mux.HandleFunc("OPTIONS /v3/payment_with_session", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "authorization, content-type")
	})
	mux.HandleFunc("POST /v3/payment_with_session", g.collect)
	mux.HandleFunc("OPTIONS /v3/payment_with_session/{session}/preparation", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "authorization")
	})
	mux.HandleFunc("GET /v3/payment_with_session/{session}/preparation", g.prepare)
	mux.HandleFunc("GET /bank/{session}/{cvn}", g.bank)
	mux.HandleFunc("GET /bank/{session}/{cvn}/done", g.bankDone)
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)

	front := httptest.NewUnstartedServer(nil)
	g.shopURL = "http://" + strings.Replace(front.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	shop, err := New(Options{
		APIBase: g.URL, SecretKey: secretKey, PublicKey: publicKey, CallbackToken: callbackToken,
		BaseURL: g.shopURL, Cards: savedCards(),
		HTTP: g.Client(), NewID: counter("7f3k2a9c-"),
		Now: func() time.Time { return time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	g.shop = shop
	front.Config.Handler = shop
	front.Start()
	t.Cleanup(front.Close)
	return g
}

func (g *gateway) authorised(w http.ResponseWriter, r *http.Request, key string) bool {
	if user, password, _ := r.BasicAuth(); user != key || password != "" {
		g.refuse(w, http.StatusUnauthorized, "INVALID_API_KEY", "")
		return false
	}
	return true
}

func (g *gateway) refuse(w http.ResponseWriter, status int, code, path string) {
	body := map[string]any{"error_code": code, "message": "refused"}
	if path != "" {
		body["errors"] = []map[string]string{{"path": path, "message": "refused"}}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (g *gateway) create(w http.ResponseWriter, r *http.Request) {
	if !g.authorised(w, r, secretKey) {
		return
	}
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	g.mu.Lock()
	g.created = append(g.created, body)
	id := fmt.Sprintf("ps-%024d", len(g.created))
	g.status[id] = "ACTIVE"
	g.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"payment_session_id": id, "status": "ACTIVE"})
}

func (g *gateway) read(w http.ResponseWriter, r *http.Request) {
	if !g.authorised(w, r, secretKey) {
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"payment_session_id": r.PathValue("id"), "status": g.session(r.PathValue("id"))})
}

func (g *gateway) cancel(w http.ResponseWriter, r *http.Request) {
	if !g.authorised(w, r, secretKey) {
		return
	}
	g.settle(r.PathValue("id"), "CANCELED")
	_ = json.NewEncoder(w).Encode(map[string]any{"payment_session_id": r.PathValue("id"), "status": "CANCELED"})
}

func (g *gateway) session(id string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status[id]
}

func (g *gateway) settle(id, status string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status[id] = status
}

func (g *gateway) sessions() []map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.created
}

// prepare says that the payer's bank does not want to look at the browser.
func (g *gateway) prepare(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if !g.authorised(w, r, publicKey) {
		return
	}
	g.mu.Lock()
	g.prepared = append(g.prepared, r.PathValue("session"))
	g.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{})
}

func (g *gateway) collect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	if !g.authorised(w, r, publicKey) {
		return
	}
	var body struct {
		CVN     string `json:"cvn"`
		Session string `json:"payment_session_id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	g.mu.Lock()
	g.collects++
	n, release := g.collects, g.release
	g.mu.Unlock()
	select {
	case <-release:
	case <-r.Context().Done():
		return
	}
	switch {
	case g.session(body.Session) != "ACTIVE":
		g.refuse(w, http.StatusUnprocessableEntity, "INVALID_SESSION_STATUS", "")
	case body.CVN == "222":
		g.refuse(w, http.StatusBadRequest, "API_VALIDATION_ERROR", "/body/cvn")
	case body.CVN == "444":
		g.refuse(w, http.StatusUnprocessableEntity, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", "")
	case body.CVN == "333":
		w.Header().Set("Retry-After", "1")
		g.refuse(w, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", "")
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{
			"message":            "Status updated. Wait for a callback or get the status using the Get API.",
			"payment_request_id": fmt.Sprintf("pr-%d", n),
			"action_url":         fmt.Sprintf("%s/bank/%s/%s?request=pr-%d#k=share", g.URL, body.Session, body.CVN, n),
		})
	}
}

func (g *gateway) bank(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = fmt.Fprintf(w, `<!doctype html><title>Bank</title><a id="done" href="%s/done?%s">Confirm</a>`, r.URL.Path, r.URL.RawQuery)
}

func (g *gateway) bankDone(w http.ResponseWriter, r *http.Request) {
	id, request := r.PathValue("session"), r.URL.Query().Get("request")
	var index int
	_, _ = fmt.Sscanf(id, "ps-%d", &index)
	session := g.sessions()[index-1]
	reference := session["reference_id"].(string)
	urls := session["cards_session_js"].(map[string]any)
	event, back := captured(reference, request), urls["success_return_url"].(string)
	switch r.PathValue("cvn") {
	case "999":
		event, back = failed(reference, request, "INVALID_CVV"), urls["failure_return_url"].(string)
	case "111":
		event, back = failed(reference, request, "AUTHENTICATION_FAILED"), urls["failure_return_url"].(string)
	default:
		g.settle(id, "COMPLETED")
	}
	if !g.silent {
		g.send(event)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// send delivers a webhook over a real connection and returns the answer's status.
func (g *gateway) send(event string, header ...string) int {
	g.t.Helper()
	g.mu.Lock()
	g.events++
	id := fmt.Sprintf("webhook-%d", g.events)
	g.mu.Unlock()
	request, err := http.NewRequest(http.MethodPost, g.shopURL+"/webhooks", strings.NewReader(event))
	if err != nil {
		g.t.Fatal(err)
	}
	request.Header.Set("x-callback-token", callbackToken)
	request.Header.Set("webhook-id", id)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := g.Client().Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// captured is the seed's webhook for an order of ours.
func captured(reference, request string) string {
	return fmt.Sprintf(`{
  "created": "2026-11-23T09:31:35.109Z", "business_id": "62440e322008e87fb29c1fd0", "event": "payment.capture",
  "data": {
    "type": "PAY", "status": "SUCCEEDED", "country": "ID",
    "created": "2026-11-23T09:31:08.192Z", "updated": "2026-11-23T09:31:30.627Z",
    "captures": [{"capture_id": "cptr-08f17fa3-e80c-4d8e-8c34-17aa3400bc1c", "capture_amount": 100000, "capture_timestamp": "2026-11-23T09:31:34.234Z"}],
    "currency": "IDR", "payment_id": "py-3f57d678-2448-4c9f-a433-8468d366fb5c", "business_id": "62440e322008e87fb29c1fd0",
    "customer_id": "cust-7de9a9b4-37e8-40ad-b665-d97f42e538c5", "channel_code": "CARDS", "reference_id": "%s_b8d18f2f-3",
    "capture_method": "AUTOMATIC", "request_amount": 100000,
    "payment_details": {
      "authorization_data": {
        "reconciliation_id": "7345007929096981703954", "authorization_code": "831000", "acquirer_merchant_id": "reprise_sandbox",
        "network_response_code": "00", "network_transaction_id": "016153570198200", "cvn_verification_result": "M",
        "retrieval_reference_number": "632709205253", "network_response_code_descriptor": "Approved and completed successfully"},
      "authentication_data": {
        "flow": "CHALLENGE",
        "a_res": {"eci": "05", "message_version": "2.2.0", "authentication_value": "AAIBBYNoEwAAACcKhAJkdQAAAAA=", "directory_server_trans_id": "e537f539-d59f-4ebe-8d56-7fdc31a8e9b4"}}},
    "payment_request_id": "%s"
  }, "api_version": "v3"}`, reference, request)
}

func failed(reference, request, code string) string {
	return fmt.Sprintf(`{"event": "payment.failure", "business_id": "62440e322008e87fb29c1fd0", "created": "2026-11-23T09:31:35.109Z",
  "data": {"payment_id": "py-1fdaf346-dd2e-4b6c-b938-124c7167a822", "status": "FAILED", "payment_request_id": "%s", "request_amount": 100000,
    "channel_code": "CARDS", "country": "ID", "currency": "IDR", "reference_id": "%s_GiWjPj9h9K", "failure_code": "%s", "type": "PAY"}, "api_version": "v3"}`, request, reference, code)
}

// payer is a browser as far as HTTP goes: it keeps cookies and follows nothing by itself.
type payer struct {
	g      *gateway
	client *http.Client
}

func newPayer(g *gateway) *payer {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	client.Jar = jar{}
	return &payer{g: g, client: client}
}

type jar map[string]*http.Cookie

func (j jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		j[c.Name] = c
	}
}

func (j jar) Cookies(*url.URL) []*http.Cookie {
	var all []*http.Cookie
	for _, c := range j {
		all = append(all, c)
	}
	return all
}

func (p *payer) do(method, path, body string, header ...string) (*http.Response, string) {
	p.g.t.Helper()
	request, err := http.NewRequest(method, p.g.shopURL+path, strings.NewReader(body))
	if err != nil {
		p.g.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := p.client.Do(request)
	if err != nil {
		p.g.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		p.g.t.Fatal(err)
	}
	return response, string(content)
}

func sdk(t *testing.T) []byte {
	t.Helper()
	script, err := os.ReadFile("../../internal/checkout/web/cards-session.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return script
}
