package app

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// office opens the operator's office on the database of a town that runs.
func (w *town) office() *Office {
	w.t.Helper()
	database := w.database
	if database == "" {
		database = filepath.Join(w.dir, "reprise.db")
	}
	office, err := OpenOffice(w.t.Context(), w.outside, database, "alice", slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = office.Close(w.t.Context()) })
	return office
}

// TestKeysOfARunningGateway: what is done to a key in the office holds with the next request.
func TestKeysOfARunningGateway(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	office := w.office()
	id := func(text string) string {
		return payment.Key{Hash: sha256.Sum256([]byte(text))}.ID()
	}
	must := func(text string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	create := func(n NewKey) string {
		t.Helper()
		n.Business = string(sandboxBusiness)
		text, _, err := office.CreateKey(t.Context(), n)
		return must(text, err)
	}
	answers := func(what, key string, read, write int) {
		t.Helper()
		for method, want := range map[string]int{"GET": read, "POST": write} {
			path, body := "/sessions/ps-000000000000000000000000", any(nil)
			if method == "POST" {
				path, body = "/sessions", w.request(visaChallenge)
			}
			if status, said := w.call(method, path, key, body); status != want {
				t.Errorf("%s: %s %s: %d %v, want %d", what, method, path, status, said["error_code"], want)
			}
		}
	}

	all := create(NewKey{})
	answers("all", all, 404, 201)
	answers("read", create(NewKey{Permissions: map[string]string{"sessions": "READ"}}), 404, 403)
	answers("other products", create(NewKey{Permissions: map[string]string{"payments": "WRITE"}}), 403, 403)
	answers("none", create(NewKey{Permissions: map[string]string{"sessions": "NONE"}}), 403, 403)
	answers("nothing named", create(NewKey{Permissions: map[string]string{}}), 403, 403)
	answers("public", create(NewKey{Public: true}), 401, 401)

	brief := create(NewKey{Lifetime: time.Hour})
	next, _, _, err := office.RotateKey(t.Context(), id(all), 2*time.Hour, 0)
	must(next, err)
	answers("in the overlap, the old one", all, 404, 201)
	answers("in the overlap, the new one", next, 404, 201)
	w.forward(time.Hour)
	answers("at the end of its life", brief, 401, 401)
	answers("still in the overlap", all, 404, 201)
	w.forward(time.Hour)
	answers("after the overlap, the old one", all, 401, 401)
	answers("after the overlap, the new one", next, 404, 201)
	if _, _, _, err := office.RotateKey(t.Context(), id(all), 0, 0); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("a key that had ended was rotated: %v", err)
	}
	if _, err := office.RevokeKey(t.Context(), id(next)); err != nil {
		t.Fatal(err)
	}
	w.forward(time.Second) // the office is another process, and the house goes by what it read for so long
	answers("revoked", next, 401, 401)
}

// TestPermissionsEverywhere: each operation with a secret key refuses one that lacks the permission, before it
// looks at anything else, and lets one in that has it. A key that may only read opens
// every GET, save those that give a secret away, and no more.
func TestPermissionsEverywhere(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	office := w.office()
	create := func(permissions map[string]string) string {
		t.Helper()
		text, _, err := office.CreateKey(t.Context(), NewKey{Business: string(sandboxBusiness), Permissions: permissions})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	products, err := gate.Products()
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]string{}
	for _, product := range products {
		read[product] = "READ"
	}
	nothing, reader, all := create(map[string]string{}), create(read), create(nil)
	operations, _ := w.operations()
	walked := 0
	for _, o := range operations {
		if o.key != SandboxSecretKey {
			continue
		}
		walked++
		for key, forbidden := range map[string]bool{nothing: true, reader: o.writes, all: false} {
			a := w.ask(o.method, o.path, key, "[]") // no body that anything takes
			if told := a.body["error_code"] == "REQUEST_FORBIDDEN_ERROR"; told != forbidden || forbidden != (a.status == http.StatusForbidden) {
				t.Errorf("%s: %d %v, want forbidden %t", o.pattern, a.status, a.body["error_code"], forbidden)
			}
		}
	}
	if walked < 5 {
		t.Errorf("only %d operations take a secret key", walked)
	}
}

// TestNoDatabase: a path that was mistyped does not become a database.
func TestNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "repirse.db")
	for _, name := range []string{path, "file:" + path} {
		_, err := OpenOffice(t.Context(), Real(), name, "alice", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--database") {
			t.Errorf("%v", err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it was made")
	}
}

// TestSandboxMerchants: those of the sandbox are as operators would have to make them, and each has keys.
func TestSandboxMerchants(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	merchants, err := w.office().Merchants(t.Context())
	if err != nil || len(merchants) != 2 {
		t.Fatalf("%d merchants, %v", len(merchants), err)
	}
	for _, m := range merchants {
		again := payment.Merchant{ID: m.ID}
		if err := formOf(m).apply(&again); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("its form makes another merchant (-seeded +made):\n%s", diff)
		}
		if allowed := m.ID == sandboxBusiness; m.AllowCardDetails != allowed || m.AllowSkipThreeDS != allowed || m.ReuseCustomers != allowed {
			t.Errorf("%s may: %+v", m.ID, m)
		}
	}
	for key, want := range map[string]int{
		SandboxSecretKey: 404, SandboxRestrictedSecretKey: 404, SandboxPublicKey: 401, SandboxRestrictedPublicKey: 401,
	} {
		if status, _ := w.call("GET", "/sessions/ps-000000000000000000000000", key, nil); status != want {
			t.Errorf("%s: %d, want %d", key, status, want)
		}
	}
}

// TestKeyFile: the keys of a database are looked for where a sandbox on it has them.
func TestKeyFile(t *testing.T) {
	for database, want := range map[string]string{
		"./reprise-data/reprise.db":                     "reprise-data/keys.json",
		"/srv/reprise/reprise.db":                       "/srv/reprise/keys.json",
		"file:/srv/reprise/reprise.db?_txlock=deferred": "/srv/reprise/keys.json",
		"reprise.db":                            "keys.json",
		"postgres://reprise@db.example/reprise": "reprise-data/keys.json",
	} {
		if got := (&Office{database: database}).keyFile(); got != want {
			t.Errorf("%s: %s, want %s", database, got, want)
		}
	}
}
