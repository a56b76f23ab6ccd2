package store

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// noted are the statements that a suite of tests has had a database make, with what they were given.
type noted struct {
	mu  sync.Mutex
	all map[string]stmt // by their text, and by which arguments were empty: conditions are switched off by those
}

func (x *noted) note(st stmt) {
	if !asking() {
		return
	}
	empty := ""
	for _, a := range st.args {
		switch a {
		case "", int64(0), nil:
			empty += "0"
		default:
			empty += "1"
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, known := x.all[st.sql+empty]; !known {
		x.all[st.sql+empty] = stmt{sql: st.sql, args: st.args}
	}
}

// passing are the functions through which a statement comes to an engine, whoever asks.
var passing = regexp.MustCompile(`\.(?:asking|\(\*noted\)\.note|noting\.\w+|\(\*Store\)\.(?:commit|one))$`)

// asking says whether the room itself asks, and not a test of its own accord.
func asking() bool {
	var callers [8]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])])
	for {
		frame, more := frames.Next()
		if !passing.MatchString(frame.Function) {
			return !strings.HasSuffix(frame.File, "_test.go")
		}
		if !more {
			return false
		}
	}
}

// noting is an engine whose statements are noted.
type noting struct {
	engine
	in *noted
}

func (n noting) commit(ctx context.Context, list []stmt) error {
	for _, st := range list {
		n.in.note(st)
	}
	return n.engine.commit(ctx, list)
}

func (n noting) find(ctx context.Context, q stmt) error {
	n.in.note(q)
	return n.engine.find(ctx, q)
}

func (n noting) query(ctx context.Context, q stmt) error {
	n.in.note(q)
	return n.engine.query(ctx, q)
}

// apart are files whose statements no engine is given, with the reason why none of them has to be fast.
func apart() map[string]string {
	return map[string]string{
		"backup.go":    "an operator copies a whole file",
		"restore.go":   "an operator brings a file back, once",
		"restored.go":  "an operator brings a database back, once",
		"migration.go": "a migration reads what was written before it, once",
		"missing.go":   "reads the table of migrations only",
		"dialect.go":   "asks the server, and no table of ours",
	}
}

var (
	sqlPart   = regexp.MustCompile(`^(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|FROM|JOIN|LEFT JOIN|WHERE|AND|ORDER BY|ON CONFLICT)\s+\S|[a-z_]+ (?:=|<>|<|>|<=|>=) [$?]`)
	parameter = regexp.MustCompile(`\$(?:[0-9]+|%d)`)
)

// plain is a text without what may differ between two spellings of one statement.
func plain(sql string) string {
	return parameter.ReplaceAllString(strings.Join(strings.Fields(sql), " "), "?")
}

// written are the statements, and parts of such, that stand in the source of the room, and where.
func written(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || apart()[name] != "" {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, is := n.(*ast.BasicLit)
			if !is || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if text = plain(text); sqlPart.MatchString(text) {
				all[text] = fmt.Sprint(name, ":", set.Position(literal.Pos()).Line)
			}
			return true
		})
	}
	return all
}

// sorted are the statements that were noted. All that stands in the source must be in them, so that none goes
// unexplained.
func (x *noted) sorted(t *testing.T) []stmt {
	t.Helper()
	var made strings.Builder
	for _, key := range slices.Sorted(maps.Keys(x.all)) {
		made.WriteString(plain(x.all[key].sql) + "\n")
	}
	for text, at := range written(t) {
		if !strings.Contains(made.String(), text) {
			t.Errorf("%s: no test of TestConformance has a database make this, so nobody knows how: %s", at, text)
		}
	}
	var list []stmt
	for _, key := range slices.Sorted(maps.Keys(x.all)) {
		list = append(list, x.all[key])
	}
	return list
}
