package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// desk is the built command and a database that it works on.
type desk struct {
	t        *testing.T
	binary   string
	dir      string
	database string
}

// atDesks runs a test on every database.
func atDesks(t *testing.T, test func(*desk)) {
	binary := filepath.Join(t.TempDir(), "reprise")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("SQLite", func(t *testing.T) {
		d := &desk{t: t, binary: binary, dir: t.TempDir()}
		d.database = filepath.Join(d.dir, "reprise.db")
		d.write("reprise.db", "")
		test(d)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		cluster := os.Getenv("REPRISE_TEST_POSTGRES")
		if cluster == "" {
			t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
		}
		own, err := url.Parse(cluster)
		if err != nil {
			t.Fatal("REPRISE_TEST_POSTGRES is not a URL")
		}
		admin, err := sql.Open("pgx", cluster)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("reprise_cmd_%d", os.Getpid())
		if _, err := admin.Exec(`CREATE DATABASE ` + name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := admin.ExecContext(context.Background(), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
				t.Error(err)
			}
			_ = admin.Close()
		})
		own.Path = "/" + name
		test(&desk{t: t, binary: binary, dir: t.TempDir(), database: own.String()})
	})
}

func (d *desk) write(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// run types a command and returns what it printed and what it complained of.
func (d *desk) run(words ...string) (printed, said string, ok bool) {
	d.t.Helper()
	command := exec.Command(d.binary, append(words, "--database", d.database)...)
	command.Dir = d.dir
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), err == nil
}

// do types a command that must succeed and returns what it printed.
func (d *desk) do(words ...string) string {
	d.t.Helper()
	printed, said, ok := d.run(words...)
	if !ok {
		d.t.Fatalf("%q: %s", words, said)
	}
	return strings.TrimSuffix(printed, "\n")
}

// refused types a command that must fail, print nothing, and say all of this.
func (d *desk) refused(words []string, want ...string) {
	d.t.Helper()
	printed, said, ok := d.run(words...)
	if ok || printed != "" {
		d.t.Errorf("%q: done: %s", words, printed)
	}
	for _, part := range want {
		if !strings.Contains(said, part) {
			d.t.Errorf("%q: nothing of %q in:\n%s", words, part, said)
		}
	}
}

// row finds the row of a list that begins with an id, as its cells.
func (d *desk) row(id string, words ...string) []string {
	d.t.Helper()
	for line := range strings.SplitSeq(d.do(words...), "\n") {
		if cells := regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), -1); cells[0] == id {
			return cells
		}
	}
	d.t.Fatalf("%q does not list %s", words, id)
	return nil
}

var someone = []string{
	"merchant", "create", "--name", "Toko Buku", "--city", "Bandung", "--country", "ID", "--mcc", "5942", "--website", "https://toko.example",
	"--acquirer-bin", "400551", "--merchant-id", "TOKO1", "--terminal-id", "TOKO0001",
}

func TestMerchants(t *testing.T) {
	atDesks(t, func(d *desk) {
		id := d.do(append(someone, "--max-declines", "10", "--account", "scheme=VISA,mid_label=online,terminal_id=TOKO0002", "--account", "mid_label=online, merchant_id=TOKO2",
			"--acquirer-exponent", "IDR=0", "--allow-card-details")...)
		if !regexp.MustCompile(`^[0-9a-f]{24}$`).MatchString(id) {
			d.t.Fatalf("business id %q", id)
		}
		d.row(id, "merchant", "list")
		shown := d.do("merchant", "show", id)
		for _, want := range []string{`"terminal_id": "TOKO0002"`, `"merchant_id": "TOKO2"`, `"IDR": 0`, `"allow_card_details": true`, `"allow_skip_three_ds": false`, `"max_declines": 10`} {
			if !strings.Contains(shown, want) {
				d.t.Errorf("nothing of %s in:\n%s", want, shown)
			}
		}

		// What is shown makes the same merchant again, and flags go before it.
		file := d.write("merchant.json", shown)
		if twin := d.do("merchant", "create", "--file", file); d.do("merchant", "show", twin) != shown {
			d.t.Error("a merchant made from what was shown is another one")
		}
		d.do("merchant", "update", id, "--mcc", "5815", "--no-allow-card-details", "--account", "scheme=JCB")
		changed := d.do("merchant", "show", id)
		for part, want := range map[string]bool{
			`"mcc": "5815"`: true, `"allow_card_details": false`: true, `"scheme": "JCB"`: true, `"scheme": "VISA"`: false, `"name": "Toko Buku"`: true,
		} {
			if strings.Contains(changed, part) != want {
				d.t.Errorf("%s: %t, want %t:\n%s", part, !want, want, changed)
			}
		}
		d.do("merchant", "update", id, "--exemption", "TRA", "--refuse-attempts", "--allow-unauthenticated")
		accepts := d.do("merchant", "show", id)
		for _, want := range []string{`"exemption": "TRA"`, `"refuse_attempts": true`, `"allow_unauthenticated": true`} {
			if !strings.Contains(accepts, want) {
				d.t.Errorf("nothing of %s in:\n%s", want, accepts)
			}
		}
		d.do("merchant", "update", id, "--file", file, "--name", "Toko Buku Dua")
		if got, want := d.do("merchant", "show", id), strings.Replace(shown, "Toko Buku", "Toko Buku Dua", 1); got != want {
			d.t.Errorf("got %s\nwant %s", got, want)
		}

		d.refused([]string{"merchant", "create"}, "name is", "city is", "website is", `country ""`, "MCC is", "acquirer BIN is", "card acceptor (merchant id) is", "terminal is")
		d.refused(append(someone, "--country", "Indonesia", "--name", strings.Repeat("x", 41), "--website", "http://toko.example",
			"--acquirer-exponent", "XXQ=2", "--directory-exponent", "IDR=9",
			"--account", "terminal_id=A", "--account", "scheme=VISTA", "--account", "scheme=VISTA,merchant_id=1234567890123456"),
			`country "Indonesia"`, "name is", "website is", `acquirer exponents: "XXQ"`, "directory exponents: IDR", "neither a scheme nor a mid_label",
			`two accounts have scheme "VISTA"`, "scheme is not VISA, MASTERCARD, AMEX or JCB", "card acceptor")
		d.refused(append(someone, "--account", "terminal=A"), `"terminal=A" is not NAME=VALUE`, "terminal_id")
		d.refused([]string{"merchant", "create", "--file", d.write("typo.json", `{"alow_card_details": true}`)}, `unknown field "alow_card_details"`)
		d.refused([]string{"merchant", "create", "--file", d.write("two.json", `{} {}`)}, "follows")
		d.refused([]string{"merchant", "create", "--file", "not-there.json"}, "not-there.json")
		d.refused([]string{"merchant", "update", "62440e322008e87fb29c1fd0"}, "there is no merchant 62440e322008e87fb29c1fd0")
		d.refused([]string{"merchant", "update", id, "--max-declines=-1"}, "max_declines is below zero")
		d.refused([]string{"merchant", "update", id, "--exemption", "LOW_VALUE"}, `exemption "LOW_VALUE" is neither TRA nor DATA_SHARE`)
		d.refused([]string{"merchant", "update", id, "--exemption", "TRA", "--mandate-challenge"}, "exemption for none")
		d.refused([]string{"merchant", "show", "nobody"}, "there is no merchant nobody")
		if n := strings.Count(d.do("merchant", "list"), "\n"); n != 2 {
			d.t.Errorf("%d merchants, want the two", n)
		}
	})
}

func TestKeys(t *testing.T) {
	atDesks(t, func(d *desk) {
		merchant := d.do(someone...)
		ofMerchant := func(words ...string) []string {
			return append([]string{"keys", "create", "--merchant", merchant}, words...)
		}
		idOf := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:12] }

		texts := map[string]bool{}
		for _, made := range []struct{ words, prefix, kind, environment, permissions, ends string }{
			{"--name=till", "xnd_development_", "secret", "development", "all", "never"},
			{"--production --name=till --permissions=sessions=WRITE,payments=read", "xnd_production_", "secret", "production", "payments=READ,sessions=WRITE", "never"},
			{"--public --name=till", "xnd_public_development_", "public", "development", "-", "never"},
			{"--public --production --name=till --lifetime=1h", "xnd_public_production_", "public", "production", "-", ""},
		} {
			text := d.do(ofMerchant(strings.Fields(made.words)...)...)
			random, ok := strings.CutPrefix(text, made.prefix)
			if !ok || !regexp.MustCompile(`^[0-9A-Za-z]{43}$`).MatchString(random) || texts[text] {
				d.t.Fatalf("%s: not a new key of the right form", made.words) // never print a key
			}
			texts[text] = true
			cells := d.row(idOf(text), "keys", "list", "--merchant", merchant)
			if got := fmt.Sprint(cells[1:6]); got != fmt.Sprint([]string{merchant, made.kind, made.environment, "till", made.permissions}) {
				d.t.Errorf("%s: %s", made.words, got)
			}
			if ends := cells[len(cells)-1]; (ends == "never") != (made.ends == "never") {
				d.t.Errorf("%s: ends %s", made.words, ends)
			}
		}
		if list := d.do("keys", "list"); strings.Contains(list, "xnd_") || strings.Count(list, "\n") != len(texts) {
			d.t.Error("the list shows a key, or not all of them")
		}
		for text := range texts {
			next := d.do("keys", "rotate", idOf(text), "--overlap", "1h")
			old, new := d.row(idOf(text), "keys", "list"), d.row(idOf(next), "keys", "list")
			if fmt.Sprint(old[1:6]) != fmt.Sprint(new[1:6]) || old[7] == "never" || new[7] != "never" {
				d.t.Errorf("rotated:\n%v\n%v", old, new)
			}
			if strings.SplitAfter(text, "_")[1] != strings.SplitAfter(next, "_")[1] {
				d.t.Error("a rotated key is of another kind or environment")
			}
			d.do("keys", "revoke", idOf(next))
			d.do("keys", "revoke", idOf(next))
			d.refused([]string{"keys", "rotate", idOf(next)}, "has ended")
		}

		d.refused([]string{"keys", "create", "--merchant", "nobody", "--public", "--permissions", "sessions=READ", "--lifetime=-1h"},
			"there is no merchant nobody", "a public key takes no permissions", "cannot end before it begins")
		d.refused(ofMerchant("--permissions", "session=READ,payments=ALL"), `there is no product "session": `, "payments", "sessions", "permission for payments is not NONE, READ or WRITE")
		d.refused(ofMerchant("--permissions", "sessions"), "sessions")
		d.refused(ofMerchant("--name", "\x1b[2J"), "name is")
		d.refused([]string{"keys", "create"}, "--merchant")
		d.refused([]string{"keys", "revoke", "0123456789ab"}, "there is no key 0123456789ab", "keys list")
		d.refused([]string{"keys", "rotate", "x"}, "there is no key x")
		d.refused([]string{"keys", "list", "--merchant", "nobody"}, "there is no merchant nobody")

		// Who did all that is kept, and shows no key.
		audit := d.do("audit", "list")
		for _, act := range []string{"merchant.save", "key.save", "key.rotate", "key.revoke"} {
			if !regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\S+ +cli:\S+ +` + merchant + ` +` + act + ` +[0-9a-f]{12,24} +\{`).MatchString(audit) {
				d.t.Errorf("no %s by anyone in:\n%s", act, audit)
			}
		}
		for text := range texts {
			if strings.Contains(audit, text) || strings.Contains(audit, text[len(text)-43:]) {
				d.t.Error("a key is in it") // which is not printed
			}
		}
		if later := d.do("audit", "list", "--since", "2999-01-01T00:00:00Z"); strings.Contains(later, "\n") {
			d.t.Errorf("of the future: %s", later)
		}
	})
}

// TestDatabaseOfTheEnvironment: a PostgreSQL URL holds a password, and arguments can be seen by everybody on the machine.
func TestDatabaseOfTheEnvironment(t *testing.T) {
	atDesks(t, func(d *desk) {
		merchant := d.do(someone...)
		command := exec.Command(d.binary, "merchant", "show", merchant)
		command.Env = append(os.Environ(), "REPRISE_DATABASE="+d.database)
		command.Dir = t.TempDir()
		if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "Toko Buku") {
			d.t.Errorf("%v: %s", err, out)
		}
	})
}
