package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
)

// write writes the files that were asked for.
func (r *Report) write(o Options) error {
	if o.JSON != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(o.JSON, append(text, '\n'), 0o644)
		}
		if err != nil {
			return err
		}
	}
	if o.SVG == "" {
		return nil
	}
	text, err := draw(r.Results)
	if err != nil {
		return err
	}
	return os.WriteFile(o.SVG, text, 0o644)
}

// print prints medians of all rounds, and the ratios.
func (r *Report) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells ...any) {
		for _, c := range cells {
			fmt.Fprint(w, c, "\t")
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s; load of the machine before: %s; medians of all rounds\n\n", r.Machine, r.Busy)
	line("what", "database", "stored", "asked/s", "n", "rate/s", "with webhooks/s", "p50 ms", "p90", "p99", "p99.9", "max")
	grouped := r.grouped()
	for _, g := range grouped {
		of := func(value func(Result) float64) float64 { return middle(g, value) }
		line(g[0].Name, g[0].Database, orNothing(float64(g[0].Stored), 0), orNothing(g[0].Asked, 0), g[0].Count, tenth(of(func(r Result) float64 { return r.Rate })),
			tenth(of(func(r Result) float64 { return r.Full })),
			orNothing(of(func(r Result) float64 { return r.Latency.P50 }), 2), orNothing(of(func(r Result) float64 { return r.Latency.P90 }), 2),
			orNothing(of(func(r Result) float64 { return r.Latency.P99 }), 2), orNothing(of(func(r Result) float64 { return r.Latency.P999 }), 2),
			orNothing(of(func(r Result) float64 { return r.Latency.Max }), 2))
	}
	line()
	line("CPU ms of each, and peak MB", "database", "stored", "asked/s", "gateway", "simulator", "PostgreSQL", "load", "gateway MB", "PostgreSQL MB", "", "")
	for _, g := range grouped {
		if len(g[0].CPU) == 0 {
			continue
		}
		cells := []any{g[0].Name, g[0].Database, orNothing(float64(g[0].Stored), 0), orNothing(g[0].Asked, 0)}
		for _, who := range []string{"gateway", "simulator", "PostgreSQL", "load"} {
			cells = append(cells, orNothing(middle(g, func(r Result) float64 { return r.CPU[who] }), 2))
		}
		for _, who := range []string{"gateway", "PostgreSQL"} {
			cells = append(cells, orNothing(middle(g, func(r Result) float64 { return float64(r.Memory[who]) / (1 << 20) }), 1))
		}
		line(append(cells, "", "")...)
	}
	line()
	for _, g := range grouped {
		// of is the median of a part of a latency that each round has.
		of := func(which func(Result) *Latency, value func(Latency) float64) float64 {
			return middle(g, func(r Result) float64 { return value(*which(r)) })
		}
		p50, p99 := func(l Latency) float64 { return l.P50 }, func(l Latency) float64 { return l.P99 }
		if g[0].WAL != 0 {
			fmt.Fprintf(w, "PostgreSQL, each %s: %.1f transactions, reads too; %.1f kB of WAL\n", g[0],
				middle(g, func(r Result) float64 { return r.Transactions }), middle(g, func(r Result) float64 { return r.WAL / 1000 }))
		}
		if g[0].Told != nil {
			told := func(r Result) *Latency { return r.Told }
			fmt.Fprintf(w, "webhooks of %s: %.0f a second; from the change to its arrival p50 %.1f ms, p99 %.1f ms, max %.0f ms\n", g[0],
				middle(g, func(r Result) float64 { return r.Webhooks }), of(told, p50), of(told, p99), of(told, func(l Latency) float64 { return l.Max }))
		}
		if g[0].Own != nil {
			own := func(r Result) *Latency { return r.Own }
			fmt.Fprintf(w, "own time of %s, 1 client: p50 %.2f ms, p99 %.2f ms\n", g[0], of(own, p50), of(own, p99))
		}
		if g[0].Quiet != nil {
			quiet := func(r Result) *Latency { return r.Quiet }
			fmt.Fprintf(w, "webhooks of %s, 1 client: from the change to its arrival p50 %.1f ms, p99 %.1f ms\n", g[0], of(quiet, p50), of(quiet, p99))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(r.ColdStart)) {
		fmt.Fprintf(w, "cold start, %s: %.0f ms\n", what, r.ColdStart[what])
	}
	for _, f := range r.Filled {
		fmt.Fprintln(w, f)
	}
	for _, why := range r.Beyond {
		fmt.Fprintln(w, why)
	}
	if r.Ended != "" {
		fmt.Fprintln(w, "This is not all that was to be measured:", r.Ended)
	}
	for _, s := range r.Shares {
		fmt.Fprintf(w, "\n%s", s)
	}
	fmt.Fprintln(w)
	for _, ratio := range r.Ratios {
		fmt.Fprintln(w, ratio)
	}
	return w.Flush()
}

// grouped are the rounds of each thing together, in the order in which they were measured first.
func (r *Report) grouped() (all [][]Result) {
	for _, one := range r.Results {
		i := slices.IndexFunc(all, func(g []Result) bool { return g[0].String() == one.String() })
		if i < 0 {
			all, i = append(all, nil), len(all)
		}
		all[i] = append(all[i], one)
	}
	return all
}

// middle is the median of something over rounds.
func middle(rounds []Result, value func(Result) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, value(r))
	}
	slices.SortFunc(all, cmp.Compare)
	return median(all)
}

func tenth(v float64) string { return fmt.Sprintf("%.1f", v) }

// orNothing is a number, or a dash for one that was not measured.
func orNothing(v float64, digits int) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, v)
}
