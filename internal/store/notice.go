package store

import (
	"fmt"

	"reprise/internal/payment"
)

// tell writes a notice, and a delivery for each endpoint of the merchant that wants it. Its body is made here, from the
// case as the commit leaves it, and never again.
func (d *draft) tell(kind payment.NoticeKind) error {
	id, err := d.newEvent()
	if err != nil {
		return err
	}
	object, sequence, err := kind.Subject(d.after)
	if err != nil {
		return err
	}
	// The version is the sequence: guarded by the row in this very commit, it is nobody else's. So what is told
	// about must be written here, and one event tells of it.
	if was, version, err := kind.Subject(d.before); err == nil && was == object && version == sequence {
		return fmt.Errorf("store: %s is told of what does not change", kind)
	}
	if d.told[object] {
		return fmt.Errorf("store: %s is told of what is told of already", kind)
	}
	d.told[object] = true
	data, err := d.store.Render(kind, d.after, d.at)
	if err != nil {
		return fmt.Errorf("store: %s cannot be written: %w", kind, err)
	}
	n := payment.Notice{
		ID: id, Business: d.after.Merchant.ID, Kind: kind, Object: object, Sequence: sequence, Data: data, Created: fromMicros(micros(d.at)),
	}
	args := []any{string(n.ID), string(n.Business), string(n.Kind), n.Object, string(n.Data), micros(n.Created), n.Sequence}
	inBooks := `$7`
	if r := d.after.Request; r != nil && len(d.rows[rankNotice]) == 0 {
		// An update of a row that is not there is no error. Where the database has lost the attempt, with a primary whose
		// last commits no standby had, the merchant must not be told what is not in the books: the first notice has the
		// whole commit refused.
		inBooks = `(SELECT CASE COUNT(*) WHEN 0 THEN 1 / COUNT(*) ELSE CAST($7 AS BIGINT) END FROM request WHERE id = $8)`
		args = append(args, string(r.ID))
	}
	d.add(rankNotice, `
INSERT INTO notice (id, business, kind, object, data, created, sequence) VALUES ($1, $2, $3, $4, $5, $6, `+inBooks+`)`, args...)
	for _, e := range d.after.Merchant.Endpoints {
		if e.Wants(kind) {
			d.deliver(n, e)
		}
	}
	return nil
}
