package cluster

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// world is the simulated outside, a process of its own with a control port.
type world struct {
	t       *testing.T
	control string
	http    *http.Client
	process *process
	papers  papers
	kit     kit
}

// kit says how a gateway reaches this world.
type kit struct {
	Acquirer          string
	DirectoryURL      string `json:"directory_url"`
	DirectoryIdentity string `json:"directory_identity"`
}

// entry is one line of the issuer's ledger, of which this is all that is needed here.
type entry struct {
	ID       int
	Kind     string // purchase, hold, verification; capture, release, refund, reversal
	State    string // kept, reversed, captured
	Amount   int64  // minor units
	Currency string // ISO 4217 numeric
	RRN      string
	STAN     string
	DE7      string
	Original int
	At       time.Time
}

func openWorld(t *testing.T, binary, dir string) *world {
	t.Helper()
	port := freePorts(t, 4)
	at := func(n int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port+n)) }
	w := &world{t: t, control: "http://" + at(3), http: &http.Client{Timeout: 10 * time.Second}}
	w.process = start(t, "simulator", filepath.Join(dir, "simulator.log"), binary, nil,
		"simulator", "--listen", at(0), "--data", filepath.Join(dir, "world"),
		"--tls", "--authority", "Root of the cluster test")
	eventually(t, "the simulator lives", 10*time.Second, func() bool { return answers(w.http, w.control+"/healthz") })
	w.papers = readPapers(t, filepath.Join(dir, "world"))
	w.get("/kit", &w.kit)
	return w
}

// read is what the control port answers.
func (w *world) read(path string) []byte {
	w.t.Helper()
	response, err := w.http.Get(w.control + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s %v", path, response.Status, err)
	}
	return body
}

func (w *world) get(path string, into any) {
	w.t.Helper()
	if err := json.Unmarshal(w.read(path), into); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

// turn changes knobs; what is not named stays.
func (w *world) turn(knobs object) {
	w.t.Helper()
	body, _ := json.Marshal(knobs)
	response, err := w.http.Post(w.control+"/knobs", "application/json", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("knobs %s: %s", body, response.Status)
	}
}

func (w *world) ledger() []entry {
	w.t.Helper()
	var book struct{ Entries []entry }
	w.get("/ledger", &book)
	return book.Entries
}

// complaints are what a real counterparty might have refused.
func (w *world) complaints() (all []string) {
	w.t.Helper()
	var list struct{ Complaints []struct{ Line, What string } }
	w.get("/complaints", &list)
	for _, c := range list.Complaints {
		all = append(all, c.Line+": "+c.What)
	}
	return all
}
