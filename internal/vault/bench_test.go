package vault

import "testing"

// BenchmarkPAN seals a card's number and opens it.
func BenchmarkPAN(b *testing.B) {
	v, pan := newVault(b), newPAN(b, "4000000000001091")
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := v.SealPAN(pan, business, token)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.OpenPAN(sealed, business, token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCVN seals a CVN into the escrow and opens it with the browser's share.
func BenchmarkCVN(b *testing.B) {
	v, binding := newVault(b), newBinding()
	b.ReportAllocs()
	for b.Loop() {
		sealed, share, err := v.SealCVN(newCVN(b, "737"), binding)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.OpenCVN(sealed, share, binding); err != nil {
			b.Fatal(err)
		}
	}
}
