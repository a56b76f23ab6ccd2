// Command reprise is a card gateway for one-click payment with a fresh CVN.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// cli is the whole command line; each subcommand has a file of its own.
type cli struct {
	LogLevel string           `help:"Log from this level on: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL"`
	Version  kong.VersionFlag `help:"Say which version this is."`
	// CPUProfile is for who works on the gateway: 'reprise bench --profile' sets it.
	CPUProfile string `name:"cpu-profile" hidden:"" type:"path"`

	Serve     serveCmd     `cmd:"" help:"Run a gateway: one node of any number on one database."`
	Migrate   migrateCmd   `cmd:"" help:"Bring a gateway's database up to date."`
	Vault     vaultCmd     `cmd:"" help:"Make the key file of a gateway."`
	Sandbox   sandboxCmd   `cmd:"" help:"Run everything on this machine: gateway, simulated bank and acquirer, example shop."`
	Simulator simulatorCmd `cmd:"" help:"Run the simulated outside world alone: acquirer host, directory server, the bank's pages."`
	Merchant  merchantCmd  `cmd:"" help:"Make, change and list merchants."`
	Keys      keysCmd      `cmd:"" help:"Make, list, rotate and revoke the API keys of merchants."`
	Audit     auditCmd     `cmd:"" help:"List who changed what decides about access."`
	Reconcile reconcileCmd `cmd:"" help:"Compare the books with the acquirer's; exit status 1 if they differ, 2 if that cannot be said."`
	Advice    adviceCmd    `cmd:"" help:"Look after what was told the acquirer and not acknowledged."`
	Backup    backupCmd    `cmd:"" help:"Copy the SQLite database of a gateway, which may run meanwhile."`
	Restore   restoreCmd   `cmd:"" help:"Make the SQLite database of a gateway from a backup."`
	Restored  restoredCmd  `cmd:"" help:"Make a PostgreSQL database fit for a gateway that was brought back by other means, as by pg_restore."`
	Webhook   webhookCmd   `cmd:"" help:"Look after the URLs that merchants are told at, and tell them again."`
	Bench     benchCmd     `cmd:"" help:"Measure a gateway on this machine, beside the limits of the machine."`
	Bare      bareCmd      `cmd:"" hidden:""`
}

func main() {
	forbidCoreDumps()
	var c cli
	parser := kong.Must(&c,
		kong.Name("reprise"),
		kong.Description("A self-hosted card gateway: one-click payment with a fresh CVN."),
		kong.Vars{"version": version()},
	)
	arguments := os.Args[1:]
	if len(arguments) == 0 {
		arguments = []string{"--help"}
	}
	command, err := parser.Parse(arguments)
	parser.FatalIfErrorf(err)
	var level slog.Level
	parser.FatalIfErrorf(level.UnmarshalText([]byte(c.LogLevel)))
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	leaveUnread(log)
	if err := profiled(c.CPUProfile, func() error { return command.Run(log) }); err != nil {
		status := 1
		if told := (*ended)(nil); errors.As(err, &told) {
			status, err = told.status, told.err
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "reprise:", err)
		}
		os.Exit(status)
	}
}

// ended is how a command ends whose exit status says something.
type ended struct {
	status int
	err    error // nil: all is said already
}

func (e *ended) Error() string { return fmt.Sprintf("exit status %d: %v", e.status, e.err) }

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "reprise (unknown version)"
	}
	v := "reprise " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v + " " + info.GoVersion
}
