package simulator

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHistory(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	w.meets(t, onAcquirer, Fault{Behaviour: "drop_connection"})
	asked := g.buy(visaCard, nil)
	g.send(asked)
	g.hungUp()
	again := signedOn(t, w)
	again.stan = 7
	again.ask(again.undo(asked, nil))

	var got []Passage
	eventually(t, "the connection is closed", func() bool { got = w.History(); return len(got) == 10 })
	for i := range got {
		if got[i].Number != i+1 || got[i].At.IsZero() || got[i].Line != "acquirer" {
			t.Errorf("%+v", got[i])
		}
		got[i].Number, got[i].At, got[i].Line = 0, w.History()[0].At.Add(-1), ""
	}
	at := w.History()[0].At.Add(-1)
	want := []Passage{
		{Connection: 1, From: "gateway", Type: "connected"},
		{Connection: 1, From: "gateway", Type: "0800", STAN: "000001"},
		{Connection: 1, From: "world", Type: "0810", STAN: "000001", Code: "00"},
		{Connection: 1, From: "gateway", Type: "0200", STAN: "000001", RRN: asked.fields[37], Amount: 10000000, Currency: "360", Card: "•••• 1091", Did: "drop_connection"},
		{Connection: 1, From: "world", Type: "closed"},
		{Connection: 2, From: "gateway", Type: "connected"},
		{Connection: 2, From: "gateway", Type: "0800", STAN: "000001"},
		{Connection: 2, From: "world", Type: "0810", STAN: "000001", Code: "00"},
		{Connection: 2, From: "gateway", Type: "0420", STAN: "000008", RRN: asked.fields[37], Amount: 10000000, Currency: "360", Card: "•••• 1091"},
		{Connection: 2, From: "world", Type: "0430", STAN: "000008", RRN: asked.fields[37], Amount: 10000000, Currency: "360", Code: "00"},
	}
	for i := range want {
		want[i].At = at
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestHistoryOf3DS(t *testing.T) {
	w := startWorld(t, nil)
	gateway := listenForResults(t, w, "127.0.0.1:0")
	p := w.challenged(t, gateway.url, nil)
	p.open("")
	p.answer("confirm", "123456")
	var got []string
	eventually(t, "the result is through", func() bool {
		got = nil
		for _, p := range w.History() {
			if p.Version != "2.2.0" || (p.Method == "N") != (p.Type == "AReq") {
				t.Errorf("%+v", p)
			}
			got = append(got, strings.TrimSpace(p.From+" "+p.Type+" "+p.Code))
			if p.ID == "" {
				t.Errorf("%+v", p)
			}
		}
		return len(got) == 4
	})
	if diff := cmp.Diff([]string{"gateway AReq", "world ARes C", "world RReq Y", "gateway RRes"}, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	text, _ := json.Marshal(w.History())
	for _, secret := range []string{p.areq.text("acctNumber"), gateway.results()[0].text("authenticationValue")} {
		if secret == "" || strings.Contains(string(text), secret) {
			t.Error("the history tells more than it should")
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	w := startWorld(t, nil)
	for range historyLength + 10 {
		w.stage.passed(Passage{})
	}
	got := w.History()
	if len(got) != historyLength || got[0].Number != 11 || got[len(got)-1].Number != historyLength+10 {
		t.Errorf("%d passages, from %d to %d", len(got), got[0].Number, got[len(got)-1].Number)
	}
	for i := range got[1:] {
		if got[i+1].Number != got[i].Number+1 {
			t.Fatalf("%d after %d", got[i+1].Number, got[i].Number)
		}
	}
}
