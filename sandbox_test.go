package reprise_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSandboxScenarios holds the tables of docs/sandbox.md against what a running simulator says of itself,
// as the document tells its reader to ask: each row stands in the section of its kind, in order, and no
// section has a row of its own invention.
func TestSandboxScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds and starts a simulator")
	}
	text, err := os.ReadFile("docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{"card": "Cards", "amount": "Amounts", "trouble": "Amounts that break something", "cvn": "CVNs", "otp": "One-time codes", "knob": "Knobs", "fault": "Faults", "merchant": "A merchant's server",
		"prefix": "Cards by digits", "V": "V, the version", "M": "M, the 3DS Method", "A": "A, the answer", "C": "C, the challenge",
		"number": "Some of these numbers", "result": "The page on which the result is chosen"}
	want := map[string]string{}
	for _, s := range simulatorScenarios(t) {
		if sections[s.Kind] == "" {
			t.Errorf("docs/sandbox.md has no section for scenarios of kind %q", s.Kind)
		}
		want[s.Kind] += fmt.Sprintf("| `%s` | %s |\n", s.When, s.Then)
	}
	for kind, title := range sections {
		if got := scenarioRows(string(text), title); got != want[kind] || got == "" {
			t.Errorf("docs/sandbox.md, %q: the rows are\n%s\nand should be\n%s", title, got, want[kind])
		}
	}
}

var scenarioRow = regexp.MustCompile("(?m)^\\| `[^`]+` \\|.*\\|\n")

// scenarioRows returns the rows of a section's table: the lines whose first cell is code.
func scenarioRows(text, title string) string {
	_, section, _ := strings.Cut(text, "\n### "+title+"\n")
	section, _, _ = strings.Cut(section, "\n#")
	return strings.Join(scenarioRow.FindAllString(section, -1), "")
}

type scenario struct{ Kind, When, Then string }

var controlURL = regexp.MustCompile(`--simulator (http://127\.0\.0\.1:\d+)`)

// simulatorScenarios starts the command on free ports, asks its control port, and stops it.
func simulatorScenarios(t *testing.T) []scenario {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "reprise")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/reprise").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/reprise: %v\n%s", err, out)
	}
	world := exec.Command(binary, "simulator", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--log-level", "error")
	world.Stderr = os.Stderr
	banner, err := world.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := world.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = world.Process.Signal(os.Interrupt)
		if err := world.Wait(); err != nil {
			t.Errorf("reprise simulator: %v", err)
		}
	})
	stuck := time.AfterFunc(time.Minute, func() { _ = world.Process.Kill() })
	t.Cleanup(func() { stuck.Stop() })

	for lines := bufio.NewScanner(banner); lines.Scan(); {
		found := controlURL.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		answer, err := http.Get(found[1] + "/scenarios")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		var said struct{ Scenarios []scenario }
		if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
			t.Fatal(err)
		}
		return said.Scenarios
	}
	t.Fatal("reprise simulator did not say where its control port is")
	return nil
}
