// Package card knows what is printed on a card: its number (PAN), its verification number (CVN) and its
// expiry. It imports nothing of ours, and what it holds prints, logs and marshals itself masked, so that
// no careless %v anywhere in the house can put a card into a log (PCI DSS 3.4.1, 3.3.1).
//
// A value leaves only through the two methods called Reveal, which are easy to find and to count.
package card

import "runtime"

// problem is an error that says what is wrong with a card field and, being a constant, cannot repeat it. It
// reads on from the field's name, as the API's other messages do: "request/body/cvn" "is required".
type problem string

func (p problem) Error() string { return string(p) }

// Wipe overwrites a buffer that held card data. What the runtime or the kernel has copied elsewhere stays:
// docs/card-data.md says where.
func Wipe(b []byte) {
	clear(b)
	runtime.KeepAlive(b)
}

func onlyDigits[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
