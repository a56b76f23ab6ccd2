// Command reprise is a card gateway for one-click payment with a fresh CVN.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"
)

// cli is the whole command line; each subcommand has a file of its own.
type cli struct {
	LogLevel slog.Level `help:"Log from this level on: debug, info, warn or error." default:"info" placeholder:"LEVEL"`

	Sandbox   sandboxCmd   `cmd:"" help:"Run everything on this machine: gateway, simulated bank and acquirer, example shop."`
	Simulator simulatorCmd `cmd:"" help:"Run the simulated outside world alone: acquirer host, directory server, the bank's pages."`
}

func main() {
	forbidCoreDumps()
	var c cli
	parser := kong.Must(&c,
		kong.Name("reprise"),
		kong.Description("A self-hosted card gateway: one-click payment with a fresh CVN."),
		kong.UsageOnError(),
	)
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	if err := command.Run(log); err != nil {
		fmt.Fprintln(os.Stderr, "reprise:", err)
		os.Exit(1)
	}
}
