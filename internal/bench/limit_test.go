package bench

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var sizes = regexp.MustCompile(`repeat\('\w', (\d+)\)`)

// TestLimitIsOne: the script of pgbench writes what the limit by the driver writes, commit by commit.
func TestLimitIsOne(t *testing.T) {
	script := string(oneclickScript)
	if got, want := strings.Count(script, `\startpipeline`), len(commits(1)); got != want {
		t.Errorf("%d commits, want %d", got, want)
	}
	var found []string
	for _, size := range sizes.FindAllStringSubmatch(script, -1) {
		found = append(found, size[1])
	}
	if got, want := fmt.Sprint(found), fmt.Sprint([]int{sessionSize, requestSize, paidSize, captureSize, sessionOver}); got != want {
		t.Errorf("sizes %s, want %s", got, want)
	}
	act := regexp.MustCompile(`(INSERT INTO|UPDATE|DELETE FROM) (\w+)`)
	for i, pipeline := range strings.Split(script, `\startpipeline`)[1:] {
		var ours []string
		for _, s := range commits(1)[i] {
			ours = append(ours, act.FindString(s.sql))
		}
		if theirs := act.FindAllString(pipeline, -1); !slices.Equal(ours, theirs) {
			t.Errorf("commit %d: %v, and pgbench has %v", i+1, ours, theirs)
		}
	}
}

// TestLimitCommits: what the limit says it has written is there, and what one commit of a group does wrong is told.
func TestLimitCommits(t *testing.T) {
	dir := t.TempDir()
	e, at, err := openEngine(t.Context(), sqliteFile, dir)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(20) {
		for _, list := range commits(n) {
			if err := e.commit(t.Context(), list...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := e.commit(t.Context(), insertSession(3)); err == nil {
		t.Error("a session is written twice")
	}
	if err := e.commit(t.Context(), insertSession(20)); err != nil {
		t.Errorf("after a commit that failed: %v", err)
	}
	e.close()
	db, err := (&site{server: at}).database()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows := map[string]int{"limit_session": 21, "limit_request": 20, "limit_trace": 20, "limit_notice": 40, "limit_work": 0, "limit_attempt": 40}
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != rows[table] {
			t.Errorf("%s: %d rows %v, want %d", table, n, err, rows[table])
		}
	}
}

func TestReadPgbench(t *testing.T) {
	said := `pgbench (15.18)
number of transactions actually processed: 4321
number of failed transactions: 0 (0.000%)
latency average = 8.123 ms
initial connection time = 12.345 ms
tps = 1969.123456 (without initial connection time)
`
	if r, err := readPgbench(said); err != nil || r.Count != 4321 || r.Rate != 1969.123456 || r.Full != r.Rate {
		t.Errorf("%+v %v", r, err)
	}
	for _, bad := range []string{"", strings.Replace(said, "transactions: 0 ", "transactions: 7 ", 1), strings.Replace(said, "tps", "tpm", 1)} {
		if r, err := readPgbench(bad); err == nil {
			t.Errorf("%+v was read from\n%s", r, bad)
		}
	}
}

// TestWaits: how long the acquirer had is of each purchase by itself, in whatever order the history comes.
func TestWaits(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }
	got := waits([]passage{
		{at(9), "acquirer", "0210", "2", "b", 200}, {at(1), "acquirer", "0200", "1", "a", 100}, {at(3), "acquirer", "0200", "2", "b", 200},
		{at(2), "directory", "AReq", "", "", 0}, {at(4), "acquirer", "0210", "1", "a", 100}, {at(5), "acquirer", "0200", "3", "c", 300},
	})
	if fmt.Sprint(got) != "map[1:3ms 2:6ms]" {
		t.Error(got)
	}
}

// TestNonsense is refused before anything is started, all of it at once.
func TestNonsense(t *testing.T) {
	good := Options{Workloads: []string{"session"}, Databases: []string{sqliteFile}, Clients: 1, Duration: time.Second, Rounds: 1}
	if _, _, err := good.check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		`no workload "tea": there are session, oneclick,`: func(o *Options) { o.Workloads = []string{"tea"} },
		"session is named twice":                          func(o *Options) { o.Workloads = []string{"session", "session"} },
		"no workload is named":                            func(o *Options) { o.Workloads = nil },
		"no database is named":                            func(o *Options) { o.Databases = nil },
		"a database is named twice":                       func(o *Options) { o.Databases = []string{"x", "x"} },
		"clients are between 1 and":                       func(o *Options) { o.Clients = 0 },
		"a rate is not negative":                          func(o *Options) { o.Rate = -1 },
		"a tenth of a second":                             func(o *Options) { o.Duration = 0 },
		"a warm-up is not negative":                       func(o *Options) { o.WarmUp = -1 },
		"one round at least":                              func(o *Options) { o.Rounds = 0 },
		"two sizes at least":                              func(o *Options) { o.Workloads, o.Stored = []string{growth}, []int{1} },
		"at least one":                                    func(o *Options) { o.Stored = []int{0} },
		"a share of the rate":                             func(o *Options) { o.Steps = []float64{1.5} },
		"two steps":                                       func(o *Options) { o.SVG = "a.svg" },
		"where some are taken":                            func(o *Options) { o.Profiles = "." },
		"no such file":                                    func(o *Options) { o.JSON = "no/such/folder/a.json" },
	} {
		o := good
		change(&o)
		if err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
