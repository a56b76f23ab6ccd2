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
	for _, id := range slices.Sorted(maps.Keys(m.reversals)) {
		r := m.reversals[id]
		_, scheduled := m.work[payment.Work{Kind: payment.WorkAdvice, Ref: string(r.ID)}]
		m.must(scheduled || r.Status != payment.AdviceOpen, "advice %s is %s and nobody sends it", r.ID, r.Status)
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
	var paid, open []payment.RequestID
	for _, r := range m.requests {
		switch {
		case r.Session != id:
		case r.State == payment.Succeeded:
			paid = append(paid, r.ID)
		case !r.State.Final():
			open = append(open, r.ID)
		}
	}
	if s.Status == payment.SessionCompleted {
		m.must(len(paid) == 1 && paid[0] == s.Request && m.requests[s.Request].Payment == s.Payment,
			"%s is completed by %s and paid by %v", id, s.Request, paid)
	} else {
		m.must(len(paid) == 0 && s.Request == "" && s.Payment == "", "%s is %s and paid by %v", id, s.Status, paid)
	}
	if s.Open == "" {
		m.must(len(open) == 0, "%s is open for nobody and has %v under way", id, open)
	} else {
		m.must(len(open) == 1 && open[0] == s.Open, "%s is open for %s and has %v under way", id, s.Open, open)
	}
	_, scheduled := m.work[payment.Work{Kind: payment.WorkSession, Ref: string(id)}]
	m.must(scheduled || s.Status != payment.SessionActive, "%s is active and will not expire", id)

	told := func(kind payment.NoticeKind) (n int) {
		for _, t := range m.notices {
			if t.kind == kind && t.c.Session.ID == id {
				n++
			}
		}
		return n
	}
	m.must(told(payment.NoticeSessionCompleted) == once(s.Status == payment.SessionCompleted), "%s is %s: completion told", id, s.Status)
	m.must(told(payment.NoticeSessionExpired) == once(s.Status == payment.SessionExpired), "%s is %s: expiry told", id, s.Status)
}

func (m *memory) lookAtRequest(r payment.Request) {
	// PCI DSS 3.3.1: no CVN outlives the states that wait for it.
	m.must(len(m.escrow[r.ID]) == 0 || slices.Contains(escrowed, r.State), "%s is %s and has a CVN in the escrow", r.ID, r.State)

	_, scheduled := m.work[payment.Work{Kind: payment.WorkAttempt, Ref: string(r.ID)}]
	switch {
	case r.State.Final():
	case r.State == payment.Reversing || r.State == payment.Capturing:
		advised := false
		for _, v := range m.reversals {
			advised = advised || v.Request == r.ID && v.Status == payment.AdviceOpen
		}
		m.must(advised, "%s is %s and waits for an advice that is not there", r.ID, r.State)
	default:
		m.must(scheduled, "%s is %s and has no deadline", r.ID, r.State)
	}

	if r.Trace != nil {
		m.must(m.traces[r.Trace.Key()] == r.ID, "%s is not found by its trace", r.ID)
	} else {
		m.must(!r.State.AtAcquirer() && r.State != payment.Succeeded, "%s is %s without a trace", r.ID, r.State)
	}
	m.must((r.Capture != nil) == (r.State == payment.Succeeded || r.State == payment.Capturing), "%s is %s: captured %v", r.ID, r.State, r.Capture)
	m.must((r.Failure != "") == (r.State == payment.Failed), "%s is %s: failure code %q", r.ID, r.State, r.Failure)

	told := map[payment.NoticeKind]int{}
	for _, t := range m.notices {
		if t.c.Request != nil && t.c.Request.ID == r.ID {
			told[t.kind]++
		}
	}
	m.must(told[payment.NoticeCapture] == once(r.State == payment.Succeeded), "%s is %s: capture told %d times", r.ID, r.State, told[payment.NoticeCapture])
	m.must(told[payment.NoticeFailure] == once(r.State == payment.Failed), "%s is %s: failure told %d times", r.ID, r.State, told[payment.NoticeFailure])
}

// lookAtRefund: of what was captured nothing is given back twice, and what left is not called off.
func (m *memory) lookAtRefund(r payment.Refund) {
	q, a := m.requests[r.Request], m.reversals[r.Advice]
	var back int64
	for _, other := range m.refunds {
		if other.Request == r.Request && (other.Status == payment.RefundPending || other.Status == payment.RefundSucceeded) {
			back += other.Amount.Minor
		}
	}
	m.must(back == q.Refunded, "%s has %d counted as given back, and %d of refunds", q.ID, q.Refunded, back)
	m.must(back == 0 || q.State == payment.Succeeded && back <= q.Capture.Amount.Minor, "%s is %s and gives %d back", q.ID, q.State, back)
	m.must(a.Refund == r.ID, "%s has no advice", r.ID)
	m.must(r.Sent == (a.Tries > 0), "%s is sent: %v, after %d tries", r.ID, r.Sent, a.Tries)
	m.must(r.Status != payment.RefundCancelled || !r.Sent, "%s left and is called off", r.ID)
	m.must((r.Status == payment.RefundPending) == (a.Status == payment.AdviceOpen), "%s is %s, its advice %s", r.ID, r.Status, a.Status)
	m.must((r.Failure != "") == (r.Status == payment.RefundFailed), "%s is %s: failure code %q", r.ID, r.Status, r.Failure)
	told := map[payment.NoticeKind]int{}
	for _, t := range m.notices {
		if t.c.Refund != nil && t.c.Refund.ID == r.ID {
			told[t.kind]++
		}
	}
	m.must(told[payment.NoticeRefundSucceeded] == once(r.Status == payment.RefundSucceeded), "%s is %s: told %v", r.ID, r.Status, told)
	m.must(told[payment.NoticeRefundFailed] == once(r.Status == payment.RefundFailed), "%s is %s: told %v", r.ID, r.Status, told)
}

// once is 1 where something is to happen once, and else 0.
func once(happens bool) int {
	if happens {
		return 1
	}
	return 0
}
