package app

import (
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/internal/payment"
)

// webhookOffice opens the part of the office about a merchant's endpoints.
func (w *town) webhookOffice(business string, allow ...netip.Prefix) *Webhooks {
	w.t.Helper()
	s := WebhookSettings{Business: business, Keys: filepath.Join(w.dir, keyFileName), Allow: allow}
	office, err := w.office().Webhooks(w.t.Context(), s, w.House.log)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(office.Close)
	return office
}

// TestWebhooksFromTheOffice: the operator does beside the house what the merchant can do at its door.
func TestWebhooksFromTheOffice(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.webhooksFromTheOffice()
}

func (w *town) webhooksFromTheOffice() {
	t, ctx := w.t, w.t.Context()
	office := w.webhookOffice(string(sandboxBusiness))
	e := listen(t)
	added, secret, err := office.Add(ctx, e.url, []string{"payment.capture"})
	if err != nil {
		t.Fatal(err)
	}
	if path := "/webhook_endpoints/" + string(added.ID); w.read(path)["url"] != e.url || w.read(path + "/secret")["secret"] != secret {
		t.Errorf("the house knows %v", w.read(path))
	}
	list, err := office.List(ctx)
	if err != nil || !slices.ContainsFunc(list, func(l payment.Endpoint) bool { return l.ID == added.ID && signedWith(t, office, l) == secret }) {
		t.Errorf("listed: %v, %v", list, err)
	}

	// A sample goes out from the office, signed as the house signs.
	attempt, err := office.Test(ctx, string(added.ID), "payment_session.expired")
	if err != nil || !attempt.Taken() {
		t.Errorf("test: %+v, %v", attempt, err)
	}
	if h := e.wait(t, "payment_session.expired", "").Header; h.Get("X-Callback-Token") != SandboxCallbackToken || h.Get("Webhook-Signature") == "" {
		t.Errorf("a sample with %v", h)
	}
	e.answering(func(webhookSeen) int { return http.StatusGone })
	if attempt, err = office.Test(ctx, string(added.ID), "payment.capture"); err != nil || attempt.Status != http.StatusGone {
		t.Errorf("test: %+v, %v", attempt, err)
	}

	// What the house sends and is refused, and then is sent again.
	w.submitted(w.newSession(visaChallenge, skipping), "123")
	endpoint := "/webhook_endpoints/" + string(added.ID)
	w.delivered(endpoint, "FAILED", 1)
	failed := w.deliveries(of(endpoint))[0]["webhook_id"].(string)
	ofIt := Resend{WebhookID: failed, Endpoint: string(added.ID)}
	if resent, _, err := office.Resend(ctx, ofIt); err != nil || len(resent) != 0 {
		t.Errorf("to a disabled endpoint: %v, %v", resent, err)
	}
	if err := office.Enable(ctx, string(added.ID)); err != nil {
		t.Fatal(err)
	}
	e.answering(nil)
	resent, more, err := office.Resend(ctx, Resend{
		Endpoint: string(added.ID), Event: "payment.capture", Failed: true, From: w.outside.Now().Add(-time.Hour), To: w.outside.Now().Add(time.Hour),
	})
	if err != nil || more || len(resent) != 1 {
		t.Fatalf("resent %v, %v", resent, err)
	}
	w.eventually("it was tried and taken", func() bool {
		tried, taken, err := office.Progress(ctx, resent)
		return err == nil && tried == 1 && taken == 1
	})
	since := Resend{Endpoint: string(added.ID), From: w.outside.Now().Add(-time.Hour)}
	if resent, _, err = office.Resend(ctx, since); err != nil || len(resent) != 0 {
		t.Errorf("what was taken, unasked: %v, %v", resent, err)
	}
	if resent, _, err = office.Resend(ctx, ofIt); err != nil || len(resent) != 1 {
		t.Errorf("one that was taken: %v, %v", resent, err)
	}
	w.eventually("it was sent a third time", func() bool {
		seen := e.about("payment.capture", "")
		return len(seen) == 4 && seen[3].Header.Get("Webhook-Id") == failed // one was the sample
	})
	since.Delivered = true
	if resent, _, err = office.Resend(ctx, since); err != nil || len(resent) != 1 {
		t.Fatalf("what was taken, asked for: %v, %v", resent, err)
	}
	since.After = resent[0].Place().String()
	if resent, _, err = office.Resend(ctx, since); err != nil || len(resent) != 0 {
		t.Errorf("behind the only one: %v, %v", resent, err)
	}
	if err := office.Remove(ctx, string(added.ID)); err != nil {
		t.Fatal(err)
	}
	if status, _ := w.call("GET", endpoint, SandboxSecretKey, nil); status != http.StatusNotFound {
		t.Errorf("after it was removed: %d", status)
	}
}

func signedWith(t *testing.T, office *Webhooks, e payment.Endpoint) string {
	t.Helper()
	secret, err := office.Secret(e)
	if err != nil {
		t.Error(err)
	}
	return secret
}

// unsignedWebhooks has an office without a key file do what needs none, and refuse what would be signed.
func (w *town) unsignedWebhooks(keys string) {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	office, err := w.office().Webhooks(ctx, WebhookSettings{Business: string(sandboxBusiness), Keys: keys}, w.House.log)
	if err != nil {
		t.Fatal(err)
	}
	defer office.Close()
	list, err := office.List(ctx)
	if err != nil || len(list) == 0 {
		t.Fatalf("listed without keys: %v, %v", list, err)
	}
	id := string(list[0].ID)
	_, _, resent := office.Resend(ctx, Resend{From: w.outside.Now()})
	for name, err := range map[string]error{"enabled": office.Enable(ctx, id), "resent": resent} {
		if err != nil {
			t.Errorf("%s without keys: %v", name, err)
		}
	}
	_, _, added := office.Add(ctx, w.ownURL(), nil)
	_, tested := office.Test(ctx, id, "payment.capture")
	_, signs := office.Secret(list[0])
	_, token := office.CallbackToken()
	for name, err := range map[string]error{"added": added, "tested": tested, "secret": signs, "token": token} {
		if err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s without keys: %v", name, err)
		}
	}
	if again, err := office.List(ctx); err != nil || len(again) != len(list) {
		t.Errorf("after all that: %v, %v", again, err)
	}
}

// TestOfficeRefuses: the operator is told what is wrong, and nothing happens.
func TestOfficeRefuses(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	ctx := t.Context()
	const served = payment.BusinessID("62440e322008e87fb29c0001") // no sandbox's
	if err := w.store.SaveMerchant(ctx, payment.Merchant{}, payment.Merchant{ID: served, Name: "Real"}, sandboxActor); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(w.dir, keyFileName)
	if _, err := w.office().Webhooks(ctx, WebhookSettings{Business: "62440e322008e87fb29c0000", Keys: keys}, w.House.log); err == nil || !strings.Contains(err.Error(), "no merchant") {
		t.Errorf("somebody who is no merchant: %v", err)
	}
	w.unsignedWebhooks(keys + ".gone")

	ours := w.webhookOffice(string(sandboxBusiness))
	list, err := ours.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	theirs, allowed := w.webhookOffice(string(served)), w.webhookOffice(string(served), netip.MustParsePrefix("10.0.0.0/8"))
	add := func(w *Webhooks, url string, events ...string) error {
		_, _, err := w.Add(ctx, url, events)
		return err
	}
	test := func(id, event string) error {
		_, err := ours.Test(ctx, id, event)
		return err
	}
	resend := func(r Resend) error {
		_, _, err := ours.Resend(ctx, r)
		return err
	}
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"this machine, of one who is no sandbox": {add(theirs, w.ear.url), "public internet"},
		"a private address":                      {add(theirs, "https://10.0.0.1/"), "public internet"},
		"an unknown event":                       {add(ours, w.ear.url, "payment.lost"), `no event "payment.lost"`},
		"a sample of an unknown event":           {test(string(list[0].ID), "payment.lost"), `no event "payment.lost"`},
		"a sample to nobody":                     {test("nobody", "payment.capture"), "has no endpoint nobody"},
		"nobody removed":                         {ours.Remove(ctx, "nobody"), "has no endpoint nobody"},
		"nobody enabled":                         {ours.Enable(ctx, "nobody"), "has no endpoint nobody"},
		"another's removed":                      {theirs.Remove(ctx, string(list[0].ID)), "has no endpoint"},
		"everything":                             {resend(Resend{}), "everything"},
		"behind nothing":                         {resend(Resend{WebhookID: "x", After: "y"}), "no id of a delivery"},
		"an unknown event resent":                {resend(Resend{WebhookID: "x", Event: "payment.lost"}), `no event "payment.lost"`},
	} {
		if row.err == nil || !strings.Contains(row.err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, row.err, row.want)
		}
	}
	var tokens []string
	for _, w := range []*Webhooks{theirs, ours, allowed} {
		token, err := w.CallbackToken()
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	if len(tokens[0]) != 64 || tokens[0] == tokens[1] || tokens[0] != tokens[2] {
		t.Error("the callback token of one who is no sandbox is not its own")
	}
	if err := add(allowed, "https://10.0.0.1/"); err != nil {
		t.Errorf("a private address that is allowed: %v", err)
	}
	if again, err := ours.List(ctx); err != nil || len(again) != len(list) {
		t.Errorf("after all that: %v, %v", again, err)
	}
}
