package app

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// addEndpoint has webhooks sent to a URL, those of some events or all, and returns the path of the endpoint.
func (f *front) addEndpoint(url, key string, events ...string) string {
	f.t.Helper()
	status, made := f.call("POST", "/webhook_endpoints", key, map[string]any{"url": url, "events": append([]string{}, events...)})
	if status != http.StatusCreated {
		f.t.Fatalf("POST /webhook_endpoints: %d %v", status, made)
	}
	return "/webhook_endpoints/" + made["endpoint_id"].(string)
}

// ownURL is a URL of the ear's that no other endpoint has.
func (w *town) ownURL() string { return fmt.Sprint(w.ear.url, "?", w.urls.Add(1)) }

// deliveries lists what was sent, the newest first.
func (f *front) deliveries(query string) []map[string]any {
	f.t.Helper()
	var list []map[string]any
	for _, d := range f.read("/webhook_deliveries?limit=100" + query)["data"].([]any) {
		list = append(list, d.(map[string]any))
	}
	return list
}

// of is the query for what went to an endpoint.
func of(endpoint string) string {
	return "&endpoint_id=" + strings.TrimPrefix(endpoint, "/webhook_endpoints/")
}

// delivered waits until so many deliveries to an endpoint have come to a status.
func (w *town) delivered(endpoint string, status string, n int) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d deliveries are %s", n, status), func() bool { return len(w.deliveries(of(endpoint)+"&status="+status)) == n })
}

// TestEndpointsOfOneURL: a URL can have several endpoints, as long as nothing would come there twice.
func TestEndpointsOfOneURL(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	e := listen(t)
	captures := w.addEndpoint(e.url, SandboxSecretKey, "payment.capture")
	w.addEndpoint(e.url, SandboxSecretKey, "payment_session.completed", "payment.failure")
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	e.wait(t, "payment.capture", "")
	e.wait(t, "payment_session.completed", "")
	w.forward(time.Hour)
	if n := e.webhooks("", ""); n != 2 {
		t.Errorf("told %d times, want 2", n)
	}
	all := map[string]any{"url": e.url}
	if status, refused := w.call("POST", "/webhook_endpoints", SandboxSecretKey, all); status != http.StatusConflict || refused["error_code"] != "DUPLICATE_ERROR" {
		t.Errorf("all events beside some: %d %v", status, refused)
	}
	w.call("DELETE", captures, SandboxSecretKey, nil)
	w.addEndpoint(e.url, SandboxSecretKey, "payment.capture")
	w.stranger()
	w.addEndpoint(e.url, strangerSecretKey) // what others have there is none of one's business
}

func TestEndpointsByEvent(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	captures, none := listen(t), listen(t)
	chosen := w.addEndpoint(captures.url, SandboxSecretKey, "payment.capture")
	removed := w.addEndpoint(none.url, SandboxSecretKey)
	if status, gone := w.call("DELETE", removed, SandboxSecretKey, nil); status != http.StatusOK || gone["url"] != none.url {
		t.Errorf("removed: %d %v", status, gone)
	}
	if status, _ := w.call("GET", removed, SandboxSecretKey, nil); status != http.StatusNotFound {
		t.Errorf("after it was removed: %d", status)
	}
	session := w.newSession(visaChallenge, skipping)
	w.submitted(session, "123")
	w.webhook("payment.capture", "")
	w.webhook("payment_session.completed", "")
	got := captures.wait(t, "payment.capture", "")
	w.forward(time.Hour)
	if n := captures.webhooks("", ""); n != 1 {
		t.Errorf("who wants captures was told %d times", n)
	}
	if n := none.webhooks("", ""); n != 0 {
		t.Errorf("who was removed was told %d times", n)
	}

	// What signs can be read, and is nobody else's.
	secret := w.read(chosen + "/secret")
	if token := got.Header.Get("X-Callback-Token"); secret["callback_token"] != token {
		t.Errorf("callback token %v, and %q came", secret["callback_token"], token)
	}
	verifier, err := standardwebhooks.NewWebhook(secret["secret"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.VerifyIgnoringTimestamp(got.Body, got.Header); err != nil {
		t.Error(err)
	}
	if err := verifier.VerifyIgnoringTimestamp(got.Body, w.webhook("payment.capture", "").Header); err == nil {
		t.Error("one secret is good for two endpoints")
	}
	listed := w.read("/webhook_endpoints")["data"].([]any)
	if len(listed) != 3 { // the shop's and the ear's are the sandbox's own
		t.Errorf("listed: %v", listed)
	}
}

// TestGoneEndpoint: who answers 410 is told nothing more until somebody enables it.
func TestGoneEndpoint(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	gone := listen(t)
	gone.answering(func(webhookSeen) int { return http.StatusGone })
	endpoint := w.addEndpoint(gone.url, SandboxSecretKey, "payment.capture")
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	w.delivered(endpoint, "FAILED", 1)
	disabled := w.read(endpoint)
	if disabled["status"] != "DISABLED" || disabled["disabled_reason"] != "It answered 410 Gone." || disabled["disabled_at"] == nil {
		t.Errorf("after 410: %v", disabled)
	}
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	w.forward(time.Hour)
	if n := gone.webhooks("", ""); n != 1 || len(w.deliveries(of(endpoint))) != 1 {
		t.Errorf("told %d times", n)
	}

	gone.answering(nil)
	status, enabled := w.call("POST", endpoint+"/enable", SandboxSecretKey, nil)
	if status != http.StatusOK || enabled["status"] != "ENABLED" || enabled["disabled_reason"] != nil {
		t.Errorf("enabled: %d %v", status, enabled)
	}
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	w.delivered(endpoint, "DELIVERED", 1)

	// What failed meanwhile can be sent again, with the id it had.
	failed := w.deliveries(of(endpoint) + "&status=FAILED")[0]
	status, resent := w.call("POST", "/webhook_deliveries/"+failed["delivery_id"].(string)+"/resend", SandboxSecretKey, nil)
	if status != http.StatusOK || resent["status"] != "PENDING" {
		t.Errorf("resent: %d %v", status, resent)
	}
	w.delivered(endpoint, "DELIVERED", 2)
	told := gone.about("", "")
	if len(told) != 3 || told[2].Header.Get("Webhook-Id") != failed["webhook_id"] || told[2].Header.Get("Webhook-Id") != told[0].Header.Get("Webhook-Id") {
		t.Errorf("told %d times, at last of %s, want %v", len(told), told[len(told)-1].Header.Get("Webhook-Id"), failed["webhook_id"])
	}
	for _, name := range []string{"Webhook-Object", "Webhook-Sequence"} {
		if first, again := told[0].Header.Get(name), told[2].Header.Get(name); first == "" || first != again {
			t.Errorf("%s was %q, and is %q when it is sent again", name, first, again)
		}
	}
	var statuses []any
	for _, a := range w.deliveries(of(endpoint) + "&webhook_id=" + failed["webhook_id"].(string))[0]["attempts"].([]any) {
		statuses = append(statuses, a.(map[string]any)["http_status"])
	}
	if !slices.Equal(statuses, []any{410.0, 200.0}) {
		t.Errorf("its attempts: %v", statuses)
	}
}

// TestResendRange: what was given up is sent again, all that fits and nothing else.
func TestResendRange(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	down := listen(t)
	down.answering(func(webhookSeen) int { return http.StatusBadGateway })
	endpoint := w.addEndpoint(down.url, SandboxSecretKey)
	request := w.submitted(w.newSession(visaChallenge, skipping), "123")["payment_request_id"].(string)
	tries := 0
	for _, wait := range []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour} {
		w.forward(wait)
		tries++
		w.eventually("tried again, and settled: a lease that is over by the moved clock would be another's", func() bool {
			return w.count(`SELECT COUNT(*) FROM work WHERE kind = $1 AND attempt < $2`, string(payment.WorkWebhook), tries) == 0
		})
	}
	w.delivered(endpoint, "FAILED", 2)
	page := w.read("/webhook_deliveries?limit=1&status=FAILED" + of(endpoint))
	first := page["data"].([]any)[0].(map[string]any)
	if page["has_more"] != true {
		t.Errorf("a page of one of two: %v", page)
	}
	page = w.read("/webhook_deliveries?limit=1&status=FAILED" + of(endpoint) + "&after_id=" + first["delivery_id"].(string))
	second := page["data"].([]any)[0].(map[string]any)
	if page["has_more"] != false || second["delivery_id"] == first["delivery_id"] {
		t.Errorf("the next page: %v", page)
	}
	capture := w.deliveries(of(endpoint) + "&event=payment.capture")
	if len(capture) != 1 || capture[0]["object_id"] != w.attempt(request)["latest_payment_id"] || len(capture[0]["attempts"].([]any)) != 7 {
		t.Errorf("the capture's: %v", capture)
	}

	down.answering(nil)
	resend := func(change func(map[string]any)) map[string]any {
		body := map[string]any{"created_from": w.outside.Now().Add(-2 * time.Hour).Format(time.RFC3339)}
		change(body)
		status, resent := w.call("POST", "/webhook_deliveries/resend", SandboxSecretKey, body)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, resent)
		}
		return resent
	}
	for name, change := range map[string]func(map[string]any){
		"made later":     with("created_from", w.outside.Now().Format(time.RFC3339)),
		"made earlier":   with("created_to", w.outside.Now().Add(-2*time.Hour).Format(time.RFC3339)),
		"another event":  with("event", "payment.failure"),
		"another object": with("object_id", "py-1"),
		"nowhere":        with("endpoint_id", "00000000-0000-4000-8000-00000000dead"),
	} {
		if resent := resend(change); resent["resent"] != 0.0 {
			t.Errorf("%s: %v", name, resent)
		}
	}
	if resent := resend(with("event", "payment.capture")); resent["resent"] != 1.0 || resent["has_more"] != false {
		t.Errorf("the capture: %v", resent)
	}
	w.delivered(endpoint, "DELIVERED", 1)
	if resent := resend(with("endpoint_id", strings.TrimPrefix(endpoint, "/webhook_endpoints/"))); resent["resent"] != 1.0 {
		t.Errorf("the rest: %v", resent)
	}
	w.delivered(endpoint, "DELIVERED", 2)
	if resent := resend(func(map[string]any) {}); resent["resent"] != 0.0 {
		t.Errorf("what was delivered is sent again unasked: %v", resent)
	}
	if n := down.webhooks("", ""); n != 2*tries+2 {
		t.Errorf("told %d times, want %d", n, 2*tries+2)
	}
	both := func(body map[string]any) {
		body["statuses"], body["endpoint_id"] = []string{"DELIVERED", "FAILED"}, strings.TrimPrefix(endpoint, "/webhook_endpoints/")
	}
	if resent := resend(both); resent["resent"] != 2.0 {
		t.Errorf("what was delivered, asked for: %v", resent)
	}
	w.eventually("it was delivered twice", func() bool { return down.webhooks("", "") == 2*tries+4 })
}

// TestResendMany: more than are sent again at once are sent again part by part, each of them once.
func TestResendMany(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	crowd := listen(t)
	endpoint := w.addEndpoint(crowd.url, SandboxSecretKey, "payment.capture")
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	w.delivered(endpoint, "DELIVERED", 1)
	known := w.deliveries(of(endpoint))[0]["webhook_id"].(string)
	id := strings.TrimPrefix(endpoint, "/webhook_endpoints/")
	// As many more, given up. Their ids begin as the known one's does, with its time.
	const given = payment.ResendMax + 20
	w.damage(`
WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < $2)
INSERT INTO notice (id, business, kind, object, sequence, data, created)
SELECT substr(n.id, 1, 24) || printf('%012d', i), n.business, n.kind, n.object, n.sequence, n.data, n.created
FROM number, notice n WHERE n.id = $1`, known, given)
	w.damage(`
INSERT INTO delivery (business, notice, endpoint, status) SELECT business, id, $2, 'FAILED' FROM notice
WHERE substr(id, 1, 24) = substr($1, 1, 24) AND id <> $1`, known, id)

	body := map[string]any{"created_from": w.outside.Now().Add(-time.Hour).Format(time.RFC3339), "endpoint_id": id}
	resend := func(resent int, more bool) any {
		t.Helper()
		status, said := w.call("POST", "/webhook_deliveries/resend", SandboxSecretKey, body)
		if status != http.StatusOK || said["resent"] != float64(resent) || said["has_more"] != more || (said["after_id"] != nil) != more {
			t.Fatalf("%d %v, want %d and more: %v", status, said, resent, more)
		}
		return said["after_id"]
	}
	body["after_id"] = resend(payment.ResendMax, true)
	resend(given-payment.ResendMax, false)
	w.eventually("all are delivered", func() bool {
		return w.count(`SELECT COUNT(*) FROM delivery WHERE endpoint = $1 AND status = 'DELIVERED'`, id) == given+1
	})
	told := map[string]int{}
	for _, seen := range crowd.about("payment.capture", "") {
		told[seen.Header.Get("Webhook-Id")]++
	}
	for notice, times := range told {
		if times != 1 {
			t.Errorf("%s came %d times", notice, times)
		}
	}
	if len(told) != given+1 {
		t.Errorf("%d came, want %d", len(told), given+1)
	}
}

// TestSamples: a sample of every event goes to one endpoint and can be told from the real thing.
func TestSamples(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	e := listen(t)
	endpoint := w.addEndpoint(e.url, SandboxSecretKey, "payment.capture")
	for _, kind := range payment.NoticeKinds() {
		status, tested := w.call("POST", endpoint+"/test", SandboxSecretKey, map[string]any{"event": kind})
		if status != http.StatusOK || tested["delivered"] != true || tested["attempt"].(map[string]any)["http_status"] != 200.0 {
			t.Errorf("%s: %d %v", kind, status, tested)
		}
		seen := e.about(string(kind), "")
		if len(seen) != 1 || !strings.Contains(string(seen[0].Body), `"test":true`) || seen[0].Header.Get("Webhook-Signature") == "" {
			t.Fatalf("%s: %v", kind, seen)
		}
		if err := gate.CheckWebhook(kind, seen[0].Header, seen[0].Body); err != nil {
			t.Error(err)
		}
	}
	e.answering(func(webhookSeen) int { return http.StatusTeapot })
	_, tested := w.call("POST", endpoint+"/test", SandboxSecretKey, map[string]any{"event": "payment.capture"})
	if tested["delivered"] != false || tested["attempt"].(map[string]any)["http_status"] != 418.0 {
		t.Errorf("not taken: %v", tested)
	}
	if n := len(w.deliveries("")); n != 0 {
		t.Errorf("%d samples were kept", n)
	}
}

// TestForbiddenAddress: an endpoint that is, or came to be, in the operator's network is not dialled, and the
// merchant reads why.
func TestForbiddenAddress(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	inside := payment.Endpoint{ID: "00000000-0000-4000-8000-0000000000aa", URL: "https://10.0.0.1/hook", Events: []payment.NoticeKind{payment.NoticeCapture}}
	if err := w.store.SaveEndpoint(t.Context(), sandboxBusiness, inside, sandboxActor, nil); err != nil {
		t.Fatal(err)
	}
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	var attempts []any
	w.eventually("it was tried", func() bool {
		list := w.deliveries("&endpoint_id=" + string(inside.ID))
		if len(list) == 1 {
			attempts = list[0]["attempts"].([]any)
		}
		return len(attempts) > 0
	})
	if got := attempts[0].(map[string]any); got["problem"] != "forbidden address" || got["http_status"] != nil {
		t.Errorf("came to %v", got)
	}
}

// TestNetworks: a gateway that serves sends nothing into its own network, unless that is allowed.
func TestNetworks(t *testing.T) {
	t.Parallel()
	serve, sandbox := Settings{WebhookNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}.networks(), Settings{Sandbox: true}.networks()
	for url, want := range map[string][2]bool{
		"https://10.1.2.3/": {true, false}, "https://10.2.0.1/": {false, false}, "https://127.0.0.1/": {false, true},
		"http://127.0.0.1/": {false, true}, "http://shop.example/": {false, false}, "https://shop.example/": {true, true},
	} {
		if got := [2]bool{serve.Check(url) == nil, sandbox.Check(url) == nil}; got != want {
			t.Errorf("%s: %v, want %v", url, got, want)
		}
	}
}
