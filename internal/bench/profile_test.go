package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// TestPartOf: a sample is of the innermost part on its stack, and what is between is done for who called it.
func TestPartOf(t *testing.T) {
	tests := []struct {
		want  string
		stack []string // the innermost first; a name, or a name and its file
	}{
		{"HTTP and its JSON", []string{"encoding/json.Marshal", "reprise/internal/gate.(*Gate).answer", "net/http.(*conn).serve"}},
		{"HTTP and its JSON", []string{"syscall.read", "net/http.(*conn).serve"}},
		{"validation by the contract", []string{"github.com/santhosh-tekuri/jsonschema/v6.(*Schema).Validate", "reprise/internal/gate.x"}},
		{"validation by the contract", []string{"reprise/internal/gate.scan reprise/internal/gate/syntax.go", "reprise/internal/gate.x"}},
		{"encryption and signatures", []string{"crypto/internal/fips140/aes.x", "crypto/tls.(*Conn).Write", "reprise/internal/webhook.x"}},
		{"webhooks", []string{"syscall.write", "crypto/tls.(*Conn).Write", "net/http.(*Transport).roundTrip", "reprise/internal/webhook.x"}},
		{"connections that we have made: webhooks", []string{"syscall.write", "net/http.(*persistConn).writeLoop"}},
		{"the database", []string{"syscall.write", "github.com/jackc/pgx/v5.x", "reprise/internal/store.x", "reprise/internal/flow.x", "net/http.x"}},
		{queue, []string{"github.com/jackc/pgx/v5.x", "reprise/internal/store.commit", "reprise/internal/store.settle reprise/internal/store/work.go"}},
		{"webhooks", []string{"reprise/internal/webhook.x", "reprise/internal/store.try reprise/internal/store/work.go"}},
		{"the language: collection of garbage", []string{"runtime.scanobject", "runtime.gcBgMarkWorker"}},
		{rest, []string{"runtime.findRunnable"}},
	}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 1e7,
	}
	sums := map[string]time.Duration{}
	for i, test := range tests {
		sample := &profile.Sample{Value: []int64{1, int64(i+1) * 1e7}}
		for _, frame := range test.stack {
			name, file, _ := strings.Cut(frame, " ")
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name, Filename: file}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			sample.Location = append(sample.Location, l)
		}
		p.Sample = append(p.Sample, sample)
		if got := partOf(sample); got != test.want {
			t.Errorf("%v: %s, want %s", test.stack, got, test.want)
		}
		sums[test.want] += time.Duration(i+1) * 10 * time.Millisecond
	}
	var written bytes.Buffer
	if err := p.Write(&written); err != nil {
		t.Fatal(err)
	}
	var s Shares
	if err := s.read(written.Bytes()); err != nil {
		t.Fatal(err)
	}
	percent := 0.0
	for _, part := range s.Parts {
		if percent += part.Percent; part.CPU != sums[part.Part] {
			t.Errorf("%s: %s, want %s", part.Part, part.CPU, sums[part.Part])
		}
	}
	if len(s.Parts) != len(sums) || percent < 99.9 || percent > 100.1 {
		t.Errorf("%d parts, %.1f %%", len(s.Parts), percent)
	}
}

// TestPartsAreThere: a room or a file that goes by another name takes its time along to another part, silently.
func TestPartsAreThere(t *testing.T) {
	for _, p := range append(parts(), part{queue, queued()}) {
		for _, known := range p.known {
			at, ours := strings.CutPrefix(strings.TrimPrefix(known, "reprise/"), "internal/")
			if !ours {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", strings.TrimSuffix(at, "."))); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
	}
}
