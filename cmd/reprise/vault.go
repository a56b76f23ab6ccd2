package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"reprise/internal/app"
)

type vaultCmd struct {
	Create vaultCreateCmd `cmd:"" help:"Make the key file of a new gateway: every stored card is sealed with what is in it. Give each node a copy, keep one where no database is, and let nobody else read it. Losing it loses every stored card; what is there already is never replaced."`
}

type vaultCreateCmd struct {
	File string `arg:"" help:"Path of the file, which is made readable to you alone." type:"path"`
}

func (c *vaultCreateCmd) Run(*slog.Logger) error {
	err := app.CreateKeyFile(app.Real(), c.File)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("there is a file at %s, and it stays: with a key file, every card that was sealed under it would be lost", c.File)
	}
	return err
}
