package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/payment"
	"reprise/internal/vault"
)

// TestSandboxRefusesAGateway: neither a database with merchants nor a key file is taken that no sandbox has made, and
// nothing in either is changed.
func TestSandboxRefusesAGateway(t *testing.T) {
	t.Parallel()
	s := openStreet(t, 1, "")
	s.leave(0)
	keys := filepath.Join(s.dir, "keys.json")
	folder := func(database, keyFile bool) string {
		dir := t.TempDir()
		if database {
			copyFile(t, filepath.Join(s.dir, "reprise.db"), filepath.Join(dir, "reprise.db"))
		}
		if keyFile {
			copyFile(t, keys, filepath.Join(dir, "keys.json"))
		}
		return dir
	}
	for want, dir := range map[string]string{
		"the database is a gateway's": folder(true, false),
		"is a gateway's":              folder(true, true),
		"is a gateway's key file":     folder(false, true),
	} {
		sandbox, err := OpenSandbox(t.Context(), Real(), SandboxSettings{Listen: "127.0.0.1:0", Data: dir, Calm: true}, slog.New(slog.DiscardHandler))
		if err == nil {
			t.Errorf("%s: it opened", want)
			_ = sandbox.Close(t.Context())
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q in: %v", want, err)
		}
		office, err := OpenOffice(t.Context(), Real(), filepath.Join(dir, "reprise.db"), "test", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		merchants, err := office.Merchants(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, m := range merchants {
			if m.ID == sandboxBusiness || m.ID == sandboxRestrictedBusiness {
				t.Errorf("%s: the sandbox's merchant is in it", want)
			}
		}
		if found, err := office.store.Keys(t.Context(), payment.BusinessID(sandboxBusiness)); err != nil || len(found) != 0 {
			t.Errorf("%s: published keys are in it: %v", want, err)
		}
		_ = office.Close(t.Context())
	}
}

// TestAnEarlySandboxsKeysAreMarked: its key file says nothing, but its database was used with it.
func TestAnEarlySandboxsKeysAreMarked(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.dir, "keys.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	early := bytes.Replace(text, []byte(`  "sandbox": true`), nil, 1)
	early = bytes.Replace(early, []byte("\",\n\n}"), []byte("\"\n}"), 1)
	if err := os.WriteFile(path, early, 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err := vault.LoadKeys(path); err != nil || keys.OfSandbox() {
		t.Fatalf("not as an early sandbox made it: %v", err)
	}
	again := openTown(t, func(s *SandboxSettings) { s.Data = w.dir })
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if keys, err := vault.LoadKeys(path); err != nil || !keys.OfSandbox() {
		t.Errorf("not marked: %v", err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := CreateKeyFile(Real(), path); err != nil {
		t.Fatal(err)
	}
	_, err = OpenSandbox(t.Context(), Real(), SandboxSettings{Listen: "127.0.0.1:0", Data: w.dir, Calm: true}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "is a gateway's key file") {
		t.Errorf("a gateway's key file beside a sandbox's database: %v", err)
	}
	if keys, err := vault.LoadKeys(path); err != nil || keys.OfSandbox() {
		t.Errorf("a gateway's key file was marked: %v", err)
	}
}
