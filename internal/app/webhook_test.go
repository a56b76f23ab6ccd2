package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reprise/internal/payment"
)

// dataOf is a webhook's data as it was sent, byte for byte.
func dataOf(t *testing.T, seen webhookSeen) []byte {
	t.Helper()
	var envelope struct{ Data json.RawMessage }
	if err := json.Unmarshal(seen.Body, &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.Data
}

// createdOf is when a delivery was tried, by its own word.
func createdOf(t *testing.T, seen webhookSeen) time.Time {
	t.Helper()
	var envelope struct{ Created time.Time }
	if err := json.Unmarshal(seen.Body, &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.Created
}

// TestWebhookIsRepeated: an endpoint that fails twice is told three times of the same notice.
func TestWebhookIsRepeated(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	var mu sync.Mutex
	tries := map[string]int{}
	w.answering(func(seen webhookSeen) int {
		mu.Lock()
		defer mu.Unlock()
		if tries[seen.Event]++; tries[seen.Event] <= 2 {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent // any 2xx is success
	})
	session := w.newSession(visaChallenge, skipping)
	request := w.submitted(session, "123")["payment_request_id"].(string)
	id := session["payment_session_id"].(string)
	about := map[string]string{"payment.capture": request, "payment_session.completed": id}
	tried := func(n int) {
		t.Helper()
		for event, id := range about {
			w.eventually(fmt.Sprintf("%s tried %d times", event, n), func() bool { return w.webhooks(event, id) >= n })
		}
		w.eventually("tries are written down", func() bool {
			return w.count(`SELECT COUNT(*) FROM delivery_attempt`) == 2*n+2 // and those to the shop
		})
	}
	tried(1)
	w.forward(time.Second)
	tried(2)
	w.forward(3 * time.Second)
	tried(3)
	w.forward(time.Hour)
	for event, id := range about {
		seen := w.about(event, id)
		if len(seen) != 3 {
			t.Fatalf("%s: told %d times, want 3", event, len(seen))
		}
		for i, s := range seen[1:] {
			if s.Header.Get("Webhook-Id") != seen[0].Header.Get("Webhook-Id") || s.Header.Get("Webhook-Id") == "" {
				t.Errorf("%s: webhook-id %q, then %q", event, seen[0].Header.Get("Webhook-Id"), s.Header.Get("Webhook-Id"))
			}
			if !bytes.Equal(dataOf(t, s), dataOf(t, seen[0])) {
				t.Errorf("%s: data changed:\n%s\n%s", event, seen[0].Body, s.Body)
			}
			if !createdOf(t, s).After(createdOf(t, seen[i])) {
				t.Errorf("%s: created %s, then %s", event, createdOf(t, seen[i]), createdOf(t, s))
			}
		}
	}
	w.eventually("no delivery is left to be made", func() bool {
		return w.count(`SELECT COUNT(*) FROM work WHERE kind = $1`, string(payment.WorkWebhook)) == 0
	})
}

// TestWebhookIsGivenUp: an endpoint that never takes a notice is left alone in the end; the notice is kept.
func TestWebhookIsGivenUp(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.answering(func(webhookSeen) int { return http.StatusFound }) // a redirect is no success, and not followed
	session := w.newSession(visaChallenge, skipping)
	request := w.submitted(session, "123")["payment_request_id"].(string)
	for i, wait := range []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour} {
		w.forward(wait)
		w.eventually(fmt.Sprintf("tried %d times", i+1), func() bool {
			return w.count(`SELECT COUNT(*) FROM delivery_attempt WHERE status = 302`) == 2*(i+1)
		})
		w.eventually("the next try is on the schedule", func() bool { // or the clock would be moved under it
			return w.count(`SELECT COUNT(*) FROM work WHERE kind = $1 AND attempt <= $2`, string(payment.WorkWebhook), i) == 0
		})
	}
	w.forward(24 * time.Hour)
	if n := w.webhooks("payment.capture", request); n != 7 {
		t.Errorf("told %d times, want 7", n)
	}
	w.eventually("no delivery is left to be made", func() bool {
		return w.count(`SELECT COUNT(*) FROM work WHERE kind = $1`, string(payment.WorkWebhook)) == 0
	})
	if n := w.count(`SELECT COUNT(*) FROM notice`); n != 2 {
		t.Errorf("%d notices are kept, want 2", n)
	}
}

// TestOneNoticeForOneChange: each change of state is told once, signed, and in an order that can be seen.
func TestOneNoticeForOneChange(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge)
	id := session["payment_session_id"].(string)
	var want []string
	for range 3 {
		accepted := w.submitted(session, "123")
		w.visitor(accepted).pay("")
		w.webhook("payment.failure", accepted["payment_request_id"].(string))
		want = append(want, "payment.failure")
	}
	superseded := w.submitted(session, "123")
	w.visitor(superseded).must(w.visitor(superseded).arrive())
	accepted := w.submitted(session, "123")
	w.visitor(accepted).pay(rightOTP)
	w.webhook("payment.capture", accepted["payment_request_id"].(string))
	completed := w.webhook("payment_session.completed", id)
	want = append(want, "payment.capture", "payment_session.completed")

	w.forward(time.Hour) // time for whatever else there might be
	told := w.about("", "")
	if len(told) != len(want) {
		t.Errorf("%d webhooks, want %v", len(told), want)
	}
	ids := map[string]bool{}
	for _, seen := range told {
		ids[seen.Header.Get("Webhook-Id")] = true
		if seen.Header.Get("X-Callback-Token") != SandboxCallbackToken {
			t.Errorf("x-callback-token: %q", seen.Header.Get("X-Callback-Token"))
		}
		w.signed(seen)
	}
	if len(ids) != len(told) {
		t.Errorf("%d webhook-ids for %d notices", len(ids), len(told))
	}

	// The sequence of an object rises with what happens to it.
	expiring := w.newSession(visaChallenge)
	w.forward(31 * time.Minute)
	expired := w.webhook("payment_session.expired", expiring["payment_session_id"].(string))
	for name, seen := range map[string]webhookSeen{"completed": completed, "expired": expired} {
		object, ok := seen.Data["payment_session_id"].(string)
		sequence, err := strconv.Atoi(seen.Header.Get("Webhook-Sequence"))
		if !ok || seen.Header.Get("Webhook-Object") != object || err != nil || sequence < 2 {
			t.Errorf("%s: object %q, sequence %q", name, seen.Header.Get("Webhook-Object"), seen.Header.Get("Webhook-Sequence"))
		}
	}
	many, _ := strconv.Atoi(completed.Header.Get("Webhook-Sequence"))
	few, _ := strconv.Atoi(expired.Header.Get("Webhook-Sequence"))
	if many <= few {
		t.Errorf("a session after five attempts is at %d, one after none at %d", many, few)
	}
}

// signed checks the Standard Webhooks signature of a delivery with the endpoint's secret.
func (w *town) signed(seen webhookSeen) {
	w.t.Helper()
	var endpoint string
	if err := w.books.QueryRow(`SELECT id FROM endpoint WHERE url = $1`, w.ear.url).Scan(&endpoint); err != nil {
		w.t.Fatal(err)
	}
	secret := w.vault.Derive("webhook signature", endpoint)
	verifier, err := standardwebhooks.NewWebhookRaw(secret[:])
	if err != nil {
		w.t.Fatal(err)
	}
	if err := verifier.VerifyIgnoringTimestamp(seen.Body, seen.Header); err != nil {
		w.t.Errorf("signature of %s: %v", seen.Event, err)
	}
	if err := verifier.VerifyIgnoringTimestamp(append([]byte(" "), seen.Body...), seen.Header); err == nil {
		w.t.Error("the signature is good for another body too")
	}
}
