package store

import (
	"context"
	"errors"
	"time"

	"reprise/internal/payment"
)

// Courier takes notices to endpoints.
type Courier struct {
	// Deliver makes one try, which it ends by itself within 10/12 of a lease, and says what came of it. tries counts those
	// before it. An endpoint without a URL is no longer the merchant's. A try must be safe to repeat: a node that dies
	// before it is written down leaves it to another.
	Deliver func(ctx context.Context, n payment.Notice, to payment.Endpoint, tries int) payment.Tried
	// Kept is told of each try that has been written down. It may be nil.
	Kept func(t payment.Tried)
}

// Courier says who delivers. Without one, webhooks are left to other nodes. It must be called before StartWork, once.
func (s *Store) Courier(c Courier) { s.courier = c }

// errand is all that a try to deliver needs. It comes from the commit that made the notice or from the claim, so that
// the notice is not read for it.
type errand struct {
	notice payment.Notice
	to     payment.Endpoint
	dated  bool // what is said of the endpoint may be of long before the commit, from when the acquirer was asked
}

// courierShare is the part of a lease that a courier's try takes at most.
const courierShare = 10.0 / 12

// deliver has the courier make a try. One that was cut short is not what its endpoint came to.
func (s *Store) deliver(j job, o *outcome) error {
	to := j.errand.to
	if j.errand.dated {
		var err error
		if to, err = s.current(s.working, j.errand.notice.Business, to.ID); err != nil {
			return err
		}
	}
	ctx := s.working
	share := func(of float64) time.Duration { return time.Duration(float64(s.Options.Lease) * of) }
	// The database may have taken so long to lease the work that a whole try would outlast the lease.
	if left := fromMicros(j.lease).Sub(s.Now()) - share(1-tryShare); left < share(courierShare) {
		var cancel context.CancelFunc
		ctx, cancel = s.Within(ctx, max(0, left))
		defer cancel()
	}
	t := s.courier.Deliver(ctx, j.errand.notice, to, j.tries)
	if err := ctx.Err(); err != nil && t.Status != payment.DeliveryDelivered {
		return err
	}
	o.next, o.tried = t.Next, &t
	return nil
}

// current is an endpoint as it is, or was a second ago.
func (s *Store) current(ctx context.Context, b payment.BusinessID, id payment.EndpointID) (payment.Endpoint, error) {
	m, err := s.merchant(ctx, b)
	for _, e := range m.Endpoints {
		if e.ID == id {
			return e, err
		}
	}
	if err != nil && !errors.Is(err, payment.ErrNotFound) {
		return payment.Endpoint{}, err
	}
	e, err := s.Endpoint(ctx, b, id) // it is disabled, or gone
	if errors.Is(err, payment.ErrNotFound) {
		return payment.Endpoint{ID: id}, nil
	}
	return e, err
}

// readErrands reads what is to be delivered of what a claim has leased for a peer, the oldest notice first.
func (c claiming) readErrands(peer string, each func(job) error) stmt {
	return stmt{
		sql: `
SELECT w.ref, w.attempt, w.failed, substr(w.ref, 1, length(w.ref) - length(w.peer) - 1),
    COALESCE(n.business, ''), COALESCE(n.kind, ''), COALESCE(n.object, ''), COALESCE(n.sequence, 0), COALESCE(n.data, ''),
    COALESCE(n.created, 0), COALESCE(e.url, ''), COALESCE(e.disabled, 0), COALESCE(e.reason, '')
FROM work w
LEFT JOIN notice n ON n.id = substr(w.ref, 1, length(w.ref) - length(w.peer) - 1)
LEFT JOIN endpoint e ON e.id = w.peer AND e.business = n.business
WHERE w.peer = $1 AND w.next_at = $2 AND w.claim = $3 ORDER BY w.ref`,
		args: []any{peer, c.lease, c.claim},
		each: func(r row) error {
			j := job{work: payment.Work{Kind: payment.WorkWebhook}, claim: c.claim, lease: c.lease, errand: &errand{}}
			n, to := &j.errand.notice, &j.errand.to
			to.ID = payment.EndpointID(peer)
			var created, disabled int64
			err := r.Scan(&j.work.Ref, &j.tries, &j.failed, &n.ID, &n.Business, &n.Kind, &n.Object, &n.Sequence, &n.Data,
				&created, &to.URL, &disabled, &to.Reason)
			if err != nil {
				return err
			}
			n.Created, to.Disabled = fromMicros(created), since(disabled)
			return each(j)
		},
	}
}
