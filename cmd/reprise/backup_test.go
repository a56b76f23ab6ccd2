package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBackupAndRestore types the commands beside a sandbox that runs, and when it has ended.
func TestBackupAndRestore(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "reprise")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	d := &desk{t: t, binary: binary, dir: t.TempDir()}
	d.database = filepath.Join(d.dir, "reprise-data", "reprise.db")
	sandbox := d.runSandbox()
	says := func(said string, want ...string) {
		t.Helper()
		for _, part := range want {
			if !strings.Contains(said, part) {
				t.Errorf("nothing of %q in:\n%s", part, said)
			}
		}
	}
	says(d.do("backup", "--to", "copy.db"), "copy.db: ", "checked, without sealed CVNs", "the key file is not in it")
	d.refused([]string{"backup", "--to", "copy.db"}, "copy.db is there already")
	d.refused([]string{"restore", "--from", "copy.db"}, "--replace")
	d.refused([]string{"restore", "--from", "copy.db", "--replace"}, "a gateway has", "stop it first")
	if err := sandbox.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = sandbox.Wait()
	d.refused([]string{"restore", "--from", "none.db", "--replace"}, "there is no backup at none.db")
	says(d.do("restore", "--from", "copy.db", "--replace"), "reprise.db: ", "the database that was there is ", ".before-", "the last that is told in it is of ",
		"the key file is not in it", "reprise reconcile", "0 captures, refunds and reversals were not acknowledged")
	d.row(sandboxBusiness, "merchant", "list")
	d.refused([]string{"restored"}, "reprise restore")

	named := d.write("named", d.database+"\n")
	for _, words := range [][]string{
		{"backup", "--database-file", named, "--to", filepath.Join(d.dir, "named.db")},
		{"restore", "--database-file", named, "--from", filepath.Join(d.dir, "named.db"), "--replace"},
	} {
		if err := typed(words...); err != nil {
			t.Errorf("%s by --database-file: %v", words[0], err)
		}
	}

	server := &desk{t: t, binary: binary, dir: d.dir, database: "postgres://nobody:hidden@127.0.0.1:1/x"}
	for _, words := range [][]string{{"backup", "--to", "y"}, {"restore", "--from", "copy.db"}} {
		server.refused(words, "pg_dump --no-unlogged-table-data")
		if _, said, _ := server.run(words...); strings.Contains(said, "hidden") {
			t.Error("the password is repeated")
		}
	}

	d.refused([]string{"backup", "--to", "none/x"}, "no folder for none/x")
	if _, err := os.Stat(filepath.Join(d.dir, "y")); err == nil {
		t.Error("something was made of a server's database")
	}
}
