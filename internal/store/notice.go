package store

import (
	"context"
	"fmt"
	"time"

	"reprise/internal/payment"
)

// tell writes a notice, and a delivery for each endpoint of the merchant. Its body is made here, from the
// case as the commit leaves it, and never again.
func (d *draft) tell(kind payment.NoticeKind) error {
	id, err := d.newEvent()
	if err != nil {
		return err
	}
	object, sequence := string(d.after.Session.ID), d.after.Session.Version
	switch kind {
	case payment.NoticeCapture, payment.NoticeFailure:
		if d.after.Request == nil {
			return fmt.Errorf("store: %s without an attempt", kind)
		}
		object, sequence = string(d.after.Request.Payment), d.after.Request.Version
	}
	data, err := d.store.Render(kind, d.after, d.at)
	if err != nil {
		return fmt.Errorf("store: %s cannot be written: %w", kind, err)
	}
	d.add(rankNotice, `
INSERT INTO notice (id, business, kind, object, sequence, data, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(id), string(d.after.Merchant.ID), string(kind), object, sequence, string(data), micros(d.at))
	for _, e := range d.after.Merchant.Endpoints {
		d.work[payment.Work{Kind: payment.WorkWebhook, Ref: string(id) + "/" + string(e.ID)}] = d.at
	}
	return nil
}

// Delivery reads a notice and where it is to be sent. payment.ErrNotFound: the endpoint is no longer the
// merchant's.
func (s *Store) Delivery(ctx context.Context, event payment.EventID, to payment.EndpointID) (payment.Notice, payment.Endpoint, error) {
	n, e := payment.Notice{ID: event}, payment.Endpoint{ID: to}
	var created int64
	err := s.one(ctx, `
SELECT n.business, n.kind, n.object, n.sequence, n.data, n.created, e.url
FROM notice n JOIN endpoint e ON e.business = n.business
WHERE n.id = $1 AND e.id = $2`,
		[]any{string(event), string(to)}, &n.Business, &n.Kind, &n.Object, &n.Sequence, &n.Data, &created, &e.URL)
	if err != nil {
		return payment.Notice{}, payment.Endpoint{}, err
	}
	n.Created = fromMicros(created)
	return n, e, nil
}

// DeliveryAttempt is one try to deliver a notice.
type DeliveryAttempt struct {
	Event    payment.EventID
	Endpoint payment.EndpointID
	At       time.Time
	Status   int    // HTTP status; 0 when no answer came
	Problem  string // why no answer came, in a word or two
	Took     time.Duration
}

// RecordDelivery keeps what came of a try.
func (s *Store) RecordDelivery(ctx context.Context, a DeliveryAttempt) error {
	return s.commit(ctx, stmt{
		sql: `
INSERT INTO delivery (notice, endpoint, at, status, problem, took) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (notice, endpoint, at) DO NOTHING`,
		args: []any{string(a.Event), string(a.Endpoint), micros(a.At), int64(a.Status), a.Problem, a.Took.Microseconds()},
	})
}
