package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drain is how long a stop waits for what is under way: longer than bank and acquirer have for their answers, which one
// call may ask one after the other.
const drain = 30 * time.Second

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
	err := do(run{ctx})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // interrupted while it was starting
	}
	return err
}
