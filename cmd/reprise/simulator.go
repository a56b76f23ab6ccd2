package main

import (
	"fmt"
	"log/slog"

	"reprise/internal/app"
)

type simulatorCmd struct {
	Listen string `help:"Loopback address of the bank's pages; directory server, acquirer host and control port take the three ports after it." default:"127.0.0.1:4245"`
	Data   string `help:"Directory in which its certificates are kept." default:"./reprise-world" type:"path"`
	Calm   bool   `help:"Turn off the everyday mischief: duplicates, late answers, lost acknowledgements."`

	TLS       bool   `help:"Have the acquirer host ask for mutual TLS and the bank's pages come by https, as 'reprise serve' wants it." name:"tls"`
	Authority string `help:"Name of its certificate authority, of which 'reprise serve' takes any but that of a sandbox." placeholder:"NAME"`
}

func (c *simulatorCmd) Run(log *slog.Logger) error {
	return untilInterrupted(func(r run) error {
		world, err := app.OpenWorld(app.Real(), app.WorldSettings{Listen: c.Listen, Data: c.Data, Calm: c.Calm, Authority: c.Authority, TLS: c.TLS}, log)
		if err != nil {
			return err
		}
		fmt.Printf("\n  Reprise simulator: the outside world, on this machine only\n\n  Use it with:\n\nreprise sandbox --simulator %s\n\n", world.ControlURL())
		<-r.ctx.Done()
		return r.close(world.Close)
	})
}
