package vault

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	cryptorand "crypto/rand"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"reprise/internal/card"
	"reprise/internal/payment"
)

const (
	business = payment.BusinessID("62440e322008e87fb29c1fd0")
	token    = payment.TokenID("pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e")
)

func newPAN(t testing.TB, digits string) card.PAN {
	t.Helper()
	pan, err := card.ParsePAN(digits)
	if err != nil {
		t.Fatal(err)
	}
	return pan
}

func TestSealPAN(t *testing.T) {
	v := newVault(t)
	for _, digits := range []string{"4000000000001091", "340000000002708", "4222222222222"} {
		pan := newPAN(t, digits)
		sealed, err := v.SealPAN(pan, business, token)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, []byte(digits)) {
			t.Error("sealed in the clear")
		}
		again, err := v.SealPAN(pan, business, token)
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed twice to the same bytes: %v", err)
		}
		if opened, err := v.OpenPAN(sealed, business, token); err != nil || !opened.Equal(pan) {
			t.Errorf("does not come back: %v", err)
		}
		flips(sealed, func(changed []byte) {
			if opened, err := v.OpenPAN(changed, business, token); !errors.Is(err, ErrPAN) || !opened.IsZero() {
				t.Errorf("one bit changed: %v", err)
			}
		})
		for _, other := range []struct {
			b payment.BusinessID
			t payment.TokenID
		}{
			{"62440e322008e87fb29c1fd1", token}, {business, "pt-00000000-0000-4000-8000-000000001000"}, {"", ""},
			{business[:23], payment.TokenID(business[23:]) + token}, {payment.BusinessID(token), payment.TokenID(business)},
		} {
			if _, err := v.OpenPAN(sealed, other.b, other.t); !errors.Is(err, ErrPAN) {
				t.Errorf("opened for %s and %s: %v", other.b, other.t, err)
			}
		}
		if _, err := newVault(t).OpenPAN(sealed, business, token); !errors.Is(err, ErrPAN) {
			t.Errorf("opened with other keys: %v", err)
		}
	}
	for _, sealed := range [][]byte{nil, {}, {1}, make([]byte, 64)} {
		if _, err := v.OpenPAN(sealed, business, token); !errors.Is(err, ErrPAN) {
			t.Errorf("%d zeros opened: %v", len(sealed), err)
		}
	}
	// What was sealed must have been a card number.
	sealed, err := v.SealPAN(card.PAN{}, business, token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.OpenPAN(sealed, business, token); !errors.Is(err, ErrPAN) {
		t.Errorf("nothing was sealed and opened: %v", err)
	}
}

// rewrite changes the Tink keyset in a key file, as an operator who rotates does.
func rewrite(t *testing.T, path string, change func(*keyset.Manager)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var content keyFile
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content.PANKeyset)))
	if err != nil {
		t.Fatal(err)
	}
	manager := keyset.NewManagerFromHandle(handle)
	change(manager)
	if handle, err = manager.Handle(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out)); err != nil {
		t.Fatal(err)
	}
	content.PANKeyset = out.Bytes()
	if text, err = json.Marshal(content); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCardKeyRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	load := func() *Vault {
		t.Helper()
		keys, err := LoadKeys(path)
		if err != nil {
			t.Fatal(err)
		}
		return New(keys, cryptorand.Reader, nil)
	}
	if _, err := CreateKeys(path, cryptorand.Reader); err != nil {
		t.Fatal(err)
	}
	pan := newPAN(t, "4000000000001091")
	seal := func(v *Vault) []byte {
		t.Helper()
		sealed, err := v.SealPAN(pan, business, token)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	opens := func(v *Vault, sealed []byte) bool {
		t.Helper()
		opened, err := v.OpenPAN(sealed, business, token)
		if err != nil && !errors.Is(err, ErrPAN) {
			t.Fatal(err)
		}
		return opened.Equal(pan)
	}

	before := load()
	old := seal(before)
	var fresh uint32
	rewrite(t, path, func(m *keyset.Manager) {
		var err error
		if fresh, err = m.Add(aead.AES256GCMKeyTemplate()); err != nil {
			t.Fatal(err)
		}
	})
	added := load()
	rewrite(t, path, func(m *keyset.Manager) {
		if err := m.SetPrimary(fresh); err != nil {
			t.Fatal(err)
		}
	})
	promoted := load()
	young := seal(promoted)

	if !opens(added, old) || !opens(promoted, old) {
		t.Error("the old key does not open any more")
	}
	if !opens(added, young) {
		t.Error("a node that has the new key, not as primary, does not open what it sealed")
	}
	if opens(before, young) {
		t.Error("the new key does not seal")
	}
	if slices.Equal(old[:5], young[:5]) {
		t.Error("sealed bytes do not name their key")
	}
	if before.Fingerprint(pan, business) != promoted.Fingerprint(pan, business) {
		t.Error("rotation changed a fingerprint")
	}
}

func TestFingerprint(t *testing.T) {
	v := newVault(t)
	pan := newPAN(t, "4000000000001091")
	got := v.Fingerprint(pan, business)

	mac := hmac.New(sha256.New, v.keys.get().fingerprint)
	mac.Write([]byte("\x00\x00\x00\x18" + string(business) + "\x00\x00\x00\x10" + "4000000000001091"))
	if want := hex.EncodeToString(mac.Sum(nil))[:24]; got != want {
		t.Errorf("fingerprint %s, by hand %s", got, want)
	}
	if again := v.Fingerprint(newPAN(t, "4000000000001091"), business); again != got {
		t.Error("one card has two fingerprints")
	}
	for name, other := range map[string]string{
		"card":     v.Fingerprint(newPAN(t, "4000000000001000"), business),
		"business": v.Fingerprint(pan, "62440e322008e87fb29c1fd1"),
		"key":      newVault(t).Fingerprint(pan, business),
	} {
		if other == got || len(other) != 24 {
			t.Errorf("another %s: fingerprint %s", name, other)
		}
	}
}

func TestDerive(t *testing.T) {
	v := newVault(t)
	key := v.keys.get().derive
	byHand := func(key []byte, text string) [32]byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return [32]byte(mac.Sum(nil))
	}
	if got, want := v.Derive("webhook", "endpoint"), byHand(key, "\x00\x00\x00\x06secret\x00\x00\x00\x07webhook\x00\x00\x00\x08endpoint"); got != want {
		t.Error("Derive is not what it is by hand")
	}
	inner := byHand(key, "\x00\x00\x00\x05keyed\x00\x00\x00\x0bidempotency\x00\x00\x00\x00")
	if got, want := v.Keyed("idempotency", []byte("body")), byHand(inner[:], "body"); got != want {
		t.Error("Keyed is not what it is by hand")
	}
	seen := map[[32]byte]string{}
	for name, sum := range map[string][32]byte{
		"keyed":           v.Keyed("a", []byte("b")),
		"other purpose":   v.Keyed("b", []byte("b")),
		"other data":      v.Keyed("a", []byte("c")),
		"no data":         v.Keyed("a", nil),
		"derived":         v.Derive("a", "b"),
		"other border":    v.Derive("ab", ""),
		"derived, empty":  v.Derive("a", ""),
		"other id":        v.Derive("a", "c"),
		"other keys":      newVault(t).Derive("a", "b"),
		"other keys' sum": newVault(t).Keyed("a", []byte("b")),
	} {
		if twin, ok := seen[sum]; ok {
			t.Errorf("%s and %s are the same", name, twin)
		}
		seen[sum] = name
	}
}
