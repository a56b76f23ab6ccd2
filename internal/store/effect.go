package store

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/internal/payment"
)

// write puts a decision about a case into the draft.
func (d *draft) write(c payment.Case, ch payment.Changes, once *payment.Once) error {
	requests := lastOf(ch.Requests, func(r payment.Request) payment.RequestID { return r.ID })
	tokens := lastOf(ch.Tokens, func(t payment.Token) payment.TokenID { return t.ID })
	d.before, d.after = c, c
	if ch.Session != nil {
		d.after.Session = *ch.Session
		d.after.Session.Version++
	}
	if n := len(tokens); n > 0 {
		d.after.Token = tokens[n-1]
		d.after.Token.Version++
	}
	if n := len(requests); n > 0 {
		last := requests[n-1]
		last.Version++
		d.after.Request = &last
	}
	if ch.Refund != nil {
		given := *ch.Refund
		given.Version++
		d.after.Refund = &given
	}

	taken := map[payment.RequestID][]byte{}
	for _, e := range ch.Effects {
		if take, ok := e.(payment.TakeCVN); ok {
			taken[take.Request] = take.Verifier
		}
	}
	if ch.Customer != nil {
		d.newCustomer(*ch.Customer)
	}
	if ch.Session != nil {
		if err := d.session(*ch.Session); err != nil {
			return err
		}
	}
	for _, t := range tokens {
		if err := d.token(t); err != nil {
			return err
		}
	}
	if ch.Refund != nil {
		if err := d.refund(*ch.Refund); err != nil {
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

// lastOf keeps the last of the states that each object goes through in one decision: only that is written, over
// the version that was read.
func lastOf[Object any, ID comparable](objects []Object, id func(Object) ID) []Object {
	var kept []Object
	for i, o := range objects {
		if !slices.ContainsFunc(objects[i+1:], func(later Object) bool { return id(later) == id(o) }) {
			kept = append(kept, o)
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
		d.rows[rankLookup] = append(d.rows[rankLookup], stmt{ // ids are drawn; one that a browser brought may have been used
			sql:  `INSERT INTO authentication (server_trans_id, request) VALUES ($1, $2)`,
			args: []any{string(e.ServerTransID), string(e.Request)},
			used: payment.ErrTaken,
		})
	case payment.NoteTrace:
		d.noteTrace(e)
	case payment.SaveAdvice:
		return d.advice(e.Advice)
	case payment.TakeTry:
		d.add(rankCount, `
INSERT INTO card_count (card, what, day, n) VALUES ($1, 'try', $2, 1)
ON CONFLICT (card, what, day) DO UPDATE SET
    n = CASE WHEN card_count.n < $3 THEN card_count.n + 1 ELSE 1 / (card_count.n - card_count.n) END`,
			e.Card, e.Day, int64(payment.MaxCVNTries))
	case payment.GiveTryBack:
		d.add(rankCount, `UPDATE card_count SET n = n - 1 WHERE card = $1 AND what = 'try' AND day = $2 AND n > 0`, e.Card, e.Day)
	case payment.CountDecline:
		d.add(rankCount, `
INSERT INTO card_count (card, what, day, n) VALUES ($1, 'decline', $2, 1)
ON CONFLICT (card, what, day) DO UPDATE SET n = card_count.n + 1`, e.Card, e.Day)
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
	value, err := base64.StdEncoding.DecodeString(e.AuthenticationValue) // one value has several spellings
	if err != nil {
		value = []byte(e.AuthenticationValue)
	}
	used := sha256.Sum256(value) // a database's own log may quote a key that is refused
	d.rows[rankLookup] = append(d.rows[rankLookup], stmt{
		sql:  `INSERT INTO proof (value_hash, request) VALUES ($1, $2)`,
		args: []any{used[:], string(e.Request)},
		used: payment.ErrTaken,
	})
}
