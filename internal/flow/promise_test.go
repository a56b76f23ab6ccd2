package flow_test

import (
	"fmt"
	"maps"
	"slices"

	"reprise/internal/payment"
)

// escrowed are the states in which a CVN may rest in the escrow.
var escrowed = []payment.State{
	payment.Submitted, payment.Opened, payment.Authenticating, payment.Challenging, payment.Authenticated,
}

// look writes down which promises the rows break as they stand. It runs after every commit, so what is found
// was broken by the commit just made.
func (m *memory) look() {
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		m.lookAtSession(id, m.sessions[id])
	}
	for _, id := range slices.Sorted(maps.Keys(m.requests)) {
		m.lookAtRequest(m.requests[id])
	}
	for _, id := range slices.Sorted(maps.Keys(m.advices)) {
		r := m.advices[id]
		_, scheduled := m.work[payment.Work{Kind: payment.WorkAdvice, Ref: string(r.ID)}]
		m.must(scheduled || r.Status != payment.AdviceOpen, "%s %s is open and nobody sends it", r.Kind, r.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(m.tokens)) {
		m.lookAtToken(m.tokens[id])
	}
	for _, id := range slices.Sorted(maps.Keys(m.refunds)) {
		m.lookAtRefund(m.refunds[id])
	}
}

func (m *memory) must(holds bool, format string, args ...any) {
	if !holds {
		m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
	}
}

func (m *memory) lookAtSession(id payment.SessionID, s payment.Session) {
	var done, open []payment.RequestID // those that did what the session is for, and those under way
	for _, r := range m.requests {
		switch {
		case r.Session != id:
		case r.State == payment.Succeeded || m.told(payment.NoticeAuthorization, r.ID) > 0:
			done = append(done, r.ID)
		case !r.State.Final():
			open = append(open, r.ID)
		}
	}
	if s.Status != payment.SessionCompleted {
		m.must(len(done) == 0 && s.Request == "" && s.Payment == "" && s.Saved == "", "%s is %s and done by %v", id, s.Status, done)
	} else if m.must(len(done) == 1, "%s is completed by %v", id, done); len(done) == 1 {
		r := m.requests[done[0]]
		m.must(s.Type == payment.SessionSave || s.Request == r.ID && s.Payment == r.Payment, "%s names %s, done by %s", id, s.Request, r.ID)
		m.must((s.Saved != "") == r.Stores() && (s.Saved == "" || s.Saved == r.Token), "%s stored %q", id, s.Saved)
	}
	if s.Open == "" {
		m.must(len(open) == 0, "%s is open for nobody and has %v under way", id, open)
	} else {
		m.must(len(open) == 1 && open[0] == s.Open, "%s is open for %s and has %v under way", id, s.Open, open)
	}
	_, scheduled := m.work[payment.Work{Kind: payment.WorkSession, Ref: string(id)}]
	m.must(scheduled || s.Status != payment.SessionActive, "%s is active and will not expire", id)

	m.must(m.told(payment.NoticeSessionCompleted, id) == once(s.Status == payment.SessionCompleted), "%s is %s: completion told", id, s.Status)
	m.must(m.told(payment.NoticeSessionExpired, id) == once(s.Status == payment.SessionExpired), "%s is %s: expiry told", id, s.Status)
}

// told counts the notices of a kind about an object, by whichever of its ids.
func (m *memory) told(kind payment.NoticeKind, id any) (n int) {
	for _, t := range m.notices {
		if t.kind != kind {
			continue
		}
		switch id := id.(type) {
		case payment.SessionID:
			n += once(t.c.Session.ID == id)
		case payment.RequestID:
			n += once(t.c.Request != nil && t.c.Request.ID == id)
		case payment.TokenID:
			n += once(t.c.Token.ID == id)
		case payment.RefundID:
			n += once(t.c.Refund != nil && t.c.Refund.ID == id)
		}
	}
	return n
}

func (m *memory) lookAtRequest(r payment.Request) {
	// PCI DSS 3.3.1: no CVN outlives the states that wait for it.
	m.must(len(m.escrow[r.ID]) == 0 || slices.Contains(escrowed, r.State), "%s is %s and has a CVN in the escrow", r.ID, r.State)

	_, scheduled := m.work[payment.Work{Kind: payment.WorkAttempt, Ref: string(r.ID)}]
	switch {
	case r.State.Final():
	case r.State == payment.Reversing:
		m.must(m.waits(r.Reversal, payment.Reversal, r.ID), "%s waits for a reversal that is not there", r.ID)
	case r.State == payment.Capturing:
		m.must(m.waits(r.CaptureAdvice, payment.CaptureAdvice, r.ID), "%s waits for a capture that is not there", r.ID)
	default:
		m.must(scheduled && !r.Deadline.IsZero(), "%s is %s and has no deadline", r.ID, r.State)
	}

	if soft := r.SoftDecline; soft != nil {
		m.must(m.traces[soft.Trace.Key()] == r.ID, "%s is not found by what was declined", r.ID)
		proven := r.Authentication != nil && r.Authentication.TransStatus == "Y"
		m.must(r.Trace == nil || proven && *r.Trace != soft.Trace, "%s was declined softly, and is sent again without a proof", r.ID)
	}

	moves, sent := r.Type != payment.Save, r.Trace != nil
	if sent {
		m.must(m.traces[r.Trace.Key()] == r.ID, "%s is not found by its trace", r.ID)
	} else {
		m.must(r.State.BeforeAcquirer() || slices.Contains([]payment.State{payment.Failed, payment.Canceled, payment.Expired}, r.State),
			"%s is %s without a trace", r.ID, r.State)
	}
	takes := r.State == payment.Capturing || r.State == payment.Succeeded && moves
	m.must((r.Capture != nil) == takes, "%s is %s: captured %v", r.ID, r.State, r.Capture)
	m.must(r.Capture == nil || r.Capture.Amount.Minor <= r.Amount.Minor, "%s: more is captured than was asked for", r.ID)
	m.must((r.Failure != "") == (r.State == payment.Failed), "%s is %s: failure code %q", r.ID, r.State, r.Failure)

	for kind, want := range map[payment.NoticeKind]bool{
		payment.NoticeCapture:        moves && r.State == payment.Succeeded,
		payment.NoticeFailure:        moves && r.State == payment.Failed,
		payment.NoticeExpired:        r.State == payment.Expired && sent,
		payment.NoticeRequestExpired: moves && r.State == payment.Expired && !sent,
	} {
		m.must(m.told(kind, r.ID) == once(want), "%s is %s: %s told %d times", r.ID, r.State, kind, m.told(kind, r.ID))
	}
	held := m.told(payment.NoticeAuthorization, r.ID)
	if r.State != payment.Failed {
		m.must(held == once(r.WasHeld()), "%s is %s: told %d times that it is held", r.ID, r.State, held)
	}
	m.must(held <= 1, "%s: told %d times that it is held", r.ID, held)

	var back int64
	for _, f := range m.refunds {
		if f.Request == r.ID && (f.Status == payment.RefundPending || f.Status == payment.RefundSucceeded) {
			back += f.Amount.Minor
		}
	}
	m.must(back == r.Refunded, "%s: %d is given back, not %d", r.ID, back, r.Refunded)
	m.must(back == 0 || r.State == payment.Succeeded && back <= r.Capture.Amount.Minor, "%s is %s, and %d is given back", r.ID, r.State, back)
	if m.money != nil {
		m.money(r)
	}
}

// waits says whether an open advice of a kind is there for an attempt.
func (m *memory) waits(id payment.AdviceID, kind payment.AdviceKind, r payment.RequestID) bool {
	a, ok := m.advices[id]
	return ok && a.Kind == kind && a.Request == r && a.Status == payment.AdviceOpen
}

// lookAtToken: a card is stored with the attempt that stores it, and its number stays while anything needs it,
// and no longer can be needed by anything once it is gone (PCI DSS 3.2.1).
func (m *memory) lookAtToken(t payment.Token) {
	if t.Request != "" { // it was typed
		r := m.requests[t.Request]
		m.must(r.Token == t.ID, "%s was typed for %s, which is paid with %s", t.ID, r.ID, r.Token)
		m.must(t.Status != payment.TokenPending || !r.State.Final() && r.Stores(), "%s is pending, and %s is %s", t.ID, r.ID, r.State)
		_, scheduled := m.work[payment.Work{Kind: payment.WorkToken, Ref: string(t.ID)}]
		m.must(scheduled || t.SealedPAN == nil || t.Status == payment.TokenPending || !r.State.Final() && r.State != payment.Authorized,
			"%s is %s, and nobody will erase its number", t.ID, t.Status)
		stored := t.Status == payment.TokenActive || t.Status == payment.TokenExpired
		activated := m.told(payment.NoticeTokenActivated, t.ID)
		m.must(activated == once(stored) || t.Status == payment.TokenCanceled && activated <= 1, "%s is %s: activation told %d times", t.ID, t.Status, activated)
		m.must(m.told(payment.NoticeTokenFailed, t.ID) == once(t.Status == payment.TokenFailed), "%s is %s: failure told", t.ID, t.Status)
		m.must((t.Failure != "") == (t.Status == payment.TokenFailed), "%s is %s: failure code %q", t.ID, t.Status, t.Failure)
	}
	m.must(m.told(payment.NoticeTokenExpired, t.ID) == once(t.Status == payment.TokenExpired), "%s is %s: expiry told", t.ID, t.Status)
	if t.SealedPAN != nil {
		return
	}
	m.must(t.Status != payment.TokenActive && t.Status != payment.TokenPending, "%s is %s without a number", t.ID, t.Status)
	for _, r := range m.requests {
		if r.Token != t.ID {
			continue
		}
		m.must(r.State.Final(), "%s is %s and its card's number is erased", r.ID, r.State)
		for _, a := range m.advices {
			m.must(a.Request != r.ID || a.Status != payment.AdviceOpen, "%s is to be sent and its card's number is erased", a.Kind)
		}
	}
}

func (m *memory) lookAtRefund(f payment.Refund) {
	a, ok := m.advices[f.Advice]
	m.must(ok && a.Kind == payment.RefundAdvice && a.Refund == f.ID && a.Request == f.Request, "%s has no advice of its own", f.ID)
	m.must((a.Status == payment.AdviceOpen) == (f.Status == payment.RefundPending), "%s is %s, its advice %s", f.ID, f.Status, a.Status)
	m.must(f.Sent == (a.Tries > 0), "%s is sent: %v, after %d tries", f.ID, f.Sent, a.Tries)
	m.must(f.Status != payment.RefundCancelled || !f.Sent, "%s left and is called off", f.ID)
	m.must((f.Failure != "") == (f.Status == payment.RefundFailed), "%s is %s: failure code %q", f.ID, f.Status, f.Failure)
	m.must(m.told(payment.NoticeRefundSucceeded, f.ID) == once(f.Status == payment.RefundSucceeded), "%s is %s: success told", f.ID, f.Status)
	m.must(m.told(payment.NoticeRefundFailed, f.ID) == once(f.Status == payment.RefundFailed), "%s is %s: failure told", f.ID, f.Status)
}

// once is 1 where something is to happen once, and else 0.
func once(happens bool) int {
	if happens {
		return 1
	}
	return 0
}
