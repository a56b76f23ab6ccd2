package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"reprise/internal/app"
)

// keysApart is said each time: who finds out too late has lost every stored card.
const keysApart = "the key file is not in it: keep a copy of that too, elsewhere, for the two together open every stored card number"

type backupCmd struct {
	officeFlags
	To string `help:"File to be made; one that is there already stays." required:"" placeholder:"PATH"`
}

func (c *backupCmd) Run(*slog.Logger) error {
	return throughout(func(r run) error {
		database, err := c.named()
		if err != nil {
			return err
		}
		b, err := app.Backup(r.ctx, app.Real(), database, c.To)
		if err == nil {
			fmt.Printf("%s: %d rows, %d bytes, in %s; checked, without sealed CVNs\n%s\n", c.To, b.Rows, b.Bytes, b.Took.Round(time.Millisecond), keysApart)
		}
		return err
	})
}

type restoreCmd struct {
	officeFlags
	From    string `help:"The backup. It stays as it is." required:"" placeholder:"PATH"`
	Replace bool   `help:"Put it in the place of a database that is there, which is kept under another name."`
}

func (c *restoreCmd) Run(*slog.Logger) error {
	return throughout(func(r run) error {
		database, err := c.named()
		if err != nil {
			return err
		}
		was, err := app.Restore(r.ctx, app.Real(), c.From, database, c.Replace)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d rows, %d bytes; checked\n", database, was.Rows, was.Bytes)
		if was.Replaced != "" {
			fmt.Printf("the database that was there is %s\n", was.Replaced)
		}
		settleFirst(was)
		return nil
	})
}

type restoredCmd struct {
	officeFlags
}

func (c *restoredCmd) Run(*slog.Logger) error {
	return throughout(func(r run) error {
		database, err := c.named()
		if err != nil {
			return err
		}
		was, err := app.BroughtBack(r.ctx, app.Real(), database, account())
		if err != nil {
			return err
		}
		fmt.Println("the counters of STAN and RRN are moved on")
		settleFirst(was)
		return nil
	})
}

// settleFirst prints what is to be done before a gateway is started on a database that was brought back.
func settleFirst(was app.Restored) {
	if !was.Newest.IsZero() {
		fmt.Printf("the last that is told in it is of %s: what came after is lost here, and not at the acquirer\n", was.Newest.Format(time.RFC3339))
	}
	fmt.Print(`
Before a gateway is started on it:
1. ` + keysApart + `
2. Compare it with the acquirer's book: reprise reconcile --grace 0. What came after the backup is ONLY_THERE: those
   payments are to be given back, or kept and known from elsewhere.
`)
	if len(was.Sent) > 0 {
		fmt.Printf("3. %d payments were with the acquirer when the backup was made. A gateway will have them reversed, although\n   they may have succeeded since and the merchant was told so. Ask the acquirer first:\n", len(was.Sent))
		for _, id := range was.Sent {
			fmt.Println("     ", id)
		}
	}
	fmt.Printf(`
%d captures, refunds and reversals were not acknowledged: they are repeated, and the acquirer knows those it had.
STAN and RRN go on where none was given out in the last hour. Idempotency keys of the time that was lost are forgotten,
so a command that is repeated is carried out again; webhooks of it are not sent again, and those of before may be sent
twice; payers at their bank type their CVN once more.
`, was.Advices)
}

// throughout runs what is done or not done: to be interrupted is to fail.
func throughout(do func(run) error) error {
	done := false
	err := untilInterrupted(func(r run) error {
		err := do(r)
		done = err == nil
		return err
	})
	if err == nil && !done {
		err = errors.New("interrupted: nothing was changed")
	}
	return err
}
