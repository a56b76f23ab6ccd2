package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drain is how long a stop waits for what is under way: longer than the acquirer has for an answer.
const drain = 20 * time.Second

// run lasts until somebody wants it to end.
type run struct{ ctx context.Context }

// close gives an orderly stop its time.
func (run) close(stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	return stop(ctx)
}

// untilInterrupted runs do until Ctrl-C or a termination signal; a second one ends the process at once.
func untilInterrupted(do func(run) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return do(run{ctx})
}
