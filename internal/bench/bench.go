package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// Options say what is measured.
type Options struct {
	Program   string   // the executable of which gateway, simulator and bare handler are processes
	Workloads []string // by name
	Databases []string // URL of a PostgreSQL server on which databases may be made, or sqlite

	Clients  int           // of the closed loop
	Rate     float64       // a second, of an open loop in its place; 0: closed
	WarmUp   time.Duration // before anything counts
	Duration time.Duration // of each measurement
	Rounds   int           // of everything, each with new processes and databases
	Limits   bool          // measure the limits in each round, too, and print ratios
	Own      bool          // measure, in each round with oneclick, how long a payment takes with nobody waited for
	Profile  bool          // say where the gateway's time goes
	Cold     bool          // measure how long a sandbox takes to start
	Stored   []int         // growth: how many payments are there before
	Steps    []float64     // latency by load: shares of the rate that the closed loop had, webhooks included

	JSON, SVG string // files to be written; empty: none
	Profiles  string // folder in which profiles stay, for go tool pprof; empty: none does

	Out io.Writer // what people read
	Say io.Writer // how it goes on
}

// check says what is wrong with options before anything is started.
func (o Options) check() ([]workload, map[string]bool, error) {
	chosen, others, err := choose(o.Workloads)
	problems := []error{err}
	wrong := func(is bool, what string) {
		if is {
			problems = append(problems, errors.New(what))
		}
	}
	wrong(len(o.Workloads) == 0, "no workload is named")
	wrong(len(o.Databases) == 0, "no database is named: sqlite, or the URL of a PostgreSQL server")
	wrong(o.Clients < 1 || o.Clients > crowd, fmt.Sprintf("clients are between 1 and %d", crowd))
	wrong(o.Rate < 0, "a rate is not negative")
	wrong(o.Duration < 100*time.Millisecond, "a measurement lasts a tenth of a second at least")
	wrong(o.WarmUp < 0, "a warm-up is not negative")
	wrong(o.Rounds < 1, "there is one round at least")
	wrong(others[growth] && len(o.Stored) < 2, "growth compares two sizes at least")
	wrong(slices.ContainsFunc(o.Stored, func(n int) bool { return n < 1 }), "stored payments are at least one")
	wrong(slices.ContainsFunc(o.Steps, func(n float64) bool { return n <= 0 || n > 1 }), "a step of the picture is a share of the rate, above 0 and at most 1")
	wrong(o.SVG != "" && len(chosen) == 0, "a picture is of a workload other than growth and webhooks")
	wrong(o.SVG != "" && len(o.Steps) < 2, "a picture needs two steps at least")
	for _, file := range []string{o.JSON, o.SVG, filepath.Join(o.Profiles, "any")} {
		if file != "" {
			_, err := os.Stat(filepath.Dir(file))
			problems = append(problems, err)
		}
	}
	wrong(o.Profiles != "" && !o.Profile, "profiles can only stay where some are taken")
	for i, d := range o.Databases {
		wrong(slices.Contains(o.Databases[:i], d), "a database is named twice")
	}
	return chosen, others, errors.Join(problems...)
}

// Report is all that was found out.
type Report struct {
	Started   time.Time          `json:"started"`
	Machine   string             `json:"machine"`
	Busy      string             `json:"load_before"` // the machine's load averages before anything was started; empty: not known
	Clients   int                `json:"clients"`
	Results   []Result           `json:"results"`
	Ratios    []Ratio            `json:"ratios"`
	ColdStart map[string]float64 `json:"cold_start_ms"` // medians: from the process to ready, by what is started
	Filled    []Filled           `json:"filled,omitempty"`
	Shares    []Shares           `json:"profile,omitempty"`
	Beyond    []string           `json:"beyond,omitempty"` // latency by load: rates that could not be had, and why
	Ended     string             `json:"ended,omitempty"`  // why the run ended before it was at its end

	starts map[string][]float64
}

// Run measures, prints what it found, and writes the files that it was asked for. Any error of any operation ends it. What was
// measured by then is told all the same, but for the picture, and that it is not all.
func Run(ctx context.Context, o Options) error {
	chosen, others, err := o.check()
	if err != nil {
		return err
	}
	r := &Report{
		Started: time.Now().UTC(), Clients: o.Clients, starts: map[string][]float64{},
		Busy:    loadAverage(),
		Machine: fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
	}
	early := r.all(ctx, o, chosen, others)
	if early != nil && len(r.Results) == 0 {
		return early
	}
	if early != nil {
		o.SVG, r.Ended = "", early.Error()
	}
	r.Ratios = ratios(r.Results)
	r.ColdStart = map[string]float64{}
	for what, all := range r.starts {
		slices.Sort(all)
		r.ColdStart[what] = median(all)
	}
	if err := errors.Join(r.print(o.Out), r.write(o)); err != nil {
		return err
	}
	return early
}

// all measures what was asked for, in this order: rounds, growth and webhooks, the picture, profiles, cold starts.
func (r *Report) all(ctx context.Context, o Options, chosen []workload, others map[string]bool) error {
	for round := 1; round <= o.Rounds && len(chosen) > 0; round++ {
		if err := r.round(ctx, o, chosen, round); err != nil {
			return err
		}
	}
	for _, database := range o.Databases {
		if others[growth] {
			if err := r.grow(ctx, o, database); err != nil {
				return err
			}
		}
		if others[webhooks] {
			if err := r.deliver(ctx, o, database); err != nil {
				return err
			}
		}
		if o.SVG != "" {
			if err := r.step(ctx, o, chosen[0], database); err != nil {
				return err
			}
		}
		if !o.Profile {
			continue
		}
		for _, w := range profiled(chosen) {
			if err := r.profile(ctx, o, w, database); err != nil {
				return err
			}
		}
	}
	for range o.Rounds {
		if o.Cold {
			if err := r.cold(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// round measures everything once. Rounds go through the databases forwards and backwards in turn, so that what a
// machine does over time is not taken for a difference between them.
func (r *Report) round(ctx context.Context, o Options, chosen []workload, round int) error {
	databases := slices.Clone(o.Databases)
	if round%2 == 0 {
		slices.Reverse(databases)
	}
	for _, database := range databases {
		err := r.at(ctx, o, database, "", func(s *site) error {
			for _, w := range chosen {
				fmt.Fprintf(o.Say, "round %d: %s on %s\n", round, w.name, s.kind)
				result, err := s.measure(ctx, w, o.load())
				if err != nil {
					return err
				}
				if w.name == "oneclick" && o.Own {
					if result.Own, result.Quiet, err = s.ownTime(ctx, o.load()); err != nil {
						return err
					}
				}
				result.Round = round
				r.Results = append(r.Results, result)
			}
			return nil
		})
		if err != nil || !o.Limits {
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(o.Say, "round %d: limits of %s\n", round, kindOf(database))
		results, err := limits(ctx, o.Program, database, o.load())
		if err != nil {
			return err
		}
		for _, result := range results {
			result.Round = round
			r.Results = append(r.Results, result)
		}
	}
	return nil
}

func (o Options) load() load {
	return load{clients: o.Clients, rate: o.Rate, warmUp: o.WarmUp, duration: o.Duration}
}

// leastCards is how many stored cards there are at least, beside two for each client. At most five payments can be under way with
// a card, and in an open loop, when too much is asked for, as many are as the gateway takes on.
const leastCards = 64

// at opens a site, does something at it, and takes it away again.
func (r *Report) at(ctx context.Context, o Options, database, profile string, do func(*site) error) error {
	s, err := openSite(ctx, o.Program, database, profile, max(leastCards, 2*o.Clients))
	if err != nil {
		return err
	}
	defer s.close()
	r.started(s)
	return do(s)
}

// started notes how long a gateway took to start.
func (r *Report) started(s *site) {
	what := "gateway on " + s.kind
	r.starts[what] = append(r.starts[what], milliseconds(s.coldStart))
}

// step measures a workload at shares of what the closed loop came to, as an open loop. A rate that cannot be had is no
// error: whoever asks for more than can be done is told so, and the picture ends there.
func (r *Report) step(ctx context.Context, o Options, w workload, database string) error {
	return r.at(ctx, o, database, "", func(s *site) error {
		l := o.load()
		l.rate = 0
		most, err := s.measure(ctx, w, l)
		if err != nil {
			return err
		}
		for _, share := range o.Steps {
			l.rate = share * most.Full
			fmt.Fprintf(o.Say, "%s on %s at %.0f a second\n", w.name, s.kind, l.rate)
			result, err := s.measure(ctx, w, l)
			switch {
			case errors.Is(err, errTooMuch):
				r.Beyond = append(r.Beyond, fmt.Sprintf("%.0f a second: %v", l.rate, err))
				return nil
			case err != nil:
				return err
			}
			r.Results = append(r.Results, result)
		}
		return nil
	})
}
