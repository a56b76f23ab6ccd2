package store

import (
	"context"
	"database/sql"

	"reprise/internal/payment"
)

// conditionThen is DE25 of every message of the time before holds: electronic commerce.
const conditionThen = "59"

// complete writes into objects that were kept when there were only sessions and purchases what is expected to be in
// them now: an attempt knows without its session how it is to be paid, a message has the DE25 that it was sent with,
// and what was a reversal is a kind of advice. It reads JSON, which each database does in a way of its own, so it is
// no SQL file.
func complete(ctx context.Context, tx *sql.Tx) error {
	sessions, over := map[payment.SessionID]payment.Session{}, map[payment.RequestID]int64{}
	err := rewrite(ctx, tx, "session", func(s *payment.Session) bool {
		sessions[s.ID] = *s
		if s.Type != payment.SessionPay || s.CaptureMethod != "" {
			return false
		}
		s.CaptureMethod, s.AllowSave = payment.CaptureAutomatic, payment.SaveDisabled
		return true
	})
	if err != nil {
		return err
	}
	err = rewrite(ctx, tx, "advice", func(a *payment.Advice) bool {
		if a.Kind != "" {
			return false
		}
		a.Kind, a.Original.Condition, a.Trace.Condition = payment.Reversal, conditionThen, conditionThen
		return true
	})
	if err != nil {
		return err
	}
	err = rewrite(ctx, tx, "request", func(r *payment.Request) bool {
		if r.Type != "" {
			return false
		}
		s := sessions[r.Session]
		r.Terms = payment.Terms{
			Type: payment.Pay, CaptureMethod: payment.CaptureAutomatic, SuccessReturnURL: s.SuccessReturnURL,
			FailureReturnURL: s.FailureReturnURL, SkipThreeDS: s.SkipThreeDS, Locale: s.Locale,
		}
		if r.Trace != nil {
			r.Trace.Condition = conditionThen
		}
		if until := r.NeedsNumberUntil(); !until.IsZero() {
			over[r.ID] = micros(until)
		}
		return true
	})
	for id, until := range over {
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE request SET kept_until = $2 WHERE id = $1`, string(id), until)
		}
	}
	return err
}

// rewrite reads every object of a table and writes those back that change says are changed.
func rewrite[T any](ctx context.Context, tx *sql.Tx, table string, change func(*T) bool) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, data FROM `+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	changed := map[string]string{}
	for rows.Next() {
		var id, data string
		if err := rows.Scan(&id, &data); err != nil {
			return err
		}
		var object T
		if err := decode([]byte(data), &object); err != nil {
			return err
		}
		if !change(&object) {
			continue
		}
		if changed[id], err = encode(object); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for id, data := range changed {
		if _, err := tx.ExecContext(ctx, `UPDATE `+table+` SET data = $2 WHERE id = $1`, id, data); err != nil {
			return err
		}
	}
	return nil
}
