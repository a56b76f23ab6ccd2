package app

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"reprise/internal/payment"
)

// TestAudit: what merchants change by the API and operators in the office is kept with who did it.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	office := w.office()
	began := w.outside.Now()
	key := "key:" + payment.Key{Hash: sha256.Sum256([]byte(SandboxSecretKey))}.ID()

	endpoint := w.addEndpoint("https://shop.example/audited?token=hush", SandboxSecretKey)
	for _, sent := range [][2]string{{"POST", endpoint + "/enable"}, {"DELETE", endpoint}} {
		if status, said := w.call(sent[0], sent[1], SandboxSecretKey, nil); status != http.StatusOK {
			t.Fatalf("%s %s: %d %v", sent[0], sent[1], status, said)
		}
	}
	text, made, err := office.CreateKey(t.Context(), NewKey{Business: string(sandboxBusiness)})
	if err != nil {
		t.Fatal(err)
	}
	err = office.ChangeMerchant(t.Context(), string(sandboxBusiness), func(f *MerchantForm) error {
		f.AllowCardDetails = false
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := office.RevokeKey(t.Context(), made.ID()); err != nil {
		t.Fatal(err)
	}

	list, err := office.Audits(t.Context(), began.Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(endpoint, "/webhook_endpoints/")
	want := []payment.Audit{
		{Actor: payment.Actor(key), Act: "endpoint.save", Object: id},
		{Actor: payment.Actor(key), Act: "endpoint.enable", Object: id},
		{Actor: payment.Actor(key), Act: "endpoint.remove", Object: id},
		{Actor: "cli:alice", Act: "key.save", Object: made.ID()},
		{Actor: "cli:alice", Act: "merchant.save", Object: string(sandboxBusiness), Change: map[string]any{"AllowCardDetails": []any{true, false}}},
		{Actor: "cli:alice", Act: "key.revoke", Object: made.ID()},
	}
	for _, a := range list {
		if a.Actor == sandboxActor { // it may have been set up within the second
			continue
		}
		if len(want) == 0 || a.Actor != want[0].Actor || a.Act != want[0].Act || a.Object != want[0].Object || a.Business != sandboxBusiness {
			t.Fatalf("%s %s %s of %s, want %+v", a.Actor, a.Act, a.Object, a.Business, want)
		}
		if a.Act == "merchant.save" && (len(a.Change) != 1 || a.Change["AllowCardDetails"].([]any)[1] != false) {
			t.Errorf("a merchant: %v", a.Change)
		}
		want = want[1:]
	}
	if len(want) > 0 {
		t.Errorf("not kept: %+v", want)
	}
	for _, a := range list {
		for _, value := range a.Change {
			if said, ok := value.(string); ok && (strings.Contains(said, text) || strings.Contains(said, "hush")) {
				t.Errorf("%s %s holds a secret", a.Act, a.Object) // which is not printed
			}
		}
	}
}
