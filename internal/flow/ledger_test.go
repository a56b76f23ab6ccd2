package flow_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"pgregory.net/rapid"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

// account is what a host has of one authorisation, in minor units.
type account struct {
	holds    bool  // by 0100, to be captured
	amount   int64 // that is held or taken
	captured int64
	refunded int64
	standing bool // approved, and not reversed
}

// ledger is what a host does with money. Some of what it is sent gets lost or arrives late, some of its answers
// get lost. A message that it has seen it answers as before.
type ledger struct {
	t        *rapid.T
	scene    *scene
	accounts map[string]*account       // by RRN
	answers  map[string]payment.Answer // to advices, by Trace.Key
	lost     []payment.Trace           // approved, and nobody heard it
	coming   []payment.Trace           // not arrived yet
	wrong    []string

	// meanwhile, when not nil, is what happens while a message is on its way.
	meanwhile func()
}

func newLedger(t *rapid.T, s *scene) *ledger {
	l := &ledger{t: t, scene: s, accounts: map[string]*account{}, answers: map[string]payment.Answer{}}
	s.host.answer, s.host.acknowledge, s.memory.money = l.authorise, l.advise, l.compare
	return l
}

func (l *ledger) must(holds bool, format string, args ...any) {
	if !holds {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

func minor(digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// approve moves the money that a message asks for; a verification asks for none.
func (l *ledger) approve(t payment.Trace) {
	a := &account{holds: t.MTI == "0100", amount: minor(t.Amount), standing: true}
	if !a.holds {
		a.captured = a.amount
	}
	if a.amount > 0 {
		l.accounts[t.RRN] = a
	}
}

func (l *ledger) authorise(p flow.Authorisation) payment.Answer {
	if l.meanwhile != nil {
		l.meanwhile()
	}
	switch rapid.SampledFrom([]string{"yes", "yes", "yes", "no", "soft", "soft", "soft, and booked", "mistyped", "unwanted", "lost answer", "lost", "late", "unsent"}).Draw(l.t, "host") {
	case "yes":
		l.approve(p.Trace)
		return approved
	case "unwanted":
		l.approve(p.Trace)
		return unwanted
	case "lost answer":
		l.approve(p.Trace)
		l.lost = append(l.lost, p.Trace)
		return unknown
	case "late":
		l.coming = append(l.coming, p.Trace)
		return unknown
	case "lost":
		return unknown
	case "no":
		return declined
	case "soft":
		return soft
	case "soft, and booked": // a host that contradicts itself
		l.approve(p.Trace)
		l.lost = append(l.lost, p.Trace)
		return soft
	case "mistyped":
		return mistyped
	}
	return unsent
}

func (l *ledger) advise(a payment.Advice) payment.Answer {
	if l.meanwhile != nil {
		l.meanwhile()
	}
	key := a.Trace.Key()
	before, seen := l.answers[key]
	l.must(a.Tries > 0 || !seen, "%s is sent as new, and was sent before", a.Kind)
	fate := rapid.SampledFrom([]string{"answered", "answered", "answered", "answer lost", "lost", "busy", "refused", "unsent"}).Draw(l.t, "advice")
	switch fate {
	case "unsent":
		return unsent
	case "lost":
		return unknown
	}
	undoes := a.Kind == payment.Reversal || a.Kind == payment.Release
	switch {
	case seen:
	case undoes && fate == "busy":
		return acknowledged("96")
	case !undoes && fate == "refused":
		before = acknowledged("05")
	default:
		before = acknowledged(l.book(a))
	}
	if before.Authorization.ResponseCode != "25" { // what it could not find may be there the next time
		l.answers[key] = before
	}
	if fate == "answer lost" {
		return unknown
	}
	return before
}

// book does what an advice says.
func (l *ledger) book(a payment.Advice) (code string) {
	b, amount := l.accounts[a.Original.RRN], minor(a.Trace.Amount)
	if b == nil || !b.standing {
		l.must(a.Kind == payment.Reversal, "%s of what does not stand", a.Kind)
		return "25"
	}
	switch a.Kind {
	case payment.Reversal:
		l.must(!b.holds || b.captured == 0, "a captured hold is reversed")
		b.standing, b.captured = false, 0
	case payment.CaptureAdvice:
		l.must(b.holds && b.captured == 0 && amount > 0 && amount <= b.amount, "%d of %d captured, after %d", amount, b.amount, b.captured)
		b.captured = amount
	case payment.Release:
		l.must(b.captured > 0 && minor(a.Retained) == b.captured, "all but %s of a hold is released, of which %d is captured", a.Retained, b.captured)
		b.amount = b.captured
	case payment.RefundAdvice:
		b.refunded += amount
		l.must(amount > 0 && b.refunded <= b.captured, "%d of %d given back", b.refunded, b.captured)
	}
	return "00"
}

// compare holds an attempt, as it stands after a commit, against what the host has of it.
func (l *ledger) compare(r payment.Request) {
	if r.Trace == nil || r.Type == payment.Save {
		return
	}
	a := l.accounts[r.Trace.RRN]
	switch r.State {
	case payment.Authorized:
		l.must(a != nil && a.standing && a.captured == 0, "%s is %s, and the host has %+v", r.ID, r.State, a)
	case payment.Capturing:
		l.must(a != nil && a.standing && (a.captured == 0 || a.captured == r.Capture.Amount.Minor), "%s is %s, and the host has %+v", r.ID, r.State, a)
	case payment.Succeeded:
		l.must(a != nil && a.standing && a.captured == r.Capture.Amount.Minor && a.refunded <= r.Refunded, "%s is %s, and the host has %+v", r.ID, r.State, a)
	}
}

// settled says whether the host keeps exactly what an attempt took, now that all is over.
func (l *ledger) settled(r payment.Request) bool {
	if soft := r.SoftDecline; soft != nil {
		if a := l.accounts[soft.Trace.RRN]; a != nil && a.standing {
			return false
		}
	}
	if r.Trace == nil {
		return true
	}
	a := l.accounts[r.Trace.RRN]
	if r.State == payment.Succeeded && r.Type != payment.Save {
		return a != nil && a.standing && a.amount == a.captured && a.captured == r.Capture.Amount.Minor && a.refunded == r.Refunded
	}
	return a == nil || !a.standing && a.refunded == 0
}

// arrive lets late messages arrive, and late answers be heard.
func (l *ledger) arrive() {
	for _, t := range l.coming {
		l.approve(t)
	}
	lost := append(l.lost, l.coming...)
	l.lost, l.coming = nil, nil
	for _, t := range lost {
		if err := l.scene.Late(ctx, t.Key(), judged(approved)); err != nil {
			l.t.Fatalf("a late approval: %v", err)
		}
	}
}

// unsettled lists the attempts for which the host keeps too much or too little.
func (l *ledger) unsettled() (ids []payment.RequestID) {
	for _, id := range slices.Sorted(maps.Keys(l.scene.memory.requests)) {
		if !l.settled(l.scene.memory.requests[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}
