package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql for PostgreSQL

	"reprise/internal/payment"
)

// testOlderRows lets a database of the time when there were only sessions and purchases come up to date: its rows are
// written as they were then, into the tables that there were, and read as they are read now.
func testOlderRows(t *testing.T, db *database) {
	ctx := t.Context()
	old, exec := db.first(t)
	exec(`INSERT INTO merchant (id, data) VALUES ($1, $2)`, string(business), `{"ID":"5f27a14a9bf05c73dd040bc8","Name":"Kopi & Co","AllowSkipThreeDS":true}`)
	exec(`INSERT INTO customer (id, business, reference, profile, created) VALUES ('cust-1', $1, 'budi', '{"given_names":"Budi"}', $2)`, string(business), moment.UnixMicro())
	exec(`
INSERT INTO token (id, business, customer, status, sealed_pan, fingerprint, masked, brand, cvn_digits, expiry_month, expiry_year, cardholder, created)
VALUES ($1, $2, 'cust-1', 'ACTIVE', $3, '61f632879e9e27001a8165f2', '400000XXXXXX1091', 'VISA', 3, 12, 2034, 'Budi "\" Santoso', $4)`,
		string(cardID), string(business), []byte{0, 1, 0xff}, moment.UnixMicro())
	exec(`INSERT INTO session (id, business, version, status, token, attempt, data) VALUES ($1, $2, 3, 'ACTIVE', $3, 'pr-1', $4)`,
		string(sessionID), string(business), string(cardID), `{"ID":"ps-66f7e0f1a1b2c3d4e5f60718","Business":"5f27a14a9bf05c73dd040bc8","Status":"ACTIVE",`+
			`"ReferenceID":"order-1","Type":"PAY","Mode":"CARDS_SESSION_JS","Amount":{"Minor":10000000,"Currency":"IDR"},"Locale":"id",`+
			`"Token":"pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e","SuccessReturnURL":"https://shop.example/yes","FailureReturnURL":"https://shop.example/no",`+
			`"SkipThreeDS":true,"Echo":{},"Expires":"2026-03-04T05:36:07Z","Open":"pr-1"}`)
	const trace = `{"MTI":"0200","ProcessingCode":"000000","Amount":"000010000000","Transmitted":"0304050607","STAN":"000001","Category":"5814",` +
		`"Acquirer":"400001","RRN":"606305000001","Terminal":"KOPI0001","Currency":"360"}`
	attempt := func(id, state, rest string) {
		exec(`INSERT INTO request (id, session, payment, page, version, state, data) VALUES ($1, $2, $3, $4, 5, $5, $6)`,
			id, string(sessionID), "py"+id[2:], "page"+id[2:], state,
			`{"ID":"`+id+`","Payment":"py`+id[2:]+`","Session":"ps-66f7e0f1a1b2c3d4e5f60718","Business":"5f27a14a9bf05c73dd040bc8","Token":"pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e",`+
				`"State":"`+state+`","ReferenceID":"order-1_1","Amount":{"Minor":10000000,"Currency":"IDR"},"Updated":"2026-03-04T05:06:07Z",`+rest+`}`)
	}
	attempt("pr-1", "REVERSING", `"Trace":`+trace+`,"Reversal":"rv-1"`)
	attempt("pr-2", "FAILED", `"Failure":"CARD_DECLINED","Trace":`+trace)
	attempt("pr-3", "SUCCEEDED", `"Trace":`+trace+`,"Capture":{"ID":"cptr-1","Amount":{"Minor":10000000,"Currency":"IDR"},"At":"2026-03-04T05:06:07Z"}`)
	exec(`INSERT INTO reversal (id, request, status, data) VALUES ('rv-1', 'pr-1', 'OPEN', $1)`,
		`{"ID":"rv-1","Request":"pr-1","Original":`+trace+`,"Trace":{"MTI":"0420","Category":"5814","STAN":"000002"},"Tries":2,"Status":"OPEN"}`)
	exec(`INSERT INTO work (kind, ref, peer, next_at, attempt) VALUES ('reversal', 'rv-1', '', $1, 1)`, moment.Add(1000*24*time.Hour).UnixMicro())
	exec(`INSERT INTO cvn_mismatch (token, day, n) VALUES ($1, '2026-03-04', 2)`, string(cardID))
	must(t, old.Close())

	s := db.open(t)
	for range 2 { // what is up to date stays as it is
		must(t, s.Ping(ctx))
		token, err := s.Token(ctx, business, cardID)
		must(t, err)
		want := storedCard()
		want.Cardholder, want.SealedPAN = payment.Cardholder{FirstName: `Budi "\" Santoso`}, []byte{0, 1, 0xff}
		if diff := cmp.Diff(want, token); diff != "" {
			t.Errorf("card (-want +got):\n%s", diff)
		}
		c, err := s.Case(ctx, payment.Lookup{Business: business, Request: "pr-1"})
		must(t, err)
		terms := payment.Terms{
			Type: payment.Pay, CaptureMethod: payment.CaptureAutomatic, SuccessReturnURL: "https://shop.example/yes",
			FailureReturnURL: "https://shop.example/no", SkipThreeDS: true, Locale: "id",
		}
		if diff := cmp.Diff(terms, c.Request.Terms); diff != "" {
			t.Errorf("terms (-want +got):\n%s", diff)
		}
		if c.Request.Version != 5 || c.Request.Trace.Condition != "59" || c.Request.Trace.STAN != "000001" || c.Token.ID != cardID {
			t.Errorf("attempt %+v", c.Request)
		}
		if c.Session.Version != 3 || c.Session.CaptureMethod != payment.CaptureAutomatic || c.Session.AllowSave != payment.SaveDisabled || c.Session.Locale != "id" {
			t.Errorf("session %+v", c.Session)
		}
		a, err := s.Advice(ctx, "rv-1")
		must(t, err)
		if a.Kind != payment.Reversal || a.Tries != 2 || a.Original != *c.Request.Trace || a.Trace.Condition != "59" {
			t.Errorf("reversal %+v", a)
		}
		if n := rows(t, s, "work", `kind = 'advice' AND ref = 'rv-1'`); n != 1 {
			t.Error("the reversal is not scheduled")
		}
		customer, err := s.CustomerByReference(ctx, business, "budi")
		if err != nil || customer.Type != payment.IndividualCustomer || customer.Version != 1 || !customer.Updated.Equal(moment) {
			t.Errorf("customer %+v, %v", customer, err)
		}
		list, err := s.Requests(ctx, business, "", "", 10)
		if diff := cmp.Diff([]payment.RequestID{"pr-3", "pr-2", "pr-1"}, list); err != nil || diff != "" {
			t.Errorf("list: %v (-want +got):\n%s", err, diff)
		}
		if _, forever, err := s.NumberNeeded(ctx, cardID); err != nil || !forever {
			t.Errorf("the number is not needed for an open reversal: %v", err)
		}
		s = db.open(t)
	}

	// The reversal ends as one of now, and the number is needed no longer than the capture says.
	_, err := s.Change(ctx, payment.Lookup{Request: "pr-1"}, nil, func(c payment.Case) (payment.Changes, error) {
		a, err := s.Advice(ctx, "rv-1")
		if err != nil {
			return payment.Changes{}, err
		}
		a.Status = payment.AdviceDone
		ch, err := payment.Acknowledged(c, a, payment.Event{At: moment})
		return payment.Changes{Effects: []payment.Effect{payment.SaveAdvice{Advice: a}}}.Then(ch), err
	})
	must(t, err)
	c, err := s.Case(ctx, payment.Lookup{Request: "pr-1"})
	if err != nil || c.Request.State != payment.Failed || c.Request.Failure != payment.PartnerTimeout || c.Session.Open != "" {
		t.Errorf("%+v, %v", c.Request, err)
	}
	captured := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	until, forever, err := s.NumberNeeded(ctx, cardID)
	if want := captured.Add(payment.RefundPeriod + payment.NumberKept); err != nil || forever || !until.Equal(want) {
		t.Errorf("needed until %v, for ever: %v, want %v, %v", until, forever, want, err)
	}
}

// testLaterMigrations: a node of a later version has been here. What it added is not ours to know, and nothing that
// stops us: it is there for both, or it would not have been added (docs/adr/0014-two-versions-at-once.md).
func testLaterMigrations(t *testing.T, db *database) {
	seed(t, db.open(t))
	later := db.sql(t)
	for _, query := range []string{
		`ALTER TABLE request ADD COLUMN later TEXT NOT NULL DEFAULT 'then'`, `CREATE TABLE later (id TEXT NOT NULL PRIMARY KEY)`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (90001, TRUE)`,
	} {
		if _, err := later.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	must(t, later.Close())
	for _, migrates := range []bool{true, false} {
		s := db.open(t, func(o *Options) { o.NoMigrate = !migrates })
		_, err := s.Change(t.Context(), bySession, nil, submit(1, fmt.Sprint(migrates)))
		must(t, err)
		if n := rows(t, s, "request", `id = 'pr-1' AND later = 'then'`); n != 1 {
			t.Error("the attempt has not what the later version gives all")
		}
	}
}

// TestMigrationWaitsForNobody: a backup reads a table that is to be changed. A migration that waited for it would have
// every payment wait behind itself.
func TestMigrationWaitsForNobody(t *testing.T) {
	needPostgres(t)
	t.Parallel()
	db := newDatabase(t, "PostgreSQL")
	old, _ := db.first(t)
	backup, err := old.BeginTx(t.Context(), nil)
	must(t, err)
	_, err = backup.ExecContext(t.Context(), `LOCK TABLE work IN ACCESS SHARE MODE`)
	must(t, err)
	if _, err := Open(t.Context(), db.options()); err == nil || !strings.Contains(err.Error(), "lock timeout") {
		t.Errorf("beside a backup: %v", err)
	}
	must(t, backup.Rollback())
	must(t, old.Close())
	db.open(t)
}

// first makes the tables of the first migrations, and lets statements be executed on them.
func (d *database) first(t *testing.T) (*sql.DB, func(query string, args ...any)) {
	t.Helper()
	old := d.sql(t)
	tables, err := os.ReadFile(filepath.Join("migrations", "00001_memory.sql"))
	must(t, err)
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := old.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(string(tables))
	exec(`CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP)`)
	if d.kind == "PostgreSQL" {
		exec(`ALTER TABLE cvn_escrow SET UNLOGGED`)
		exec(`ALTER TABLE goose_db_version ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (START WITH 10)`)
	}
	for version := range 3 {
		exec(`INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES ($1, $2, TRUE, CURRENT_TIMESTAMP)`, version+1, version)
	}
	return old, exec
}

// sql opens the database as it is, before any migration.
func (d *database) sql(t *testing.T) *sql.DB {
	t.Helper()
	driver, source := "sqlite", location(d.url, nil)
	if d.kind == "PostgreSQL" {
		driver, source = "pgx", d.url
	}
	db, err := sql.Open(driver, source)
	must(t, err)
	must(t, db.PingContext(context.Background()))
	return db
}
