package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newVault makes a vault with keys of its own, at a standing clock.
func newVault(t testing.TB) *Vault {
	t.Helper()
	keys, err := CreateKeys(filepath.Join(t.TempDir(), "keys.json"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return New(keys, rand.Reader, func() time.Time { return start })
}

func newCVN(t testing.TB, digits string) card.CVN {
	t.Helper()
	cvn, err := card.ParseCVN([]byte(digits), len(digits))
	if err != nil {
		t.Fatal(err)
	}
	return cvn
}

func newBinding() payment.Binding {
	return payment.Binding{
		Business: "62440e322008e87fb29c1fd0",
		Session:  "ps-6746c1006b7752b4d91725af",
		Request:  "pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f",
		Token:    "pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e",
		Amount:   payment.Money{Minor: 10000000, Currency: "IDR"},
		Expires:  start.Add(15 * time.Minute),
	}
}

// vector is one of testdata/escrow.json, which was made with another implementation of HKDF and AES-GCM
// than Go's. It must never change: rows in databases are laid out like it.
type vector struct {
	CVN, Share, Nonce string
	MasterKeyID       string `json:"master_key_id"`
	MasterKey         string `json:"master_key"`
	Binding           struct {
		Business, Session, Request, Token string
		Minor                             int64
		Currency                          string
		Expires                           time.Time
	}
	Key, Verifier, Context, Ciphertext string
}

func readVectors(t *testing.T) (vectors []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/escrow.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	return vectors
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// deriveByHand is HKDF-SHA-256 for 32 bytes, as RFC 5869 section 2 has it.
func deriveByHand(share, salt []byte, info string) []byte {
	extract := hmac.New(sha256.New, salt)
	extract.Write(share)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte(info + "\x01"))
	return expand.Sum(nil)
}

func TestEscrowVectors(t *testing.T) {
	for _, vector := range readVectors(t) {
		share, nonce, masterKey := unhex(t, vector.Share), unhex(t, vector.Nonce), unhex(t, vector.MasterKey)
		b := payment.Binding{
			Business: payment.BusinessID(vector.Binding.Business), Session: payment.SessionID(vector.Binding.Session),
			Request: payment.RequestID(vector.Binding.Request), Token: payment.TokenID(vector.Binding.Token),
			Amount:  payment.Money{Minor: vector.Binding.Minor, Currency: vector.Binding.Currency},
			Expires: vector.Binding.Expires,
		}

		// By hand, without a line of the vault.
		var context []byte
		for _, part := range []string{
			vector.Binding.Business, vector.Binding.Session, vector.Binding.Request, vector.Binding.Token,
			string(unhex(t, fmt.Sprintf("%016x", vector.Binding.Minor))), vector.Binding.Currency,
			string(unhex(t, fmt.Sprintf("%016x", vector.Binding.Expires.UnixMicro()))), vector.MasterKeyID,
		} {
			context = append(context, unhex(t, fmt.Sprintf("%08x", len(part)))...)
			context = append(context, part...)
		}
		key := deriveByHand(share, masterKey, "reprise/cvn/1")
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		padded := append([]byte(vector.CVN), 0)[:4]
		for name, pair := range map[string][2]string{
			"key":        {vector.Key, hex.EncodeToString(key)},
			"verifier":   {vector.Verifier, hex.EncodeToString(deriveByHand(share, nil, "reprise/cvn/verify/1"))},
			"context":    {vector.Context, hex.EncodeToString(context)},
			"ciphertext": {vector.Ciphertext, hex.EncodeToString(aead.Seal(nil, nonce, padded, context))},
		} {
			if pair[0] != pair[1] {
				t.Errorf("CVN %s: %s %s in the vector, %s by hand", vector.CVN, name, pair[0], pair[1])
			}
		}

		// By the vault.
		keys := &ring{masters: []master{{vector.MasterKeyID, masterKey}}}
		v := New(Keys{&keys}, bytes.NewReader(slices.Concat(share, nonce)), func() time.Time { return start })
		sealed, gotShare, err := v.SealCVN(newCVN(t, vector.CVN), b)
		if err != nil {
			t.Fatal(err)
		}
		want := payment.SealedCVN{
			Request: b.Request, Verifier: unhex(t, vector.Verifier), Ciphertext: unhex(t, vector.Ciphertext),
			Nonce: nonce, MasterKey: vector.MasterKeyID, Expires: b.Expires,
		}
		if !reflect.DeepEqual(sealed, want) || !bytes.Equal(gotShare, share) {
			t.Errorf("CVN %s: sealed otherwise than the vector", vector.CVN)
		}
		cvn, err := v.OpenCVN(want, share, b)
		if err != nil || string(cvn.Reveal()) != vector.CVN {
			t.Errorf("CVN %s: the vector does not open: %v", vector.CVN, err)
		}
	}
}

func TestEscrowRoundTrip(t *testing.T) {
	v, b := newVault(t), newBinding()
	seen := map[string]bool{}
	for _, digits := range []string{"000", "123", "0000", "1234", "123"} {
		typed := newCVN(t, digits)
		sealed, share, err := v.SealCVN(typed, b)
		if err != nil {
			t.Fatal(err)
		}
		if string(typed.Reveal()) != digits {
			t.Error("sealing consumed the CVN")
		}
		if len(sealed.Ciphertext) != 20 || len(sealed.Nonce) != 12 || len(sealed.Verifier) != 32 || len(share) != 32 {
			t.Errorf("%d digits: sizes %d, %d, %d, %d", len(digits), len(sealed.Ciphertext), len(sealed.Nonce), len(sealed.Verifier), len(share))
		}
		for _, part := range [][]byte{sealed.Ciphertext, sealed.Nonce, sealed.Verifier, share} {
			if seen[string(part)] {
				t.Error("something was drawn twice")
			}
			seen[string(part)] = true
		}
		verifier, err := v.Verifier(share)
		if err != nil || !bytes.Equal(verifier, sealed.Verifier) {
			t.Errorf("the share does not find its row: %v", err)
		}
		opened, err := v.OpenCVN(sealed, share, b)
		if err != nil || string(opened.Reveal()) != digits {
			t.Fatalf("%d digits do not come back: %v", len(digits), err)
		}
		opened.Wipe()
		if !opened.IsZero() || typed.IsZero() {
			t.Error("wiping the opened CVN does not wipe it, or wipes another")
		}
	}
}

// changed returns copies of a binding, each with one thing changed. It goes by reflection, so that a field
// which is added to Binding and forgotten in escrowContext is found.
func changed(t *testing.T, b payment.Binding) map[string]payment.Binding {
	t.Helper()
	all := map[string]payment.Binding{}
	var walk func(path string, index []int, typ reflect.Type)
	walk = func(path string, index []int, typ reflect.Type) {
		for i := range typ.NumField() {
			field := typ.Field(i)
			at := append(slices.Clone(index), i)
			other := b
			value := reflect.ValueOf(&other).Elem().FieldByIndex(at)
			switch now := value.Interface().(type) {
			case time.Time:
				value.Set(reflect.ValueOf(now.Add(time.Microsecond)))
			default:
				switch value.Kind() {
				case reflect.String:
					value.SetString(value.String()[:value.Len()-1] + "~")
				case reflect.Int64:
					value.SetInt(value.Int() + 1)
				case reflect.Struct:
					walk(path+field.Name+".", at, field.Type)
					continue
				default:
					t.Fatalf("%s%s: no idea how to change a %s", path, field.Name, value.Kind())
				}
			}
			all[path+field.Name] = other
		}
	}
	walk("", nil, reflect.TypeFor[payment.Binding]())

	// What is between two fields counts, too.
	shifted := b
	shifted.Business, shifted.Session = b.Business+payment.BusinessID(b.Session[:1]), b.Session[1:]
	all["border of Business and Session"] = shifted
	shifted = b
	shifted.Amount.Minor, shifted.Expires = b.Expires.UnixMicro(), time.UnixMicro(b.Amount.Minor).AddDate(60, 0, 0)
	all["Amount and Expires"] = shifted
	return all
}

func TestEveryFieldIsBound(t *testing.T) {
	v, b := newVault(t), newBinding()
	sealed, share, err := v.SealCVN(newCVN(t, "123"), b)
	if err != nil {
		t.Fatal(err)
	}
	others := changed(t, b)
	if len(others) != 9 {
		t.Errorf("%d ways to change a binding, not 9", len(others))
	}
	for name, other := range others {
		if cvn, err := v.OpenCVN(sealed, share, other); !errors.Is(err, ErrRow) || !cvn.IsZero() {
			t.Errorf("%s changed: %v", name, err)
		}
		moved := sealed // the row is changed along: only the cipher can tell
		moved.Request, moved.Expires = other.Request, other.Expires
		if cvn, err := v.OpenCVN(moved, share, other); !errors.Is(err, ErrRow) || !cvn.IsZero() {
			t.Errorf("%s changed, and the row: %v", name, err)
		}
	}
	// The database keeps microseconds, and any time zone.
	same := b
	same.Expires = b.Expires.Add(999 * time.Nanosecond).In(time.FixedZone("", 7*3600))
	if _, err := v.OpenCVN(sealed, share, same); err != nil {
		t.Errorf("the same instant in microseconds: %v", err)
	}
}

// flips calls with every copy of b that differs in one bit.
func flips(b []byte, with func(changed []byte)) {
	for i := range b {
		for bit := range 8 {
			changed := slices.Clone(b)
			changed[i] ^= 1 << bit
			with(changed)
		}
	}
}

func TestDamageIsFound(t *testing.T) {
	v, b := newVault(t), newBinding()
	sealed, share, err := v.SealCVN(newCVN(t, "1234"), b)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, row payment.SealedCVN, share []byte, want error) {
		t.Helper()
		cvn, err := v.OpenCVN(row, share, b)
		if !errors.Is(err, want) || !cvn.IsZero() {
			t.Errorf("%s: error %v, want %v", what, err, want)
		}
	}
	flips(sealed.Ciphertext, func(changed []byte) {
		row := sealed
		row.Ciphertext = changed
		expect("bit of the ciphertext", row, share, ErrRow)
	})
	flips(sealed.Nonce, func(changed []byte) {
		row := sealed
		row.Nonce = changed
		expect("bit of the nonce", row, share, ErrRow)
	})
	flips(sealed.Verifier, func(changed []byte) {
		row := sealed
		row.Verifier = changed
		expect("bit of the verifier", row, share, ErrShare)
	})
	flips(share, func(changed []byte) {
		expect("bit of the share", sealed, changed, ErrShare)
		row := sealed // a row made to fit the wrong share
		row.Verifier, _ = v.Verifier(changed)
		expect("bit of the share, verifier forged", row, changed, ErrRow)
	})
	for _, length := range []int{0, 1, 16, 19, 21, 400} {
		row := sealed
		row.Ciphertext = append(slices.Clone(sealed.Ciphertext), make([]byte, 400)...)[:length]
		expect("length of the ciphertext", row, share, ErrRow)
	}
	for _, length := range []int{0, 11, 13, 16} {
		row := sealed
		row.Nonce = append(slices.Clone(sealed.Nonce), make([]byte, 4)...)[:length]
		expect("length of the nonce", row, share, ErrRow)
	}
	for _, length := range []int{0, 31, 33} {
		expect("length of the share", sealed, append(slices.Clone(share), 0)[:length], ErrShare)
	}
	expect("no row", payment.SealedCVN{}, share, ErrShare)
}

func TestMasterKeyRotation(t *testing.T) {
	v, b := newVault(t), newBinding()
	old := v.keys.get().masters[0]
	sealed, share, err := v.SealCVN(newCVN(t, "123"), b)
	if err != nil {
		t.Fatal(err)
	}
	with := func(masters ...master) *Vault {
		keys := *v.keys.get()
		keys.masters = masters
		rotated := &keys
		return New(Keys{&rotated}, rand.Reader, v.now)
	}
	fresh := master{"fresh", bytes.Repeat([]byte{9}, 32)}

	rotated := with(fresh, old)
	if cvn, err := rotated.OpenCVN(sealed, share, b); err != nil || string(cvn.Reveal()) != "123" {
		t.Errorf("after rotation an older row does not open: %v", err)
	}
	newer, newerShare, err := rotated.SealCVN(newCVN(t, "456"), b)
	if err != nil || newer.MasterKey != "fresh" {
		t.Errorf("sealed under %q, not the first key: %v", newer.MasterKey, err)
	}
	if _, err := with(fresh).OpenCVN(sealed, share, b); !errors.Is(err, ErrMasterKey) {
		t.Errorf("old key gone: %v", err)
	}
	if _, err := v.OpenCVN(newer, newerShare, b); !errors.Is(err, ErrMasterKey) {
		t.Errorf("new key not there yet: %v", err)
	}
	sealed.MasterKey = "fresh"
	if _, err := rotated.OpenCVN(sealed, share, b); !errors.Is(err, ErrRow) {
		t.Errorf("row names another key than its own: %v", err)
	}
	if _, err := with(master{old.id, fresh.key}).OpenCVN(newer, newerShare, b); !errors.Is(err, ErrMasterKey) {
		t.Errorf("key under another id: %v", err)
	}
}

func TestEscrowExpires(t *testing.T) {
	v, b := newVault(t), newBinding()
	now := start
	v.now = func() time.Time { return now }
	sealed, share, err := v.SealCVN(newCVN(t, "123"), b)
	if err != nil {
		t.Fatal(err)
	}
	now = b.Expires.Add(-time.Microsecond)
	if _, err := v.OpenCVN(sealed, share, b); err != nil {
		t.Errorf("in its last microsecond: %v", err)
	}
	now = b.Expires
	if _, err := v.OpenCVN(sealed, share, b); !errors.Is(err, ErrExpired) {
		t.Errorf("expired row: %v", err)
	}
	if _, _, err := v.SealCVN(newCVN(t, "123"), b); !errors.Is(err, ErrExpired) {
		t.Errorf("sealed for a time that is over: %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	v, b := newVault(t), newBinding()
	wiped := newCVN(t, "123")
	wiped.Wipe()
	for name, cvn := range map[string]card.CVN{"zero": {}, "wiped": wiped, "long": newCVN(t, "12345"), "short": newCVN(t, "12")} {
		if sealed, share, err := v.SealCVN(cvn, b); err == nil || share != nil || sealed.Ciphertext != nil {
			t.Errorf("%s: sealed", name)
		}
	}
	for _, source := range []io.Reader{iotest.ErrReader(errors.New("dry")), strings.NewReader(strings.Repeat("x", shareSize+nonceSize-1))} {
		v.rand = source
		if sealed, share, err := v.SealCVN(newCVN(t, "123"), b); err == nil || share != nil || sealed.Ciphertext != nil {
			t.Error("sealed with less randomness than it takes")
		}
	}
}
