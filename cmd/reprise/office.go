package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"text/tabwriter"

	"reprise/internal/app"
)

// officeFlags are those of every command that works on the database of a gateway, whether one runs or not.
type officeFlags struct {
	Database     string `help:"PostgreSQL URL, or path of an SQLite file; without it ./reprise-data/reprise.db, which is the sandbox's." placeholder:"URL" env:"REPRISE_DATABASE"`
	DatabaseFile string `help:"File that holds the URL on one line." type:"path" placeholder:"FILE" env:"REPRISE_DATABASE_FILE"`
}

// named is the database that the command is to work on.
func (f officeFlags) named() (string, error) {
	database, err := app.NamedDatabase(f.Database, f.DatabaseFile)
	return cmp.Or(database, "./reprise-data/reprise.db"), err
}

// open opens the office for as long as do takes.
func (f officeFlags) open(log *slog.Logger, do func(context.Context, *app.Office) error) error {
	return untilInterrupted(func(r run) error {
		database, err := f.named()
		if err != nil {
			return err
		}
		office, err := app.OpenOffice(r.ctx, app.Real(), database, account(), log)
		if err != nil {
			return err
		}
		if err := do(r.ctx, office); err != nil {
			_ = r.close(office.Close)
			return err
		}
		return r.close(office.Close)
	})
}

// account is who types this, by the operating system; its number where it has no name.
func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

// table prints rows whose cells are set apart by tabs.
func table(rows []string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, row)
	}
	return w.Flush()
}
