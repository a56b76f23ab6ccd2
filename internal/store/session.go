package store

import (
	"context"
	"errors"

	"reprise/internal/payment"
)

// CreateSession writes a new session, its wake-up at expiry, and the customer if there is a new one.
// payment.ErrRepeated: the key of once was used before. payment.ErrTaken: another customer took the
// reference meanwhile. Nothing is written then.
func (s *Store) CreateSession(ctx context.Context, session payment.Session, newCustomer *payment.Customer, once *payment.Once) error {
	session.Version = 1
	d := s.newDraft()
	d.after = payment.Case{Session: session}
	if newCustomer != nil {
		d.newCustomer(*newCustomer)
	}
	data, err := encodeSession(session)
	if err != nil {
		return err
	}
	d.add(rankSession, `
INSERT INTO session (id, business, version, status, token, attempt, data) VALUES ($1, $2, 1, $3, $4, $5, $6)`,
		string(session.ID), string(session.Business), string(session.Status), string(session.Token), string(session.Open), data)
	d.work[payment.Work{Kind: payment.WorkSession, Ref: string(session.ID)}] = session.Expires
	if err := d.once(once); err != nil {
		return err
	}
	err = d.commit(ctx)
	if errors.Is(err, errLost) {
		var version int64
		written := s.one(context.WithoutCancel(ctx), `SELECT version FROM session WHERE id = $1`, []any{string(session.ID)}, &version)
		if written == nil {
			return nil
		}
	}
	return err
}

// session writes a session over the version that was read.
func (d *draft) session(s payment.Session) error {
	data, err := encodeSession(s)
	if err != nil {
		return err
	}
	d.add(rankSession, `
UPDATE session SET version = CASE WHEN version = $2 THEN version + 1 ELSE 1 / (version - version) END,
       status = $3, attempt = $4, data = $5
WHERE id = $1`,
		string(s.ID), s.Version, string(s.Status), string(s.Open), data)
	return nil
}

// encodeSession leaves the version to its column.
func encodeSession(s payment.Session) (string, error) {
	s.Version = 0
	return encode(s)
}
