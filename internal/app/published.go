package app

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// keyFinder finds an API key by the SHA-256 of its text.
type keyFinder = func(context.Context, [32]byte) (payment.Key, error)

// published are the hashes of the keys that everybody knows.
func published() map[[32]byte]bool {
	known := map[[32]byte]bool{}
	for _, text := range []string{SandboxSecretKey, SandboxPublicKey, SandboxRestrictedSecretKey, SandboxRestrictedPublicKey} {
		known[sha256.Sum256([]byte(text))] = true
	}
	return known
}

// keys finds API keys. Outside a sandbox those that are published are no keys, also where a sandbox has been
// started on the database since.
func (s Settings) keys(find keyFinder) keyFinder {
	if s.Sandbox {
		return find
	}
	refused := published()
	return func(ctx context.Context, hash [32]byte) (payment.Key, error) {
		if refused[hash] {
			return payment.Key{}, payment.ErrNotFound
		}
		return find(ctx, hash)
	}
}

// refuseSandbox refuses a database that a sandbox has used: whoever reads our pages has keys to it, and its
// stored cards are sealed under a key file that nobody has looked after.
func refuseSandbox(ctx context.Context, h *House) error {
	for hash := range published() {
		switch _, err := h.store.Key(ctx, hash); {
		case err == nil:
			return errors.New("the database was used by a sandbox, whose API keys are published: take another database")
		case !errors.Is(err, payment.ErrNotFound):
			return err
		}
	}
	return nil
}

// notOfSandbox refuses a certificate of the authority that every sandbox has.
func notOfSandbox(c *x509.Certificate) error {
	if c.Subject.CommonName == simulator.SandboxAuthority || c.Issuer.CommonName == simulator.SandboxAuthority {
		return fmt.Errorf("it belongs to %q, the authority of every sandbox", simulator.SandboxAuthority)
	}
	return nil
}
