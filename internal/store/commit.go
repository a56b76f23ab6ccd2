package store

import (
	"context"
	"errors"
)

// stmt is one statement of a commit. A commit is a list of them in one fixed order of rows, so that no two
// commits wait for each other.
type stmt struct {
	sql  string
	args []any
	each func(row) error // called for each row that comes back; nil: none is expected
	used error           // what it means when a unique key refuses a row; nil: errConflict
}

// row is one row that came back.
type row interface{ Scan(into ...any) error }

// engine hands lists of statements to a database.
type engine interface {
	// commit writes all of a list or nothing. It fails with errConflict, errUndone, errLost, the used of the
	// statement that a unique key refused, or an error that is the database's own.
	commit(ctx context.Context, list []stmt) error
	// query reads. It sees everything that was committed before it was called.
	query(ctx context.Context, q stmt) error
	close()
}

var (
	// errConflict: a guard refused. Nothing was written.
	errConflict = errors.New("store: the row has changed")
	// errUndone: the database took the commit back for reasons of its own, a deadlock or a serialisation
	// failure. Nothing was written, and the same commit may be tried again.
	errUndone = errors.New("store: the database took the commit back")
	// errLost: no answer came. The commit may have been made.
	errLost = errors.New("store: the answer to a commit was lost")
)

// patience is how often a commit is tried that the database took back.
const patience = 5

func (s *Store) commit(ctx context.Context, list ...stmt) error {
	for try := 1; ; try++ {
		err := s.engine.commit(ctx, list)
		if !errors.Is(err, errUndone) || try == patience {
			return err
		}
	}
}
