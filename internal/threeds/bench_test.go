package threeds

import (
	"bytes"
	"encoding/json"
	"testing"
)

// BenchmarkAReq makes an AReq, holds it against the rules, and writes it.
func BenchmarkAReq(b *testing.B) {
	q := request(b)
	d := &directory{Directory: Directory{
		Name: "ds", ServerRef: "REF-1", OperatorID: "OP-1", RequestorID: "R-1", RequestorName: "Reprise",
		ResultsURL: "https://gateway.example:9443/results",
	}}
	b.ReportAllocs()
	for b.Loop() {
		m, err := d.areq(q)
		if err == nil {
			err = m.ours()
		}
		if err == nil {
			_, err = m.encode()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkARes reads what a bank answers that lets the payer pass.
func BenchmarkARes(b *testing.B) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(sampleAReq), &fields); err != nil {
		b.Fatal(err)
	}
	want := expected{types: []string{"ARes"}, version: "2.2.0", about: newMessage("AReq", "2.2.0", fields)}
	text := []byte(sample("ARes Y"))
	b.ReportAllocs()
	for b.Loop() {
		if _, violation, err := decode(bytes.NewReader(text), want); violation != nil || err != nil {
			b.Fatal(violation, err)
		}
	}
}
