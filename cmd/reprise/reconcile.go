package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"reprise/internal/app"
)

type reconcileCmd struct {
	officeFlags
	File   string        `help:"Settlement file of the acquirer (CSV); - is standard input." required:"" placeholder:"PATH"`
	From   time.Time     `help:"Only what was sent and booked at this time or later." placeholder:"2026-01-31T00:00:00Z"`
	To     time.Time     `help:"Only what was sent and booked before this time; without this flag now." placeholder:"2026-02-01T00:00:00Z"`
	Grace  time.Duration `help:"What is younger than this at --to may have been under way, and is listed apart." default:"10m"`
	Kinds  []string      `help:"Kinds of booking that the file lists, where it does not list all; what it never lists is not missed." placeholder:"purchase,…"`
	Format string        `help:"text or json." enum:"text,json" default:"text"`
}

// notCompared and differs are exit statuses: 0 is for books that agree.
const (
	differs     = 1
	notCompared = 2
)

// frugal is how much garbage may lie beside what is kept, in percent. The acquirer's book is kept until the end, and
// would else be counted twice.
const frugal = 20

func (c *reconcileCmd) Run(log *slog.Logger) error {
	debug.SetGCPercent(frugal)
	var found app.Reconciliation
	compared := false
	err := c.open(log, func(ctx context.Context, office *app.Office) error {
		file := os.Stdin
		if c.File != "-" {
			var err error
			if file, err = os.Open(c.File); err != nil {
				return err
			}
			defer file.Close()
		}
		w, err := app.NewWindow(c.From, c.To, c.Grace, c.Kinds)
		if err != nil {
			return err
		}
		found, err = office.Reconcile(ctx, app.ReadSettlement(file), w)
		compared = err == nil
		return err
	})
	switch {
	case compared:
		err = errors.Join(err, c.print(found))
	case err == nil: // which must not look like books that agree
		err = errors.New("interrupted")
	}
	switch {
	case err != nil:
		return &ended{notCompared, err}
	case found.Differences > 0:
		return &ended{differs, nil}
	}
	return nil
}

func (c *reconcileCmd) print(found app.Reconciliation) error {
	if c.Format == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(found)
	}
	for _, part := range []struct {
		head string
		kind func(app.Finding) bool
	}{
		{"The books differ, or something is not over:", func(f app.Finding) bool { return f.Differs }},
		{"Too young to judge; the next file tells:", func(f app.Finding) bool { return f.Early() }},
		{"Ended without the acquirer's acknowledgement, and the books agree:", func(f app.Finding) bool { return !f.Differs && !f.Early() }},
	} {
		rows := []string{"KIND\tLINE\tPAYMENT REQUEST\tADVICE\tTERMINAL\tSTAN\tRRN\tAT\tOURS\tTHEIRS"}
		for _, f := range slices.SortedStableFunc(slices.Values(found.Findings), func(a, b app.Finding) int { return cmp.Compare(a.Kind, b.Kind) }) {
			if part.kind(f) {
				rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", f.Kind, line(f.Line), f.Request, f.Advice,
					f.Terminal, f.STAN, f.RRN, f.At.UTC().Format(time.RFC3339), f.Ours, f.Theirs))
			}
		}
		if len(rows) == 1 {
			continue
		}
		fmt.Println(part.head)
		if err := table(rows); err != nil {
			return err
		}
		fmt.Println()
	}
	for _, t := range found.Taken {
		fmt.Println("taken:", t)
	}
	fmt.Printf("%d rows read, %d outside the window, %d matched; %d attempts of ours compared; %d differences\n",
		found.Rows, found.Outside, found.Matched, found.Records, found.Differences)
	return nil
}

// line is a place in the file, or nothing.
func line(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
