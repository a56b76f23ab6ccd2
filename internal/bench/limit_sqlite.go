package bench

import (
	"context"
	"database/sql"
	"errors"
	"net/url"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqliteFile names a database that is a file of its own for each run.
const sqliteFile = "sqlite"

// writer puts the commits that wait into one transaction and answers none before that is on disk (group commit): the
// fewest syncs with which each is durable. It knows no savepoints: of a limit no commit is refused.
type writer struct {
	db       *sql.DB
	waiting  chan waiting
	done     chan struct{}
	prepared map[string]*sql.Stmt
}

type waiting struct {
	list   []statement
	answer chan error
}

// group is how many commits share a transaction at most, as in the gateway.
const group = 256

func openWriter(path string) (engine, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)",
	}}.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &writer{db: db, waiting: make(chan waiting, group), done: make(chan struct{}), prepared: map[string]*sql.Stmt{}}
	go w.serve()
	return w, nil
}

func (w *writer) commit(_ context.Context, list ...statement) error {
	answer := make(chan error, 1)
	w.waiting <- waiting{list, answer}
	return <-answer
}

func (w *writer) close() {
	close(w.waiting)
	<-w.done
	for _, p := range w.prepared {
		_ = p.Close()
	}
	_ = w.db.Close()
}

func (w *writer) serve() {
	defer close(w.done)
	for first := range w.waiting {
		together := []waiting{first}
	more:
		for len(together) < group {
			select {
			case next, open := <-w.waiting:
				if !open {
					break more
				}
				together = append(together, next)
			default:
				break more
			}
		}
		err := w.write(together)
		for _, one := range together {
			one.answer <- err
		}
	}
}

func (w *writer) write(together []waiting) error {
	if err := w.exec(statement{sql: `BEGIN IMMEDIATE`}); err != nil {
		return err
	}
	for _, one := range together {
		for _, s := range one.list {
			if err := w.exec(s); err != nil {
				return errors.Join(err, w.exec(statement{sql: `ROLLBACK`}))
			}
		}
	}
	return w.exec(statement{sql: `COMMIT`})
}

func (w *writer) exec(s statement) error {
	p := w.prepared[s.sql]
	if p == nil {
		var err error
		if p, err = w.db.Prepare(s.sql); err != nil {
			return err
		}
		w.prepared[s.sql] = p
	}
	_, err := p.Exec(s.args...)
	return err
}
