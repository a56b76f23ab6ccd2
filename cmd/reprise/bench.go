package main

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"reprise/internal/bench"
)

type benchCmd struct {
	Workload []string `arg:"" help:"What is measured: session, oneclick, frictionless, challenge, refund, mixed, growth or webhooks; docs/performance.md explains them."`

	Database []string `help:"sqlite, or the URL of a PostgreSQL server on which databases may be made, which are gone at the end; may be repeated. A URL with a password is taken from the variable of the environment." default:"sqlite" sep:" " env:"REPRISE_BENCH_DATABASE" placeholder:"URL"`

	Clients  int           `help:"Closed loop: how many ask, each again when it was answered." default:"16" group:"How much is asked"`
	Rate     float64       `help:"Open loop: so many a second, at times that are fixed in advance, whatever is answered when." group:"How much is asked" placeholder:"N"`
	WarmUp   time.Duration `help:"How long is asked before anything counts." default:"2s" group:"How much is asked"`
	Duration time.Duration `help:"How long each measurement counts." default:"10s" group:"How much is asked"`
	Rounds   int           `help:"How often everything is measured, each time with new processes and databases." default:"1" group:"How much is asked"`
	Stored   []int         `help:"Growth: how many payments are stored before." default:"10000,1000000" group:"How much is asked" placeholder:"N,…"`
	Steps    []float64     `help:"With --svg: shares of the closed loop's rate that are asked for." default:"0.1,0.25,0.4,0.55,0.7,0.8,0.9" group:"How much is asked" placeholder:"SHARE,…"`

	Limits  bool `help:"Measure the limits of the machine in each round, too, and print how the rates compare." group:"What else is measured"`
	Own     bool `help:"Measure how long a one-click payment takes of which the acquirer is not waited for, with one client." group:"What else is measured"`
	Cold    bool `help:"Measure how long a sandbox takes from its start until it is ready."`
	Profile bool `help:"Say where the gateway's processor time goes, with session and oneclick where they are measured, else with oneclick." group:"What else is measured"`

	Profiles string `help:"With --profile: folder in which the profiles stay, for 'go tool pprof'." type:"path" group:"Files" placeholder:"FOLDER"`
	JSON     string `help:"File for all figures." name:"json" type:"path" group:"Files" placeholder:"FILE"`
	SVG      string `help:"File for a picture of latency by load, of the first workload." name:"svg" type:"path" group:"Files" placeholder:"FILE"`
}

func (c *benchCmd) Run(ctx *kong.Context) error {
	for _, path := range ctx.Path {
		if path.Flag != nil && path.Flag.Name == "database" && slices.ContainsFunc(c.Database, hasPassword) {
			return errors.New("database: it holds a password, which others could read here. Put it into the variable REPRISE_BENCH_DATABASE")
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return untilInterrupted(func(r run) error {
		return bench.Run(r.ctx, bench.Options{
			Program: program, Workloads: c.Workload, Databases: c.Database,
			Clients: c.Clients, Rate: c.Rate, WarmUp: c.WarmUp, Duration: c.Duration, Rounds: c.Rounds, Stored: c.Stored, Steps: c.Steps,
			Limits: c.Limits, Own: c.Own, Cold: c.Cold, Profile: c.Profile, JSON: c.JSON, SVG: c.SVG, Profiles: c.Profiles, Out: os.Stdout, Say: os.Stderr,
		})
	})
}

// bareCmd is the least that answers a request durably, for reprise bench to compare with. It is started by nobody else.
type bareCmd struct {
	DatabaseFile string `help:"File that holds the URL." type:"path" required:""`
	Webhooks     string `help:"Where a merchant is told; without it nobody is."`
	Roots        string `help:"File of authorities that vouch for the merchant." type:"path"`
}

func (c *bareCmd) Run() error {
	return untilInterrupted(func(r run) error { return bench.Bare(r.ctx, c.DatabaseFile, c.Webhooks, c.Roots, os.Stdout) })
}
