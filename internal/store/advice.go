package store

import (
	"context"

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

// Advice reads an advice.
func (s *Store) Advice(ctx context.Context, id payment.AdviceID) (a payment.Advice, err error) {
	var data []byte
	if err := s.one(ctx, `SELECT data FROM advice WHERE id = $1`, []any{string(id)}, &data); err != nil {
		return a, err
	}
	return a, decodeRow(data, &a, &a.Unread)
}
