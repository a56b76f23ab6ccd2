package app

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mostCommits is what a one-click payment may cost on its path, from the session to the answer to the CVN.
const mostCommits = 4

// mostDeliveryCommits is what telling of it may cost, where two webhooks have nobody to share a commit with.
const mostDeliveryCommits = 2

// TestCommitsOfOneClick: a one-click payment is as few commits as docs/authorization.md says, and those that it says.
// Counted is what the database did, not what it was asked for.
func TestCommitsOfOneClick(t *testing.T) {
	documented := documentedCommits(t)
	if n := len(documented); n == 0 || n > mostCommits {
		t.Errorf("docs/authorization.md has %d commits, want at most %d", n, mostCommits)
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
			t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
		}
		t.Parallel()
		database := newDatabase(t)
		w := openTown(t, func(s *SandboxSettings) { s.Database = database })
		w.noteCommits()
		path, deliveries := w.commitsOfOneClick(w.notedCommits)
		if !slices.Equal(path, documented) {
			t.Errorf("the commits are\n\t%s\ndocs/authorization.md has\n\t%s", strings.Join(path, "\n\t"), strings.Join(documented, "\n\t"))
		}
		t.Logf("deliveries:\n\t%s", strings.Join(deliveries, "\n\t"))
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		w := openTown(t)
		path, _ := w.commitsOfOneClick(w.journalCommits)
		if len(path) != len(documented) {
			t.Errorf("%d transactions, docs/authorization.md has %d", len(path), len(documented))
		}
	})
}

// commitsOfOneClick pays, and returns the commits until the payer is answered, and those that follow until the merchant
// was told: it does not answer before. Of several payments that with the fewest counts, because a house has other things
// to write down now and then.
func (w *town) commitsOfOneClick(commits func() []string) (path, deliveries []string) {
	w.t.Helper()
	for _, e := range w.read("/webhook_endpoints")["data"].([]any) { // the shop would not wait with its answer
		if e := e.(map[string]any); e["url"] != w.ear.url {
			w.ask("DELETE", "/webhook_endpoints/"+e["endpoint_id"].(string), SandboxSecretKey, nil)
		}
	}
	w.submitted(w.newSession(visaChallenge, skipping), "123") // leases numbers for a hundred
	for n := range 4 {
		w.eventually("nothing is left to be told", func() bool { return w.count(`SELECT COUNT(*) FROM work WHERE kind = 'webhook'`) == 0 })
		release := make(chan struct{})
		w.answering(func(webhookSeen) int { <-release; return 200 })
		before := len(commits())
		accepted := w.submitted(w.newSession(visaChallenge, skipping), "123")
		paid := commits()
		close(release)
		if accepted["action_url"] != nil {
			w.t.Fatalf("%v", accepted)
		}
		w.eventually("told of everything", func() bool { return w.count(`SELECT COUNT(*) FROM work WHERE kind = 'webhook'`) == 0 })
		all := commits()
		if len(all) < len(paid) || len(paid) < before { // the journal was begun anew meanwhile
			continue
		}
		if path == nil || len(paid)-before < len(path) {
			path = paid[before:]
		}
		if after := all[len(paid):]; n == 0 || len(after) < len(deliveries) {
			deliveries = after
		}
	}
	if len(path) == 0 || len(path) > mostCommits {
		w.t.Errorf("%d commits of a payment, want at most %d: %q", len(path), mostCommits, path)
	}
	if len(deliveries) == 0 || len(deliveries) > mostDeliveryCommits {
		w.t.Errorf("%d commits of two deliveries, want at most %d: %q", len(deliveries), mostDeliveryCommits, deliveries)
	}
	return path, deliveries
}

// noteCommits has PostgreSQL note which transaction changes a row of which table.
func (w *town) noteCommits() {
	w.t.Helper()
	for _, statement := range []string{
		`CREATE UNLOGGED TABLE noted (at BIGINT GENERATED ALWAYS AS IDENTITY, xact TEXT, changed TEXT)`,
		`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO noted (xact, changed) VALUES (pg_current_xact_id()::text, TG_TABLE_NAME); RETURN NULL; END $$`,
		`DO $$ DECLARE name TEXT; BEGIN
			FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'noted' LOOP
				EXECUTE format('CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION note()', name);
			END LOOP; END $$`,
	} {
		if _, err := w.books.Exec(statement); err != nil {
			w.t.Fatal(err)
		}
	}
}

// notedCommits are the transactions that changed anything, each by the tables that it changed.
func (w *town) notedCommits() (commits []string) {
	w.t.Helper()
	rows, err := w.books.Query(`SELECT string_agg(DISTINCT changed, ', ' ORDER BY changed) FROM noted GROUP BY xact ORDER BY MIN(at)`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var tables string
		if err := rows.Scan(&tables); err != nil {
			w.t.Fatal(err)
		}
		commits = append(commits, tables)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return commits
}

// journalCommits are the transactions in SQLite's write-ahead log since it was begun anew: each ends with a frame that
// says how large the database is after it (https://www.sqlite.org/fileformat2.html, section 4.1).
func (w *town) journalCommits() (commits []string) {
	w.t.Helper()
	journal, err := os.ReadFile(filepath.Join(w.dir, "reprise.db-wal"))
	if err != nil {
		w.t.Fatal(err)
	}
	const header, frameHeader = 32, 24
	if len(journal) < header {
		return nil
	}
	page, salts := int(binary.BigEndian.Uint32(journal[8:])), string(journal[16:24])
	for at := header; at+frameHeader+page <= len(journal); at += frameHeader + page {
		frame := journal[at:]
		if string(frame[8:16]) != salts { // of a time before
			break
		}
		if binary.BigEndian.Uint32(frame[4:]) != 0 {
			commits = append(commits, fmt.Sprint("frame at ", at))
		}
	}
	return commits
}

var commitRow = regexp.MustCompile("(?m)^\\| the [a-z]+ \\| ((?:`[a-z_]+`(?:, )?)+) \\|")

// documentedCommits are the commits of a one-click payment that docs/authorization.md gives reasons for, by their tables.
func documentedCommits(t *testing.T) (commits []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "authorization.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range commitRow.FindAllStringSubmatch(string(text), -1) {
		tables := map[string]bool{}
		for _, name := range strings.Split(row[1], ", ") {
			tables[strings.Trim(name, "`")] = true
		}
		commits = append(commits, strings.Join(slices.Sorted(maps.Keys(tables)), ", "))
	}
	return commits
}
