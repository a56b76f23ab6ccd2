package gate

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refusals finds the codes that a file gives to payment.Refuse and payment.Error.
func refusals(t *testing.T, path string, made map[string]bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	called := func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.Ident:
			return e.Name
		case *ast.SelectorExpr:
			return e.Sel.Name
		}
		return ""
	}
	add := func(e ast.Expr) {
		if text, ok := e.(*ast.BasicLit); ok && text.Kind == token.STRING {
			if code, err := strconv.Unquote(text.Value); err == nil {
				made[code] = true
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CallExpr:
			if called(node.Fun) == "Refuse" && len(node.Args) == 2 {
				add(node.Args[0])
			}
		case *ast.CompositeLit:
			if called(node.Type) != "Error" {
				break
			}
			for _, e := range node.Elts {
				if pair, ok := e.(*ast.KeyValueExpr); ok && called(pair.Key) == "Code" {
					add(pair.Value)
				}
			}
		}
		return true
	})
}

// TestCodesAreMade compares the table with what the contract and the rooms can answer: a code that nothing
// makes is a promise to nobody, and one that the table lacks would be answered as an error of ours.
func TestCodesAreMade(t *testing.T) {
	made := map[string]bool{}
	walk(contractForTest(t).document, "", func(_ string, node any) {
		for _, rules := range object(object(node)["x-errors"]) {
			for _, rule := range rules.([]any) {
				if code, ok := object(rule)["code"].(string); ok {
					made[code] = true
				}
			}
		}
	})
	for _, room := range []string{"api", "app", "checkout", "flow", "gate", "payment", "store"} {
		err := filepath.WalkDir("../"+room, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				refusals(t, path, made)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(list(statuses), list(made)); diff != "" {
		t.Errorf("-in the table +made: %s", diff)
	}
}
