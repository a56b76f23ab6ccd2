package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// Filled says what stored payments take.
type Filled struct {
	Database string  `json:"database"`
	Payments int     `json:"payments"`
	Bytes    int64   `json:"bytes"`           // of the whole database, indexes too, by then
	Each     float64 `json:"bytes_each"`      // of one payment
	Seconds  float64 `json:"seconds_to_fill"` // by copying; a gateway takes longer
}

func (f Filled) String() string {
	return fmt.Sprintf("%d stored payments on %s: %.1f MB, %.0f bytes each; filled in %.0f s", f.Payments, f.Database, float64(f.Bytes)/1e6, f.Each, f.Seconds)
}

// grow measures oneclick on a database that holds more and more payments. What is stored is copied from payments that the
// gateway has made before, while it does not run: nothing of how it stores them has to be known here.
func (r *Report) grow(ctx context.Context, o Options, database string) error {
	sizes := slices.Sorted(slices.Values(o.Stored))
	return r.at(ctx, o, database, "", func(s *site) error {
		chosen, _, err := choose([]string{"oneclick"})
		if err != nil {
			return err
		}
		if err := s.makeTemplates(ctx); err != nil {
			return err
		}
		stored := 0
		for _, size := range sizes {
			s.gateway.stop()
			fmt.Fprintf(o.Say, "growth: filling %s up to %d payments\n", s.kind, size)
			before, err := s.size(ctx)
			if err != nil {
				return err
			}
			began := time.Now()
			if err := s.fill(ctx, stored, size); err != nil {
				return fmt.Errorf("filling %s: %w", s.kind, err)
			}
			took := time.Since(began)
			bytes, err := s.size(ctx)
			if err != nil {
				return err
			}
			r.Filled = append(r.Filled, Filled{s.kind, size, bytes, float64(bytes-before) / float64(size-stored), took.Seconds()})
			stored = size
			if err := s.openGateway(ctx, ""); err != nil {
				return err
			}
			r.started(s)
			l := o.load()
			l.rate = 0
			fmt.Fprintf(o.Say, "growth: oneclick on %s with %d payments\n", s.kind, size)
			result, err := s.measure(ctx, chosen[0], l)
			if err != nil {
				return err
			}
			result.Stored = size
			r.Results = append(r.Results, result)
		}
		return nil
	})
}

// size is how many bytes the database takes.
func (s *site) size(ctx context.Context) (bytes int64, err error) {
	if s.admin == "" {
		info, err := os.Stat(s.server)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	db, err := s.database()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return bytes, db.QueryRowContext(ctx, `SELECT pg_database_size(current_database())`).Scan(&bytes)
}
