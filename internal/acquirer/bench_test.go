package acquirer

import "testing"

// BenchmarkEncode makes the 0200 of a purchase with everything in it, ready to be sent.
func BenchmarkEncode(b *testing.B) {
	purchase := samplePurchase(b)
	b.ReportAllocs()
	for b.Loop() {
		m, err := buildAuthorisation(purchase)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := encode(m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode reads the 0210 that answers it.
func BenchmarkDecode(b *testing.B) {
	m, err := buildAuthorisation(samplePurchase(b))
	if err != nil {
		b.Fatal(err)
	}
	frame := mustEncode(b, answerTo(m, map[int]string{44: " M"}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(frame[2:]); err != nil {
			b.Fatal(err)
		}
	}
}
