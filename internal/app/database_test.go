package app

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// healsWithin is how long after its database is back a house may need to take payments again.
const healsWithin = 15 * time.Second

// openOnServer opens a sandbox on a PostgreSQL of its own, by way of a cable.
func openOnServer(t *testing.T) (*town, *server, *cable) {
	t.Helper()
	s := newServer(t)
	c := newCable(t, fmt.Sprintf("127.0.0.1:%d", s.port))
	w := openTown(t, func(settings *SandboxSettings) {
		settings.Database = s.url()
		settings.Change = func(h *Settings) {
			h.Database = strings.Replace(s.url(), fmt.Sprintf("127.0.0.1:%d", s.port), c.url, 1)
		}
	})
	return w, s, c
}

// unavailable holds that a request is answered 503, and when to repeat it.
func (w *town) unavailable(a answer) {
	w.t.Helper()
	a.refuses(w.t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})
	if a.header.Get("Retry-After") == "" {
		w.t.Error("503 without Retry-After")
	}
}

// notReady holds what /readyz says of the database, and that it says it at once.
func (w *town) notReady(why string) {
	w.t.Helper()
	began := time.Now()
	a := w.ask("GET", "/readyz", "", nil)
	took := time.Since(began)
	rooms, _ := a.body["rooms"].(map[string]any)
	if room, _ := rooms["database"].(map[string]any); a.status != 503 || room["ready"] != false || room["why"] != why || room["since"] == nil {
		w.t.Errorf("readyz: %d %v, want %q", a.status, a.body, why)
	}
	if took > 3*time.Second {
		w.t.Errorf("readyz took %v", took)
	}
	if status, _ := w.call("GET", "/healthz", "", nil); status != http.StatusOK {
		w.t.Errorf("healthz: %d", status)
	}
}

// heals waits until the house takes payments again, and holds that it does so soon.
func (w *town) heals() {
	w.t.Helper()
	began := time.Now()
	w.eventually("ready", func() bool { return w.ask("GET", "/readyz", "", nil).status == http.StatusOK })
	w.newSession(visaChallenge)
	took := time.Since(began)
	if took > healsWithin {
		w.t.Errorf("healed after %v", took)
	}
	w.t.Logf("healed after %v", took.Round(time.Millisecond))
}

// TestDatabaseAway: nothing is begun without a database, what was under way comes to its end, and nobody is told
// that something unexpected happened.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	w, s, _ := openOnServer(t)
	for _, mode := range []string{"fast", "immediate"} {
		session := w.newSession(visaChallenge, skipping)
		w.bank.turn(`{"next_acquirer":{"behaviour":"late","delay_ms":1500}}`)
		_, done := w.held(session) // its answer comes when there is nothing to write it into
		s.stop(mode)
		w.notReady("not reachable")
		id := session["payment_session_id"].(string)
		w.unavailable(w.ask("GET", "/sessions/"+id, SandboxSecretKey, nil))
		key := []string{"idempotency-key", "away " + mode}
		request := w.request(visaChallenge, with("reference_id", "away "+mode))
		w.unavailable(w.ask("POST", "/sessions", SandboxSecretKey, request, key...))
		w.unavailable(w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")))
		if page, err := w.http.Get(w.base + "/pay/00000000-0000-4000-8000-000000000000"); err != nil || page.StatusCode != 503 || page.Header.Get("Retry-After") == "" {
			t.Errorf("a page: %v %v", page, err)
		}
		w.eventually("the outcome was not written", func() bool { return strings.Contains(w.log.String(), "outcome not written") })
		accepted := done()
		s.start()
		w.heals()
		if a := w.ask("POST", "/sessions", SandboxSecretKey, request, key...); a.status != http.StatusCreated {
			t.Errorf("repeated: %d %v", a.status, a.body)
		}
		w.forward(12 * time.Second) // the attempt's deadline: it is reversed
		w.failed(session, accepted, "PARTNER_TIMEOUT_ERROR")
	}
	w.balanced()
}

// TestDatabaseComesAndGoes: a good client, who repeats with the same key what is answered 503, gets everything once,
// whatever happens to the database meanwhile.
func TestDatabaseComesAndGoes(t *testing.T) {
	t.Parallel()
	w, s, _ := openOnServer(t)
	over := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex
	answered := map[int]int{}
	made := 0
	for client := range 6 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				reference := fmt.Sprintf("client %d request %d", client, n)
				for {
					a, err := w.send("POST", "/v3/payment_requests", SandboxSecretKey,
						w.paymentRequest(visaChallenge, channel("skip_three_ds", true), with("reference_id", reference)), "idempotency-key", reference)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					answered[a.status]++
					mu.Unlock()
					if a.status == http.StatusServiceUnavailable || a.status == http.StatusConflict && a.header.Get("Retry-After") != "" {
						time.Sleep(100 * time.Millisecond)
						continue
					}
					if a.status != http.StatusCreated {
						t.Errorf("%s: %d %v", reference, a.status, a.body)
					}
					mu.Lock()
					made++
					mu.Unlock()
					break
				}
			}
		})
	}
	pause := func() { time.Sleep(700 * time.Millisecond) }
	pause()
	for _, mode := range []string{"fast", "immediate"} {
		s.stop(mode)
		pause()
		s.start()
		w.heals()
	}
	for range 5 { // an administrator ends all connections
		if _, err := w.books.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reprise'`); err != nil {
			t.Error(err)
		}
		pause()
	}
	close(over)
	clients.Wait()
	if n := w.count(`SELECT COUNT(*) FROM request WHERE reference LIKE 'client %'`); n != made {
		t.Errorf("%d payment requests of %d answered", n, made)
	}
	t.Logf("answers by status: %v", maps.Collect(maps.All(answered)))
	w.eventually("nothing is open", func() bool { // what was committed and not sent is closed after three minutes, without trace
		w.forward(10 * time.Second)
		return w.count(`SELECT COUNT(*) FROM request WHERE state NOT IN ('SUCCEEDED', 'FAILED')`) == 0
	})
	w.balanced()
}

// TestDatabaseHangs: a database that keeps the connection and says nothing holds nobody for long.
func TestDatabaseHangs(t *testing.T) {
	t.Parallel()
	w, _, c := openOnServer(t)
	session := w.newSession(visaChallenge)
	c.hold()
	w.notReady("does not answer")
	began := time.Now()
	w.unavailable(w.ask("GET", "/sessions/"+session["payment_session_id"].(string), SandboxSecretKey, nil))
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("a request took %v", took)
	}
	w.notReady("does not answer")
	c.release()
	w.heals()
}

// TestDatabaseTakesNoWrites: a standby, or a primary that is closed to writers, is not ready, and is left as soon as
// another can be had.
func TestDatabaseTakesNoWrites(t *testing.T) {
	t.Parallel()
	w, _, _ := openOnServer(t)
	set := func(to string) {
		for _, sql := range []string{`ALTER SYSTEM SET default_transaction_read_only = ` + to, `SELECT pg_reload_conf()`} {
			if _, err := w.books.Exec(sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	session := w.newSession(visaChallenge)
	set("on")
	w.eventually("it takes no writes", func() bool { return w.ask("GET", "/readyz", "", nil).status == 503 })
	w.notReady("takes no writes")
	if got := w.session(session); got["status"] != "ACTIVE" {
		t.Errorf("%v", got)
	}
	w.unavailable(w.ask("POST", "/sessions", SandboxSecretKey, w.request(visaChallenge)))
	w.unavailable(w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")))
	set("off")
	w.heals()
}

// TestPrimaryAmongHosts: of several hosts in the URL the one that takes writes is used.
func TestPrimaryAmongHosts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	nobody := newCable(t, "127.0.0.1:1")
	w := openTown(t, func(settings *SandboxSettings) {
		settings.Database = s.url()
		settings.Change = func(h *Settings) {
			h.Database = strings.Replace(s.url(), "@", "@"+nobody.url+",", 1) + "&target_session_attrs=read-write"
		}
	})
	w.newSession(visaChallenge)
}

// TestCommitCut: the connection is lost in the middle of a commit. Whoever was told that it may have been made repeats
// it with the same key and gets what was made, once.
func TestCommitCut(t *testing.T) {
	t.Parallel()
	w, s, c := openOnServer(t)
	ask := func(what string) answer {
		return w.ask("POST", "/sessions", SandboxSecretKey, w.request(visaChallenge, with("reference_id", what), with("description", "near "+what)),
			"idempotency-key", what)
	}
	made := func(what string) int {
		return w.count(`SELECT COUNT(*) FROM session WHERE data LIKE '%near ` + what + `%'`)
	}
	once := func(what string, first answer) {
		t.Helper()
		again := ask(what)
		if again.status != http.StatusCreated || made(what) != 1 {
			t.Errorf("%s: repeated: %d %v, made %d times", what, again.status, again.body, made(what))
		}
		if id := first.body["payment_session_id"]; first.status == http.StatusCreated && id != again.body["payment_session_id"] {
			t.Errorf("%s: %v, and then %v", what, id, again.body["payment_session_id"])
		}
	}

	c.cutAt("near answered", true) // made, and a look tells so
	a := ask("answered")
	if a.status != http.StatusCreated || c.cut() != 1 {
		t.Errorf("%d %v, cut %d times", a.status, a.body, c.cut())
	}
	once("answered", a)

	c.cutAt("near lost", false) // never arrived, but it might have
	a = ask("lost")
	w.unavailable(a)
	if a.header.Get("Retry-After") != "5" || c.cut() != 1 {
		t.Errorf("again after %s, cut %d times", a.header.Get("Retry-After"), c.cut())
	}
	once("lost", a)

	c.cutAt("near unsure", true) // made, and then nobody can look
	go func() {
		for c.cut() == 0 {
			time.Sleep(time.Millisecond)
		}
		s.stop("immediate")
	}()
	a = ask("unsure")
	w.unavailable(a)
	s.start()
	w.heals()
	once("unsure", a)

	// The trace of a purchase: what is not known to be committed is not sent.
	session := w.newSession(visaChallenge, skipping, with("reference_id", "near purchase"))
	c.cutAt("near purchase", false)
	a = w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
	w.unavailable(a)
	if n := len(w.bank.ledger()); n != 0 || c.cut() != 1 {
		t.Errorf("%d ledger entries, cut %d times", n, c.cut())
	}
	accepted := w.submitted(session, "123")
	w.succeeded(session, accepted)
	w.balanced()
}
