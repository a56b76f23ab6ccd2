package reprise_test

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestRules shows each rule of the checker refusing what it is for, and letting pass what it is
// not for: a checker that finds nothing would otherwise look like a tidy house.
func TestRules(t *testing.T) {
	tests := []struct {
		name string
		// file and text are the file under test; text without a package clause gets one.
		file, text string
		// want is a part of the one fault expected; empty: none.
		want string
	}{
		// The floor plan.
		{"planned import", "internal/flow/pay.go", `import _ "reprise/internal/payment"`, ""},
		{"import not planned", "internal/flow/pay.go", `import _ "reprise/internal/store"`, "internal/flow/pay.go:3: internal/flow imports internal/store"},
		{"payment imports a room", "internal/payment/money.go", `import _ "reprise/internal/card"`, "internal/payment imports internal/card"},
		{"simulator shares a mapping", "internal/simulator/host.go", `import _ "reprise/internal/acquirer"`, "internal/simulator imports internal/acquirer"},
		{"a line knows another", "internal/threeds/areq.go", `import _ "reprise/internal/acquirer"`, "internal/threeds imports internal/acquirer"},
		{"card in api, in its one file", "internal/api/card_details.go", `import _ "reprise/internal/card"`, ""},
		{"card in api elsewhere", "internal/api/session.go", `import _ "reprise/internal/card"`, "internal/api imports internal/card"},
		{"card in app, in the sandbox", "internal/app/sandbox.go", `import _ "reprise/internal/card"`, ""},
		{"card in app elsewhere", "internal/app/house.go", `import _ "reprise/internal/card"`, "internal/app imports internal/card"},
		{"app wires", "internal/app/house.go", `import _ "reprise/internal/store"`, ""},
		{"cmd goes round app", "cmd/reprise/serve.go", "package main\n" + `import _ "reprise/internal/store"`, "cmd/reprise imports internal/store"},
		{"the shop looks inside", "examples/shop/page.go", `import _ "reprise/internal/payment"`, "examples/shop imports internal/payment"},
		{"a room nobody planned", "internal/ledger/ledger.go", "", "not on the floor plan"},
		{"a command nobody planned", "cmd/tool/main.go", "package main", "not on the floor plan"},
		{"a room inside a room", "internal/store/postgres/batch.go", "", "not on the floor plan"},
		{"Go in a new folder", "pkg/x.go", "", "not on the floor plan"},
		{"Go in the root", "main.go", "package main", "not on the floor plan"},
		{"any file in an unplanned room", "internal/notes/notes.md", "#", "not on the floor plan"},
		{"migrations of the store", "internal/store/migrations/0001_first.sql", "", ""},
		{"migrations elsewhere", "internal/vault/migrations/0001_first.sql", "", "not on the floor plan"},
		{"built pages", "internal/checkout/web/page.html", "", ""},
		{"golden files", "internal/flow/testdata/a/b.json", "", ""},
		{"documents", "docs/adr/0001.md", "", ""},
		{"wrong package name", "internal/flow/pay.go", "package flows", "package flows in folder flow"},

		// Tests of the rooms.
		{"a test obeys the plan", "internal/flow/pay_test.go", `import _ "reprise/internal/store"`, "internal/flow imports internal/store"},
		{"a test of app sees all", "internal/app/house_test.go", `import _ "reprise/internal/card"`, ""},
		{"an external test imports its room", "internal/flow/pay_test.go", "package flow_test\n" + `import _ "reprise/internal/flow"`, ""},
		{"an external test has the simulator", "internal/acquirer/line_test.go", "package acquirer_test\n" + `import _ "reprise/internal/simulator"`, ""},
		{"an inner test has no simulator", "internal/acquirer/line_test.go", `import _ "reprise/internal/simulator"`, "internal/acquirer imports internal/simulator"},
		{"a test may wait and dial", "internal/flow/pay_test.go", "import \"time\"\nfunc f() { go f(); time.Sleep(1) }", ""},
		{"a test may use rapid", "internal/payment/machine_test.go", `import _ "pgregory.net/rapid"`, ""},

		// Modules of others.
		{"payment does I/O", "internal/payment/money.go", `import _ "net/http"`, "imports net/http"},
		{"payment logs", "internal/payment/money.go", `import _ "log/slog"`, "imports log/slog"},
		{"payment throws dice", "internal/payment/id.go", `import _ "math/rand/v2"`, "imports math/rand/v2"},
		{"payment takes a context", "internal/payment/id.go", `import _ "context"`, "imports context"},
		{"payment counts in currencies", "internal/payment/money.go", `import _ "github.com/bojanz/currency"`, ""},
		{"payment takes a module", "internal/payment/money.go", `import _ "github.com/google/uuid"`, "imports github.com/google/uuid"},
		{"card takes a module", "internal/card/pan.go", `import _ "github.com/moov-io/iso8583"`, "imports github.com/moov-io/iso8583"},
		{"a test module in the binary", "internal/store/commit.go", `import _ "github.com/google/go-cmp/cmp"`, "outside a test"},
		{"a browser in the binary", "internal/app/house.go", `import _ "github.com/chromedp/chromedp"`, "outside a test"},
		{"a compiler in the gateway", "internal/checkout/build.go", `import _ "github.com/evanw/esbuild/pkg/api"`, "outside sdk"},
		{"a compiler for the SDK", "sdk/build.go", "package main\n" + `import _ "github.com/evanw/esbuild/pkg/api"`, ""},
		{"dot import", "internal/flow/pay.go", `import . "strings"`, "dot import"},

		// The seams.
		{"bare go", "internal/flow/pay.go", "func f() { go f() }", "flow/pay.go:3: bare go statement"},
		{"bare go in app", "internal/app/house.go", "func f() { go f() }", ""},
		{"WaitGroup.Go of a field", "internal/store/work.go", "import \"sync\"\ntype w struct { wg sync.WaitGroup }\nfunc (w *w) f() { w.wg.Go(nil) }", "WaitGroup.Go"},
		{"Go from the options", "internal/store/work.go", "type w struct { Go func(func()) }\nfunc (w *w) f() { w.Go(nil) }", ""},
		{"time.Now", "internal/flow/pay.go", "import \"time\"\nvar _ = time.Now", "uses time.Now"},
		{"time.Now by another name", "internal/flow/pay.go", "import clock \"time\"\nfunc f() { clock.Now() }", "uses time.Now"},
		{"a local named time", "internal/flow/pay.go", "import \"time\"\ntype c struct{}\nfunc (c) Now() {}\nfunc f(time c, _ int) { time.Now() }\nvar _ time.Time", ""},
		{"time.Duration", "internal/flow/pay.go", "import \"time\"\nconst d = 3 * time.Second", ""},
		{"context.WithTimeout", "internal/webhook/send.go", "import \"context\"\nfunc f() { context.WithTimeout(nil, 0) }", "uses context.WithTimeout"},
		{"context.WithTimeoutCause", "internal/webhook/send.go", "import \"context\"\nfunc f() { context.WithTimeoutCause(nil, 0, nil) }", "uses context.WithTimeoutCause"},
		{"context.WithCancel", "internal/webhook/send.go", "import \"context\"\nfunc f() { context.WithCancel(nil) }", ""},
		{"crypto/rand", "internal/vault/seal.go", `import _ "crypto/rand"`, "imports crypto/rand"},
		{"crypto/rand in app", "internal/app/house.go", `import _ "crypto/rand"`, ""},
		{"net.Dial", "internal/acquirer/line.go", "import \"net\"\nfunc f() { net.DialTimeout(\"\", \"\", 0) }", "uses net.DialTimeout"},
		{"net.Conn", "internal/acquirer/line.go", "import \"net\"\nvar _ net.Conn", ""},
		{"http.Get", "internal/webhook/send.go", "import \"net/http\"\nfunc f() { http.Get(\"\") }", "uses net/http.Get"},
		{"a client of its own", "internal/webhook/send.go", "import \"net/http\"\nfunc f() any { return &http.Client{} }", "net/http.Client that dials by itself"},
		{"a client on our transport", "internal/webhook/send.go", "import \"net/http\"\nfunc f(t http.RoundTripper) any { return &http.Client{Transport: t} }", ""},
		{"a transport on our dial", "internal/webhook/send.go", "import \"net/http\"\nfunc f() any { return &http.Transport{DialContext: nil} }", ""},
		{"a dialer", "internal/webhook/send.go", "import \"net\"\nfunc f() any { return &net.Dialer{Timeout: 1} }", "uses net.Dialer"},
		{"a server that listens", "examples/shop/page.go", "import \"net/http\"\nfunc f(s *http.Server) { s.ListenAndServe() }", "uses ListenAndServe"},
		{"the environment in a room", "internal/flow/pay.go", "import \"os\"\nvar x = os.Getenv(\"\")", "uses os.Getenv"},
		{"the environment in app", "internal/app/settings.go", "import \"os\"\nfunc f() { os.Getenv(\"\") }", ""},

		// Package-level state.
		{"a sentinel", "internal/flow/pay.go", "import \"errors\"\nvar ErrX = errors.New(\"x\")", ""},
		{"a table", "internal/flow/pay.go", "var t = map[string][]int{\"a\": {1}}\nfunc f() int { return t[\"a\"][0] }", ""},
		{"a table that is written", "internal/flow/pay.go", "var t = map[string]int{}\nfunc f() { t[\"a\"] = 1 }", "assigns to package-level t"},
		{"a table that shrinks", "internal/flow/pay.go", "var t = map[string]int{}\nfunc f() { delete(t, \"a\") }", "delete on package-level t"},
		{"a counter", "internal/flow/pay.go", "var n int\nfunc f() { n++ }", "counts package-level n"},
		{"a field of a variable", "internal/flow/pay.go", "var v struct{ a [3]int }\nfunc f() { v.a[1] = 2 }", "assigns to package-level v"},
		{"an address", "internal/flow/pay.go", "var n int\nfunc f() *int { return &n }", "takes the address of package-level n"},
		{"a local that hides it", "internal/flow/pay.go", "var n int\nfunc f() { n := n; n++; _ = &n }", ""},
		{"a field of the same name", "internal/flow/pay.go", "var n = 1\ntype t struct{ n int }\nfunc (t *t) f() { t.n = n }", ""},
		{"a variable of another package", "internal/flow/pay.go", "import \"net/http\"\nfunc f() { http.ErrAbortHandler = nil }", "assigns to package-level net/http.ErrAbortHandler"},
		{"a lock", "internal/flow/pay.go", "import \"sync\"\nvar mu sync.Mutex", "package-level sync.Mutex mu"},
		{"an atomic", "internal/flow/pay.go", "import \"sync/atomic\"\nvar n atomic.Int64", "package-level sync/atomic.Int64 n"},
		{"a channel", "internal/flow/pay.go", "var c chan int", "package-level channel c"},
		{"a map to fill", "internal/flow/pay.go", "var m = make(map[string]int)", "package-level make of m"},
		{"a value computed once", "internal/gate/contract.go", "import \"sync\"\nvar c = sync.OnceValue(func() map[int]int { return make(map[int]int) })", ""},
		{"a metric", "internal/flow/pay.go", "import \"github.com/prometheus/client_golang/prometheus\"\nvar m = prometheus.NewGauge(prometheus.GaugeOpts{})", "package-level github.com/prometheus/client_golang/prometheus.NewGauge m"},

		// Files.
		{"a good name", "internal/flow/content_type.go", "", ""},
		{"an empty name", "internal/flow/utils.go", "", `the name "utils" says nothing`},
		{"an empty second name", "internal/flow/card_helpers_test.go", "", `the name "helpers" says nothing`},
		{"a long file", "internal/flow/pay.go", strings.Repeat("\n", longest+1), "lines: over 600"},
		{"a second package comment", "internal/flow/doc.go", "// Package flow again.\npackage flow", "2 package comments [doc.go flow.go]"},
		{"a package comment in the wrong file", "internal/vault/seal.go", "// Package vault is elsewhere.\npackage vault", "package comment in seal.go"},
		{"no package comment", "internal/vault/vault.go", "package vault\nvar x int", "0 package comments"},
		{"not Go", "internal/flow/pay.go", "func {", "does not parse"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkOne(t, test.file, test.text, test.want)
		})
	}
}

var packageClause = regexp.MustCompile(`(?m)^package (\w+)$`)

// checkOne puts one file into an otherwise tidy package and compares what the checker says.
func checkOne(t *testing.T, file, text, want string) {
	t.Helper()
	dir := path.Dir(file)
	name := path.Base(dir)
	if path.Ext(file) == ".go" && !packageClause.MatchString(text) {
		text = "package " + name + "\n\n" + text // so that the text begins on line 3
	}
	tree := []source{{path: file, text: []byte(text)}}
	if doc := path.Join(dir, name+".go"); path.Ext(file) == ".go" && doc != file && !strings.Contains(text, "// Package vault") {
		if clause := packageClause.FindStringSubmatch(text); clause != nil && clause[1] == "main" {
			name = "main"
		}
		tree = append(tree, source{path: doc, text: []byte("// Package " + name + " is tidy.\npackage " + name + "\n")})
	}
	faults := check(tree)
	switch {
	case want == "" && len(faults) > 0:
		t.Errorf("refused:\n%s", strings.Join(faults, "\n"))
	case want != "" && !strings.Contains(strings.Join(faults, "\n"), want):
		t.Errorf("got %q, want a fault with %q", faults, want)
	}
	for _, fault := range faults {
		// Beside the one expected, only the same thing may be said of the tidy file.
		if want != "" && !strings.Contains(fault, want) && !strings.Contains(fault, "not on the floor plan") {
			t.Errorf("also says: %s", fault)
		}
	}
}

// TestEnvironmentOnce: two files of the outer rooms may not both read the environment.
func TestEnvironmentOnce(t *testing.T) {
	reads := "import \"os\"\nfunc f() { os.Getenv(\"\") }\n"
	tree := []source{
		{path: "internal/app/app.go", text: []byte("// Package app is tidy.\npackage app\n" + reads)},
		{path: "cmd/reprise/main.go", text: []byte("// Reprise is tidy.\npackage main\n" + reads)},
	}
	if faults := check(tree); len(faults) != 2 {
		t.Errorf("got %q, want one fault for each file", faults)
	}
	if faults := check(tree[:1]); len(faults) != 0 {
		t.Errorf("one file refused: %q", faults)
	}
}
