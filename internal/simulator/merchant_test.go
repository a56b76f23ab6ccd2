package simulator

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// notify sends a webhook, as a gateway does.
func notify(ctx context.Context, w *World, path, id string) (*http.Response, error) {
	body := strings.NewReader(`{"event":"payment.capture","data":{}}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.ControlURL()+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Webhook-Id", id)
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client.Do(r)
}

func TestMerchantsServer(t *testing.T) {
	w := startWorld(t, nil)
	w.meets(t, onDelivery, Fault{Behaviour: "error", Only: Only{Event: "payment.capture"}})
	for i, c := range []struct {
		path   string
		status int
	}{
		{"/merchant", 500}, // by knob, once
		{"/merchant", 200},
		{"/merchant/error", 500},
		{"/merchant/gone", 410},
		{"/merchant/redirect", 307},
		{"/merchant/huge", 200},
	} {
		res, err := notify(t.Context(), w, c.path, "wh-"+string(rune('a'+i)))
		if err != nil || res.StatusCode != c.status {
			t.Fatalf("%s: %v %v", c.path, res, err)
		}
		if n, _ := io.CopyN(io.Discard, res.Body, 1<<20); (n == 1<<20) != (c.path == "/merchant/huge") {
			t.Errorf("%s: %d bytes", c.path, n)
		}
		res.Body.Close()
	}
	if res, err := notify(t.Context(), w, "/merchant/any", "wh-x"); err != nil || res.StatusCode != 404 {
		t.Errorf("no such path: %v %v", res, err)
	}
	if _, err := notify(t.Context(), w, "/merchant/drop_connection", "wh-g"); err == nil {
		t.Error("dropped, and answered")
	}
	for _, path := range []string{"/merchant/silence", "/merchant/late"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := notify(ctx, w, path, "wh-h"); err == nil {
			t.Errorf("%s is answered", path)
		}
		cancel()
	}
	got := w.Deliveries()
	if len(got) != 9 {
		t.Fatalf("%d deliveries", len(got))
	}
	for i, d := range got {
		if d.Number != i+1 || d.Event != "payment.capture" || !strings.HasPrefix(d.WebhookID, "wh-") || string(d.Body) == "" || d.At.IsZero() {
			t.Errorf("%+v", d)
		}
	}
	if got[0].Did != "error" || got[1].Did != "" || got[1].Status != 200 || got[6].Status != 0 {
		t.Errorf("%+v", got)
	}
	wantComplaints(t, w)
	res, err := notify(t.Context(), w, "/merchant/elsewhere", "wh-i")
	if err != nil || res.StatusCode != 204 {
		t.Errorf("%v %v", res, err)
	}
	wantComplaints(t, w, "merchant: a redirect of a webhook was followed")
}

func TestDrippingMerchant(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = c.Now, c.Timer })
	came := make(chan int, 1)
	go func() {
		res, err := notify(t.Context(), w, "/merchant/drip", "wh-1")
		if err != nil {
			t.Error(err)
			close(came)
			return
		}
		came <- res.StatusCode
	}()
	begun := c.Now()
	eventually(t, "the last byte", func() bool {
		c.Advance(usualDrip)
		select {
		case status := <-came:
			return status == 200
		default:
			return false
		}
	})
	if took := c.Now().Sub(begun); took < usualDelay {
		t.Errorf("took %v", took)
	}
}

func TestDeliveriesAreBounded(t *testing.T) {
	w := startWorld(t, nil)
	for range deliveriesKept + 3 {
		w.merchant.keep(Delivery{})
	}
	if got := w.Deliveries(); len(got) != deliveriesKept || got[0].Number != 4 {
		t.Errorf("%d deliveries, from %d", len(got), got[0].Number)
	}
}
