package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/internal/payment"
)

// files lists what is in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

// TestBackup: a copy that is made while others write is of one moment, and has no sealed CVN in any of its pages.
func TestBackup(t *testing.T) {
	d := newDatabase(t, "SQLite")
	s := d.open(t)
	seed(t, s)
	kept := keepSecrets(t, s, 200)

	// Two lanes move together in one commit: a copy of one moment has both alike.
	stop, moved := make(chan struct{}), make(chan error, 1)
	step := func(n int64) error {
		var list []stmt
		for _, lane := range []string{"a", "z"} {
			list = append(list, stmt{sql: `INSERT INTO lane (name, next) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET next = excluded.next`, args: []any{lane, n}})
		}
		return s.commit(context.Background(), list...)
	}
	must(t, step(0))
	go func() {
		var err error
		for n := int64(1); err == nil; n++ {
			select {
			case <-stop:
				moved <- nil
				return
			default:
				err = step(n)
			}
		}
		moved <- err
	}()
	dir := t.TempDir()
	for n := range 5 {
		to := filepath.Join(dir, fmt.Sprint(n))
		c, err := Backup(t.Context(), d.url, to)
		must(t, err)
		text, err := os.ReadFile(to)
		must(t, err)
		if info, _ := os.Stat(to); info.Mode() != 0o600 || info.Size() != c.Bytes || c.Rows < 200 {
			t.Errorf("%v: %+v", info, c)
		}
		for i := 0; i < len(kept.bytes); i += 2 {
			if number, cvn := bytes.Contains(text, kept.bytes[i]), bytes.Contains(text, kept.bytes[i+1]); !number || cvn {
				t.Fatalf("card %d: number %t, CVN %t", i/2, number, cvn)
			}
		}
		db, err := sql.Open("sqlite", location(to, nil))
		must(t, err)
		var a, z, escrow, tokens int64
		must(t, db.QueryRow(`SELECT (SELECT next FROM lane WHERE name = 'a'), (SELECT next FROM lane WHERE name = 'z'),
(SELECT COUNT(*) FROM cvn_escrow), (SELECT COUNT(*) FROM token)`).Scan(&a, &z, &escrow, &tokens))
		if a != z || escrow != 0 || tokens != int64(rows(t, s, "token", "1 = 1")) {
			t.Errorf("lanes %d and %d, %d in escrow, %d cards", a, z, escrow, tokens)
		}
		must(t, db.Close())
	}
	close(stop)
	must(t, <-moved)
	if got := files(t, dir); len(got) != 5 {
		t.Errorf("left beside the copies: %q", got)
	}
	if n := rows(t, s, "cvn_escrow", "1 = 1"); n != 200 {
		t.Errorf("%d CVNs are left where they belong", n)
	}
	// What was copied is a database like any other.
	again := (&database{kind: "SQLite", url: filepath.Join(dir, "4")}).open(t)
	if token, err := again.Token(t.Context(), business, kept.tokens[7].ID); err != nil || !bytes.Equal(token.SealedPAN, kept.tokens[7].SealedPAN) {
		t.Errorf("%+v %v", token, err)
	}
}

// TestBackupRefuses: after a backup that was not made there is nothing, and what was there is as it was.
func TestBackupRefuses(t *testing.T) {
	d := newDatabase(t, "SQLite")
	s := d.open(t)
	seed(t, s)
	dir := t.TempDir()
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	there, foreign := at("there", "kept"), filepath.Join(dir, "foreign")
	db, err := sql.Open("sqlite", location(foreign, nil))
	must(t, err)
	_, err = db.Exec(`CREATE TABLE lane (name TEXT)`)
	must(t, errors.Join(err, db.Close()))
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	garbage := at("garbage", strings.Repeat("no database ", 1000))
	before := files(t, dir)
	for name, test := range map[string]struct {
		ctx      context.Context
		from, to string
		want     func(error) bool
	}{
		"there already": {t.Context(), d.url, there, func(err error) bool { return errors.Is(err, fs.ErrExist) }},
		"no database":   {t.Context(), filepath.Join(dir, "none"), filepath.Join(dir, "x"), func(err error) bool { return errors.Is(err, fs.ErrNotExist) }},
		"no folder":     {t.Context(), d.url, filepath.Join(dir, "none", "x"), func(err error) bool { return errors.Is(err, fs.ErrNotExist) }},
		"garbage":       {t.Context(), garbage, filepath.Join(dir, "x"), func(err error) bool { return err != nil }},
		"foreign":       {t.Context(), foreign, filepath.Join(dir, "x"), func(err error) bool { return strings.Contains(fmt.Sprint(err), "not the database of a gateway") }},
		"interrupted":   {interrupted, d.url, filepath.Join(dir, "x"), func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		if _, err := Backup(test.ctx, test.from, test.to); !test.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, s.commit(t.Context(), stmt{sql: `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`}))
	if _, err := Backup(t.Context(), d.url, filepath.Join(dir, "x")); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("newer: %v", err)
	}
	if got := files(t, dir); strings.Join(got, " ") != strings.Join(before, " ") {
		t.Errorf("left: %q, before %q", got, before)
	}
	if text, _ := os.ReadFile(there); string(text) != "kept" {
		t.Errorf("%q", text)
	}
}

// TestRestore: what was backed up is there again, with counters that give out nothing twice, and what was in its place
// is kept.
func TestRestore(t *testing.T) {
	d := newDatabase(t, "SQLite")
	s := d.open(t)
	seed(t, s)
	lease := func(s *Store, lane string, size int64) int64 {
		t.Helper()
		from, at, err := s.Lease(t.Context(), lane, 7, size)
		must(t, err)
		return from + 10_000*(at-7)
	}
	lease(s, "stan/1/A", 100)
	lease(s, "rrn/1", 100)
	_, err := s.Change(t.Context(), bySession, nil, submit(1, "v"))
	must(t, err)
	authenticated(t, s, bySession, "t1", "proof")
	_, err = s.Change(t.Context(), bySession, nil, authorize(1, "v"))
	must(t, err)
	backup := filepath.Join(t.TempDir(), "backup")
	_, err = Backup(t.Context(), d.url, backup)
	must(t, err)
	whole, err := os.ReadFile(backup)
	must(t, err)
	lease(s, "stan/1/A", 100)
	lease(s, "stan/1/B", 300)

	beyond := func(lane string, at Place) Place {
		if strings.HasPrefix(lane, "stan/") {
			return Place{at.Period + 1, at.Next + 1000}
		}
		return Place{at.Period, at.Next + 1_000_000}
	}
	into := func(database, aside string) (Restored, error) {
		return Restore(t.Context(), backup, database, aside, beyond)
	}
	if _, err := into(d.url, ""); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a database: %v", err)
	}
	if _, err := into(d.url, ".old"); !errors.Is(err, ErrInUse) {
		t.Errorf("under a gateway: %v", err)
	}
	if _, err := Restore(t.Context(), filepath.Join(t.TempDir(), "none"), d.url+"2", "", beyond); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("from nothing: %v", err)
	}
	must(t, s.Close(t.Context()))
	hide := []byte("a sealed CVN that nobody came back for")
	db, err := sql.Open("sqlite", location(d.url, nil))
	must(t, err)
	_, err = db.ExecContext(t.Context(), `
INSERT INTO cvn_escrow (request, verifier, ciphertext, nonce, master_key, expires) VALUES ('pr-1', $1, $2, $1, 'm', 1)`, []byte("v"), hide)
	must(t, err)
	must(t, db.Close())
	holds := func(path string) bool {
		text, err := os.ReadFile(path)
		must(t, err)
		return bytes.Contains(text, hide)
	}
	if !holds(d.url) {
		t.Fatal("no sealed CVN is in the database")
	}

	for _, test := range []struct {
		name        string
		path, aside string
		a, b, rrn   int64 // where the lanes go on
	}{
		{"where nothing was", filepath.Join(t.TempDir(), "new.db"), "", 11_100, 0, 1_000_100},
		{"in the place of what was there", d.url, ".old", 11_100, 300, 1_000_100},
	} {
		r, err := into(test.path, test.aside)
		must(t, err)
		if want := []payment.RequestID{"pr-1"}; len(r.Sent) != 1 || r.Sent[0] != want[0] || r.Advices != 0 || r.Rows == 0 || r.Newest.Before(moment.Add(-time.Hour)) {
			t.Errorf("%s: %+v", test.name, r)
		}
		if (test.aside == "") != (r.Replaced == "") {
			t.Errorf("%s: %q", test.name, r.Replaced)
		}
		if info, err := os.Stat(test.path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v", test.name, info, err)
		}
		again := (&database{kind: "SQLite", url: test.path}).open(t)
		if a, b, rrn := lease(again, "stan/1/A", 1), lease(again, "stan/1/B", 1), lease(again, "rrn/1", 1); a != test.a || b != test.b || rrn != test.rrn {
			t.Errorf("%s: lanes go on at %d, %d, %d, want %+v", test.name, a, b, rrn, test)
		}
		if c, err := again.Case(t.Context(), bySession); err != nil || c.Request.State != payment.Authorizing {
			t.Errorf("%s: %+v %v", test.name, c.Request, err)
		}
		must(t, again.Close(t.Context()))
	}
	for _, name := range files(t, filepath.Dir(d.url)) {
		if strings.HasSuffix(name, "-journal") || holds(filepath.Join(filepath.Dir(d.url), name)) {
			t.Errorf("sealed CVNs may be in %s", name)
		}
	}
	old := (&database{kind: "SQLite", url: d.url + ".old"}).open(t)
	if next := lease(old, "stan/1/A", 1); next != 200 {
		t.Errorf("what was there is not what is kept: %d", next)
	}
	if now, _ := os.ReadFile(backup); !bytes.Equal(whole, now) {
		t.Error("the backup has changed")
	}
	if got := files(t, filepath.Dir(d.url)); len(got) > 6 {
		t.Errorf("left: %q", got)
	}

	t.Run("of a damaged one", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "torn.db")
		must(t, os.WriteFile(path, bytes.Repeat([]byte("torn"), 5000), 0o600))
		must(t, os.WriteFile(path+"-wal", []byte("of another"), 0o600))
		r, err := into(path, ".old")
		if got := strings.Join(files(t, dir), " "); err != nil || got != "torn.db torn.db.old" { // SQLite throws a journal away that is none
			t.Errorf("%+v %v: %s", r, err, got)
		}
		torn := bytes.Clone(whole)
		for i := len(torn) / 3; i < len(torn); i += 512 {
			copy(torn[i:], "damaged")
		}
		broken := filepath.Join(dir, "broken")
		must(t, os.WriteFile(broken, torn, 0o600))
		if _, err := Restore(t.Context(), broken, filepath.Join(dir, "x.db"), "", beyond); err == nil {
			t.Error("a damaged backup was restored")
		}
		must(t, os.WriteFile(filepath.Join(dir, "y.db-wal"), []byte("of another"), 0o600))
		if _, err := into(filepath.Join(dir, "y.db"), ""); !errors.Is(err, fs.ErrExist) {
			t.Errorf("beside a journal of another: %v", err)
		}
		if got := strings.Join(files(t, dir), " "); got != "broken torn.db torn.db.old y.db-wal" {
			t.Errorf("left: %s", got)
		}
	})
}
