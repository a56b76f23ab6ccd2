// Package vault is the safe: it seals card numbers for as long as they are stored, and CVNs for the minutes
// between a payer's click and the answer to the authorisation. It owns no rows; others keep what it seals
// and cannot read it.
//
// A card number opens with the key file alone, because payments are made with it for years. A CVN opens only
// with the key file and the browser's share together, and the share is stored nowhere: no database, backup
// or key file yields one (PCI DSS 3.3.1, 3.3.2).
package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// What does not open, told apart for the operator's log. To whoever asked they are all the same. None holds
// anything of what was sealed, of a share or of a key.
var (
	// ErrShare reports that a share is not the one of this row, or not a share at all.
	ErrShare = errors.New("vault: the share is not the one of this escrow row")
	// ErrMasterKey reports a row sealed under a master key that is not in the key file (any more).
	ErrMasterKey = errors.New("vault: the escrow row names a master key that is not in the key file")
	// ErrRow reports a row that its own share does not open: damaged, or sealed for another payment. The
	// cipher cannot tell which.
	ErrRow = errors.New("vault: the escrow row is damaged or belongs to another payment")
	// ErrExpired reports a row past its time, opened or to be sealed.
	ErrExpired = errors.New("vault: the escrow row has expired")
	// ErrPAN reports a sealed card number that does not open: damaged, of another business or token, or
	// sealed under a key that is not in the key file.
	ErrPAN = errors.New("vault: the sealed card number does not open")
)

// Vault seals and opens. It is safe for concurrent use if its source of randomness is.
type Vault struct {
	keys Keys
	rand io.Reader
	now  func() time.Time
}

// New makes a Vault. rand gives shares and nonces and must be cryptographically secure; for the nonces of
// card numbers, Tink reads the operating system's by itself.
func New(keys Keys, rand io.Reader, now func() time.Time) *Vault {
	return &Vault{keys: keys, rand: rand, now: now}
}

// A Vault and its keys say what they are and nothing more, in every verb, log and encoding.
const maskedVault, maskedKeys = "vault", "vault keys"

func (v *Vault) String() string               { return maskedVault }
func (v *Vault) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, maskedVault) }
func (v *Vault) LogValue() slog.Value         { return slog.StringValue(maskedVault) }
func (v *Vault) MarshalText() ([]byte, error) { return []byte(maskedVault), nil }

func (k Keys) String() string                 { return maskedKeys }
func (k Keys) Format(s fmt.State, _ rune)     { _, _ = io.WriteString(s, maskedKeys) }
func (k Keys) LogValue() slog.Value           { return slog.StringValue(maskedKeys) }
func (k Keys) MarshalText() ([]byte, error)   { return []byte(maskedKeys), nil }
func (k Keys) MarshalBinary() ([]byte, error) { return []byte(maskedKeys), nil }

// join writes each part behind its length (four bytes, big-endian), so that no two lists of parts give the
// same bytes. It is what is authenticated with a ciphertext, and what is hashed.
func join[T string | []byte](parts ...T) []byte {
	var b []byte
	for _, part := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}
