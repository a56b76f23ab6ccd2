package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// backlog is how many webhooks wait, and resendable how many an operator may have sent again at once.
const (
	backlog    = 5000
	resendable = 500
)

// deliver measures how fast webhooks are delivered that wait, with nothing else to do: as after a merchant's endpoint was
// away. They are of payments copied from those that the gateway has made, and an operator has them sent again while no
// gateway runs. The rate is from the first that came to the last.
func (r *Report) deliver(ctx context.Context, o Options, database string) error {
	return r.at(ctx, o, database, "", func(s *site) error {
		if err := s.makeTemplates(ctx); err != nil {
			return err
		}
		s.gateway.stop()
		if err := s.fill(ctx, 0, backlog/2); err != nil {
			return fmt.Errorf("filling %s: %w", s.kind, err)
		}
		again, after := []string{
			"webhook", "resend", "--database-file", s.path("database"), "--keys", s.path("keys.json"), "--allow", "127.0.0.0/8",
			"--merchant", s.business, "--delivered", "--from", time.Now().Add(-2 * past).UTC().Format(time.RFC3339),
			"--to", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
		}, ""
		waiting := 0
		for waiting < backlog-resendable {
			words := again
			if after != "" {
				words = append(slices.Clone(again), "--after", after)
			}
			said, err := typed(ctx, s.program, words...)
			if err != nil {
				return err
			}
			waiting += resendable
			if _, after, _ = strings.Cut(said, "the same words and --after "); after == "" {
				return errors.New("fewer webhooks wait than were to: " + said)
			}
		}
		fmt.Fprintf(o.Say, "webhooks: %d wait on %s\n", waiting, s.kind)
		s.sink.take()
		if err := s.openGateway(ctx, ""); err != nil {
			return err
		}
		before, err := s.used(ctx)
		if err != nil {
			return err
		}
		if err := s.sink.wait(ctx, func() int { return waiting - len(s.sink.came) }); err != nil {
			return err
		}
		then, err := s.used(ctx)
		if err != nil {
			return err
		}
		var first, last time.Time
		for _, a := range s.sink.take() {
			if first.IsZero() || a.at.Before(first) {
				first = a.at
			}
			if a.at.After(last) {
				last = a.at
			}
		}
		result := Result{Name: webhooks, Database: s.kind, Count: int64(waiting), CPU: map[string]float64{}, Memory: map[string]int64{}}
		result.Rate = float64(waiting-1) / last.Sub(first).Seconds()
		result.Full, result.Webhooks = result.Rate, result.Rate
		for who, used := range then {
			result.CPU[who], result.Memory[who] = milliseconds(used.CPU-before[who].CPU)/float64(waiting), used.Peak
		}
		r.Results = append(r.Results, result)
		return nil
	})
}
