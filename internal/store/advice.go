package store

import (
	"context"
	"errors"

	"reprise/internal/payment"
)

// advice writes an advice as it now stands. Who may change it is settled by its piece of work, which one
// node at a time has.
func (d *draft) advice(a payment.Advice) error {
	data, err := encodeRow(a, a.Unread)
	if err != nil {
		return err
	}
	d.add(rankAdvice, `
INSERT INTO advice (id, request, status, data) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, data = excluded.data`,
		string(a.ID), string(a.Request), string(a.Status), data)
	return nil
}

// SettleAdvice writes what the operator has decided about an advice that nobody works on: as before says it is no more,
// if somebody was faster. Where it is open again, whichever gateway looks first tells the acquirer.
func (s *Store) SettleAdvice(ctx context.Context, before, after payment.Advice, by payment.Audit) error {
	data, err := encodeRow(after, after.Unread)
	if err != nil {
		return err
	}
	d := s.newDraft()
	d.add(rankAdvice, `
UPDATE advice SET status = CASE WHEN status = $2 THEN $3 ELSE CAST(1 / (LENGTH(status) - LENGTH(status)) AS TEXT) END, data = $4
WHERE id = $1`, string(before.ID), string(before.Status), string(after.Status), data)
	if after.Status == payment.AdviceOpen {
		d.work[payment.Work{Kind: payment.WorkAdvice, Ref: string(after.ID)}] = d.at
	}
	if err := d.audit(by); err != nil {
		return err
	}
	if err := d.commit(ctx); !errors.Is(err, errConflict) {
		return err
	}
	return payment.ErrTaken
}

// Advices reads those of some statuses, the oldest first.
func (s *Store) Advices(ctx context.Context, statuses []payment.AdviceStatus) (list []payment.Advice, err error) {
	var args []any
	var names []string
	for _, status := range statuses {
		names = append(names, string(status))
	}
	err = s.engine.query(ctx, stmt{
		sql:  `SELECT data FROM advice WHERE status IN (` + places(&args, names) + `) ORDER BY id`,
		args: args,
		each: func(r row) error {
			var data []byte
			if err := r.Scan(&data); err != nil {
				return err
			}
			var a payment.Advice
			err := decodeRow(data, &a, &a.Unread)
			list = append(list, a)
			return err
		},
	})
	return list, err
}

// Advice reads an advice.
func (s *Store) Advice(ctx context.Context, id payment.AdviceID) (a payment.Advice, err error) {
	var data []byte
	if err := s.one(ctx, `SELECT data FROM advice WHERE id = $1`, []any{string(id)}, &data); err != nil {
		return a, err
	}
	return a, decodeRow(data, &a, &a.Unread)
}
