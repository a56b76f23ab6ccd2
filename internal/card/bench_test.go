package card

import "testing"

// BenchmarkCut takes the CVN out of what a payer's browser sends.
func BenchmarkCut(b *testing.B) {
	body := []byte(`{"cvn":"123","payment_session_id":"ps-661f87c614802d6c402cac7a","device":{"fingerprint":"9f8e"}}`)
	b.ReportAllocs()
	for b.Loop() {
		_, fields, err := Cut(body)
		if err != nil {
			b.Fatal(err)
		}
		fields.Wipe()
	}
}
