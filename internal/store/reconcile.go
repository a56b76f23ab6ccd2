package store

import (
	"context"
	"slices"
	"time"

	"reprise/internal/payment"
)

// recordBatch is how many attempts are read at once for the books: few enough that a look at a year of them needs
// no more memory than one at a day.
const recordBatch = 100

// RecordsMade reads the records of the attempts that were made from one time to another, the oldest first. Not all
// are read at one moment: what changes meanwhile is younger than what anybody compares.
func (s *Store) RecordsMade(ctx context.Context, from, to time.Time, each func(payment.Record) error) error {
	return s.records(ctx, stmt{
		sql:  `SELECT id, id FROM request WHERE id > $3 AND id >= $1 AND id < $2 ORDER BY id LIMIT $4`,
		args: []any{"pr-" + firstID(from), "pr-" + firstID(to)},
	}, each)
}

// RecordsAdvised reads the records of attempts of which an advice was opened from one time to another. One with
// several may come several times.
func (s *Store) RecordsAdvised(ctx context.Context, from, to time.Time, each func(payment.Record) error) error {
	return s.records(ctx, stmt{
		sql:  `SELECT id, request FROM advice WHERE id > $3 AND id >= $1 AND id < $2 ORDER BY id LIMIT $4`,
		args: []any{firstID(from), firstID(to)},
	}, each)
}

// RecordsOpen reads the records of attempts with an advice that is still repeated, however old.
func (s *Store) RecordsOpen(ctx context.Context, each func(payment.Record) error) error {
	return s.records(ctx, stmt{
		sql: `
SELECT w.ref, a.request FROM work w JOIN advice a ON a.id = w.ref
WHERE w.kind = $1 AND a.status = $2 AND w.ref > $3 ORDER BY w.ref LIMIT $4`,
		args: []any{string(payment.WorkAdvice), string(payment.AdviceOpen)},
	}, each)
}

// records reads page after page of what a query names: of each page the place behind which the next begins, and
// the attempt.
func (s *Store) records(ctx context.Context, page stmt, each func(payment.Record) error) error {
	for place := ""; ; {
		var requests []string
		read := 0
		err := s.engine.query(ctx, stmt{
			sql: page.sql, args: append(slices.Clone(page.args), place, int64(recordBatch)),
			each: func(r row) error {
				var request string
				err := r.Scan(&place, &request)
				read++
				if !slices.Contains(requests, request) {
					requests = append(requests, request)
				}
				return err
			},
		})
		if err != nil {
			return err
		}
		list, err := s.recordsOf(ctx, requests)
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := each(r); err != nil {
				return err
			}
		}
		if read < recordBatch {
			return nil
		}
	}
}

// Record reads the record of one attempt.
func (s *Store) Record(ctx context.Context, id payment.RequestID) (payment.Record, error) {
	list, err := s.recordsOf(ctx, []string{string(id)})
	if err == nil && len(list) == 0 {
		err = payment.ErrNotFound
	}
	if err != nil {
		return payment.Record{}, err
	}
	return list[0], nil
}

// RecordSent reads the record of the attempt whose authorisation has this Trace.Key.
func (s *Store) RecordSent(ctx context.Context, key string) (payment.Record, error) {
	var id string
	if err := s.one(ctx, `SELECT request FROM trace WHERE key = $1`, []any{key}, &id); err != nil {
		return payment.Record{}, err
	}
	return s.Record(ctx, payment.RequestID(id))
}

// recordsOf reads at most recordBatch records, in the order of their ids.
func (s *Store) recordsOf(ctx context.Context, requests []string) ([]payment.Record, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	for len(requests) < recordBatch { // one text for any number of them
		requests = append(requests, "")
	}
	var list []payment.Record
	var args []any
	in := ` IN (` + places(&args, requests) + `)`
	of := map[string]int{}
	err := s.engine.query(ctx, stmt{
		sql: `SELECT id, version, data FROM request WHERE id` + in + ` ORDER BY id`, args: args,
		each: func(row row) error {
			var id string
			var data []byte
			var r payment.Record
			if err := row.Scan(&id, &r.Request.Version, &data); err != nil {
				return err
			}
			version := r.Request.Version
			err := decode(data, &r.Request)
			r.Request.Version = version
			of[id], list = len(list), append(list, r)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	err = s.engine.query(ctx, stmt{
		sql: `SELECT request, data FROM advice WHERE request` + in + ` ORDER BY id`, args: args,
		each: func(row row) error {
			return part(row, list, of, func(r *payment.Record, a payment.Advice) { r.Advices = append(r.Advices, a) })
		},
	})
	if err != nil {
		return nil, err
	}
	err = s.engine.query(ctx, stmt{
		sql: `SELECT request, data FROM refund WHERE request` + in + ` ORDER BY id`, args: args,
		each: func(row row) error {
			return part(row, list, of, func(r *payment.Record, f payment.Refund) { r.Refunds = append(r.Refunds, f) })
		},
	})
	return list, err
}

// part reads what belongs to a record.
func part[T any](row row, list []payment.Record, of map[string]int, add func(*payment.Record, T)) error {
	var request string
	var data []byte
	if err := row.Scan(&request, &data); err != nil {
		return err
	}
	var object T
	if err := decode(data, &object); err != nil {
		return err
	}
	if at, ok := of[request]; ok {
		add(&list[at], object)
	}
	return nil
}
