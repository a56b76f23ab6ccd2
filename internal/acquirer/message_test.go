package acquirer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/card"
	"reprise/internal/payment"
)

func TestAuthorisationFields(t *testing.T) {
	want := message{"0200", map[int]string{
		2: "4000000000001091", 3: "000000", 4: "000010000000", 7: "0213082931", 11: "000417", 12: "152931",
		13: "0213", 14: "3011", 18: "5942", 19: "360", 22: "102", 25: "59", 32: "400552", 33: "200100",
		37: "6044080000ZK", 41: "WEB00001", 42: "MELATI01       ", 43: "Toko Buku Melati         Jakarta      ID",
		48: "2204C101" + "6315016153570198200" + "420205" + "4328AAIBBYNoEwAAACcKhAJkdQAAAAA=" +
			"66372e537f539-d59f-4ebe-8d56-7fdc31a8e9b4" + "9203731",
		49: "360",
	}}
	m := sampleMessages(t)
	if diff := cmpMessage(want, m["0200"]); diff != "" {
		t.Error(diff)
	}
	want.mti = "0100"
	if diff := cmpMessage(want, m["0100"]); diff != "" {
		t.Errorf("an authorisation differs from a purchase in more than its MTI: %s", diff)
	}
	want.fields[4], want.fields[22], want.fields[25] = "000000000000", "012", "51"
	want.fields[48] = "2204C101" + "420205" + "4328AAIBBYNoEwAAACcKhAJkdQAAAAA=" +
		"66372e537f539-d59f-4ebe-8d56-7fdc31a8e9b4" + "9203731"
	if diff := cmpMessage(want, m["0100 verification"]); diff != "" {
		t.Errorf("verification: %s", diff)
	}
}

func TestAuthorisationWithoutProof(t *testing.T) {
	p := samplePurchase(t)
	p.Proof, p.OnFile = nil, payment.CardOnFile{}
	m, err := buildAuthorisation(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.fields[48]; got != "9203731" {
		t.Errorf("DE48 is %d characters long: it must hold the CVN alone", len(got))
	}
	p.CVN.Wipe()
	if m, err = buildAuthorisation(p); err != nil {
		t.Fatal(err)
	}
	if _, given := m.fields[48]; given {
		t.Error("there is a DE48 with nothing in it")
	}
	if err := check(m); err != nil {
		t.Error(err)
	}
}

// A card may be added by an authentication without a value; nothing is paid with one.
func TestProofWithoutAValue(t *testing.T) {
	p := samplePurchase(t)
	p.Proof = &payment.Authentication{ECI: "N2", DSTransID: p.Proof.DSTransID}
	if _, err := buildAuthorisation(p); err == nil {
		t.Error("a purchase was made with a proof that proves nothing")
	}
	p.Trace.MTI, p.Trace.Condition = "0100", "51"
	m, err := buildAuthorisation(p)
	if err != nil || strings.Contains(m.fields[48], "N2") {
		t.Errorf("a verification: %v", err)
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
		if _, err := buildAuthorisation(p); err == nil {
			t.Errorf("a broken %s was accepted", name)
		}
	}
	p := samplePurchase(t)
	p.Expiry = card.Expiry{}
	m, err := buildAuthorisation(p)
	if err == nil {
		err = check(m)
	}
	if err == nil || !strings.Contains(err.Error(), "DE14: missing") {
		t.Errorf("a card without expiry: %v", err)
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
