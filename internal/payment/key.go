package payment

import (
	"encoding/hex"
	"time"
)

// KeyKind says whose a key is. A secret key and a public key cannot do each other's work.
type KeyKind string

const (
	Secret KeyKind = "secret" // the merchant's server
	Public KeyKind = "public" // the payer's browser: it can hand in a CVN or a card, and nothing else

	// Anyone needs no key: what it opens has an address that cannot be guessed.
	Anyone KeyKind = ""
)

// Access is how far a key may go with a product.
type Access string

const (
	AccessNone  Access = "NONE"
	AccessRead  Access = "READ"
	AccessWrite Access = "WRITE" // and read
)

// Permissions are what a secret key may do, by product: a tag of the contract. Nil permits everything, also
// what a later version adds; otherwise a product that is not named is NONE.
type Permissions map[string]Access

// Allow says whether the permissions go as far as wanted with a product.
func (p Permissions) Allow(product string, wanted Access) bool {
	if p == nil {
		return true
	}
	has := p[product]
	return has == AccessWrite || has == AccessRead && wanted == AccessRead
}

// Key is what the gateway knows of an API key: not the key.
type Key struct {
	Hash        [32]byte // SHA-256 of the key; the key has 192 random bits or more, or is published (sandbox)
	Business    BusinessID
	Kind        KeyKind
	Production  bool        // its text says xnd_production_, and not xnd_development_
	Name        string      // what the operator calls it; may be empty
	Permissions Permissions // of a secret key; a public key has none to give or take
	Created     time.Time
	Ends        time.Time // from then on it is refused; zero: it does not end
}

// ID is how a key is named without naming it: the first 12 hex digits of its hash, so that whoever holds a
// key can find out its id (sha256sum), and nobody the key from the id.
func (k Key) ID() string { return hex.EncodeToString(k.Hash[:6]) }

// Good says whether the key is still taken.
func (k Key) Good(at time.Time) bool { return k.Ends.IsZero() || at.Before(k.Ends) }
