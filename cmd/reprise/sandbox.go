package main

import (
	"fmt"
	"log/slog"

	"reprise/internal/app"
)

type sandboxCmd struct {
	Listen    string   `help:"Loopback address of the gateway; results, shop and the simulated world take the six ports after it." default:"127.0.0.1:4242"`
	Data      string   `help:"Directory in which everything is kept." default:"./reprise-data" type:"path"`
	Database  string   `help:"PostgreSQL URL, instead of an SQLite file in the data directory." placeholder:"URL"`
	Webhook   []string `help:"Another URL that webhooks are sent to; may be repeated." placeholder:"URL" sep:"none"`
	Simulator string   `help:"Control URL of a simulator that runs already (see 'reprise simulator')." placeholder:"URL"`
	Calm      bool     `help:"Turn off the simulator's everyday mischief: duplicates, late answers, lost acknowledgements."`
}

func (c *sandboxCmd) Run(log *slog.Logger) error {
	return untilInterrupted(func(r run) error {
		sandbox, err := app.OpenSandbox(r.ctx, app.Real(), app.SandboxSettings{
			Listen: c.Listen, Data: c.Data, Database: c.Database, Webhooks: c.Webhook, Simulator: c.Simulator, Calm: c.Calm,
		}, log)
		if err != nil {
			return err
		}
		fmt.Print(sandbox.Banner())
		<-r.ctx.Done()
		return r.close(sandbox.Close)
	})
}
