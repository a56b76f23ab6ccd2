package vault

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"reprise/internal/card"
)

// Keys are what a key file holds. They come only from LoadKeys and CreateKeys; the zero value is of no use.
//
// The ring is behind two pointers because fmt, which asks nobody about an unexported field, follows one.
type Keys struct{ at **ring }

type ring struct {
	pans        tink.AEAD
	masters     []master // the first seals, all open
	fingerprint []byte
	derive      []byte
	sandbox     bool
}

// master is a half of every escrow key.
type master struct {
	id  string
	key []byte
}

func (k Keys) get() *ring { return *k.at }

// OfSandbox says that the keys were made for a sandbox, where nobody guards them.
func (k Keys) OfSandbox() bool { return k.get().sandbox }

func (r *ring) master(id string) (master, bool) {
	for _, m := range r.masters {
		if m.id == id {
			return m, true
		}
	}
	return master{}, false
}

// keyFile is a key file. All keys have 32 bytes.
//
// Keys are in the clear, guarded by the file's mode and by whoever mounts it; wrapping the card key with a
// KMS (PCI DSS 3.6.1.2) is a matter of this file alone. To rotate, a key is first added where it only opens
// (after the first master key; to the keyset, not as primary), on all nodes, and then made the one that
// seals: a node must never meet what it cannot open. Old card keys stay as long as cards sealed under them;
// an old master key is of no use 15 minutes later. The fingerprint and derive keys cannot be rotated without
// changing every fingerprint and every derived secret.
type keyFile struct {
	PANKeyset      json.RawMessage `json:"pan_keyset"` // Tink JSON keyset, AES256-GCM
	CVNMasterKeys  []keyEntry      `json:"cvn_master_keys"`
	FingerprintKey []byte          `json:"fingerprint_key"`
	DeriveKey      []byte          `json:"derive_key"`
	Sandbox        bool            `json:"sandbox,omitempty"`
}

type keyEntry struct {
	ID  string `json:"id"`
	Key []byte `json:"key"`
}

const keySize = 32

// LoadKeys reads a key file. It refuses one that anybody but its owner can read or write. No error shows
// anything of its content.
func LoadKeys(path string) (Keys, error) {
	file, err := os.Open(path)
	if err != nil {
		return Keys{}, fmt.Errorf("vault: open key file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Keys{}, fmt.Errorf("vault: open key file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return Keys{}, fmt.Errorf("vault: key file %s has mode %v, but only its owner may have access: chmod 600", path, info.Mode())
	}
	text := make([]byte, info.Size()) // at once, and so in one piece of memory
	defer card.Wipe(text)
	if _, err := io.ReadFull(file, text); err != nil {
		return Keys{}, fmt.Errorf("vault: read key file: %w", err)
	}
	ring, err := parseKeys(text)
	if err != nil {
		return Keys{}, fmt.Errorf("vault: key file %s: %w", path, err)
	}
	return Keys{&ring}, nil
}

// parseKeys makes its own errors, for those of decoders quote what they decode.
func parseKeys(text []byte) (*ring, error) {
	var content keyFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&content) != nil || decoder.Decode(&struct{}{}) != io.EOF {
		return nil, errors.New("not a key file: not the JSON it should be")
	}
	defer card.Wipe(content.PANKeyset)

	ring := &ring{fingerprint: content.FingerprintKey, derive: content.DeriveKey, sandbox: content.Sandbox}
	if len(ring.fingerprint) != keySize || len(ring.derive) != keySize {
		return nil, errors.New("fingerprint_key and derive_key must have 32 bytes")
	}
	for _, entry := range content.CVNMasterKeys {
		if _, twice := ring.master(entry.ID); twice || entry.ID == "" || len(entry.Key) != keySize {
			return nil, errors.New("cvn_master_keys must have 32 bytes each and ids of their own")
		}
		ring.masters = append(ring.masters, master{entry.ID, entry.Key})
	}
	if len(ring.masters) == 0 {
		return nil, errors.New("cvn_master_keys is empty")
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content.PANKeyset)))
	if err != nil {
		return nil, errors.New("pan_keyset is not a Tink keyset")
	}
	if ring.pans, err = aead.New(handle); err != nil {
		return nil, errors.New("pan_keyset is not a keyset for AEAD")
	}
	return ring, nil
}

// CreateKeys makes a key file, readable by its owner only, and loads it. It never replaces one
// (fs.ErrExist): with its keys, every stored card would be lost. It appears whole or not at all. The card
// key comes from Tink's own randomness, all others from rand.
func CreateKeys(path string, rand io.Reader) (Keys, error) { return makeKeys(path, rand, false) }

// CreateSandboxKeys is CreateKeys for a sandbox; the file says so.
func CreateSandboxKeys(path string, rand io.Reader) (Keys, error) {
	return makeKeys(path, rand, true)
}

// MarkOfSandbox has a key file say that it is a sandbox's, as those of early sandboxes do not. Its keys stay.
func MarkOfSandbox(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("vault: mark key file: %w", err)
	}
	defer card.Wipe(text)
	var content keyFile
	if json.Unmarshal(text, &content) != nil {
		return fmt.Errorf("vault: mark key file: %s is none", path)
	}
	defer card.Wipe(content.PANKeyset)
	content.Sandbox = true
	marked, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("vault: mark key file: %s is none", path)
	}
	defer card.Wipe(marked)
	if err := place(path, marked, os.Rename); err != nil {
		return fmt.Errorf("vault: mark key file: %w", err)
	}
	return nil
}

func makeKeys(path string, rand io.Reader, sandbox bool) (Keys, error) {
	text, err := newKeys(rand, sandbox)
	if err != nil {
		return Keys{}, fmt.Errorf("vault: make keys: %w", err)
	}
	defer card.Wipe(text)
	if err := place(path, text, os.Link); err != nil {
		return Keys{}, fmt.Errorf("vault: create key file: %w", err)
	}
	return LoadKeys(path) // what counts is what is there, whoever wrote it
}

func newKeys(rand io.Reader, sandbox bool) ([]byte, error) {
	random := make([]byte, 3*keySize+4)
	defer card.Wipe(random)
	if _, err := io.ReadFull(rand, random); err != nil {
		return nil, err
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	var pans bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&pans)); err != nil {
		return nil, err
	}
	defer card.Wipe(pans.Bytes())
	return json.MarshalIndent(keyFile{
		PANKeyset:      pans.Bytes(),
		CVNMasterKeys:  []keyEntry{{ID: hex.EncodeToString(random[3*keySize:]), Key: random[:keySize]}},
		FingerprintKey: random[keySize : 2*keySize],
		DeriveKey:      random[2*keySize : 3*keySize],
		Sandbox:        sandbox,
	}, "", "  ")
}

// place writes a file beside its place and puts it there once it is safely on disk. Link, unlike rename,
// fails when another is there already.
func place(path string, text []byte, put func(from, to string) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := put(file.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
