package reprise_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestScripts: every script says what it runs in, stops at the first failure, and has nothing that
// shellcheck knows to be a trap.
func TestScripts(t *testing.T) {
	var names []string
	for _, file := range readTree(t) {
		if !strings.HasPrefix(file.path, "scripts/") && !strings.HasPrefix(file.path, ".ci/") {
			continue
		}
		names = append(names, file.path)
		if info, err := os.Stat(file.path); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be executed", file.path)
		}
		if !bytes.HasPrefix(file.text, []byte("#!/bin/sh\n")) && !bytes.HasPrefix(file.text, []byte("#!/usr/bin/env bash\n")) {
			t.Errorf("%s:1: begins with neither #!/bin/sh nor #!/usr/bin/env bash", file.path)
		}
		if !bytes.Contains(file.text, []byte("\nset -eu")) {
			t.Errorf("%s: no set -eu: a failure in the middle would go on", file.path)
		}
	}
	if len(names) < 5 {
		t.Fatalf("found only the scripts %v", names)
	}
	t.Run("shellcheck", func(t *testing.T) {
		if _, err := exec.LookPath("shellcheck"); err != nil {
			t.Skip("shellcheck is not installed")
		}
		if out, err := exec.Command("shellcheck", names...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestGotest: a failing package shows its output and the exit code, a skipped test its reason.
func TestGotest(t *testing.T) {
	if os.Getenv("REPRISE_TEST_GOTEST") != "" {
		t.Run("skipped", func(t *testing.T) { t.Skip("because it is an example") })
		t.Run("failed", func(t *testing.T) {
			if os.Getenv("REPRISE_TEST_GOTEST") == "fail" {
				t.Error("this is why")
			}
		})
		return
	}
	run := func(how string) (string, error) {
		cmd := exec.Command("scripts/gotest", "-count=1", "-run", "^TestGotest$", ".")
		cmd.Env = append(os.Environ(), "REPRISE_TEST_GOTEST="+how)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("pass")
	if err != nil || !strings.HasPrefix(out, "ok") || !strings.Contains(out, "skipped: TestGotest/skipped: because it is an example") {
		t.Errorf("a package that passes: %v\n%s", err, out)
	}
	out, err = run("fail")
	if err == nil || !strings.Contains(out, "this is why") || !strings.Contains(out, "FAIL\treprise") {
		t.Errorf("a package that fails: %v\n%s", err, out)
	}
}

// TestBenchCheck: what allocates more than is committed is named, and so is a line that says nothing any more.
func TestBenchCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("runs benchmarks")
	}
	version := strings.Join(strings.Split(runtime.Version(), ".")[:2], ".")
	figures := filepath.Join(t.TempDir(), "figures")
	run := func(text string, more ...string) (string, error) {
		if err := os.WriteFile(figures, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("scripts/bench-check", append([]string{figures}, more...)...).CombinedOutput()
		return string(out), err
	}
	head := "# A comment.\n# Go: " + version + "\n"
	for _, test := range []struct{ text, want string }{
		{head + "internal/card:Cut 1 9999 3\n", "internal/card:Cut: 9 allocations an operation, committed are 1, and 1 would be let pass"},
		{head + "internal/card:Cut 9 1 900\n", "bytes an operation, committed are 1, and 10 would be let pass"},
		{head + "internal/card:Cut 9 9999 3\ninternal/card:Gone 9 9999 3\n", "internal/card:Gone: there is no such benchmark"},
		{"# Go: go1.1\ninternal/card:Cut 9 9999 3\n", "the figures are of go1.1, and this is " + version},
	} {
		if out, err := run(test.text); err == nil || !strings.Contains(out, test.want) {
			t.Errorf("%q: %v\n%s", test.text, err, out)
		}
	}
	if out, err := run(head + "internal/card:Cut 99 9999 3\n"); err != nil || !strings.Contains(out, "fewer: internal/card:Cut: 9 allocations") {
		t.Errorf("fewer: %v\n%s", err, out)
	}
	if out, err := run("# A comment.\n# Go: go1.1\n\ninternal/card:Cut 1 1 3\n", "update"); err != nil {
		t.Errorf("update: %v\n%s", err, out)
	}
	if text, err := os.ReadFile(figures); err != nil || !strings.HasPrefix(string(text), head+"\ninternal/card:Cut ") {
		t.Errorf("updated: %v\n%s", err, text)
	} else if out, err := run(string(text)); err != nil {
		t.Errorf("after an update: %v\n%s", err, out)
	}
}

// TestWithPostgres: the cluster is what tests rely on, and a signal leaves nothing behind.
func TestWithPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a PostgreSQL cluster")
	}
	servers, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if _, err := exec.LookPath("pg_ctl"); err != nil && len(servers) == 0 {
		t.Skip("PostgreSQL is not installed")
	}
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "REPRISE_TEST_POSTGRES=") {
			env = append(env, pair)
		}
	}

	// The command prints the URL, and then stays until it is ended.
	cmd := exec.Command("scripts/with-postgres", "sh", "-c", `echo "$REPRISE_TEST_POSTGRES"; exec sleep 120`)
	cmd.Env = env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Signal(syscall.SIGTERM)
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("no URL: %v\n%s", err, &stderr)
	}
	url = strings.TrimSpace(url)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal("connect:", err)
	}
	for setting, want := range map[string]string{"fsync": "on", "synchronous_commit": "on", "max_connections": "200", "listen_addresses": "127.0.0.1", "is_superuser": "on"} {
		var got string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
		}
	}
	var data string
	if err := conn.QueryRow(ctx, "SELECT current_setting('data_directory')").Scan(&data); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE one"); err != nil {
		t.Error(err)
	}
	conn.Close(ctx)

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
		t.Fatal("does not end on SIGTERM")
	}
	if code := cmd.ProcessState.ExitCode(); code != 143 {
		t.Errorf("ended by SIGTERM with %d, want 143\n%s", code, &stderr)
	}
	if _, err := os.Stat(filepath.Dir(data)); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", filepath.Dir(data), err)
	}
	if conn, err := pgx.Connect(ctx, url); err == nil {
		conn.Close(ctx)
		t.Error("the server still answers")
	}

	// The exit code of the command is that of the script.
	cmd = exec.Command("scripts/with-postgres", "sh", "-c", "exit 7")
	cmd.Env = env
	if _ = cmd.Run(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("ended with %d, want 7", cmd.ProcessState.ExitCode())
	}
	// A cluster that is there already is used.
	cmd = exec.Command("scripts/with-postgres", "sh", "-c", `echo "$REPRISE_TEST_POSTGRES"`)
	cmd.Env = append(env, "REPRISE_TEST_POSTGRES=postgres://here")
	if out, err := cmd.Output(); err != nil || string(out) != "postgres://here\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
