package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"reprise/internal/app"
)

type migrateCmd struct {
	officeFlags
	Check bool `help:"List what the database lacks and change nothing; the exit status is 1 if that is anything."`
}

func (c *migrateCmd) Run(log *slog.Logger) error {
	return untilInterrupted(func(r run) error {
		database, err := c.named()
		if err != nil {
			return err
		}
		missing, err := app.Missing(r.ctx, app.Real(), database)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !c.Check:
			missing = []string{"the database is made"}
		case err != nil:
			return err
		case len(missing) == 0:
			fmt.Println("the database is up to date")
			return nil
		case c.Check:
			fmt.Println(strings.Join(missing, "\n"))
			return fmt.Errorf("the database lacks %d migrations", len(missing))
		}
		err = app.Migrate(r.ctx, app.Real(), database, log)
		if err == nil {
			fmt.Println(strings.Join(missing, "\n"))
		}
		return err
	})
}
