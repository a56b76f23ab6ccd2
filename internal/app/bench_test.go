package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/gate"
)

// counter is a house on SQLite, with its world in the same process, and a merchant's endpoint.
type counter struct {
	*Sandbox
	transport *http.Transport
	endpoint  *httptest.Server
	webhooks  atomic.Int64 // that came
	orders    int
}

func openCounter(b *testing.B, data string) *counter {
	b.Helper()
	c := &counter{transport: &http.Transport{DialContext: dialLocalhost}}
	c.endpoint = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c.webhooks.Add(1)
	}))
	var err error
	c.Sandbox, err = OpenSandbox(b.Context(), Real(), SandboxSettings{
		Listen: "127.0.0.1:0", Data: data, Webhooks: []string{c.endpoint.URL}, Calm: true,
		Limits: gate.Limits{PerKey: -1, PerTestKey: -1, PerSession: -1, PerAddress: -1},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *counter) close(b *testing.B) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c.transport.CloseIdleConnections()
	_ = c.Sandbox.shop.Close()
	if err := c.Close(ctx); err != nil {
		b.Error(err)
	}
	c.endpoint.Close()
}

// ask sends a body and returns the answer's member of a name.
func (c *counter) ask(b *testing.B, path, key, body, name string) string {
	request, err := http.NewRequest(http.MethodPost, c.PublicURL+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: c.transport}).Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode >= 300 {
		b.Fatal(response.Status, answer, err)
	}
	text, _ := answer[name].(string)
	return text
}

// session makes a session to be paid with a stored card and without 3-D Secure.
func (c *counter) session(b *testing.B) string {
	c.orders++
	return c.ask(b, "/sessions", SandboxSecretKey, fmt.Sprintf(`{
		"reference_id": "order-%d", "session_type": "PAY", "mode": "CARDS_SESSION_JS", "amount": %d, "currency": "IDR", "country": "ID",
		"customer": {"reference_id": "jaap", "type": "INDIVIDUAL", "individual_detail": {"given_names": "Jaap"}},
		"cards_session_js": {
			"card_payment_token_id": "%s",
			"success_return_url": "https://shop.example/success", "failure_return_url": "https://shop.example/failure"
		},
		"channel_properties": {"cards": {"skip_three_ds": true}}
	}`, c.orders, 1_000_000+c.orders, visaFrictionless), "payment_session_id")
}

// BenchmarkSession makes a session over HTTP. The client's part is in it.
func BenchmarkSession(b *testing.B) {
	c := openCounter(b, b.TempDir())
	defer c.close(b)
	c.session(b)
	b.ReportAllocs()
	for b.Loop() {
		c.session(b)
	}
}

// BenchmarkOneClick pays with a stored card over HTTP and ISO 8583, until its webhooks have come at an endpoint. The client's,
// the simulator's, the endpoint's and the shop's part are in it.
func BenchmarkOneClick(b *testing.B) {
	c := openCounter(b, b.TempDir())
	defer c.close(b)
	pay := func() {
		body := fmt.Sprintf(`{"cvn": "123", "payment_session_id": "%s", "device": {}}`, c.session(b))
		if action := c.ask(b, "/v3/payment_with_session", SandboxPublicKey, body, "action_url"); action != "" {
			b.Fatal("the payer has something to do")
		}
		late := time.Now().Add(30 * time.Second)
		for want := int64(2 * c.orders); c.webhooks.Load() < want; time.Sleep(time.Millisecond) {
			if time.Now().After(late) {
				b.Fatal("its webhooks do not come")
			}
		}
	}
	pay()
	b.ReportAllocs()
	for b.Loop() {
		pay()
	}
}

// BenchmarkStart opens a sandbox on what is there already, and closes it.
func BenchmarkStart(b *testing.B) {
	data := b.TempDir()
	openCounter(b, data).close(b)
	b.ReportAllocs()
	for b.Loop() {
		c := openCounter(b, data)
		b.StopTimer()
		c.close(b)
		b.StartTimer()
	}
}
