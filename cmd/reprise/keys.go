package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"reprise/internal/app"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key and print it, this once."`
	List   keysListCmd   `cmd:"" help:"List keys, without their texts, which nobody has kept."`
	Rotate keysRotateCmd `cmd:"" help:"Make a key in the place of another, which ends a little later."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key, within a second."`
}

type keysCreateCmd struct {
	officeFlags
	Merchant    string            `help:"Business id of the merchant." required:"" placeholder:"ID"`
	Public      bool              `help:"A public key, for the payer's browser: it can hand in a CVN or a card, and nothing else. Without this flag it is a secret key, for the merchant's server."`
	Production  bool              `help:"Begin its text with xnd_production_ and not with xnd_development_: for a gateway that moves money."`
	Name        string            `help:"What you call it, for the list."`
	Permissions map[string]string `help:"What a secret key may do, by product: NONE, READ or WRITE. Products left out are NONE; without this flag all are WRITE." mapsep:"," placeholder:"sessions=WRITE,payments=READ"`
	Lifetime    time.Duration     `help:"How long it is good; without this flag, until it is revoked." placeholder:"2160h"`
}

func (c *keysCreateCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		text, key, err := office.CreateKey(ctx, app.NewKey{
			Business: c.Merchant, Public: c.Public, Production: c.Production, Name: c.Name, Permissions: c.Permissions, Lifetime: c.Lifetime,
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "key %s of %s, %s; it is shown this once:\n", key.ID(), key.Business, key.Kind)
		fmt.Println(text)
		return nil
	})
}

type keysListCmd struct {
	officeFlags
	Merchant string `help:"Business id of one merchant; without this flag, all." placeholder:"ID"`
}

func (c *keysListCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		keys, err := office.Keys(ctx, c.Merchant)
		if err != nil {
			return err
		}
		rows := []string{"KEY\tBUSINESS\tKIND\tENVIRONMENT\tNAME\tPERMISSIONS\tCREATED\tENDS"}
		for _, k := range keys {
			permissions := "all"
			if k.Kind == "public" {
				permissions = "-"
			} else if k.Permissions != nil {
				var list []string
				for _, product := range slices.Sorted(maps.Keys(k.Permissions)) {
					list = append(list, fmt.Sprintf("%s=%s", product, k.Permissions[product]))
				}
				permissions = strings.Join(list, ",")
			}
			environment, ends := "development", "never"
			if k.Production {
				environment = "production"
			}
			if !k.Ends.IsZero() {
				ends = k.Ends.Format(time.DateTime)
			}
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s",
				k.ID(), k.Business, k.Kind, environment, k.Name, permissions, k.Created.Format(time.DateTime), ends))
		}
		return table(rows)
	})
}

type keysRotateCmd struct {
	Key string `arg:"" help:"Id of the key, as listed."`
	officeFlags
	Overlap  time.Duration `help:"How long the old key stays good beside the new one." default:"24h"`
	Lifetime time.Duration `help:"How long the new key is good; without this flag, until it is revoked." placeholder:"2160h"`
}

func (c *keysRotateCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		text, key, old, err := office.RotateKey(ctx, c.Key, c.Overlap, c.Lifetime)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "key %s ends at %s UTC; key %s of %s, %s, is in its place and shown this once:\n",
			old.ID(), old.Ends.UTC().Format(time.DateTime), key.ID(), key.Business, key.Kind)
		fmt.Println(text)
		return nil
	})
}

type keysRevokeCmd struct {
	Key string `arg:"" help:"Id of the key, as listed."`
	officeFlags
}

func (c *keysRevokeCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		key, err := office.RevokeKey(ctx, c.Key)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "key %s of %s is refused\n", key.ID(), key.Business)
		return nil
	})
}
