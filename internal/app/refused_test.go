package app

import (
	"crypto/sha256"
	"database/sql"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// refusedRow is one row of an operation's error table: what is sent, and what has to be answered. The message
// is compared to the letter; where it is empty, anything may be said. Without a path no field may be named.
type refusedRow struct {
	name string
	ask  func(w *town) asked // prepares what has to be there, and says what to send
	want refusal
}

// asked is a request that is to be refused.
type asked struct {
	path    string
	body    any
	key     string   // empty: the sandbox's, of the kind that the operation takes
	headers []string // in pairs
}

// refusedRows are the error tables of all operations, by pattern. A new table is one more line here.
func refusedRows() map[string][]refusedRow {
	all := map[string][]refusedRow{}
	for _, tables := range []map[string][]refusedRow{
		refusedSessions(),
		refusedPaymentsWithSession(),
		refusedPaymentRequests(),
		refusedPayments(),
		refusedPaymentTokens(),
		refusedRefunds(),
		refusedCustomers(),
		refusedEndpoints(),
		refusedDeliveries(),
		refusedPages(),
		refusedLinks(),
	} {
		maps.Copy(all, tables)
	}
	return all
}

// TestRefused goes through the error tables at one house, and then holds what was answered against the
// contract: each code that an operation lists was answered by it, and no table is of something else.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.stranger()
	operations, _ := w.operations()
	tables := refusedRows()
	answered := map[string]map[string]bool{}
	for _, o := range operations {
		answered[o.pattern] = map[string]bool{}
		t.Run(o.pattern, func(t *testing.T) {
			for _, row := range tables[o.pattern] {
				t.Run(row.name, func(t *testing.T) {
					answered[o.pattern][w.in(t).refusedBy(o, row)] = true
				})
			}
		})
	}
	t.Run("every code of the contract", func(t *testing.T) {
		for _, o := range operations {
			for _, code := range o.codes {
				if !answered[o.pattern][code] {
					t.Errorf("no row of the error table of %s is answered %s", o.pattern, code)
				}
			}
			delete(tables, o.pattern)
		}
		for pattern := range tables {
			t.Errorf("the contract has no %s", pattern)
		}
	})
}

// refusedBy sends what a row asks, compares the answer, and returns the code that was answered.
func (w *town) refusedBy(o operation, row refusedRow) string {
	t := w.t
	t.Helper()
	q := row.ask(w)
	w.serves(o, q.path)
	if q.key == "" {
		q.key = o.key
	}
	a := w.ask(o.method, q.path, q.key, q.body, q.headers...)
	a.refuses(t, row.want)
	if row.want.message != "" && a.body["message"] != row.want.message {
		t.Errorf("says %q, want %q", a.body["message"], row.want.message)
	}
	if row.want.path == "" && a.body["errors"] != nil {
		t.Errorf("names fields: %v", a.body["errors"])
	}
	code, _ := a.body["error_code"].(string)
	return code
}

// serves fails where a path is not of an operation, so that no row is counted for another one's answer.
func (w *town) serves(o operation, path string) {
	w.t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(o.pattern, func(http.ResponseWriter, *http.Request) {})
	request, err := http.NewRequest(o.method, w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, pattern := mux.Handler(request); pattern != o.pattern {
		w.t.Fatalf("%s is not a path of %s", path, o.pattern)
	}
}

// at asks for a path.
func at(path string) func(*town) asked { return func(*town) asked { return asked{path: path} } }

// damage changes a row behind the back of a house on SQLite.
func (w *town) damage(statement string, args ...any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "reprise.db")+"?_pragma=busy_timeout(5000)")
	if err == nil {
		defer db.Close()
		_, err = db.Exec(statement, args...)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestRefusedByAny has every operation answer with the codes that any operation answers with, each in the
// ways it can come about.
func TestRefusedByAny(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	operations, general := w.operations()
	answered := map[string]bool{}
	refused := func(w *town, want refusal, method, path, key string, body any, headers ...string) answer {
		w.t.Helper()
		a := w.ask(method, path, key, body, headers...)
		a.refuses(w.t, want)
		code, _ := a.body["error_code"].(string)
		answered[code] = true
		return a
	}
	const forbidden = "xnd_development_nothing" // a good key that may do nothing
	if err := w.store.SaveKey(t.Context(), payment.Key{
		Hash: sha256.Sum256([]byte(forbidden)), Business: sandboxBusiness, Kind: payment.Secret, Permissions: payment.Permissions{},
	}, sandboxActor); err != nil {
		t.Fatal(err)
	}
	for _, o := range operations {
		t.Run(o.pattern, func(t *testing.T) {
			w := w.in(t)
			if strings.Contains(o.path, "{") {
				t.Fatalf("%s: a parameter of the path has no example in the contract", o.pattern)
			}
			var body any
			if o.body {
				body = map[string]any{}
			}
			if o.key != "" {
				other := map[string]string{SandboxSecretKey: SandboxPublicKey, SandboxPublicKey: SandboxSecretKey}[o.key]
				for name, key := range map[string]string{"none": "", "unknown": "xnd_development_unknown", "of the other kind": other} {
					a := refused(w, refusal{401, "INVALID_API_KEY", "API key is not authorized for this API", ""}, o.method, o.path, key, body)
					if a.header.Get("WWW-Authenticate") == "" {
						t.Errorf("key %s: no WWW-Authenticate", name)
					}
				}
			}
			if o.key == SandboxSecretKey {
				refused(w, refusal{403, "REQUEST_FORBIDDEN_ERROR", "The API key is forbidden to perform this request", ""}, o.method, o.path, forbidden, body)
			}
			if o.body {
				large := `{"description":"` + strings.Repeat("x", 256<<10) + `"}`
				deep := `{"items":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`
				refused(w, refusal{413, "REQUEST_TOO_LARGE", "The request body is too large", ""}, o.method, o.path, o.key, large)
				refused(w, refusal{413, "REQUEST_TOO_LARGE", "The request body is nested too deeply", ""}, o.method, o.path, o.key, deep)
				for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", ";"} {
					refused(w, refusal{415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json", ""},
						o.method, o.path, o.key, body, "Content-Type", kind)
				}
				refused(w, refusal{415, "UNSUPPORTED_MEDIA_TYPE", "Content-Encoding is not supported: send the body as it is", ""},
					o.method, o.path, o.key, body, "Content-Encoding", "gzip")
			}
			for _, accept := range []string{"text/html", "*/*, application/json;q=0"} {
				refused(w, refusal{406, "NOT_ACCEPTABLE", "The answer is application/json, which the Accept header leaves out", ""},
					o.method, o.path, o.key, body, "Accept", accept)
			}
			refused(w, refusal{404, "NOT_FOUND", "There is nothing at this path", ""}, o.method, strings.Split(o.path, "?")[0]+"/", o.key, body)
			refused(w, refusal{404, "NOT_FOUND", "There is nothing at this path", ""}, o.method, "/"+o.path, o.key, body)
			for _, method := range []string{"PUT", "DELETE", "TRACE", "OPTIONS"} {
				if method == "OPTIONS" && o.key == SandboxPublicKey {
					continue // a browser's question before it sends
				}
				if slices.ContainsFunc(operations, func(other operation) bool { return other.method == method && other.path == o.path }) {
					continue
				}
				a := refused(w, refusal{405, "METHOD_NOT_ALLOWED", "The method is not allowed at this path", ""}, method, o.path, o.key, nil)
				if allowed := strings.Split(a.header.Get("Allow"), ", "); !slices.Contains(allowed, o.method) {
					t.Errorf("%s: Allow %q", method, allowed)
				}
			}
		})
	}
	t.Run("a damaged row", func(t *testing.T) {
		w := w.in(t)
		id := w.newSession(visaChallenge)["payment_session_id"].(string)
		w.damage(`UPDATE session SET data = 'x' WHERE id = $1`, id)
		refused(w, refusal{500, "SERVER_ERROR", "Something unexpected happened. We are investigating this issue. Please try again later.", ""},
			"GET", "/sessions/"+id, SandboxSecretKey, nil)
	})
	t.Run("a payment at the acquirer", func(t *testing.T) {
		w := w.in(t)
		w.bank.next("silence")
		session := w.newSession(visaChallenge, skipping)
		var first sync.WaitGroup
		first.Go(func() {
			_, _ = w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		})
		w.eventually("the purchase is booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
		a := refused(w, refusal{503, "SERVICE_UNAVAILABLE", "A payment of this session is being processed.", ""},
			"POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		if a.header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
		}
		w.forward(8 * time.Second)
		first.Wait()
	})
	t.Run("the same key at once", func(t *testing.T) {
		w := w.in(t)
		w.eventually("two requests are in at one time", func() bool {
			session := w.newSession(visaChallenge)
			answers := make([]answer, 8)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() {
					answers[i], _ = w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"),
						"idempotency-key", session["payment_session_id"].(string))
				})
			}
			all.Wait()
			for _, a := range answers {
				if a.status == http.StatusConflict {
					a.refuses(t, refusal{409, "IDEMPOTENCY_ERROR", "A request with the same idempotency-key is being processed. Please try again.", ""})
					answered["IDEMPOTENCY_ERROR"] = true
				}
			}
			return answered["IDEMPOTENCY_ERROR"]
		})
	})
	t.Run("too often", func(t *testing.T) {
		w := openTown(t, func(s *SandboxSettings) { s.Limits = gate.Limits{PerTestKey: 2, PerSession: 2} })
		session := w.newSession(visaChallenge)
		path, body := "/sessions/"+session["payment_session_id"].(string), submission(session, "123")
		tooOften := refusal{429, "RATE_LIMIT_EXCEEDED", "Too many requests were sent in a short time. Please try again later.", ""}
		for range 2 {
			w.read(path)
			w.submitted(session, "123")
		}
		look := "/pay/" + w.visitor(w.submitted(w.newSession(visaChallenge), "123")).page + "/step"
		for range 2 {
			if status, _ := w.call("GET", look, "", nil); status != 200 {
				t.Errorf("%s: %d", look, status)
			}
		}
		for _, a := range []answer{
			refused(w, tooOften, "GET", look, "", nil),
			refused(w, tooOften, "GET", path, SandboxSecretKey, nil),
			refused(w, tooOften, "POST", "/v3/payment_with_session", SandboxPublicKey, body),
		} {
			if a.header.Get("Retry-After") == "" || a.header.Get("Rate-Limit-Limit") != "2" || a.header.Get("Rate-Limit-Remaining") != "0" {
				t.Errorf("%v", a.header)
			}
		}
	})
	t.Run("every general code of the contract", func(t *testing.T) {
		for _, code := range general {
			if !answered[code] {
				t.Errorf("nothing here is answered %s", code)
			}
		}
	})
}
