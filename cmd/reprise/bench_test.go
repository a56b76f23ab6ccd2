package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBenchRefuses what makes no sense, and a password where others could read it.
func TestBenchRefuses(t *testing.T) {
	for want, words := range map[string][]string{
		"REPRISE_BENCH_DATABASE":     {"oneclick", "--database", "postgres://nobody:hidden@127.0.0.1:1/x"},
		`there is no workload "tea"`: {"tea"},
		"clients are between 1 and":  {"oneclick", "--clients=0"},
		"no PostgreSQL":              {"oneclick", "--database", "postgres://nobody@127.0.0.1:1/x"},
		"URL of the database cannot": {"oneclick", "--database", "oracle"},
	} {
		err := typed(append([]string{"bench"}, words...)...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v: %v", words, err)
		}
	}
}

// TestBench measures for moments, all on SQLite, and the most important where there is one on PostgreSQL. It looks whether
// everything that is asked for is measured, and whether anything is left behind.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program; run without -short")
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("/proc: this system has none")
	}
	binary, dir := filepath.Join(t.TempDir(), "reprise"), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	bench := func(words ...string) *exec.Cmd {
		command := exec.Command(binary, append([]string{"bench", "--warm-up=100ms"}, words...)...)
		command.Env = append(os.Environ(), "TMPDIR="+dir)
		return command
	}
	leftBehind := func() {
		t.Helper()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
	// measure returns what is printed, and the names of what was measured.
	measure := func(database string, words ...string) (said string, measured map[string]bool) {
		t.Helper()
		report := filepath.Join(t.TempDir(), "bench.json")
		command := bench(append(words, "--clients=2", "--duration=300ms", "--limits", "--own", "--stored=20,60", "--json", report)...)
		command.Env = append(command.Env, "REPRISE_BENCH_DATABASE="+database)
		text, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		leftBehind()
		said = string(text)
		if text, err = os.ReadFile(report); err != nil {
			t.Fatal(err)
		}
		var r struct {
			Results []struct {
				Name, Database string
				Count          int
				Rate           float64
				Webhooks       float64            `json:"webhook_rate"`
				CPU            map[string]float64 `json:"cpu_ms"`
				Memory         map[string]int64
			}
			Profile []any
		}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		measured = map[string]bool{}
		for _, one := range r.Results {
			measured[one.Name] = true
			pays := !strings.HasPrefix(one.Name, "limit") && one.Name != "session" && one.Name != "mixed" // where one may be a session
			ticks := one.Count >= 20                                                                      // enough to be seen in hundredths of a second
			switch {
			case one.Count == 0 || one.Rate == 0 || pays && one.Webhooks == 0:
				t.Errorf("nothing was measured: %+v", one)
			case pays && one.Database == "PostgreSQL" && (ticks && one.CPU["PostgreSQL"] <= 0 || one.Memory["PostgreSQL"] < 1<<20):
				t.Errorf("PostgreSQL did nothing: %+v", one)
			case pays && (ticks && one.CPU["gateway"] <= 0 || one.Memory["gateway"] < 10<<20 || one.Memory["simulator"] < 10<<20):
				t.Errorf("a process did nothing: %+v", one)
			}
		}
		measured["profile"] = len(r.Profile) == 2 // session and oneclick
		return said, measured
	}
	says := func(said string, want ...string) {
		t.Helper()
		for _, part := range want {
			if !strings.Contains(said, part) {
				t.Errorf("no %q in\n%s", part, said)
			}
		}
	}
	limits := []string{"limit: bare handler with one insert", "limit: four commits by the bare driver", "limit: four commits over HTTP, and two webhooks"}

	workloads := []string{"session", "oneclick", "frictionless", "challenge", "refund", "mixed", "growth", "webhooks"}
	picture := filepath.Join(t.TempDir(), "bench.svg")
	said, measured := measure("sqlite", append(workloads, "--profile", "--cold", "--svg", picture, "--steps=0.1,0.2")...)
	says(said, "ratio session_sqlite ", "ratio oneclick_sqlite ", "ratio told_sqlite ", "ratio growth_rate_sqlite ", "cold start, gateway on SQLite", "cold start, sandbox:",
		"own time of oneclick on SQLite", "60 stored payments on SQLite")
	for _, name := range append(append(workloads[:6], "webhooks", "profile"), limits...) {
		if !measured[name] {
			t.Errorf("%s was not measured", name)
		}
	}
	if text, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(text), "<svg") {
		t.Errorf("%v %.40s", err, text)
	}
	if server := os.Getenv("REPRISE_TEST_POSTGRES"); server != "" {
		said, measured := measure(server, "oneclick", "growth")
		says(said, "ratio oneclick_pg ", "ratio growth_rate_pg ", "own time of oneclick on PostgreSQL", "60 stored payments on PostgreSQL")
		for _, name := range append(limits, "oneclick") {
			if !measured[name] {
				t.Errorf("%s was not measured on PostgreSQL", name)
			}
		}
	}

	interrupted := bench("oneclick", "--duration=1h")
	if err := interrupted.Start(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(dir, "reprise-bench*", "reprise.yaml")); len(found) > 0 {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatal("it does not begin")
		}
	}
	_ = interrupted.Process.Signal(syscall.SIGINT)
	if err := interrupted.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	leftBehind()

	// What was found by then is told all the same.
	interrupted = bench("session", "--database=sqlite", "--rounds=1000", "--duration=100ms")
	var found strings.Builder
	interrupted.Stdout = &found
	progress, err := interrupted.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := interrupted.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { _ = interrupted.Process.Kill() })
	defer late.Stop()
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "round 3:") {
			_ = interrupted.Process.Signal(syscall.SIGINT)
		}
	}
	if err := interrupted.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	if !regexp.MustCompile(`(?s)session +SQLite.*not all that was to be measured`).MatchString(found.String()) {
		t.Errorf("interrupted in the third round, it says\n%s", found.String())
	}
	leftBehind()
}
