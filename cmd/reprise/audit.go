package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"reprise/internal/app"
)

type auditCmd struct {
	List auditListCmd `cmd:"" help:"List who changed merchants, keys and endpoints of webhooks, the oldest first."`
}

type auditListCmd struct {
	officeFlags
	Since time.Time `help:"Only what was changed at this time or later." placeholder:"2026-01-31T00:00:00Z"`
}

func (c *auditListCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		list, err := office.Audits(ctx, c.Since)
		if err != nil {
			return err
		}
		rows := []string{"AT\tACTOR\tBUSINESS\tACT\tOBJECT\tCHANGE"}
		for _, a := range list {
			change, err := json.Marshal(a.Change)
			if err != nil {
				return err
			}
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", a.At.Format(time.RFC3339), a.Actor, a.Business, a.Act, a.Object, change))
		}
		return table(rows)
	})
}
