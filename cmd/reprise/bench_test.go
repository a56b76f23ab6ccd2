package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBench measures for moments, on SQLite and where there is one on PostgreSQL, and looks whether everything that is
// asked for is measured, and whether anything is left behind.
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
	databases := []string{"SQLite"}
	bench := func(words ...string) *exec.Cmd {
		command := exec.Command(binary, append([]string{"bench"}, words...)...)
		command.Env = append(os.Environ(), "TMPDIR="+dir)
		if server := os.Getenv("REPRISE_TEST_POSTGRES"); server != "" {
			command.Env, databases = append(command.Env, "REPRISE_BENCH_DATABASE=sqlite "+server), []string{"SQLite", "PostgreSQL"}
		}
		return command
	}
	leftBehind := func() {
		t.Helper()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
	out := t.TempDir()
	report, picture := filepath.Join(out, "bench.json"), filepath.Join(out, "bench.svg")
	command := bench("session", "oneclick", "frictionless", "challenge", "refund", "mixed", "growth", "--clients=2", "--duration=400ms", "--warm-up=100ms",
		"--limits", "--own", "--profile", "--stored=20,60", "--json", report, "--svg", picture, "--steps=0.1,0.2")
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"ratio session_sqlite ", "ratio oneclick_sqlite ", "ratio growth_rate_sqlite ", "cold start on SQLite", "own time of oneclick on SQLite", "60 stored payments on SQLite"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if text, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(text), "<svg") {
		t.Errorf("%v %.40s", err, text)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Results []struct {
			Name, Database string
			Count, Clients int
			Rate           float64
			Stored         int                `json:"stored_payments"`
			Webhooks       float64            `json:"webhook_rate"`
			CPU            map[string]float64 `json:"cpu_ms"`
			Memory         map[string]int64
		}
		Profile []struct{ Database string }
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	measured := map[string]bool{}
	for _, one := range r.Results {
		measured[one.Name+" "+one.Database] = true
		pays := !strings.HasPrefix(one.Name, "limit") && one.Name != "session"
		switch {
		case one.Count == 0 || one.Rate == 0 || pays && one.Webhooks == 0:
			t.Errorf("nothing was measured: %+v", one)
		case pays && one.Database == "PostgreSQL" && (one.CPU["PostgreSQL"] <= 0 || one.Memory["PostgreSQL"] < 1<<20):
			t.Errorf("PostgreSQL did nothing: %+v", one)
		case pays && (one.CPU["gateway"] <= 0 || one.Memory["gateway"] < 10<<20 || one.Memory["simulator"] < 10<<20):
			t.Errorf("a process did nothing: %+v", one)
		}
	}
	for _, database := range databases {
		for _, name := range []string{"session", "oneclick", "frictionless", "challenge", "refund", "mixed", "limit: bare handler with one insert", "limit: four commits by the bare driver"} {
			if !measured[name+" "+database] {
				t.Errorf("%s on %s was not measured", name, database)
			}
		}
	}
	if len(r.Profile) != len(databases) {
		t.Errorf("profiles: %v", r.Profile)
	}
	leftBehind()

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
}
