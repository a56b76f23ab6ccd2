package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// SealPAN seals the number of a stored card for one token of one business (PCI DSS 3.5.1). Each call gives
// other bytes; use Fingerprint to compare.
func (v *Vault) SealPAN(pan card.PAN, b payment.BusinessID, t payment.TokenID) ([]byte, error) {
	digits := []byte(pan.Reveal())
	defer card.Wipe(digits)
	return v.keys.get().pans.Encrypt(digits, panContext(b, t))
}

// OpenPAN opens the number of a stored card. The error is ErrPAN.
func (v *Vault) OpenPAN(sealed []byte, b payment.BusinessID, t payment.TokenID) (card.PAN, error) {
	digits, err := v.keys.get().pans.Decrypt(sealed, panContext(b, t))
	if err != nil {
		return card.PAN{}, ErrPAN
	}
	defer card.Wipe(digits)
	pan, err := card.ParsePAN(string(digits))
	if err != nil {
		return card.PAN{}, ErrPAN
	}
	return pan, nil
}

func panContext(b payment.BusinessID, t payment.TokenID) []byte {
	return join(string(b), string(t), "pan")
}

// Fingerprint returns 24 hex digits by which equal cards of one business compare equal, and cards of two
// businesses never do. It is keyed because there are few enough card numbers to try them all against a plain
// hash (PCI DSS 3.5.1.1).
func (v *Vault) Fingerprint(pan card.PAN, b payment.BusinessID) string {
	digits := []byte(pan.Reveal())
	text := join([]byte(b), digits)
	defer card.Wipe(digits)
	defer card.Wipe(text)
	mac := hmac.New(sha256.New, v.keys.get().fingerprint)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))[:24]
}
