package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"crypto/rand"

	"github.com/google/go-cmp/cmp"
)

func createKeys(t testing.TB) (path string, text []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys.json")
	if _, err := CreateKeys(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, text
}

func TestCreateKeys(t *testing.T) {
	path, text := createKeys(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("key file has mode %v: %v", info.Mode(), err)
	}
	if _, err := CreateKeys(path, rand.Reader); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing key file: %v", err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, text) {
		t.Error("an existing key file was changed")
	}
	if _, err := CreateKeys(filepath.Join(t.TempDir(), "keys.json"), iotest.ErrReader(errors.New("dry"))); err == nil {
		t.Error("made keys without randomness")
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("something lies beside the key file: %v", err)
	}
	_, other := createKeys(t)
	var one, two keyFile
	if json.Unmarshal(text, &one) != nil || json.Unmarshal(other, &two) != nil {
		t.Fatal("a key file is not JSON")
	}
	keys := [][]byte{one.CVNMasterKeys[0].Key, one.FingerprintKey, one.DeriveKey, two.CVNMasterKeys[0].Key, two.FingerprintKey, two.DeriveKey, one.PANKeyset, two.PANKeyset}
	for i := range keys {
		for j := range i {
			if bytes.Equal(keys[i], keys[j]) {
				t.Errorf("keys %d and %d are the same", i, j)
			}
		}
	}
}

// Several nodes that start at once on one folder end up with the same keys, or with an error.
func TestCreateKeysAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var group sync.WaitGroup
	sums := make([][32]byte, 8)
	for i := range sums {
		group.Go(func() {
			keys, err := CreateKeys(path, rand.Reader)
			if errors.Is(err, fs.ErrExist) {
				keys, err = LoadKeys(path)
			}
			if err != nil {
				t.Error(err)
				return
			}
			sums[i] = New(keys, rand.Reader, nil).Derive("test", "same")
		})
	}
	group.Wait()
	for _, sum := range sums {
		if sum != sums[0] {
			t.Fatal("two starts have different keys")
		}
	}
}

func TestLoadKeysRefusesOpenFiles(t *testing.T) {
	path, _ := createKeys(t)
	for mode := range fs.FileMode(0o1000) {
		if mode&0o400 == 0 {
			continue // unreadable but for root
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeys(path)
		if private := mode&0o077 == 0; (err == nil) != private {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if _, err := LoadKeys(t.TempDir()); err == nil {
		t.Error("a folder is a key file")
	}
	if _, err := LoadKeys(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestLoadKeysRefusesContent(t *testing.T) {
	path, good := createKeys(t)
	var content map[string]any
	if err := json.Unmarshal(good, &content); err != nil {
		t.Fatal(err)
	}
	with := func(key string, value any) string {
		t.Helper()
		changed := map[string]any{}
		for k, v := range content {
			changed[k] = v
		}
		changed[key] = value
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const canary = "Q0FOQVJZQ0FOQVJZ" // base64, 12 bytes
	long := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("CANARY"), 6))[:43] + "="
	mac := `{"primaryKeyId":1,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.HmacKey","value":"EgQIAxAgGiDTRX4p","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":1,"outputPrefixType":"TINK"}]}`
	for name, text := range map[string]string{
		"empty":             "",
		"not JSON":          canary,
		"cut short":         string(good[:len(good)-2]),
		"trailing":          string(good) + `"` + canary + `"`,
		"unknown field":     with(canary, 1),
		"short fingerprint": with("fingerprint_key", canary),
		"short derive key":  with("derive_key", canary),
		"no derive key":     with("derive_key", nil),
		"not base64":        with("derive_key", canary+"!"),
		"no master key":     with("cvn_master_keys", []any{}),
		"short master key":  with("cvn_master_keys", []any{map[string]any{"id": "a", "key": canary}}),
		"master without id": with("cvn_master_keys", []any{map[string]any{"key": long}}),
		"two of one id":     with("cvn_master_keys", []any{map[string]any{"id": "a", "key": long}, map[string]any{"id": "a", "key": long}}),
		"no keyset":         with("pan_keyset", nil),
		"strange keyset":    with("pan_keyset", map[string]any{"key": canary}),
		"empty keyset":      with("pan_keyset", map[string]any{}),
		"keyset of a MAC":   with("pan_keyset", json.RawMessage(mac)),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeys(path)
		if err == nil {
			t.Errorf("%s: loaded", name)
			continue
		}
		if strings.Contains(err.Error(), canary[:6]) {
			t.Errorf("%s: the error shows what is in the file", name)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"pan_keyset":{"primaryKeyId":1,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey",` +
		`"value":"GiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":1,"outputPrefixType":"TINK"}]},` +
		`"cvn_master_keys":[{"id":"a","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}],"fingerprint_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","derive_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`))
	f.Add([]byte(`{"pan_keyset":{"primaryKeyId":1,"key":[{"keyData":{}}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := parseKeys(text)
		if (ring == nil) == (err == nil) {
			t.Fatal("neither keys nor an error, or both")
		}
	})
}

func TestKeysAreNeverPrinted(t *testing.T) {
	v := newVault(t)
	keys := v.keys
	type hidden struct {
		keys  Keys
		vault *Vault
		any   any
		list  []Keys
	}
	type open struct {
		Keys  Keys
		Vault *Vault
		Any   any
	}
	secrets := [][]byte{keys.get().derive, keys.get().fingerprint, keys.get().masters[0].key, []byte(keys.get().masters[0].id)}
	h, o := hidden{keys, v, v, []Keys{keys}}, open{keys, v, keys}
	for name, value := range map[string]any{"keys": keys, "pointer": &keys, "vault": v, "hidden": h, "hidden pointer": &h, "open": o, "open pointer": &o} {
		var out bytes.Buffer
		for _, verb := range "vTtbcdoOxXUeEfFgGsqpw" {
			for _, flag := range []string{"", "+", "#", "# "} {
				fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", value)
			}
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).Info("keys", "value", value)
		}
		if text, err := json.Marshal(value); err == nil {
			out.Write(text)
		}
		if err := gob.NewEncoder(&out).Encode(value); err != nil {
			out.WriteString(err.Error())
		}
		text := out.String()
		for _, secret := range secrets {
			for _, form := range []string{
				string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), fmt.Sprintf("% x", secret),
				base64.StdEncoding.EncodeToString(secret), strings.Trim(fmt.Sprint(secret), "[]"), strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"),
			} {
				if strings.Contains(text, form) {
					t.Errorf("%s shows a key", name)
				}
			}
		}
	}
	got := fmt.Sprintf("%v %+v %s %#v", v, keys, &keys, v)
	if diff := cmp.Diff("vault vault keys vault keys vault", got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsTellNothing(t *testing.T) {
	for _, err := range []error{ErrShare, ErrMasterKey, ErrRow, ErrExpired, ErrPAN} {
		if text := err.Error(); !strings.HasPrefix(text, "vault: ") || strings.ContainsAny(text, "0123456789") {
			t.Errorf("%q", text)
		}
	}
}
