package store

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// testAudit changes everything that decides about access, each by somebody else, and reads what was kept of it.
func testAudit(t *testing.T, db *database) {
	c := &clock{}
	s := db.open(t, at(c))
	ctx := t.Context()
	began := c.now().Truncate(time.Microsecond)
	m := merchant()
	allowed := m
	allowed.AllowCardDetails = true
	key := payment.Key{Hash: sha256.Sum256([]byte("a")), Business: business, Kind: payment.Secret, Created: moment}
	next := payment.Key{Hash: sha256.Sum256([]byte("b")), Business: business, Kind: payment.Secret, Name: "till", Created: moment}
	ends := began.Add(time.Hour)
	e := payment.Endpoint{ID: "00000000-0000-4000-8000-000000000001", URL: "https://shop.example/hook?token=hush", Created: moment}

	var acts []payment.Actor
	for i, change := range []func(by payment.Actor) error{
		func(by payment.Actor) error { return s.SaveMerchant(ctx, payment.Merchant{}, m, by) },
		func(by payment.Actor) error { return s.SaveMerchant(ctx, m, allowed, by) },
		func(by payment.Actor) error { return s.SaveKey(ctx, key, by) },
		func(by payment.Actor) error { return s.ReplaceKey(ctx, key, ends, next, by) },
		func(by payment.Actor) error { return s.EndKey(ctx, next, by) },
		func(by payment.Actor) error { return s.SaveEndpoint(ctx, business, e, by, nil) },
		func(by payment.Actor) error { return s.EnableEndpoint(ctx, business, e.ID, by, asked("once", "{}")) },
		func(by payment.Actor) error { return s.RemoveEndpoint(ctx, business, e.ID, by) },
	} {
		if err := change(""); err == nil {
			t.Errorf("change %d was made by nobody", i)
		}
		c.advance(time.Second)
		acts = append(acts, payment.Actor("key:"+string(rune('a'+i))))
		must(t, change(acts[i]))
	}
	// What is refused leaves nothing behind: it is one commit.
	if err := s.EnableEndpoint(ctx, business, e.ID, "thief", asked("once", "{}")); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("a key used before: %v", err)
	}
	c.advance(2 * time.Hour)
	if err := s.ReplaceKey(ctx, key, c.now().Add(time.Hour), payment.Key{Business: business}, "thief"); err == nil {
		t.Error("a key that had ended was replaced")
	}

	list, err := s.Audits(ctx, time.Time{})
	must(t, err)
	var got []string
	for i, a := range list {
		if i < len(acts) && (a.Actor != acts[i] || a.Business != business || a.At.Before(began) || a.At.After(c.now())) {
			t.Errorf("line %d: by %s of %s at %s", i, a.Actor, a.Business, a.At)
		}
		change, err := json.Marshal(a.Change)
		must(t, err)
		if a.Act == "merchant.save" && i == 0 {
			if string(change) == "{}" || a.Change["Name"].([]any)[1] != m.Name {
				t.Errorf("a new merchant: %s", change)
			}
			change = nil
		}
		if a.Act == "key.revoke" {
			delete(a.Change, "ends")
			change, err = json.Marshal(a.Change)
			must(t, err)
		}
		got = append(got, a.Act+" "+a.Object+" "+string(change))
	}
	want := []string{
		"merchant.save " + string(business) + " ",
		"merchant.save " + string(business) + ` {"AllowCardDetails":[false,true]}`,
		"key.save " + key.ID() + ` {"kind":"secret","name":"","permissions":null,"production":false}`,
		"key.rotate " + next.ID() + ` {"in_place_of":"` + key.ID() + `","kind":"secret","name":"till","permissions":null,"production":false,"which_ends":"` + ends.UTC().Format(time.RFC3339Nano) + `"}`,
		"key.revoke " + next.ID() + ` {"kind":"secret","name":"till","permissions":null,"production":false}`,
		"endpoint.save " + string(e.ID) + ` {"events":null,"url":"https://shop.example/hook"}`,
		"endpoint.enable " + string(e.ID) + " null",
		"endpoint.remove " + string(e.ID) + " null",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	later, err := s.Audits(ctx, list[3].At)
	if err != nil || len(later) != len(list)-3 {
		t.Errorf("from the fourth on: %d of %d, %v", len(later), len(list), err)
	}
}
