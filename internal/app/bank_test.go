package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"reprise/internal/simulator"
)

// bank is the simulated world's control port.
type bank struct {
	t       *testing.T
	control string
	http    *http.Client
}

func (b *bank) get(path string, into any) {
	b.t.Helper()
	response, err := b.http.Get(b.control + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		b.t.Fatalf("%s: %v", path, err)
	}
}

// turn changes knobs.
func (b *bank) turn(knobs string) {
	b.t.Helper()
	response, err := b.http.Post(b.control+"/knobs", "application/json", strings.NewReader(knobs))
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("knobs %s: %s", knobs, response.Status)
	}
}

// next says what happens to the next purchases.
func (b *bank) next(behaviour string) {
	b.t.Helper()
	b.turn(`{"next_acquirer":{"behaviour":"` + behaviour + `"}}`)
}

// ledger is what the issuer has booked.
func (b *bank) ledger() []simulator.Entry {
	b.t.Helper()
	var book struct{ Entries []simulator.Entry }
	b.get("/ledger", &book)
	return book.Entries
}

// purchases are the purchases booked, kept or reversed.
func (b *bank) purchases(state string) []simulator.Entry {
	b.t.Helper()
	return slices.DeleteFunc(b.ledger(), func(e simulator.Entry) bool { return e.Kind != "purchase" || e.State != state })
}

// history is what passed on the world's lines.
func (b *bank) history() []simulator.Passage {
	b.t.Helper()
	var book struct{ Passages []simulator.Passage }
	b.get("/history", &book)
	return book.Passages
}

// passed counts the messages of a type so far.
func (b *bank) passed(kind string) (n int) {
	b.t.Helper()
	for _, p := range b.history() {
		if p.Type == kind {
			n++
		}
	}
	return n
}

// connections counts the connections of the acquirer line so far.
func (b *bank) connections() (n int) {
	b.t.Helper()
	for _, p := range b.history() {
		n = max(n, p.Connection)
	}
	return n
}

// complaints are the faults that the world found in what it was sent, by what they are about.
func (b *bank) complaints() []simulator.Complaint {
	b.t.Helper()
	var list struct{ Complaints []simulator.Complaint }
	b.get("/complaints", &list)
	return list.Complaints
}
