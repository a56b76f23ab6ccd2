package app

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"reprise/internal/payment"
	"reprise/internal/simulator"
	"reprise/internal/vault"
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
	used, err := h.usedBySandbox(ctx)
	if err == nil && used {
		err = errors.New("the database was used by a sandbox, whose API keys are published: take another database")
	}
	return err
}

// usedBySandbox says whether the database holds a key that everybody knows.
func (h *House) usedBySandbox(ctx context.Context) (bool, error) {
	for hash := range published() {
		switch _, err := h.store.Key(ctx, hash); {
		case err == nil:
			return true, nil
		case !errors.Is(err, payment.ErrNotFound):
			return false, err
		}
	}
	return false, nil
}

// refuseGateway keeps a sandbox from what is a gateway's: from a database, where everybody would get keys to it and
// its advices would be sent to a simulated acquirer, and from a key file. Early sandboxes did not mark theirs: one
// that their database was used with is marked.
func (h *House) refuseGateway(ctx context.Context, keys vault.Keys, keyFile string) error {
	used, err := h.usedBySandbox(ctx)
	if err != nil {
		return err
	}
	if !used {
		merchants, err := h.store.Merchants(ctx)
		if err != nil {
			return err
		}
		for _, m := range merchants {
			if m.ID != sandboxBusiness && m.ID != sandboxRestrictedBusiness { // a first start may have ended between the two
				return errors.New("the database is a gateway's: it has merchants, and no sandbox has used it. " +
					"Take another with --data or --database")
			}
		}
	}
	if keys.OfSandbox() {
		return nil
	}
	if used {
		if used, err = h.sealedHere(ctx); err != nil {
			return err
		}
	}
	if !used {
		return fmt.Errorf("%s is a gateway's key file: no sandbox has made it, or sealed its cards with it. "+
			"Take another directory with --data", keyFile)
	}
	return vault.MarkOfSandbox(keyFile)
}

// sealedHere says whether a card of the sandbox's is stored under the keys of this house.
func (h *House) sealedHere(ctx context.Context) (bool, error) {
	for _, stored := range StoredCards() {
		switch t, err := h.store.Token(ctx, sandboxBusiness, stored.Token); {
		case errors.Is(err, payment.ErrNotFound):
		case err != nil:
			return false, err
		case len(t.SealedPAN) > 0:
			_, err := h.vault.OpenPAN(t.SealedPAN, sandboxBusiness, stored.Token)
			return err == nil, nil
		}
	}
	return false, nil
}

// notOfSandbox refuses a certificate of the authority that every sandbox has.
func notOfSandbox(c *x509.Certificate) error {
	if c.Subject.CommonName == simulator.SandboxAuthority || c.Issuer.CommonName == simulator.SandboxAuthority {
		return fmt.Errorf("it belongs to %q, the authority of every sandbox", simulator.SandboxAuthority)
	}
	return nil
}
