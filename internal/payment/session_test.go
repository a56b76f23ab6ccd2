package payment

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestCancelDropsWhatHasNotReachedTheAcquirer(t *testing.T) {
	for _, state := range states[1:] {
		if state == Authorized || state == Capturing {
			continue // the session is completed
		}
		c := caseIn(state)
		if state.Final() {
			c.Session.Open, c.Request = "", nil
		}
		ch, err := CancelSession(c, noon)
		if state.AtAcquirer() {
			var refused *Error
			if !errors.As(err, &refused) || refused.Code != "INVALID_SESSION_STATUS" || ch.Session != nil {
				t.Errorf("%s: %+v, %v", state, ch, err)
			}
			continue
		}
		if err != nil || ch.Session.Status != SessionCanceled || ch.Session.Open != "" {
			t.Errorf("%s: %+v, %v", state, ch.Session, err)
		}
		if !state.Final() && (ch.Requests[0].State != Canceled || !has[ForgetCVN](ch.Effects)) {
			t.Errorf("%s: the attempt or its CVN stays", state)
		}
		if has[Tell](ch.Effects) {
			t.Errorf("%s: a cancelled session tells nobody", state)
		}
	}
}

func TestExpiryWaitsForAnOpenAttempt(t *testing.T) {
	c := caseIn(Challenging)
	at := c.Session.Expires
	c.Request.Expires = at.Add(5 * time.Minute)
	ch, err := ExpireSession(c, at)
	if err != nil || ch.Session != nil || !slices.Contains(ch.Effects, Effect(Wake{sessionWork(c.Session), c.Request.Expires})) {
		t.Errorf("%+v, %v", ch, err)
	}

	c.Session.Open, c.Request = "", nil
	ch, err = ExpireSession(c, at)
	if err != nil || ch.Session.Status != SessionExpired || !slices.Contains(ch.Effects, Effect(Tell{NoticeSessionExpired})) {
		t.Errorf("%+v, %v", ch, err)
	}
	ch, err = ExpireSession(c, at.Add(-time.Second))
	if err != nil || ch.Session != nil || !slices.Contains(ch.Effects, Effect(Wake{sessionWork(c.Session), at})) {
		t.Errorf("too early: %+v, %v", ch, err)
	}
}
