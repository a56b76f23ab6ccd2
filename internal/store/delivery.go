package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"reprise/internal/payment"
)

// deliver writes a new delivery, due now.
func (d *draft) deliver(n payment.Notice, to payment.Endpoint) {
	d.insert(rankDelivery, insertion{into: `delivery (business, notice, endpoint, status)`},
		string(n.Business), string(n.ID), string(to.ID), string(payment.DeliveryPending))
	w := payment.Delivery{Notice: n, Endpoint: to.ID}.Work()
	d.work[w], d.errands[w] = d.at, errand{notice: n, to: to, dated: true}
}

// deliverAgain makes a known delivery due now, with its whole schedule before it, whatever became of it: the
// work that had it tried may be at its end, waiting, or under way.
func (d *draft) deliverAgain(v payment.Delivery) {
	d.add(rankDelivery, `UPDATE delivery SET status = $4 WHERE business = $1 AND notice = $2 AND endpoint = $3`,
		string(v.Notice.Business), string(v.Notice.ID), string(v.Endpoint), string(payment.DeliveryPending))
	d.work[v.Work()] = d.at
}

// disable has an endpoint told nothing from now on.
func (d *draft) disable(id payment.EndpointID, why string) {
	d.add(rankEndpoint, `UPDATE endpoint SET disabled = $2, reason = $3 WHERE id = $1 AND disabled = 0`, string(id), micros(d.at), why)
}

// tried keeps what a try came to. One that was in vain takes nothing back from one that was not: it may be of a node that
// stood still while another did its work.
func (d *draft) tried(t payment.Tried) {
	d.add(rankDelivery, `
UPDATE delivery SET status = $4 WHERE business = $1 AND notice = $2 AND endpoint = $3 AND (status <> $5 OR $4 = $5)`,
		string(t.Notice.Business), string(t.Notice.ID), string(t.Endpoint), string(t.Status), string(payment.DeliveryDelivered))
	for _, a := range t.Attempts {
		d.insert(rankAttempt, insertion{`delivery_attempt (notice, endpoint, at, status, problem, took)`, `ON CONFLICT (notice, endpoint, at) DO NOTHING`},
			string(t.Notice.ID), string(t.Endpoint), micros(a.At), int64(a.Status), a.Problem, a.Took.Microseconds())
	}
}

// Deliveries lists deliveries of a business with their attempts, the newest notice first, at most limit. more
// says that there are others behind them. The data of the notices is left out.
func (s *Store) Deliveries(ctx context.Context, f payment.DeliveryFilter, limit int) (list []payment.Delivery, more bool, err error) {
	if list, more, err = s.deliveries(ctx, f, limit, ""); err == nil {
		err = s.attempts(ctx, list)
	}
	return list, more, err
}

// attempts reads what was tried for each of a list.
func (s *Store) attempts(ctx context.Context, list []payment.Delivery) error {
	if len(list) == 0 {
		return nil
	}
	at := map[payment.Work]*payment.Delivery{}
	var notices []string
	for i := range list {
		at[list[i].Work()] = &list[i]
		notices = append(notices, string(list[i].Notice.ID))
	}
	for len(notices)&(len(notices)-1) != 0 { // a few texts are enough for any number
		notices = append(notices, notices[0])
	}
	var args []any
	return s.engine.query(ctx, stmt{
		sql: `
SELECT notice, endpoint, at, status, problem, took FROM delivery_attempt
WHERE notice IN (` + places(&args, notices) + `) ORDER BY notice, endpoint, at`,
		args: args,
		each: func(r row) error {
			var of payment.Delivery
			var a payment.DeliveryAttempt
			var when, took int64
			if err := r.Scan(&of.Notice.ID, &of.Endpoint, &when, &a.Status, &a.Problem, &took); err != nil {
				return err
			}
			if d := at[of.Work()]; d != nil {
				a.At, a.Took = fromMicros(when), time.Duration(took)*time.Microsecond
				d.Attempts = append(d.Attempts, a)
			}
			return nil
		},
	})
}

// deliveries finds what a filter means and a further condition on a delivery d holds for, without attempts.
func (s *Store) deliveries(ctx context.Context, f payment.DeliveryFilter, limit int, further string) (list []payment.Delivery, more bool, err error) {
	args := []any{int64(limit + 1)}
	need := func(of *string, condition string, value any) {
		args = append(args, value)
		*of += ` AND ` + strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args)))
	}
	var where, told string // of the delivery, and of its notice
	for _, c := range []struct {
		of               *string
		condition, value string
	}{
		{&where, `d.business = ?`, string(f.Business)}, {&where, `d.notice = ?`, string(f.Notice)}, {&where, `d.endpoint = ?`, string(f.Endpoint)},
		{&told, `n.kind = ?`, string(f.Kind)}, {&told, `n.object = ?`, f.Object},
	} {
		if c.value != "" {
			need(c.of, c.condition, c.value)
		}
	}
	if len(f.Statuses) > 0 {
		var statuses []string
		for _, status := range f.Statuses {
			statuses = append(statuses, string(status))
		}
		where += ` AND d.status IN (` + places(&args, statuses) + `)`
		if !slices.Contains(f.Statuses, payment.DeliveryDelivered) {
			where += ` AND d.status <> 'DELIVERED'` // an index has those alone
		}
	}
	// The ids of notices begin with the time, in milliseconds: so the key finds where to begin.
	if !f.From.IsZero() {
		need(&where, `d.notice >= ?`, firstID(f.From))
	}
	if !f.To.IsZero() {
		need(&where, `d.notice < ?`, firstID(f.To))
	}
	if f.Before != nil {
		need(&where, `d.notice <= ?`, string(f.Before.Notice))
		args = append(args, string(f.Before.Endpoint))
		where += fmt.Sprintf(` AND (d.notice < $%d OR d.endpoint < $%d)`, len(args)-1, len(args))
	}
	where = strings.TrimPrefix(where, ` AND `) + further
	// A page is found in the order of a key, and then what it tells of; unless only that says what is in it.
	const page = `ORDER BY d.notice DESC, d.endpoint DESC LIMIT $1`
	of, from := `p`, `(SELECT d.business, d.notice, d.endpoint, d.status FROM delivery d WHERE `+where+` `+page+`) p JOIN notice n ON n.id = p.notice
ORDER BY p.notice DESC, p.endpoint DESC`
	if told != "" {
		of, from = `d`, `delivery d JOIN notice n ON n.id = d.notice WHERE `+where+told+` `+page
	}
	err = s.engine.query(ctx, stmt{
		sql: `
SELECT ` + of + `.notice, ` + of + `.business, ` + of + `.endpoint, ` + of + `.status, n.kind, n.object, n.sequence, n.created
FROM ` + from,
		args: args,
		each: func(r row) error {
			var d payment.Delivery
			var created int64
			n := &d.Notice
			err := r.Scan(&n.ID, &n.Business, &d.Endpoint, &d.Status, &n.Kind, &n.Object, &n.Sequence, &created)
			n.Created = fromMicros(created)
			if list = append(list, d); len(list) > limit {
				list, more = list[:limit], true
			}
			return err
		},
	})
	return list, more, err
}

// firstID is the lowest id that anything made at a time could have.
func firstID(at time.Time) string {
	if at.Before(time.UnixMilli(0)) {
		at = time.UnixMilli(0) // ids know no earlier time
	}
	return payment.UUID7(at, [10]byte{})
}

// Resend makes deliveries due now, the newest first, at most limit, and lists them as they were. more says that
// there are others, behind the last of the list. Those to endpoints that are disabled or gone are passed over.
// answered is called with what will be returned before anything is written, to fill in what once keeps.
func (s *Store) Resend(ctx context.Context, f payment.DeliveryFilter, limit int, once *payment.Once, answered func(list []payment.Delivery, more bool)) (list []payment.Delivery, more bool, err error) {
	list, more, err = s.deliveries(ctx, f, limit, `
  AND EXISTS (SELECT 1 FROM endpoint e WHERE e.id = d.endpoint AND e.business = d.business AND e.disabled = 0)`)
	if err == nil {
		err = s.attempts(ctx, list)
	}
	if err != nil {
		return nil, false, err
	}
	answered(list, more)
	if len(list) == 0 {
		return nil, false, s.KeepAnswer(ctx, once)
	}
	d := s.newDraft()
	for _, v := range slices.Backward(list) { // in the order in which all commits touch deliveries
		d.deliverAgain(v)
	}
	if err := d.once(once); err != nil {
		return nil, false, err
	}
	return list, more, d.commit(ctx)
}
