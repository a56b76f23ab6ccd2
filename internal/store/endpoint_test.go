package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// asked is an idempotency key of a test's, with what is answered under it.
func asked(key, body string) *payment.Once {
	return &payment.Once{
		Business: business, Endpoint: "POST /webhook_endpoints", Key: key, Fingerprint: []byte("same"),
		Answer: func(payment.Case) (int, []byte, error) { return 201, []byte(body), nil },
	}
}

func testEndpoints(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	seed(t, s)
	picky := payment.Endpoint{
		ID: "00000000-0000-4000-8000-000000000009", URL: "https://picky.example/hook", Created: moment,
		Events: []payment.NoticeKind{payment.NoticeFailure, payment.NoticeSessionExpired},
	}
	plain := payment.Endpoint{ID: "00000000-0000-4000-8000-000000000001", URL: "https://shop.example/hooks?a=1", Created: moment}
	must(t, s.SaveEndpoint(ctx, business, picky, actor, asked("a", "{}")))
	must(t, s.SaveEndpoint(ctx, business, plain, actor, nil))
	if err := s.SaveEndpoint(ctx, business, plain, actor, asked("a", "{}")); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("a key used before: %v", err)
	}
	listed := func(want ...payment.Endpoint) {
		t.Helper()
		got, err := s.Endpoints(ctx, business)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	listed(plain, picky)

	// With the merchant come those that are told.
	told := func(want ...payment.EndpointID) {
		t.Helper()
		m, err := s.Merchant(ctx, business)
		must(t, err)
		c, err := s.Case(ctx, bySession)
		must(t, err)
		for _, list := range [][]payment.Endpoint{m.Endpoints, c.Merchant.Endpoints} {
			var ids []payment.EndpointID
			for _, e := range list {
				ids = append(ids, e.ID)
				if e.ID == picky.ID && (e.URL != picky.URL || !cmp.Equal(e.Events, picky.Events)) {
					t.Errorf("with the merchant: %+v", e)
				}
			}
			if !cmp.Equal(ids, want) {
				t.Errorf("told are %v, want %v", ids, want)
			}
		}
	}
	told(plain.ID, picky.ID)

	// Disabled with what came of a try, and only once.
	gone := payment.Delivery{Notice: payment.Notice{ID: "none"}, Endpoint: picky.ID, Status: payment.DeliveryFailed}
	must(t, record(s, gone, "it answered 410 Gone"))
	got, err := s.Endpoint(ctx, business, picky.ID)
	must(t, err)
	if got.Reason != "it answered 410 Gone" || time.Since(got.Disabled) > time.Minute {
		t.Errorf("disabled: %+v", got)
	}
	must(t, record(s, gone, "something else"))
	if again, err := s.Endpoint(ctx, business, picky.ID); err != nil || again.Reason != got.Reason || !again.Disabled.Equal(got.Disabled) {
		t.Errorf("disabled a second time: %+v, %v", again, err)
	}
	must(t, s.SaveEndpoint(ctx, business, picky, actor, nil)) // as a sandbox does at each start
	told(plain.ID)
	must(t, s.EnableEndpoint(ctx, "other", picky.ID, actor, nil))
	told(plain.ID)
	must(t, s.EnableEndpoint(ctx, business, picky.ID, actor, nil))
	told(plain.ID, picky.ID)
	listed(plain, picky)

	// Nobody has to do with the endpoints of another business.
	must(t, s.RemoveEndpoint(ctx, "other", plain.ID, actor))
	must(t, s.SaveEndpoint(ctx, "other", payment.Endpoint{ID: plain.ID, URL: "https://thief.example"}, actor, nil))
	if _, err := s.Endpoint(ctx, "other", plain.ID); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("of another business: %v", err)
	}
	listed(plain, picky)
	must(t, s.RemoveEndpoint(ctx, business, plain.ID, actor))
	listed(picky)

	for _, bad := range []payment.Endpoint{{ID: "x", URL: "https://a.example/ b"}, {URL: "https://a.example"}, {ID: "x"}, {ID: "x", URL: "https://a.example", Events: []payment.NoticeKind{"a b"}}} {
		if err := s.SaveEndpoint(ctx, business, bad, actor, nil); err == nil {
			t.Errorf("kept: %+v", bad)
		}
	}
}

// An endpoint that wants some events gets a delivery of these alone, a disabled one none.
func testEndpointsChoose(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	seed(t, s)
	all, captures, failures := endpoints[0], endpoints[1], payment.Endpoint{ID: "00000000-0000-4000-8000-000000000003", URL: "https://c.example"}
	captures.Events = []payment.NoticeKind{payment.NoticeCapture}
	failures.Events = []payment.NoticeKind{payment.NoticeFailure}
	seedEndpoints(t, s, all, captures, failures)
	paid(t, s)
	for endpoint, want := range map[payment.EndpointID]int{all.ID: 2, captures.ID: 1, failures.ID: 0} {
		f := payment.DeliveryFilter{Business: business, Endpoint: endpoint}
		list, _, err := s.Deliveries(ctx, f, 10)
		must(t, err)
		if due := rows(t, s, "work", `kind = 'webhook' AND peer = '`+string(endpoint)+`'`); len(list) != want || due != want {
			t.Errorf("%s: %d deliveries, %d due, want %d", endpoint, len(list), due, want)
		}
	}
}

// paid has the session's payment succeed, of which two notices are made.
func paid(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.Change(t.Context(), bySession, nil, func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 1)
		c.Request = &r
		return authorize(1, "")(c)
	})
	must(t, err)
	_, err = s.Change(t.Context(), bySession, nil, approve)
	must(t, err)
}
