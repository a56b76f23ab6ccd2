package reprise_test

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// verificationCode matches the two names of the CVN that we do not use. The wire keeps its own
// (INVALID_CVV), but only inside string literals. CAVV is another thing and does not match.
var verificationCode = regexp.MustCompile(`(?i)cvv|cvc`)

// TestWords keeps one name for one thing in everything that we name ourselves.
func TestWords(t *testing.T) {
	for _, file := range readTree(t) {
		if strings.Contains(file.path, "testdata/") {
			continue
		}
		if verificationCode.MatchString(path.Base(file.path)) {
			t.Errorf("%s: the file's name: say CVN", file.path)
		}
		for line, name := range wrongNames(file) {
			t.Errorf("%s:%d: %s: say CVN", file.path, line, name)
		}
	}
}

var (
	tsLiteral = regexp.MustCompile("(?s)//[^\\n]*|/\\*.*?\\*/|\"(?:[^\"\\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\\n]|\\\\.)*'|`(?:[^`\\\\]|\\\\.)*`")
	word      = regexp.MustCompile(`\w+`)
)

// wrongNames returns the identifiers of a file that use another name for the CVN, by line.
func wrongNames(file source) map[int]string {
	names := map[int]string{}
	switch {
	case file.ext() == ".go":
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file.path, file.text, parser.SkipObjectResolution)
		if list, bad := err.(scanner.ErrorList); bad && len(list) > 0 {
			return names // said by TestFloorPlan
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			if name, ok := node.(*ast.Ident); ok && verificationCode.MatchString(name.Name) {
				names[set.Position(name.Pos()).Line] = name.Name
			}
			return true
		})
	case slices.Contains([]string{".ts", ".js", ".sql"}, file.ext()) && !strings.Contains(file.path, ".min."):
		// Literals and comments become blanks, so that lines keep their numbers.
		code := tsLiteral.ReplaceAllStringFunc(string(file.text), func(literal string) string {
			return strings.Repeat("\n", strings.Count(literal, "\n"))
		})
		for i, line := range strings.Split(code, "\n") {
			for _, name := range word.FindAllString(line, -1) {
				if verificationCode.MatchString(name) {
					names[i+1] = name
				}
			}
		}
	}
	return names
}

// machinePaths matches folders of one person's machine. The pieces are apart so that this file
// does not find itself.
var machinePaths = regexp.MustCompile(`(?:^|[\s"'(=:` + "`" + `])(/(?:ro` + `ot|ho` + `me/\w+|Use` + `rs/\w+|wo` + `rk|mnt/\w+)(?:/|\b)|/tmp/bash_` + `jobs|[A-Z]:\\Us` + `ers)`)

// TestNoMachinePaths: what is written here works on every machine, or it is not written.
func TestNoMachinePaths(t *testing.T) {
	for _, file := range readTree(t) {
		if !file.isText() || strings.Contains(file.path, "testdata/") || strings.Contains(file.path, ".min.") {
			continue
		}
		for _, at := range machinePaths.FindAllSubmatchIndex(file.text, -1) {
			t.Errorf("%s:%d: %s is a path of one machine", file.path, file.lineAt(at[2]), file.text[at[2]:at[3]])
		}
	}
}

// TestWordRules shows what the two tests above find and what they let pass.
func TestWordRules(t *testing.T) {
	names := []struct {
		path, text string
		want       int
	}{
		{"a.go", "package a\n\nvar cvv = 1", 1},
		{"a.go", "package a\n\ntype T struct{ CardCVC string }", 1},
		{"a.go", "package a\n\nfunc f(cvc2 string) {}", 1},
		{"a.go", "package a\n\n// no CVV here\nvar cvn, cavv = \"INVALID_CVV\", 1", 0},
		{"a.ts", "let cvv = 1", 1},
		{"a.ts", "let cvn = 'cvv' // cvc\n/* cvv\n*/ let b = `cvv`", 0},
		{"a.min.js", "let cvv", 0},
		{"a.sql", "CREATE TABLE a (cvc TEXT)", 1},
		{"a.md", "CVV", 0},
	}
	for _, test := range names {
		if got := wrongNames(source{path: test.path, text: []byte(test.text)}); len(got) != test.want {
			t.Errorf("%s %q: got %v, want %d", test.path, test.text, got, test.want)
		}
	}
	paths := []struct {
		text string
		want bool
	}{
		{"see /ro" + "ot/x", true}, {"`/ho" + "me/anna/x`", true}, {"cd \"/Use" + "rs/anna\"", true},
		{"/tmp/bash_" + "jobs.0/1", true},
		{"https://x.test/ho" + "me/page", false}, {"GET /ho" + "me", false}, {"the ro" + "ot/folder", false}, {"/usr/lib/postgresql", false},
	}
	for _, test := range paths {
		if got := machinePaths.MatchString(test.text); got != test.want {
			t.Errorf("%q: found %v, want %v", test.text, got, test.want)
		}
	}
}
