package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

const (
	sessionID = "ps-6746c1006b7752b4d91725af"
	publicKey = "xnd_public_development_sandbox"
	accepted  = `{"message":"Status updated. Wait for a callback or get the status using the Get API.","payment_request_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f","action_url":"http://127.0.0.1/a/1#k=2"}`
)

// gateway plays the API on an origin of its own, with the CORS answers a browser insists on.
type gateway struct {
	*httptest.Server
	script []byte

	mu          sync.Mutex
	answer      http.HandlerFunc
	requests    []request
	preparation http.HandlerFunc
	prepared    []request
	framing     http.HandlerFunc
}

type request struct {
	Method, Authorization, ContentType, Origin, Referer, Cookie, Body string
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{script: mustBuild(t, scripts()[0]), preparation: reply(http.StatusOK, "{}")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cards-session.min.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		http.SetCookie(w, &http.Cookie{Name: "gateway", Value: "1"})
		_, _ = w.Write(g.script)
	})
	const submit, preparation = "/v3/payment_with_session", "/v3/payment_with_session/{session}/preparation"
	for path, method := range map[string]string{submit: "POST", preparation: "GET"} {
		mux.HandleFunc("OPTIONS "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Methods", method)
			w.Header().Set("Access-Control-Allow-Headers", "authorization, content-type")
			w.WriteHeader(http.StatusNoContent)
		})
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			seen := request{
				Method: r.Method, Authorization: r.Header.Get("Authorization"), ContentType: r.Header.Get("Content-Type"),
				Origin: r.Header.Get("Origin"), Referer: r.Header.Get("Referer"), Cookie: r.Header.Get("Cookie"), Body: string(body),
			}
			g.mu.Lock()
			answer := g.answer
			if path == submit {
				g.requests = append(g.requests, seen)
			} else {
				seen.Body = r.PathValue("session")
				g.prepared, answer = append(g.prepared, seen), g.preparation
			}
			g.mu.Unlock()
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
			answer(w, r)
		})
	}
	mux.HandleFunc("GET /3ds/method", func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		frame := g.framing
		g.mu.Unlock()
		frame(w, r)
	})
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

// expect forgets earlier requests and sets the next answers.
func (g *gateway) expect(answer http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer, g.requests = answer, nil
}

func (g *gateway) seen() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests
}

// says sets how preparations are answered from now on, and forgets those that were.
func (g *gateway) says(preparation http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.preparation, g.prepared = preparation, nil
}

// frame sets what stands in the hidden frame.
func (g *gateway) frame(page http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.framing = page
}

func (g *gateway) preparations() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.prepared
}

// body is what was handed in, but for what the browser says of itself.
func body(t *testing.T, r request) map[string]any {
	t.Helper()
	b := decode(t, r.Body).(map[string]any)
	said, _ := b["browser"].(map[string]any)
	for _, name := range []string{"language", "java_enabled", "color_depth", "screen_height", "screen_width", "time_zone"} {
		if said[name] == nil {
			t.Errorf("the browser says nothing of its %s: %v", name, said)
		}
	}
	delete(b, "browser")
	return b
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// merchant is a page of another site that loads the SDK and counts what nobody handled. policy is its
// Content-Security-Policy, if any.
func merchant(t *testing.T, script, policy string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Merchant</title><script>
			var unhandled = [];
			addEventListener("unhandledrejection", e => unhandled.push(e.reason.error_code || String(e.reason)));
			addEventListener("error", e => unhandled.push(e.message));
			var logged = [];
			for (const method of Object.keys(console)) console[method] = () => logged.push(method);
			var settled = promise => promise.then(ok => ({ok}), error => ({error}));
			</script><script src="%s/cards-session.min.js"></script>`, script)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/checkout?order=17"
}

func TestSDK(t *testing.T) {
	ctx, cancel := context.WithTimeout(newBrowser(t), time.Minute)
	defer cancel()
	g := newGateway(t)
	page := merchant(t, g.URL, "")
	if err := chromedp.Do(ctx, chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}

	// run evaluates JavaScript in the page and compares what it (or its promise) yields, as JSON.
	run := func(t *testing.T, script, want string) {
		t.Helper()
		if diff := cmp.Diff(decode(t, want), decode(t, evaluate(t, ctx, script))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", script, diff)
		}
	}
	collect := func(data string) string { return "settled(Xendit.payment.collectCardData(" + data + "))" }
	cvnOnly := collect(`{cvn: "123", payment_session_id: "` + sessionID + `"}`)

	t.Run("no key", func(t *testing.T) {
		g.expect(reply(http.StatusOK, accepted))
		run(t, cvnOnly, `{"error":{"error_code":"INVALID_API_KEY","message":"Call Xendit.setPublishableKey before collectCardData"}}`)
		if len(g.seen()) != 0 {
			t.Error("a request was made without a key")
		}
	})

	t.Run("secret key", func(t *testing.T) {
		run(t, `(() => { try { Xendit.setPublishableKey("xnd_development_secret"); return "taken" } catch (e) { return e.message.includes("xnd_development_secret") ? "told" : "refused" } })()`, `"refused"`)
	})

	run(t, `Xendit.setPublishableKey("`+publicKey+`")`, `null`)

	t.Run("success", func(t *testing.T) {
		g.expect(reply(http.StatusOK, accepted))
		run(t, cvnOnly, `{"ok":`+accepted+`}`)
		want := []request{{
			Method:        "POST",
			Authorization: "Basic eG5kX3B1YmxpY19kZXZlbG9wbWVudF9zYW5kYm94Og==",
			ContentType:   "application/json",
			Origin:        strings.TrimSuffix(page, "/checkout?order=17"),
		}}
		seen := g.seen()
		if len(seen) == 1 {
			submitted := map[string]any{"cvn": "123", "payment_session_id": sessionID, "device": map[string]any{}, "method_completed": "U"}
			if diff := cmp.Diff(submitted, body(t, seen[0])); diff != "" {
				t.Errorf("body (-want +got)\n%s", diff)
			}
			seen = []request{seen[0]}
			seen[0].Body = ""
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("request (-want +got)\n%s", diff)
		}
		want[0].Method, want[0].ContentType, want[0].Body = "GET", "", sessionID
		if diff := cmp.Diff(want, g.preparations()); diff != "" {
			t.Errorf("preparation (-want +got)\n%s", diff)
		}
		run(t, `location.pathname`, `"/checkout"`)
	})

	t.Run("new card", func(t *testing.T) {
		g.expect(reply(http.StatusOK, `{"message":"m","payment_request_id":"pr-1","payment_token_id":"pt-1","action_url":"http://127.0.0.1/a/1#k=2"}`))
		data := `"payment_session_id":"` + sessionID + `","card_number":"4000000000001091","expiry_month":"12","expiry_year":"2029","cvn":"123",
			"cardholder_first_name":"Jaap","cardholder_last_name":"Stam","cardholder_email":"test@yourdomain.com","cardholder_phone_number":"+6212345678",
			"confirm_save":true,"billing_information":{"first_name":"Jaap","last_name":"Stam","email":"test@yourdomain.com","street_line1":"Jalan Sudirman 1",
			"city":"Jakarta","province_state":"DKI Jakarta","country":"ID","postal_code":"10220"}`
		run(t, collect(`{`+data+`}`), `{"ok":{"message":"m","payment_request_id":"pr-1","payment_token_id":"pt-1","action_url":"http://127.0.0.1/a/1#k=2"}}`)
		if seen := g.seen(); len(seen) != 1 {
			t.Errorf("%d requests, want 1", len(seen))
		} else if diff := cmp.Diff(decode(t, `{`+data+`,"device":{},"method_completed":"U"}`), any(body(t, seen[0]))); diff != "" {
			t.Errorf("body (-want +got)\n%s", diff)
		}
	})

	t.Run("new card, and no more than it needs", func(t *testing.T) {
		g.expect(reply(http.StatusCreated, `{"message":"m","payment_token_id":"pt-1"}`))
		run(t, collect(`{payment_session_id: "`+sessionID+`", card_number: "4000000000001091", expiry_month: "12", expiry_year: "2029", cvn: null,
			cardholder_email: undefined, confirm_save: false, billing_information: {first_name: "Jaap", street_line2: null}}`),
			`{"ok":{"message":"m","payment_token_id":"pt-1"}}`)
		want := decode(t, `{"payment_session_id":"`+sessionID+`","card_number":"4000000000001091","expiry_month":"12","expiry_year":"2029","confirm_save":false,
			"billing_information":{"first_name":"Jaap"},"device":{},"method_completed":"U"}`)
		if seen := g.seen(); len(seen) != 1 {
			t.Errorf("%d requests, want 1", len(seen))
		} else if diff := cmp.Diff(want, any(body(t, seen[0]))); diff != "" {
			t.Errorf("body (-want +got)\n%s", diff)
		}
	})

	t.Run("new card, refused by the gateway", func(t *testing.T) {
		refusal := `"error_code":"API_VALIDATION_ERROR","message":"m","errors":[{"path":"/body/card_number","message":"must be a valid card number"}]`
		g.expect(reply(http.StatusBadRequest, `{`+refusal+`}`))
		run(t, collect(`{payment_session_id: "`+sessionID+`", card_number: "4111-1111-1111-1112", expiry_month: "12", expiry_year: "2029"}`), `{"error":{`+refusal+`,"status":400}}`)
		if n := len(g.seen()); n != 1 {
			t.Errorf("%d requests, want 1: the gateway alone judges a number", n)
		}
	})

	t.Run("API error", func(t *testing.T) {
		g.expect(reply(http.StatusBadRequest, `{"error_code":"API_VALIDATION_ERROR","message":"m","errors":[{"path":"/body/cvn","message":"must have 4 digits"}]}`))
		run(t, cvnOnly, `{"error":{"error_code":"API_VALIDATION_ERROR","message":"m","errors":[{"path":"/body/cvn","message":"must have 4 digits"}],"status":400}}`)
	})

	t.Run("retry later", func(t *testing.T) {
		g.expect(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			reply(http.StatusServiceUnavailable, `{"error_code":"SERVICE_UNAVAILABLE","message":"m"}`)(w, r)
		})
		run(t, cvnOnly, `{"error":{"error_code":"SERVICE_UNAVAILABLE","message":"m","status":503,"retry_after":7}}`)
	})

	unreadable := `"error_code":"SERVER_ERROR","message":"The payment service gave an answer that could not be read"`
	for name, tc := range map[string]struct {
		status int
		body   string
	}{
		"a page instead of an answer":   {http.StatusBadGateway, "<html>Bad gateway</html>"},
		"success without JSON":          {http.StatusOK, ""},
		"success that is not an object": {http.StatusOK, "[]"},
		"an error without a code":       {http.StatusInternalServerError, `{"oops":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			g.expect(reply(tc.status, tc.body))
			run(t, cvnOnly, fmt.Sprintf(`{"error":{%s,"status":%d}}`, unreadable, tc.status))
		})
	}

	t.Run("redirect", func(t *testing.T) {
		g.expect(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		})
		run(t, cvnOnly, `{"error":{"error_code":"SERVICE_UNAVAILABLE","message":"The payment service could not be reached"}}`)
	})

	t.Run("two clicks", func(t *testing.T) {
		second := make(chan struct{})
		g.expect(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-second: // held until the page has called twice
			case <-r.Context().Done():
			}
			reply(http.StatusOK, accepted)(w, r)
		})
		click := `Xendit.payment.collectCardData({cvn: "123", payment_session_id: "` + sessionID + `"})`
		run(t, `window.first = `+click+`, window.second = `+click+`, first === second`, `true`)
		close(second)
		run(t, `Promise.all([first, second]).then(([a, b]) => a === b && a.payment_request_id)`, `"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f"`)
		if n := len(g.seen()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		run(t, `Promise.all([`+click+`, Xendit.payment.collectCardData({cvn: "123", payment_session_id: "ps-other"})]).then(all => all.length)`, `2`)
		if n := len(g.seen()); n != 3 {
			t.Errorf("%d requests after two more payments, want 3", n)
		}
	})

	t.Run("callback", func(t *testing.T) {
		call := func(data string) string {
			return `new Promise(done => Xendit.payment.collectCardData(` + data + `, (...args) => setTimeout(() => done(args))))`
		}
		g.expect(reply(http.StatusOK, accepted))
		run(t, call(`{cvn: "123", payment_session_id: "`+sessionID+`"}`), `[null,`+accepted+`]`)
		g.expect(reply(http.StatusForbidden, `{"error_code":"X","message":"m"}`))
		run(t, call(`{cvn: "123", payment_session_id: "`+sessionID+`"}`), `[{"error_code":"X","message":"m","status":403}]`)
		run(t, `unhandled`, `[]`)
	})

	t.Run("a callback that throws", func(t *testing.T) {
		g.expect(reply(http.StatusOK, accepted))
		run(t, `new Promise(done => { let calls = 0; Xendit.payment.collectCardData({cvn: "123", payment_session_id: "`+sessionID+`"},
			() => { calls++; setTimeout(() => done([calls, unhandled.splice(0)])); throw new Error("mine") }) })`,
			`[1,["Uncaught Error: mine"]]`)
	})

	t.Run("a promise nobody watches", func(t *testing.T) {
		run(t, `new Promise(done => { Xendit.payment.collectCardData({}); setTimeout(() => done(unhandled.splice(0)), 50) })`, `["API_VALIDATION_ERROR"]`)
	})

	t.Run("wrong input", func(t *testing.T) {
		g.expect(reply(http.StatusOK, accepted))
		session := `payment_session_id: "` + sessionID + `"`
		card := session + `, card_number: "4000000000001091"`
		for data, want := range map[string]string{
			``:                          `{"/body/payment_session_id":"is required","/body/cvn":"must be 3 or 4 digits"}`,
			`{` + session + `}`:         `{"/body/cvn":"must be 3 or 4 digits"}`,
			`{cvn: "123"}`:              `{"/body/payment_session_id":"is required"}`,
			`{cvn: "", ` + session:      `{"/body/cvn":"must be 3 or 4 digits"}`,
			`{cvn: "87", ` + session:    `{"/body/cvn":"must be 3 or 4 digits"}`,
			`{cvn: "87654", ` + session: `{"/body/cvn":"must be 3 or 4 digits"}`,
			`{cvn: "8a7", ` + session:   `{"/body/cvn":"must be 3 or 4 digits"}`,
			`{cvn: 876, ` + session:     `{"/body/cvn":"must be 3 or 4 digits"}`,
			`{` + card:                  `{"/body/expiry_month":"must be a month from 01 to 12","/body/expiry_year":"must be a year of four digits that is not past"}`,
			`{expiry_month: "13", expiry_year: "29", ` + card:                       `{"/body/expiry_month":"must be a month from 01 to 12","/body/expiry_year":"must be a year of four digits that is not past"}`,
			`{expiry_month: "00", expiry_year: "2023", cvn: "8", ` + card:           `{"/body/cvn":"must be 3 or 4 digits","/body/expiry_month":"must be a month from 01 to 12","/body/expiry_year":"must be a year of four digits that is not past"}`,
			`{expiry_month: "1", expiry_year: "2030", card_number: " ", ` + session: `{"/body/card_number":"is required"}`,
		} {
			if data != "" && !strings.HasSuffix(data, "}") {
				data += "}"
			}
			run(t, collect(data)+`.then(({error}) => error.error_code === "API_VALIDATION_ERROR" && error.message === error.errors[0].message &&
				Object.fromEntries(error.errors.map(e => [e.path, e.message.replace(/^\w+ /, "")])))`, want)
		}
		if len(g.seen()) != 0 {
			t.Error("wrong input was sent")
		}
	})

	t.Run("leaves no trace", func(t *testing.T) {
		run(t, `indexedDB.databases().then(all => [localStorage.length, sessionStorage.length, document.cookie, all.length, Object.keys(Xendit)])`,
			`[0,0,"",0,["setPublishableKey","payment"]]`)
		run(t, `logged`, `[]`)
	})

	t.Run("network down", func(t *testing.T) {
		g.Close()
		run(t, cvnOnly, `{"error":{"error_code":"SERVICE_UNAVAILABLE","message":"The payment service could not be reached"}}`)
	})
}

func TestSDKRefusesToRunWithoutAnAddress(t *testing.T) {
	ctx, cancel := context.WithTimeout(newBrowser(t), time.Minute)
	defer cancel()
	sdk, err := json.Marshal(string(mustBuild(t, scripts()[0])))
	if err != nil {
		t.Fatal(err)
	}
	got := evaluate(t, ctx, `(() => { try { (0, eval)(`+string(sdk)+`); return "ran" } catch (e) { return e.message } })()`)
	if !strings.Contains(got, "must be loaded by <script src>") {
		t.Errorf("got %s", got)
	}
}

// evaluate runs JavaScript in the page, waits for its promise, and returns the result as JSON.
func evaluate(t *testing.T, ctx context.Context, script string) string {
	t.Helper()
	wrapped := `Promise.resolve((` + script + `)).then(value => JSON.stringify(value === undefined ? null : value))`
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](wrapped, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return got
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}
