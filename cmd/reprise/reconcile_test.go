package main

import (
	"os/exec"
	"strings"
	"testing"
)

const settlementHead = "settlement_v1,booked_at,kind,state,amount,currency,de32,de41,de37,de11,de7\n"

// TestReconcile types the command: its exit status alone says how the books stand.
func TestReconcile(t *testing.T) {
	atDesks(t, func(d *desk) {
		empty := d.write("empty.csv", settlementHead)
		row := "7,2026-03-04T05:06:07Z,purchase,kept,1000000,IDR,400551,TOKO0001,606305000001,000001,0304050607\n"
		foreign := d.write("foreign.csv", settlementHead+row)
		torn := d.write("torn.csv", settlementHead+row+strings.Replace(row, "IDR", "rupiah", 1)+"x\n")
		exit := func(want int, words ...string) (printed, said string) {
			d.t.Helper()
			command := exec.Command(d.binary, append([]string{"reconcile", "--database", d.database}, words...)...)
			var stdout, stderr strings.Builder
			command.Stdin, command.Stdout, command.Stderr = strings.NewReader(settlementHead+row), &stdout, &stderr
			if _ = command.Run(); command.ProcessState.ExitCode() != want {
				d.t.Errorf("%q: exit status %d, want %d\n%s%s", words, command.ProcessState.ExitCode(), want, &stdout, &stderr)
			}
			return stdout.String(), stderr.String()
		}
		if printed, said := exit(0, "--file", empty); printed != "0 rows read, 0 outside the window, 0 matched; 0 attempts of ours compared; 0 differences\n" || said != "" {
			d.t.Errorf("%s%s", printed, said)
		}
		for _, words := range [][]string{{"--file", foreign}, {"--file", "-"}} {
			printed, said := exit(1, words...)
			for _, want := range []string{"ONLY_THERE", "2 ", "TOKO0001", "000001", "606305000001", "2026-03-04T05:06:07Z", "no such message", "purchase kept, 10000 IDR", "taken: IDR 0 by our books, 10000 by the acquirer's", "1 differences"} {
				if !strings.Contains(printed, want) || said != "" {
					d.t.Errorf("%q: nothing of %q in:\n%s%s", words, want, printed, said)
				}
			}
		}
		if printed, _ := exit(1, "--file", foreign, "--format", "json"); !strings.Contains(printed, `"kind": "ONLY_THERE"`) || !strings.Contains(printed, `"differences": 1`) {
			d.t.Error(printed)
		}
		exit(0, "--file", foreign, "--from", "2026-03-05T00:00:00Z")
		exit(0, "--file", foreign, "--to", "2026-03-04T00:00:00Z")
		printed, said := exit(2, "--file", torn)
		if printed != "" || !strings.Contains(said, "line 3: currency") || !strings.Contains(said, "line 4: 1 fields") || strings.Contains(said, "rupiah") {
			d.t.Errorf("%s%s", printed, said)
		}
		exit(2, "--file", "not-there.csv")
		exit(2, "--file", empty, "--from", "2026-03-05T00:00:00Z", "--to", "2026-03-04T00:00:00Z")
		exit(2, "--file", empty, "--kinds", "sale")
		exit(2, "--file", empty, "--grace=-1m")
	})
}
