package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"reprise/internal/app"
)

type webhookCmd struct {
	Add    webhookAddCmd    `cmd:"" help:"Have webhooks sent to a URL; prints the endpoint's id, and what signs them."`
	List   webhookListCmd   `cmd:"" help:"List a merchant's endpoints, and why one is disabled."`
	Enable webhookEnableCmd `cmd:"" help:"Send again to an endpoint that was disabled."`
	Remove webhookRemoveCmd `cmd:"" help:"Send nothing more to an endpoint."`
	Test   webhookTestCmd   `cmd:"" help:"Send a sample to an endpoint from here, and say what it answered."`
	Resend webhookResendCmd `cmd:"" help:"Have webhooks sent again by the gateways on this database: one, or a range, at most 500 at once."`
}

// webhookFlags are those of every command about a merchant's endpoints.
type webhookFlags struct {
	officeFlags
	Merchant string         `help:"Business id of the merchant." required:"" placeholder:"ID"`
	Keys     string         `help:"Key file of the gateway, from which it derives what signs; without this flag keys.json in the folder of the SQLite file, or in ./reprise-data. Only add, test and list --secret read it." type:"path" placeholder:"PATH"`
	Allow    []netip.Prefix `help:"A network beside the public internet in which endpoints may be; may be repeated." placeholder:"10.1.0.0/16"`
}

func (f webhookFlags) open(log *slog.Logger, do func(context.Context, *app.Webhooks) error) error {
	return f.officeFlags.open(log, func(ctx context.Context, office *app.Office) error {
		webhooks, err := office.Webhooks(ctx, app.WebhookSettings{Business: f.Merchant, Keys: f.Keys, Allow: f.Allow}, log)
		if err != nil {
			return err
		}
		defer webhooks.Close()
		return do(ctx, webhooks)
	})
}

type webhookAddCmd struct {
	URL string `arg:"" help:"https URL on the public internet; that of a sandbox's merchant may be http on this machine." name:"url"`
	webhookFlags
	Event []string `help:"An event that it wants; may be repeated. Without this flag it gets all."`
}

func (c *webhookAddCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, w *app.Webhooks) error {
		e, secret, err := w.Add(ctx, c.URL, c.Event)
		if err == nil {
			fmt.Printf("%s\n%s\n", e.ID, secret)
		}
		return err
	})
}

type webhookListCmd struct {
	webhookFlags
	Secret bool `help:"Show what signs for each, and the x-callback-token."`
}

func (c *webhookListCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, w *app.Webhooks) error {
		endpoints, err := w.List(ctx)
		if err != nil {
			return err
		}
		rows := []string{"ENDPOINT\tURL\tEVENTS\tSTATE"}
		if c.Secret {
			rows[0] += "\tSECRET"
		}
		for _, e := range endpoints {
			events, state := "all", "enabled"
			if len(e.Events) > 0 {
				var names []string
				for _, kind := range e.Events {
					names = append(names, string(kind))
				}
				events = strings.Join(names, ",")
			}
			if !e.Disabled.IsZero() {
				state = fmt.Sprintf("disabled at %s UTC: %s", e.Disabled.UTC().Format(time.DateTime), e.Reason)
			}
			row := fmt.Sprintf("%s\t%s\t%s\t%s", e.ID, e.URL, events, state)
			if c.Secret {
				secret, err := w.Secret(e)
				if err != nil {
					return err
				}
				row += "\t" + secret
			}
			rows = append(rows, row)
		}
		if err := table(rows); err != nil || !c.Secret {
			return err
		}
		token, err := w.CallbackToken()
		if err == nil {
			fmt.Printf("\nx-callback-token of all: %s\n", token)
		}
		return err
	})
}

type webhookEnableCmd struct {
	Endpoint string `arg:"" help:"Id of the endpoint, as listed."`
	webhookFlags
}

func (c *webhookEnableCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, w *app.Webhooks) error { return w.Enable(ctx, c.Endpoint) })
}

type webhookRemoveCmd struct {
	Endpoint string `arg:"" help:"Id of the endpoint, as listed."`
	webhookFlags
}

func (c *webhookRemoveCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, w *app.Webhooks) error { return w.Remove(ctx, c.Endpoint) })
}

type webhookTestCmd struct {
	Endpoint string `arg:"" help:"Id of the endpoint, as listed. A disabled one gets the sample too."`
	webhookFlags
	Event string `help:"What the sample is of." default:"payment.capture"`
}

func (c *webhookTestCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, w *app.Webhooks) error {
		attempt, err := w.Test(ctx, c.Endpoint, c.Event)
		if err != nil {
			return err
		}
		came := fmt.Sprintf("answered %d", attempt.Status)
		if attempt.Status == 0 {
			came = "no answer: " + attempt.Problem
		}
		came += fmt.Sprintf(", in %d ms", attempt.Took.Milliseconds())
		if !attempt.Taken() {
			return fmt.Errorf("not taken: %s", came)
		}
		fmt.Println("taken:", came)
		return nil
	})
}

type webhookResendCmd struct {
	WebhookID string `arg:"" optional:"" help:"The webhook-id of one notice. Without it, --from is needed."`
	webhookFlags
	Endpoint  string    `help:"Only to this endpoint." placeholder:"ID"`
	Event     string    `help:"Only of this event."`
	Object    string    `help:"Only about this payment or session." placeholder:"ID"`
	Failed    bool      `help:"Only what was given up." xor:"status"`
	Delivered bool      `help:"What was delivered already, too. A notice that is named is sent again in any case." xor:"status"`
	From      time.Time `help:"Only what was told at this time or later." placeholder:"2026-01-31T00:00:00Z"`
	To        time.Time `help:"Only what was told before this time." placeholder:"2026-02-01T00:00:00Z"`
	After     string    `help:"Go on behind this delivery, which the command named when there were more than 500." placeholder:"ID"`
	Wait      bool      `help:"Wait until each was tried once, and say how it goes."`
}

func (c *webhookResendCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, w *app.Webhooks) error {
		list, more, err := w.Resend(ctx, app.Resend{
			WebhookID: c.WebhookID, Endpoint: c.Endpoint, Event: c.Event, Object: c.Object,
			Failed: c.Failed, Delivered: c.Delivered, From: c.From, To: c.To, After: c.After,
		})
		if err != nil {
			return err
		}
		fmt.Printf("%d deliveries are sent again; those to endpoints that are disabled or removed are passed over\n", len(list))
		if more {
			fmt.Println("there are more: go on with the same words and --after", list[len(list)-1].Place())
		}
		for tried := -1; c.Wait && tried < len(list); {
			now, taken, err := w.Progress(ctx, list)
			if err != nil {
				return err
			}
			if now != tried {
				fmt.Fprintf(os.Stderr, "%d of %d tried, %d taken\n", now, len(list), taken)
			}
			if tried = now; tried == len(list) {
				break
			}
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
}
