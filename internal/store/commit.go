package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"reprise/internal/payment"
)

// stmt is one statement of a commit. A commit is a list of them in one fixed order of rows, so that no two
// commits wait for each other.
type stmt struct {
	sql     string
	args    []any
	each    func(row) error // called for each row that comes back; nil: none is expected
	inserts insertion       // nothing: it does not, or what it inserts is alone
	used    error           // what it means when a unique key refuses a row; nil: errConflict
}

// row is one row that came back.
type row interface{ Scan(into ...any) error }

// engine hands lists of statements to a database.
type engine interface {
	// commit writes all of a list or nothing. It fails with errConflict, errUndone, errLost, the used of the
	// statement that a unique key refused, payment.ErrUnavailable, or an error that is the database's own.
	commit(ctx context.Context, list []stmt) error
	// scrub clears away what was overwritten, as far as the database lets us.
	scrub(ctx context.Context) error
	// query reads. It sees everything that was committed before it was called. It fails with
	// payment.ErrUnavailable or an error that is the database's own.
	query(ctx context.Context, q stmt) error
	// find is query of what keys lead to, which takes no time: it may wait for others that do no more. Rows may
	// be told once more, from the first.
	find(ctx context.Context, q stmt) error
	connections() Connections
	close()
}

var (
	// errConflict: a guard refused. Nothing was written.
	errConflict = errors.New("store: the row has changed")
	// errUndone: the database took the commit back for reasons of its own, a deadlock or a serialisation
	// failure, or the connection was gone before anything was sent. Nothing was written, and the same commit may be tried again.
	errUndone = fmt.Errorf("store: the database took the commit back: %w", payment.ErrUnavailable)
	// errLost: no answer came. The commit may have been made.
	errLost = fmt.Errorf("store: the answer to a commit was lost: %w", payment.ErrUnsure)
)

// unreached is what becomes of who does not get to the database.
func unreached(err error) error {
	return fmt.Errorf("store: no connection: %w: %w", payment.ErrUnavailable, err)
}

// patience is how often a commit is tried that the database took back.
const patience = 5

func (s *Store) commit(ctx context.Context, list ...stmt) error {
	for try := 1; ; try++ {
		err := s.engine.commit(ctx, list)
		if !errors.Is(err, errUndone) || try == patience {
			return err
		}
		if err := s.pause(ctx, try); err != nil {
			return err
		}
	}
}

// pause waits a little, the longer the more often it was in vain, and each as long as chance says: so those
// who were in each other's way do not meet again.
func (s *Store) pause(ctx context.Context, vain int) error {
	var chance [1]byte
	if _, err := io.ReadFull(s.Rand, chance[:]); err != nil {
		return fmt.Errorf("store: no randomness: %w", err)
	}
	over, stop := s.Timer(time.Duration(vain) * time.Duration(chance[0]) * 20 * time.Microsecond)
	defer stop()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
