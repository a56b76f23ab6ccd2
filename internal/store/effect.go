package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"reprise/internal/payment"
)

// write puts a decision about a case into the draft.
func (d *draft) write(c payment.Case, ch payment.Changes, once *payment.Once) error {
	requests := lastOf(ch.Requests)
	d.after = c
	if ch.Session != nil {
		d.after.Session = *ch.Session
		d.after.Session.Version++
	}
	if n := len(requests); n > 0 {
		last := requests[n-1]
		last.Version++
		d.after.Request = &last
	}

	taken := map[payment.RequestID][]byte{}
	for _, e := range ch.Effects {
		if take, ok := e.(payment.TakeCVN); ok {
			taken[take.Request] = take.Verifier
		}
	}
	if ch.Session != nil {
		if err := d.session(*ch.Session); err != nil {
			return err
		}
	}
	for _, r := range requests {
		if err := d.request(r, taken[r.ID]); err != nil {
			return err
		}
		delete(taken, r.ID)
	}
	if len(taken) > 0 { // the guard stands in the request's own row
		return errors.New("store: a CVN is taken for an attempt that does not change")
	}
	for _, e := range ch.Effects {
		if err := d.effect(e); err != nil {
			return err
		}
	}
	return d.once(once)
}

// lastOf keeps the last of the states that each request goes through in one decision: only that is written,
// over the version that was read.
func lastOf(requests []payment.Request) []payment.Request {
	var kept []payment.Request
	for i, r := range requests {
		superseded := false
		for _, later := range requests[i+1:] {
			superseded = superseded || later.ID == r.ID
		}
		if !superseded {
			kept = append(kept, r)
		}
	}
	return kept
}

func (d *draft) effect(e payment.Effect) error {
	switch e := e.(type) {
	case payment.KeepCVN:
		d.keepCVN(e.Sealed)
	case payment.TakeCVN:
		d.forgetCVN(e.Request)
	case payment.ForgetCVN:
		d.forgetCVN(e.Request)
	case payment.NoteAuthentication:
		d.add(rankLookup, `
INSERT INTO authentication (server_trans_id, request) VALUES ($1, $2) ON CONFLICT (server_trans_id) DO NOTHING`,
			string(e.ServerTransID), string(e.Request))
	case payment.NoteTrace:
		d.noteTrace(e)
	case payment.SaveAdvice:
		return d.advice(e.Advice)
	case payment.CountMismatch:
		d.add(rankMismatch, `
INSERT INTO cvn_mismatch (token, day, n) VALUES ($1, $2, 1)
ON CONFLICT (token, day) DO UPDATE SET n = cvn_mismatch.n + 1`, string(e.Token), e.Day)
	case payment.Tell:
		return d.tell(e.Kind)
	case payment.Wake:
		d.work[e.Work] = e.At
	case payment.Rest:
		d.work[e.Work] = time.Time{}
	default:
		return fmt.Errorf("store: no way to carry out %T", e)
	}
	return nil
}

var errTraceUsed = errors.New("store: two messages to the acquirer have the same key")

// noteTrace makes a message findable. A key that is there already means that the line counted wrong, which
// must never happen; a value that is there already means that a proof is used twice.
func (d *draft) noteTrace(e payment.NoteTrace) {
	d.rows[rankLookup] = append(d.rows[rankLookup], stmt{
		sql:  `INSERT INTO trace (key, request) VALUES ($1, $2)`,
		args: []any{e.Trace.Key(), string(e.Request)},
		used: errTraceUsed,
	})
	if e.AuthenticationValue == "" {
		return
	}
	used := sha256.Sum256([]byte(e.AuthenticationValue)) // a database's own log may quote a key that is refused
	d.rows[rankLookup] = append(d.rows[rankLookup], stmt{
		sql:  `INSERT INTO proof (value_hash, request) VALUES ($1, $2)`,
		args: []any{used[:], string(e.Request)},
		used: payment.ErrTaken,
	})
}
