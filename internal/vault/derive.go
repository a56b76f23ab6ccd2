package vault

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Keyed returns a hash of data that nobody can try values against without the key file. Two purposes give
// unrelated hashes; a purpose is a constant in the code, such as "idempotency".
func (v *Vault) Keyed(purpose string, data []byte) [sha256.Size]byte {
	key := v.derive("keyed", purpose, "")
	return sum(key[:], data)
}

// Derive returns the secret of one thing, such as the signing secret of one webhook endpoint: always the same
// for the same purpose and id, so that it is stored nowhere. It cannot be changed without another id.
func (v *Vault) Derive(purpose, id string) [sha256.Size]byte {
	return v.derive("secret", purpose, id)
}

func (v *Vault) derive(kind, purpose, id string) [sha256.Size]byte {
	return sum(v.keys.get().derive, join(kind, purpose, id))
}

// sum is HMAC-SHA-256: of a secret key, it derives keys as well as it hashes (NIST SP 800-108).
func sum(key, data []byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return [sha256.Size]byte(mac.Sum(nil))
}
