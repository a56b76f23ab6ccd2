package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"reprise/internal/payment"
)

// audited adds to a commit who makes it, and is the only way in which merchants, keys and endpoints are
// written: a change without an actor is refused (PCI DSS 10.2.1.5).
func (s *Store) audited(list []stmt, a payment.Audit) ([]stmt, error) {
	if a.Actor == "" {
		return nil, errors.New("store: nobody is named who makes this change")
	}
	now := s.Now()
	var random [10]byte
	if _, err := io.ReadFull(s.Rand, random[:]); err != nil {
		return nil, fmt.Errorf("store: no randomness: %w", err)
	}
	change, err := encode(a.Change)
	if err != nil {
		return nil, err
	}
	return append(list, stmt{
		sql:  `INSERT INTO audit (id, at, actor, business, act, object, change) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		args: []any{payment.UUID7(now, random), micros(now), string(a.Actor), string(a.Business), a.Act, a.Object, change},
	}), nil
}

// commitAudited commits statements with who made them.
func (s *Store) commitAudited(ctx context.Context, a payment.Audit, list ...stmt) error {
	list, err := s.audited(list, a)
	if err != nil {
		return err
	}
	err = s.commit(ctx, list...)
	s.forget()
	return err
}

// audit adds to a draft who makes it.
func (d *draft) audit(a payment.Audit) (err error) {
	d.rows[rankAudit], err = d.store.audited(d.rows[rankAudit], a)
	return err
}

// Audits reads what was changed from a time on, the oldest first.
func (s *Store) Audits(ctx context.Context, from time.Time) (list []payment.Audit, err error) {
	err = s.engine.query(ctx, stmt{
		sql:  `SELECT at, actor, business, act, object, change FROM audit WHERE id >= $1 AND at >= $2 ORDER BY at, id`,
		args: []any{firstID(from), micros(from)},
		each: func(r row) error {
			var a payment.Audit
			var at int64
			var change []byte
			if err := r.Scan(&at, &a.Actor, &a.Business, &a.Act, &a.Object, &change); err != nil {
				return err
			}
			a.At = fromMicros(at)
			list = append(list, a)
			return decode(change, &list[len(list)-1].Change)
		},
	})
	return list, err
}

// changed lists the members in which two merchants differ, each as before and after.
func changed(before, after payment.Merchant) (map[string]any, error) {
	var members [2]map[string]json.RawMessage
	for i, m := range []payment.Merchant{before, after} {
		text, err := encode(m)
		if err == nil {
			err = decode([]byte(text), &members[i])
		}
		if err != nil {
			return nil, err
		}
	}
	change := map[string]any{}
	for name, now := range members[1] {
		if was := members[0][name]; !bytes.Equal(was, now) {
			change[name] = []json.RawMessage{was, now}
		}
	}
	return change, nil
}

// endpointAudit is a change of an endpoint. What stands behind the path of a URL can be a secret of the
// merchant's, and is left out.
func endpointAudit(by payment.Actor, b payment.BusinessID, act string, e payment.Endpoint) payment.Audit {
	a := payment.Audit{Actor: by, Business: b, Act: act, Object: string(e.ID)}
	if e.URL != "" {
		url, _, _ := strings.Cut(e.URL, "?")
		a.Change = map[string]any{"url": url, "events": e.Events}
	}
	return a
}

// keyAudit is a change of a key, which is named and not shown.
func keyAudit(by payment.Actor, act string, k payment.Key) payment.Audit {
	a := payment.Audit{Actor: by, Business: k.Business, Act: act, Object: k.ID(), Change: map[string]any{
		"kind": k.Kind, "production": k.Production, "name": k.Name, "permissions": k.Permissions,
	}}
	if !k.Ends.IsZero() {
		a.Change["ends"] = k.Ends.UTC()
	}
	return a
}
