package store

import "reprise/internal/payment"

// session writes a session: a new one at version 0, else over the version that was read.
func (d *draft) session(s payment.Session) error {
	version := s.Version
	s.Version = 0 // the column has it
	data, err := encodeRow(s, s.Unread)
	if err != nil {
		return err
	}
	if version == 0 {
		d.add(rankSession, `
INSERT INTO session (id, business, version, status, token, attempt, link, data) VALUES ($1, $2, 1, $3, $4, $5, $6, $7)`,
			string(s.ID), string(s.Business), string(s.Status), string(s.Token), string(s.Open), s.Link, data)
		return nil
	}
	d.add(rankSession, `
UPDATE session SET version = CASE WHEN version = $2 THEN version + 1 ELSE 1 / (version - version) END,
       status = $3, attempt = $4, data = $5
WHERE id = $1`,
		string(s.ID), version, string(s.Status), string(s.Open), data)
	return nil
}
