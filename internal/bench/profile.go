package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// Shares say where the processor time of a gateway went while it did a workload.
type Shares struct {
	Workload string        `json:"workload"`
	Database string        `json:"database"`
	Count    int64         `json:"count"`
	Total    time.Duration `json:"total_ns"`
	Parts    []Share       `json:"parts"`
}

// Share is one part of it.
type Share struct {
	Part    string        `json:"part"`
	CPU     time.Duration `json:"cpu_ns"`
	Percent float64       `json:"percent"`
}

func (s Shares) String() string {
	var text bytes.Buffer
	fmt.Fprintf(&text, "where the gateway's processor time goes, %s on %s:\n", s.Workload, s.Database)
	for _, p := range s.Parts {
		fmt.Fprintf(&text, "  %5.1f %%  %.3f ms  %s\n", p.Percent, p.CPU.Seconds()*1000/float64(max(s.Count, 1)), p.Part)
	}
	return text.String()
}

// profiled are those of the chosen workloads of which ratios are made, so that a profile says why they are what they are;
// where there is none, the one that most depends on.
func profiled(chosen []workload) []workload {
	found := slices.DeleteFunc(slices.Clone(chosen), func(w workload) bool {
		return !slices.ContainsFunc(comparisons(), func(c compared) bool { return c.workload == w.name })
	})
	if len(found) == 0 {
		found, _, _ = choose([]string{"oneclick"}) // which is known
	}
	return found
}

// profile measures a workload once more with a gateway that profiles itself. It does so from its start to its end, so
// that nobody who meets a gateway that runs can ask it to: the profile holds what starting and storing the first cards
// took, too.
func (r *Report) profile(ctx context.Context, o Options, w workload, database string) error {
	dir := o.Profiles
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "reprise-bench-profile"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	shares := Shares{Workload: w.name, Database: kindOf(database)}
	file := filepath.Join(dir, w.name+"-"+shares.Database+".pprof")
	fmt.Fprintf(o.Say, "profile of %s on %s\n", w.name, shares.Database)
	err := r.at(ctx, o, database, file, func(s *site) error {
		_, err := s.measure(ctx, w, o.load())
		shares.Count = s.orders.Load()
		return err
	})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the gateway has written no profile: %w", err)
	}
	if err := shares.read(text); err != nil {
		return err
	}
	r.Shares = append(r.Shares, shares)
	return nil
}

// read adds a profile of processor time up by parts.
func (s *Shares) read(text []byte) error {
	p, err := profile.ParseData(text)
	if err != nil {
		return err
	}
	parts := map[string]time.Duration{}
	for _, sample := range p.Sample {
		if len(sample.Value) < 2 {
			return fmt.Errorf("a profile without processor time")
		}
		took := time.Duration(sample.Value[1])
		parts[partOf(sample)] += took
		s.Total += took
	}
	for name, took := range parts {
		s.Parts = append(s.Parts, Share{name, took, 100 * float64(took) / float64(max(s.Total, 1))})
	}
	slices.SortFunc(s.Parts, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), strings.Compare(a.Part, b.Part))
	})
	return nil
}

// part is a piece of the work, and what it is known by: how the full name of a function begins, or in which file it is.
type part struct {
	name  string
	known []string
}

func parts() []part {
	return []part{
		{"validation by the contract", []string{
			"github.com/santhosh-tekuri/", "internal/gate/syntax.go", "internal/gate/parameter.go", "internal/gate/format.go", "internal/gate/prune.go",
		}},
		// Records of TLS are written for whoever writes: crypto/tls itself is not in this list.
		{"encryption and signatures", []string{
			"crypto/aes", "crypto/cipher", "crypto/ecdsa", "crypto/ecdh", "crypto/ed25519", "crypto/hkdf", "crypto/hmac", "crypto/internal/fips140",
			"crypto/rsa", "crypto/sha", "crypto/x509", "crypto/mlkem", "github.com/tink-crypto/", "reprise/internal/vault.", "vendor/golang.org/x/crypto",
		}},
		{"ISO 8583 and the line to the acquirer", []string{"reprise/internal/acquirer."}},
		{"the database", []string{"reprise/internal/store.", "github.com/jackc/", "modernc.org/", "database/sql."}},
		{"webhooks", []string{"reprise/internal/webhook.", "github.com/standard-webhooks/"}},
		{"3-D Secure", []string{"reprise/internal/threeds."}},
		{"decisions", []string{"reprise/internal/flow.", "reprise/internal/payment.", "reprise/internal/card."}},
		{"HTTP and its JSON", []string{"reprise/internal/gate.", "reprise/internal/api.", "reprise/internal/checkout.", "reprise/internal/app."}},
	}
}

// aside are what is known by whom nobody of the above has called.
func aside() []part {
	return []part{
		{"the language: collection of garbage", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge"}},
		{"connections that we have made: webhooks", []string{"net/http.(*persistConn)", "net/http.(*Transport)"}},
		{"HTTP and its JSON", []string{"net/http."}},
	}
}

// Names of parts that are no part's own.
const (
	queue = "the queue, and its database" // on SQLite the database is written by one task for all, and counts as that
	rest  = "the language: scheduling, and all else"
)

// queued are the files that have work done which waits in the database.
func queued() []string {
	return []string{"internal/store/work.go", "internal/store/claim.go", "internal/store/slot.go"}
}

// partOf finds to whose work a sample belongs: the innermost function on the stack that a part is known by. What is
// between (the language, the network, JSON, the records of TLS) is done for whoever called it.
func partOf(sample *profile.Sample) string {
	innermost := func(list []part) (name string) {
		each(sample, func(f *profile.Function) bool {
			at := slices.IndexFunc(list, func(p part) bool { return slices.ContainsFunc(p.known, func(k string) bool { return is(f, k) }) })
			if at >= 0 {
				name = list[at].name
			}
			return at < 0
		})
		return name
	}
	name := cmp.Or(innermost(parts()), innermost(aside()), rest)
	if name == "the database" {
		each(sample, func(f *profile.Function) bool {
			if slices.ContainsFunc(queued(), func(file string) bool { return is(f, file) }) {
				name = queue
			}
			return name != queue
		})
	}
	return name
}

// each visits the functions of a sample, the innermost first, while visit says so.
func each(sample *profile.Sample, visit func(*profile.Function) bool) {
	for _, location := range sample.Location {
		for _, line := range location.Line {
			if line.Function != nil && !visit(line.Function) {
				return
			}
		}
	}
}

// is tells whether a function is known by that: a file, or how its name begins.
func is(f *profile.Function, known string) bool {
	if strings.HasSuffix(known, ".go") {
		return strings.HasSuffix(f.Filename, known)
	}
	return strings.HasPrefix(f.Name, known)
}
