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
	LocalTime: "152931", LocalDate: "0213", Category: "5942", Country: "360", Condition: "59", Acquirer: "400552", Forwarder: "200100", RRN: "6044080000ZK",
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
		OnFile: payment.CardOnFile{
			Type: payment.CustomerUnscheduled, Sequence: payment.Subsequent, NetworkTransactionID: "016153570198200",
		},
		Proof: &payment.Authentication{
			ECI: "05", Value: "AAIBBYNoEwAAACcKhAJkdQAAAAA=", DSTransID: "e537f539-d59f-4ebe-8d56-7fdc31a8e9b4",
		},
	}
}

// sampleHold is the trace of an 0100 for the same.
func sampleHold() payment.Trace {
	hold := sampleTrace
	hold.MTI = "0100"
	return hold
}

// sampleAdvice is an advice of a kind, half an hour after its original.
func sampleAdvice(kind payment.AdviceKind, original payment.Trace) payment.Advice {
	own := original
	own.MTI, own.Transmitted, own.STAN = adviceTypes[kind].first, "0213083005", "000418"
	a := payment.Advice{Kind: kind, Original: original, Trace: own, Code: "831000"}
	switch kind {
	case payment.Release:
		a.Retained = "000006000000"
	case payment.CaptureAdvice:
		a.Trace.Amount = "000006000000"
	case payment.RefundAdvice:
		a.Trace.Amount, a.Trace.ProcessingCode, a.Trace.LocalTime = "000002500000", "200000", "153005"
	}
	return a
}

func sampleReversal() payment.Advice { return sampleAdvice(payment.Reversal, sampleTrace) }

// sampleMessages returns one message of every type and purpose that we send.
func sampleMessages(t testing.TB) map[string]message {
	t.Helper()
	all := map[string]message{"0800": buildNetwork(signOn, sampleTime, "000001")}
	hold, verification := samplePurchase(t), samplePurchase(t)
	hold.Trace = sampleHold()
	verification.Trace = sampleHold()
	verification.Trace.Amount, verification.Trace.Condition = "000000000000", "51"
	verification.OnFile = payment.CardOnFile{Type: payment.MerchantUnscheduled, Sequence: payment.Initial}
	for name, p := range map[string]Authorisation{"0200": samplePurchase(t), "0100": hold, "0100 verification": verification} {
		m, err := buildAuthorisation(p)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = m
	}
	for name, a := range map[string]payment.Advice{
		"0420": sampleReversal(), "0420 release": sampleAdvice(payment.Release, sampleHold()),
		"0220 capture": sampleAdvice(payment.CaptureAdvice, sampleHold()), "0220 refund": sampleAdvice(payment.RefundAdvice, sampleTrace),
	} {
		for tries, mti := range []string{name[:4], name[:3] + "1"} {
			a.Tries = tries
			m, err := buildAdvice(a, sampleCard(t, "4000000000001091"))
			if err != nil {
				t.Fatal(err)
			}
			all[mti+name[4:]] = m
		}
	}
	return all
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
	if got.mti == "0110" || got.mti == "0210" {
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
