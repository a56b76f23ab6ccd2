package acquirer

import (
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// The sandbox's merchant, a card of its and a purchase, the same in every test.

var sampleTime = time.Date(2026, 2, 13, 8, 29, 31, 0, time.UTC)

var sampleMerchant = payment.Merchant{
	ID: "64118d86854d7d89206e732d", Name: "Toko Buku Melati", City: "Jakarta", Country: "ID", MCC: "5942",
	AcquirerBIN: "400552", CardAcceptor: "MELATI01", Terminal: "WEB00001",
}

var sampleTrace = payment.Trace{
	MTI: "0200", ProcessingCode: "000000", Amount: "000010000000", Transmitted: "0213082931", STAN: "000417",
	LocalTime: "152931", LocalDate: "0213", Category: "5942", Country: "360", Acquirer: "400552", Forwarder: "200100", RRN: "6044080000ZK",
	Terminal: "WEB00001", CardAcceptor: "MELATI01       ", Currency: "360",
}

func sampleCard(t testing.TB, digits string) card.PAN {
	t.Helper()
	pan, err := card.ParsePAN(digits)
	if err != nil {
		t.Fatal(err)
	}
	return pan
}

func samplePurchase(t testing.TB) Authorisation {
	t.Helper()
	cvn, err := card.ParseCVN([]byte("731"), 3)
	if err != nil {
		t.Fatal(err)
	}
	return Authorisation{
		Trace: sampleTrace, Merchant: sampleMerchant, PAN: sampleCard(t, "4000000000001091"),
		Expiry: card.Expiry{Year: 2030, Month: 11}, CVN: cvn,
		Proof: &payment.Authentication{
			ECI: "05", Value: "AAIBBYNoEwAAACcKhAJkdQAAAAA=", DSTransID: "e537f539-d59f-4ebe-8d56-7fdc31a8e9b4",
		},
	}
}

func sampleReversal() payment.Advice {
	own := sampleTrace
	own.MTI, own.Transmitted, own.STAN = "0420", "0213083005", "000418"
	return payment.Advice{Original: sampleTrace, Trace: own, Code: "831000"}
}

// sampleMessages returns one message of every type that we send.
func sampleMessages(t testing.TB) map[string]message {
	t.Helper()
	purchase, err := buildPurchase(samplePurchase(t))
	if err != nil {
		t.Fatal(err)
	}
	r := sampleReversal()
	reversal := buildAdvice(r, sampleCard(t, "4000000000001091"))
	r.Tries = 1
	repeat := buildAdvice(r, sampleCard(t, "4000000000001091"))
	return map[string]message{
		"0200": purchase, "0420": reversal, "0421": repeat, "0800": buildNetwork(signOn, sampleTime, "000001"),
	}
}

// answerTo makes what a host answers: an echo of what the profile wants echoed, and what is given.
func answerTo(request message, more map[int]string) message {
	got := message{answers[request.mti], map[int]string{}}
	for _, e := range elements {
		if value, ok := request.fields[e.number]; ok && e.number != 2 && e.number != 38 && e.presence[columns[got.mti]] == 'M' {
			got.fields[e.number] = value
		}
	}
	got.fields[39] = "00"
	if got.mti == "0210" {
		got.fields[38] = "831000"
	}
	for number, value := range more {
		if value == "" {
			delete(got.fields, number)
		} else {
			got.fields[number] = value
		}
	}
	return got
}

func mustEncode(t testing.TB, m message) []byte {
	t.Helper()
	frame, err := encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}
