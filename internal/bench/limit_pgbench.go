package bench

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

//go:embed oneclick.pgbench
var oneclickScript []byte

// pgbench runs the script of the limit where pgbench is installed.
func pgbench(ctx context.Context, database, dir string, l load) (Result, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if on, err := exec.LookPath("pgbench"); err == nil {
		found = append(found, on)
	}
	if database == sqliteFile || len(found) == 0 {
		return Result{}, errNotHere
	}
	at, err := limitDatabase(ctx, database, dir)
	if err != nil {
		return Result{}, err
	}
	defer forget(database, at)
	script := filepath.Join(dir, "oneclick.pgbench")
	if err := os.WriteFile(script, oneclickScript, 0o600); err != nil {
		return Result{}, err
	}
	server, err := url.Parse(at)
	if err != nil {
		return Result{}, err
	}
	password, _ := server.User.Password()
	server.User = url.User(server.User.Username()) // a password is not for the list of processes
	command := exec.CommandContext(ctx, found[len(found)-1], "-n", "-M", "extended", "-c", strconv.Itoa(l.clients), "-j", "2",
		"-T", strconv.Itoa(max(1, int((l.warmUp+l.duration).Seconds()))), "-f", script, server.String())
	command.Env = []string{"PGPASSWORD=" + password}
	said, err := command.CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w: %s", limitPgbench, err, last(string(said)))
	}
	return readPgbench(string(said))
}

var (
	pgbenchRate    = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)
	pgbenchCount   = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
	pgbenchLatency = regexp.MustCompile(`(?m)^latency average = ([0-9.]+) ms`)
)

// readPgbench reads what pgbench prints at its end. It knows averages, no percentiles, and those are left out.
func readPgbench(said string) (Result, error) {
	number := func(of *regexp.Regexp) float64 {
		found := of.FindStringSubmatch(said)
		if found == nil {
			return 0
		}
		n, _ := strconv.ParseFloat(found[1], 64)
		return n
	}
	r := Result{Name: limitPgbench, Count: int64(number(pgbenchCount)), Rate: number(pgbenchRate)}
	r.Full, r.Latency.Count = r.Rate, r.Count
	if r.Rate == 0 || number(pgbenchLatency) == 0 || strings.Contains(said, "failed transactions: ") && !strings.Contains(said, "failed transactions: 0 ") {
		return r, fmt.Errorf("%s: it said what cannot be read: %s", limitPgbench, last(said))
	}
	return r, nil
}
