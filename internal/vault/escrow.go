package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

const (
	shareSize = 32
	nonceSize = 12
	// cvnSize is what every CVN is padded to, with a zero byte, so that its ciphertext does not tell three
	// digits from four.
	cvnSize = 4

	cvnInfo      = "reprise/cvn/1"
	verifierInfo = "reprise/cvn/verify/1"
)

// SealCVN makes an escrow row and the browser's share of 32 random bytes: one without the other opens
// nothing. The share goes out once, in the fragment of the action URL, and is stored nowhere; the caller
// wipes it and the CVN. The error is ErrExpired, or that of the source of randomness.
func (v *Vault) SealCVN(cvn card.CVN, b payment.Binding) (sealed payment.SealedCVN, share []byte, err error) {
	digits := cvn.Reveal()
	if len(digits) < 3 || len(digits) > cvnSize {
		return payment.SealedCVN{}, nil, errors.New("vault: no CVN to seal")
	}
	if !v.now().Before(b.Expires) {
		return payment.SealedCVN{}, nil, ErrExpired
	}
	random := make([]byte, shareSize+nonceSize)
	if _, err := io.ReadFull(v.rand, random); err != nil {
		return payment.SealedCVN{}, nil, fmt.Errorf("vault: draw a share: %w", err)
	}
	share, nonce := random[:shareSize:shareSize], bytes.Clone(random[shareSize:])

	master := v.keys.get().masters[0]
	verifier, err := v.Verifier(share)
	if err != nil {
		return payment.SealedCVN{}, nil, err
	}
	aead, err := escrowCipher(share, master.key)
	if err != nil {
		return payment.SealedCVN{}, nil, err
	}
	padded := make([]byte, cvnSize)
	defer card.Wipe(padded)
	copy(padded, digits)
	return payment.SealedCVN{
		Request:    b.Request,
		Verifier:   verifier,
		Ciphertext: aead.Seal(nil, nonce, padded, escrowContext(b, master.id)),
		Nonce:      nonce,
		MasterKey:  master.id,
		Expires:    b.Expires,
	}, share, nil
}

// Verifier tells which row a share belongs to. It says nothing of the key, which is derived apart and with
// the master key. The error is ErrShare: whatever this is, it is no share.
func (v *Vault) Verifier(share []byte) ([]byte, error) {
	if len(share) != shareSize {
		return nil, ErrShare
	}
	return hkdf.Key(sha256.New, share, nil, verifierInfo, sha256.Size)
}

// OpenCVN opens an escrow row with the browser's share, for the payment of the binding and no other. Errors
// are ErrShare, ErrMasterKey, ErrExpired and ErrRow, looked for in this order. The row itself is unchanged:
// taking it is the store's, and must come before the CVN is used.
func (v *Vault) OpenCVN(sealed payment.SealedCVN, share []byte, b payment.Binding) (card.CVN, error) {
	verifier, err := v.Verifier(share)
	if err != nil {
		return card.CVN{}, err
	}
	if !hmac.Equal(verifier, sealed.Verifier) {
		return card.CVN{}, ErrShare
	}
	master, ok := v.keys.get().master(sealed.MasterKey)
	if !ok {
		return card.CVN{}, ErrMasterKey
	}
	if !v.now().Before(b.Expires) {
		return card.CVN{}, ErrExpired
	}
	if sealed.Request != b.Request || micros(sealed.Expires) != micros(b.Expires) || len(sealed.Nonce) != nonceSize {
		return card.CVN{}, ErrRow
	}
	aead, err := escrowCipher(share, master.key)
	if err != nil {
		return card.CVN{}, err
	}
	padded, err := aead.Open(nil, sealed.Nonce, sealed.Ciphertext, escrowContext(b, master.id))
	if err != nil {
		return card.CVN{}, ErrRow
	}
	defer card.Wipe(padded)
	digits := bytes.TrimRight(padded, "\x00")
	cvn, err := card.ParseCVN(digits, len(digits))
	if err != nil {
		return card.CVN{}, ErrRow
	}
	return cvn, nil
}

// escrowCipher derives the key of one row from its two halves. The cipher keeps the expanded key until it
// is collected; our own copy is wiped.
func escrowCipher(share, master []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, share, master, cvnInfo, 32)
	if err != nil {
		return nil, fmt.Errorf("vault: derive an escrow key: %w", err)
	}
	defer card.Wipe(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("vault: make an escrow cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// escrowContext is what a row is bound to. The order and the sizes are fixed by testdata/escrow.json.
func escrowContext(b payment.Binding, masterID string) []byte {
	number := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	return join(
		string(b.Business), string(b.Session), string(b.Request), string(b.Token),
		number(b.Amount.Minor), b.Amount.Currency, number(micros(b.Expires)), masterID,
	)
}

// micros is the precision that a time keeps in the database.
func micros(t time.Time) int64 { return t.UnixMicro() }
