package main

import (
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
	Database string `help:"PostgreSQL URL, or path of an SQLite file." default:"./reprise-data/reprise.db" env:"REPRISE_DATABASE"`
}

// open opens the office for as long as do takes.
func (f officeFlags) open(log *slog.Logger, do func(context.Context, *app.Office) error) error {
	return untilInterrupted(func(r run) error {
		office, err := app.OpenOffice(r.ctx, app.Real(), f.Database, account(), log)
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
