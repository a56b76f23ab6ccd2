package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"reprise/internal/payment"
)

// rank is the place of a table in every commit. All commits touch rows in this order, so none waits for one
// that waits for it. The key of the command comes first: a repeated command is told so, and not that it
// lost against itself.
type rank int

const (
	rankOnce rank = iota
	rankEndpoint
	rankCustomer
	rankSession
	rankToken
	rankRequest
	rankRefund
	rankEscrow
	rankLookup
	rankAdvice
	rankCount
	rankNotice
	rankDelivery
	rankAttempt
	rankAudit
	rankWork
	ranks
)

// draft is a commit in the making.
type draft struct {
	store         *Store
	at            time.Time // of everything in the commit
	before, after payment.Case
	told          map[string]bool // objects that a notice of the commit is about
	rows          [ranks][]stmt
	work          map[payment.Work]time.Time // zero: taken off the schedule
	errands       map[payment.Work]errand    // of deliveries that the commit makes
	jobs          []job                      // work that a worker here begins once the commit is made
	left          []payment.Work             // work that is due now and was handed to no worker here
}

func (s *Store) newDraft() *draft {
	return &draft{
		store: s, at: s.Now(), told: map[string]bool{}, work: map[payment.Work]time.Time{}, errands: map[payment.Work]errand{},
	}
}

func (d *draft) add(r rank, sql string, args ...any) {
	d.rows[r] = append(d.rows[r], stmt{sql: sql, args: args})
}

// once lays down the answer to a command under its key.
func (d *draft) once(o *payment.Once) error {
	if o == nil {
		return nil
	}
	status, body, err := o.Answer(d.after)
	if err != nil {
		return err
	}
	if o.Amends {
		d.add(rankOnce, `UPDATE idempotency SET status = $4, body = $5 WHERE business = $1 AND endpoint = $2 AND key = $3`,
			string(o.Business), o.Endpoint, o.Key, int64(status), full(body))
		return nil
	}
	d.rows[rankOnce] = append(d.rows[rankOnce], stmt{
		sql: `
INSERT INTO idempotency (business, endpoint, key, fingerprint, status, body, created)
VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		args: []any{string(o.Business), o.Endpoint, o.Key, full(o.Fingerprint), int64(status), full(body), micros(d.at)},
		used: payment.ErrRepeated,
	})
	return nil
}

// schedule adds the work, in the order of its keys. What is due now goes to a worker here if one is free:
// it is written as claimed already. What finds none free is left for the next claim, anyone's.
func (d *draft) schedule() {
	for _, w := range slices.SortedFunc(maps.Keys(d.work), inOrder) {
		at, claim := d.work[w], int64(0)
		if at.IsZero() {
			d.add(rankWork, `DELETE FROM work WHERE kind = $1 AND ref = $2`, string(w.Kind), w.Ref)
			continue
		}
		switch {
		case at.After(d.at):
		case d.carries(w) && d.store.slots.take(w, false):
			at, claim = d.at.Add(d.store.Options.Lease), d.store.newClaim()
			j := job{work: w, claim: claim, lease: micros(at)}
			if e, ok := d.errands[w]; ok {
				j.errand = &e
			}
			d.jobs = append(d.jobs, j)
		default:
			d.left = append(d.left, w)
		}
		conflict := `ON CONFLICT (kind, ref) DO UPDATE SET next_at = excluded.next_at, claim = excluded.claim, attempt = 0, failed = 0`
		if _, made := d.errands[w]; made { // in this commit, so nothing can be there, and not to look is cheaper
			conflict = ``
		}
		d.insert(rankWork, insertion{`work (kind, ref, peer, next_at, claim, attempt)`, conflict},
			string(w.Kind), w.Ref, peerOf(w), micros(at), claim, int64(0))
	}
}

// carries says whether the draft has all that a worker needs to begin. What is sent again has to be read: that is
// left for the claim.
func (d *draft) carries(w payment.Work) bool {
	_, known := d.errands[w]
	return known || w.Kind != payment.WorkWebhook
}

// commit writes the draft, and then lets the workers begin.
func (d *draft) commit(ctx context.Context) error {
	d.schedule()
	err := d.store.commit(ctx, slices.Concat(d.rows[:]...)...)
	for _, j := range d.jobs {
		if err != nil {
			d.store.free(j.work)
		} else {
			d.store.begin(j)
		}
	}
	if len(d.rows[rankEndpoint]) > 0 {
		d.store.forget()
	}
	for _, w := range d.left {
		if err == nil && d.store.slots.leave(w) {
			d.store.lookForWork()
		}
	}
	return err
}

// newEvent makes the id of a notice. Notices of one commit are told apart in order, by the bits behind the time
// (RFC 9562 section 6.2, method 1).
func (d *draft) newEvent() (payment.EventID, error) {
	var random [10]byte
	if _, err := io.ReadFull(d.store.Rand, random[:]); err != nil {
		return "", fmt.Errorf("store: no randomness: %w", err)
	}
	binary.BigEndian.PutUint16(random[:2], uint16(len(d.rows[rankNotice])))
	return payment.EventID(payment.UUID7(d.at, random)), nil
}

// full is b, never NULL.
func full(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
