package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"reprise/internal/payment"
)

func command(key string) *payment.Once {
	return &payment.Once{
		Business: business, Endpoint: "POST /sessions", Key: key, Fingerprint: []byte{1, 0, 2},
		Answer: func(c payment.Case) (int, []byte, error) {
			return 201, fmt.Appendf(nil, "session %s at %d", c.Session.ID, c.Session.Version), nil
		},
	}
}

func testOnce(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	must(t, s.SaveMerchant(ctx, payment.Merchant{}, merchant(), actor))
	must(t, s.SaveToken(ctx, storedCard()))
	if _, _, _, err := s.Answered(ctx, business, "POST /sessions", "k1"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a key not used: %v", err)
	}
	must(t, createSession(s, ctx, openSession(), nil, command("k1")))
	fingerprint, status, body, err := s.Answered(ctx, business, "POST /sessions", "k1")
	if err != nil || string(fingerprint) != "\x01\x00\x02" || status != 201 || string(body) != "session "+string(sessionID)+" at 1" {
		t.Errorf("kept: %q %d %q, %v", fingerprint, status, body, err)
	}
	second := openSession()
	second.ID = "ps-2"
	if err := createSession(s, ctx, second, nil, command("k1")); !errors.Is(err, payment.ErrRepeated) {
		t.Errorf("a key used again: %v, want ErrRepeated", err)
	}
	if n := rows(t, s, "session", `1 = 1`); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	other := command("k1")
	other.Business = "other"
	must(t, createSession(s, ctx, second, nil, other)) // a key belongs to its business

	// A command that finds its own work done is refused by what decides; that it was repeated is found by whoever
	// answers, in the answer that is kept.
	cancel := func(c payment.Case) (payment.Changes, error) { return payment.CancelSession(c, moment) }
	_, err = s.Change(ctx, bySession, command("k2"), cancel)
	must(t, err)
	var refused *payment.Error
	if _, err = s.Change(ctx, bySession, command("k2"), cancel); !errors.As(err, &refused) {
		t.Errorf("cancelled again under the same key: %v, want a refusal", err)
	}
	if _, status, _, err := s.Answered(ctx, business, "POST /sessions", "k2"); status != 201 || err != nil {
		t.Errorf("the answer to find: %d, %v", status, err)
	}
	broken := command("k4")
	broken.Answer = func(payment.Case) (int, []byte, error) { return 0, nil, errors.New("no answer") }
	third := openSession()
	third.ID = "ps-3"
	if err := createSession(s, ctx, third, nil, broken); err == nil {
		t.Error("a command without an answer was kept")
	}
}

func testOnceByMany(t *testing.T, db *database) {
	a, b := db.open(t), db.open(t)
	seed(t, a)
	const n = 12
	done := 0
	for i, err := range together(n, func(i int) error {
		s := a
		if i%2 == 1 {
			s = b
		}
		_, err := s.Change(context.Background(), bySession, command("k"), func(c payment.Case) (payment.Changes, error) {
			c.Session.Failures++
			return payment.Changes{Session: &c.Session}, nil
		})
		return err
	}) {
		switch {
		case err == nil:
			done++
		case !errors.Is(err, payment.ErrRepeated):
			t.Errorf("task %d: %v", i, err)
		}
	}
	c, err := a.Case(t.Context(), bySession)
	must(t, err)
	if done != 1 || c.Session.Failures != 1 {
		t.Errorf("done %d times, counted %d, want 1 and 1", done, c.Session.Failures)
	}
}
