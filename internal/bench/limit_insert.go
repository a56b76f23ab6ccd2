package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
)

// bare is a handler that reads a body of JSON, commits one row and answers with JSON.
func bare(e engine) http.HandlerFunc {
	var n atomic.Int64
	return answering(func(r *http.Request) error {
		return e.commit(context.WithoutCancel(r.Context()), insertSession(n.Add(1)))
	})
}

// bareHandler measures it in a process of its own, as a gateway is measured, with the bodies that a gateway gets.
func bareHandler(ctx context.Context, program, database, dir string, l load) (Result, error) {
	at, err := limitDatabase(ctx, database, dir)
	if err != nil {
		return Result{}, err
	}
	defer forget(database, at)
	p, url, err := startBare(ctx, program, dir, at)
	if err != nil {
		return Result{}, err
	}
	defer p.stop()
	c := newClient(url, "", nil)
	defer c.close()
	s := &site{client: c}
	m, err := l.run(ctx, s.next, func(ctx context.Context, n int64) error {
		_, err := c.ask(ctx, http.MethodPost, "/sessions", "", s.sessionOf(n))
		return err
	}, func() error { return nil })
	if err != nil {
		return Result{}, fmt.Errorf("%s on %s: %w", limitInsert, kindOf(database), err)
	}
	return limited(limitInsert, m), nil
}
