package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"reprise/internal/payment"
)

// endpointsOfMerchant are, in a query about a merchant m, its endpoints that are told: id, URL and events of
// each, with spaces between.
const endpointsOfMerchant = `(SELECT string_agg(e.id || ' ' || e.url || ' ' || e.events, ' ' ORDER BY e.id)
       FROM endpoint e WHERE e.business = m.id AND e.disabled = 0)`

// decodeEndpoints reads what endpointsOfMerchant gives. None of its words has a space: SaveEndpoint.
func decodeEndpoints(text *string) (list []payment.Endpoint, err error) {
	if text == nil {
		return nil, nil
	}
	words := strings.Fields(*text)
	for i := 0; i+2 < len(words); i += 3 {
		e := payment.Endpoint{ID: payment.EndpointID(words[i]), URL: words[i+1]}
		if e.Events, err = decodeEvents(words[i+2]); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func decodeEvents(text string) (kinds []payment.NoticeKind, err error) {
	if err := decode([]byte(text), &kinds); err != nil || len(kinds) == 0 {
		return nil, err
	}
	return kinds, nil
}

// SaveEndpoint writes an endpoint of a business. Of one that is known, URL and events are written; it stays
// disabled if it is.
func (s *Store) SaveEndpoint(ctx context.Context, b payment.BusinessID, e payment.Endpoint, by payment.Actor, once *payment.Once) error {
	events := "[]"
	if len(e.Events) > 0 {
		var err error
		if events, err = encode(e.Events); err != nil {
			return err
		}
	}
	if strings.ContainsAny(string(e.ID)+e.URL+events, " \t\r\n") || e.ID == "" || e.URL == "" {
		return fmt.Errorf("store: endpoint %s has no id, no URL, or spaces in them", e.ID)
	}
	d := s.newDraft()
	if err := d.once(once); err != nil {
		return err
	}
	d.add(rankEndpoint, `
INSERT INTO endpoint (id, business, url, events, created) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET url = excluded.url, events = excluded.events WHERE endpoint.business = excluded.business`,
		string(e.ID), string(b), e.URL, events, micros(e.Created))
	if err := d.audit(endpointAudit(by, b, "endpoint.save", e)); err != nil {
		return err
	}
	return d.commit(ctx)
}

// EnableEndpoint has an endpoint told again.
func (s *Store) EnableEndpoint(ctx context.Context, b payment.BusinessID, id payment.EndpointID, by payment.Actor, once *payment.Once) error {
	d := s.newDraft()
	if err := d.once(once); err != nil {
		return err
	}
	d.add(rankEndpoint, `UPDATE endpoint SET disabled = 0, reason = '' WHERE id = $1 AND business = $2`, string(id), string(b))
	if err := d.audit(endpointAudit(by, b, "endpoint.enable", payment.Endpoint{ID: id})); err != nil {
		return err
	}
	return d.commit(ctx)
}

// RemoveEndpoint forgets an endpoint. What is still to be delivered to it is dropped when its turn comes.
func (s *Store) RemoveEndpoint(ctx context.Context, b payment.BusinessID, id payment.EndpointID, by payment.Actor) error {
	return s.commitAudited(ctx, endpointAudit(by, b, "endpoint.remove", payment.Endpoint{ID: id}), stmt{
		sql:  `DELETE FROM endpoint WHERE id = $1 AND business = $2`,
		args: []any{string(id), string(b)},
	})
}

// Endpoints reads all endpoints of a business, in the order of their ids.
func (s *Store) Endpoints(ctx context.Context, b payment.BusinessID) (list []payment.Endpoint, err error) {
	err = s.engine.query(ctx, stmt{
		sql:  `SELECT id, url, events, disabled, reason, created FROM endpoint WHERE business = $1 ORDER BY id`,
		args: []any{string(b)},
		each: func(r row) error {
			var e payment.Endpoint
			var events string
			var disabled, created int64
			err := r.Scan(&e.ID, &e.URL, &events, &disabled, &e.Reason, &created)
			if err != nil {
				return err
			}
			e.Disabled, e.Created = since(disabled), since(created)
			e.Events, err = decodeEvents(events)
			list = append(list, e)
			return err
		},
	})
	return list, err
}

// Endpoint reads an endpoint of a business.
func (s *Store) Endpoint(ctx context.Context, b payment.BusinessID, id payment.EndpointID) (payment.Endpoint, error) {
	list, err := s.Endpoints(ctx, b)
	if err != nil {
		return payment.Endpoint{}, err
	}
	for _, e := range list { // they are few
		if e.ID == id {
			return e, nil
		}
	}
	return payment.Endpoint{}, payment.ErrNotFound
}

// since is a time that is 0 in a table where there is none.
func since(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return fromMicros(n)
}
