package acquirer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/card"
)

func TestPurchaseFields(t *testing.T) {
	want := message{"0200", map[int]string{
		2: "4000000000001091", 3: "000000", 4: "000010000000", 7: "0213082931", 11: "000417", 12: "152931",
		13: "0213", 14: "3011", 18: "5942", 19: "360", 22: "102", 25: "59", 32: "400552", 33: "200100",
		37: "6044080000ZK", 41: "WEB00001", 42: "MELATI01       ", 43: "Toko Buku Melati         Jakarta      ID",
		48: "2204C101" + "420205" + "4328AAIBBYNoEwAAACcKhAJkdQAAAAA=" +
			"66372e537f539-d59f-4ebe-8d56-7fdc31a8e9b4" + "9203731",
		49: "360",
	}}
	if diff := cmpMessage(want, sampleMessages(t)["0200"]); diff != "" {
		t.Error(diff)
	}
}

func TestPurchaseWithoutProof(t *testing.T) {
	p := samplePurchase(t)
	p.Proof = nil
	m, err := buildPurchase(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.fields[48]; got != "2204C1019203731" {
		t.Errorf("DE48 is %d characters long: it must hold the indicator and the CVN alone", len(got))
	}
	p.CVN.Wipe()
	if m, err = buildPurchase(p); err != nil || m.fields[48] != "2204C101" {
		t.Errorf("without a CVN there is more than the indicator in DE48, or %v", err)
	}
}

func TestPurchaseRefusesABrokenProof(t *testing.T) {
	for name, change := range map[string]func(*Authorisation){
		"value": func(p *Authorisation) { p.Proof.Value = "AAIB" },
		"id":    func(p *Authorisation) { p.Proof.DSTransID = "" },
		"eci":   func(p *Authorisation) { p.Proof.ECI = "5" },
	} {
		p := samplePurchase(t)
		change(&p)
		if _, err := buildPurchase(p); err == nil {
			t.Errorf("a broken %s was accepted", name)
		}
	}
	p := samplePurchase(t)
	p.Expiry = card.Expiry{}
	m, err := buildPurchase(p)
	if err == nil {
		err = check(m)
	}
	if err == nil || !strings.Contains(err.Error(), "DE14: missing") {
		t.Errorf("a card without expiry: %v", err)
	}
}

func TestReversalFields(t *testing.T) {
	m := sampleMessages(t)
	want := message{"0420", map[int]string{
		2: "4000000000001091", 3: "000000", 4: "000010000000", 7: "0213083005", 11: "000418", 12: "152931",
		13: "0213", 18: "5942", 19: "360", 25: "59", 32: "400552", 33: "200100", 37: "6044080000ZK", 38: "831000",
		41: "WEB00001", 42: "MELATI01       ", 49: "360",
		90: "0200" + "000417" + "0213082931" + "00000400552" + "00000200100",
	}}
	if diff := cmpMessage(want, m["0420"]); diff != "" {
		t.Error(diff)
	}
	want.mti = "0421"
	if diff := cmpMessage(want, m["0421"]); diff != "" {
		t.Errorf("a repeat differs in more than its MTI: %s", diff)
	}
}

func TestFill(t *testing.T) {
	for in, want := range map[string]string{
		"Café Señor":      "Cafe Senor  ",
		"書店 Books":        "?? Books    ",
		"A name too long": "A name too l",
		"line\nbreak":     "line?break  ",
		"":                "            ",
	} {
		if diff := cmp.Diff(want, fill(in, 12)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCountries(t *testing.T) {
	numbers := map[string]string{}
	for alpha, number := range countries {
		if len(alpha) != 2 || len(number) != 3 || !n.holds(number) {
			t.Errorf("%q: %q", alpha, number)
		}
		if other, twice := numbers[number]; twice {
			t.Errorf("%s and %s have the same number", alpha, other)
		}
		numbers[number] = alpha
	}
	for _, alpha := range []string{"ID", "PH", "VN", "TH", "SG", "MY", "HK", "MX"} {
		if countries[alpha] == "" {
			t.Errorf("the API has merchants in %s", alpha)
		}
	}
}
