package store

import (
	"crypto/rand"
	"errors"
	"os"
	"testing"
)

// testBehind: a node that must not migrate refuses a database that lacks something, and changes nothing of it; one
// that has more than it knows is another node's.
func testBehind(t *testing.T, db *database) {
	if db.kind == "SQLite" {
		if _, err := Missing(t.Context(), Options{URL: db.url}); err == nil {
			t.Error("a file that is not there lacks nothing")
		}
		must(t, os.WriteFile(db.url, nil, 0o600))
	}
	refused := func() {
		t.Helper()
		if _, err := Open(t.Context(), Options{URL: db.url, NoMigrate: true, Rand: rand.Reader}); !errors.Is(err, ErrBehind) {
			t.Fatalf("opened: %v", err)
		}
	}
	missing := func() []string {
		t.Helper()
		list, err := Missing(t.Context(), Options{URL: db.url})
		must(t, err)
		return list
	}
	if list := missing(); len(list) < 5 || list[0] != "00001_memory" || list[1] != "00002" {
		t.Errorf("an empty database lacks %v", list)
	}
	refused()
	if list := missing(); len(list) < 5 {
		t.Errorf("it was migrated: %v", list)
	}
	db.open(t)
	if list := missing(); len(list) != 0 {
		t.Errorf("after it was migrated it lacks %v", list)
	}
	must(t, db.open(t, func(o *Options) { o.NoMigrate = true }).Ping(t.Context()))

	books := db.sql(t)
	defer books.Close()
	_, err := books.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`)
	must(t, err)
	must(t, db.open(t, func(o *Options) { o.NoMigrate = true }).Ping(t.Context()))
	_, err = books.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, FALSE)`)
	must(t, err)
	if list := missing(); len(list) != 1 || list[0] != "00003_advice" {
		t.Errorf("taken back, it lacks %v", list)
	}
	refused()
}
