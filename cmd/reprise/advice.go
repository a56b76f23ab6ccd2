package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"reprise/internal/app"
)

type adviceCmd struct {
	List  adviceListCmd  `cmd:"" help:"List captures, refunds, releases and reversals that ended without the acquirer's acknowledgement."`
	Retry adviceRetryCmd `cmd:"" help:"Have the acquirer told again of a reversal or a release."`
	Close adviceCloseCmd `cmd:"" help:"Say that one is settled with the acquirer."`
}

type adviceListCmd struct {
	officeFlags
	Status []string `help:"Those of this status: OPEN, DONE, REFUSED, NO_TRACE, GIVEN_UP, DROPPED or CLOSED; may be repeated. Without this flag REFUSED, NO_TRACE and GIVEN_UP."`
}

func (c *adviceListCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		list, err := office.Advices(ctx, c.Status)
		if err != nil {
			return err
		}
		rows := []string{"ADVICE\tKIND\tSTATUS\tOPENED\tTRIES\tPAYMENT REQUEST\tTERMINAL\tSTAN\tRRN\tDE7\tDE4\tDE49\tREASON"}
		for _, a := range list {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", a.ID, a.Kind, a.Status, a.Opened.UTC().Format(time.RFC3339),
				a.Tries, a.Request, a.Trace.Terminal, a.Trace.STAN, a.Trace.RRN, a.Trace.Transmitted, a.Trace.Amount, a.Trace.Currency, a.Reason))
		}
		return table(rows)
	})
}

type adviceRetryCmd struct {
	Advice string `arg:"" help:"Id of the advice, as listed."`
	officeFlags
}

func (c *adviceRetryCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error { return office.RetryAdvice(ctx, c.Advice) })
}

type adviceCloseCmd struct {
	Advice string `arg:"" help:"Id of the advice, as listed."`
	officeFlags
	Reason string `help:"What was agreed with the acquirer, and with whom." required:""`
}

func (c *adviceCloseCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		return office.CloseAdvice(ctx, c.Advice, c.Reason)
	})
}
