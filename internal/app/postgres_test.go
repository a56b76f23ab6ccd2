package app

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"reprise/internal/payment"
)

// newDatabase makes a database for one test in the cluster that REPRISE_TEST_POSTGRES names, whose user may
// do so. scripts/with-postgres starts one.
func newDatabase(t *testing.T) string {
	t.Helper()
	cluster, err := url.Parse(os.Getenv("REPRISE_TEST_POSTGRES"))
	if err != nil {
		t.Fatal("REPRISE_TEST_POSTGRES is not a URL")
	}
	admin, err := sql.Open("pgx", cluster.String())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("reprise_app_%d_%08x", os.Getpid(), rand.Uint32())
	if _, err := admin.Exec(`CREATE DATABASE ` + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
	own := *cluster
	own.Path = "/" + name
	return own.String()
}

// TestOnPostgreSQL: the house stands on PostgreSQL as it does on SQLite.
func TestOnPostgreSQL(t *testing.T) {
	if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
		t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
	}
	t.Parallel()
	database := newDatabase(t)
	w := openTown(t, func(s *SandboxSettings) { s.Database = database })

	t.Run("webhooks", func(t *testing.T) { w.in(t).webhooksFromTheOffice() })
	t.Run("challenge", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge)
		accepted := w.submitted(session, "123")
		if w.escrow() != 1 {
			t.Errorf("%d escrow rows", w.escrow())
		}
		if end := w.visitor(accepted).pay("000000", rightOTP); end["outcome"] != "succeeded" {
			t.Errorf("%v", end)
		}
		data := w.succeeded(session, accepted)
		if details(data, "authentication_data")["flow"] != "CHALLENGE" {
			t.Errorf("%v", data)
		}
	})
	t.Run("frictionless", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaFrictionless)
		accepted := w.submitted(session, "123")
		if end := w.visitor(accepted).pay(); end["outcome"] != "succeeded" {
			t.Errorf("%v", end)
		}
		w.succeeded(session, accepted)
	})
	t.Run("decline and try again", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(mastercardFrictionless)
		for _, cvn := range []string{"999", "998"} {
			accepted := w.submitted(session, cvn)
			if end := w.visitor(accepted).pay(); end["outcome"] != "failed" {
				t.Errorf("%v", end)
			}
			w.failed(session, accepted, "INVALID_CVV")
		}
		accepted := w.submitted(session, "123")
		w.visitor(accepted).pay()
		w.succeeded(session, accepted)
	})
	t.Run("saved, held and captured in part", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession("", typedFor("FORCED"), holding)
		accepted := w.hand(typed(session, "4000000000001091"))
		if end := w.visitor(accepted).pay(rightOTP); end["outcome"] != "succeeded" {
			t.Fatalf("%v", end)
		}
		request, token := accepted["payment_request_id"].(string), accepted["payment_token_id"].(string)
		w.tellsExactly([]string{"payment.authorization", "payment_token.activation", "payment_session.completed"}, request, token)
		paid := w.attempt(request)["latest_payment_id"].(string)
		taken := 0
		for _, a := range atOnce(4, func(int) answer {
			a, err := w.send("POST", "/v3/payments/"+paid+"/capture", SandboxSecretKey, capturing(30000))
			if err != nil {
				t.Error(err)
			}
			return a
		}) {
			if a.status == 200 {
				taken++
			}
		}
		w.settled(request, "captured", "capture", "release")
		if taken != 1 {
			t.Errorf("captured %d times", taken)
		}
		w.newRequest(token, channel("skip_three_ds", true))
		if next := w.bank.lastEntry(); next.Kind != "purchase" || next.FirstUse == "" {
			t.Errorf("at the host: %+v", next)
		}
		if page := w.read("/v3/payment_requests?limit=1"); len(page["data"].([]any)) != 1 || page["has_more"] != true {
			t.Errorf("%v", page)
		}
	})
	t.Run("many at once", func(t *testing.T) { w.in(t).manySubmissions(20) })
	t.Run("shares of one attempt", func(t *testing.T) { w.in(t).sharesOfOneAttempt() })
	t.Run("idempotency", func(t *testing.T) {
		w := w.in(t)
		ids := map[any]bool{}
		for _, a := range atOnce(8, func(int) answer {
			a, err := w.send("POST", "/sessions", SandboxSecretKey, w.request(visaChallenge, with("customer", map[string]any{
				"reference_id": "new here", "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Edgar"},
			})), "idempotency-key", "pg")
			if err != nil || a.status != 201 {
				t.Errorf("%v %v", a, err)
			}
			return a
		}) {
			ids[a.body["payment_session_id"]] = true
		}
		if len(ids) != 1 {
			t.Errorf("%d sessions under one key", len(ids))
		}
	})
	t.Run("no answer", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge, skipping)
		w.bank.next("silence")
		_, done := w.held(session)
		w.forward(answerTimeout)
		accepted := done()
		w.failed(session, accepted, "PARTNER_TIMEOUT_ERROR")
		w.payAgain(session)
	})
	t.Run("refunds", func(t *testing.T) { w.in(t).refundsOfAllKinds() })
	t.Run("no residue", func(t *testing.T) { w.in(t).noResidueInTables() })
	t.Run("expiry", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge)
		accepted := w.submitted(session, "123")
		w.forward(16 * time.Minute)
		w.failed(session, accepted, "PAYMENT_REQUEST_EXPIRED")
		w.forward(15 * time.Minute)
		w.webhook("payment_session.expired", session["payment_session_id"].(string))
	})
	if n := w.escrow(); n != 0 {
		t.Errorf("%d escrow rows", n)
	}
	w.balanced()
	w.agrees()
}

// noResidueInTables pays with canaries and reads every row of every table, as text.
func (w *town) noResidueInTables() {
	w.t.Helper()
	cards, control := canaries(20)
	var pans, typed []string
	for _, c := range cards {
		if err := w.StoreCard(w.t.Context(), w.outside, payment.TokenID(c.token), c.pan); err != nil {
			w.t.Fatal(err)
		}
		pans, typed = append(pans, c.pan), append(typed, c.cvn)
	}
	w.live(cards, false)
	if w.escrow() == 0 {
		w.t.Error("no attempt is open")
	}
	tables, err := w.books.Query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer tables.Close()
	s := newScanner(pans, typed, control)
	rows := 0
	for tables.Next() {
		var table string
		if err := tables.Scan(&table); err != nil {
			w.t.Fatal(err)
		}
		var text sql.NullString
		var n int
		if err := w.books.QueryRow(`SELECT string_agg(t::text, E'\n'), COUNT(*) FROM `+table+` t`).Scan(&text, &n); err != nil {
			w.t.Fatal(err)
		}
		rows += n
		for _, f := range s.scan(table, []byte(text.String)) {
			w.t.Error(f)
		}
	}
	if err := tables.Err(); err != nil {
		w.t.Fatal(err)
	}
	if rows < 100 {
		w.t.Errorf("only %d rows were read", rows)
	}
	var persistence string
	if err := w.books.QueryRow(`SELECT relpersistence FROM pg_class WHERE relname = 'cvn_escrow'`).Scan(&persistence); err != nil {
		w.t.Fatal(err)
	}
	if !strings.EqualFold(persistence, "u") {
		w.t.Errorf("cvn_escrow is in the write-ahead log: %s", persistence)
	}
}
