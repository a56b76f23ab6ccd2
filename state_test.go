package reprise_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// checkState forbids package-level state, by which two houses in one process would meet and a
// test would depend on the one before it. Sentinel errors, compiled expressions, embedded files
// and tables have to be variables in Go, so the rule is about what is done to them. In non-test
// code a package-level variable
//
//   - is never assigned to, in whole or in part, nor counted up, deleted from or copied into;
//   - never has its address taken, for then anybody could;
//   - is not a thing that exists only in order to change: a lock, an atomic, a channel, the result
//     of make or new, a buffer, a metric, an HTTP client.
//
// A value computed once on first use is allowed by sync.OnceValue, which nobody can set.
// What this cannot see is a method that changes its receiver behind a pointer: do not write one.
func (c *checker) checkState(files []*goFile) {
	vars := map[string]bool{}
	specs := map[any]bool{}
	for _, f := range files {
		for _, decl := range f.ast.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, spec := range general.Specs {
				spec := spec.(*ast.ValueSpec)
				specs[spec] = true
				for _, name := range spec.Names {
					if name.Name != "_" {
						vars[name.Name] = true
						c.checkInitial(f, spec)
					}
				}
			}
		}
	}
	for _, f := range files {
		c.checkChanges(f, vars, specs)
	}
}

// changing are the types and constructors of things that exist in order to change.
var changing = []string{
	"sync.Mutex", "sync.RWMutex", "sync.Once", "sync.Map", "sync.Pool", "sync.WaitGroup", "sync.Cond", "sync.NewCond",
	"sync/atomic.", "bytes.Buffer", "strings.Builder", "net/http.Client", "net/http.Transport",
	"github.com/prometheus/client_golang/", "math/rand.", "math/rand/v2.",
}

func (c *checker) checkInitial(f *goFile, spec *ast.ValueSpec) {
	const why = "no package-level state: put it into the struct that New returns"
	found := false
	report := func(what string) {
		if !found { // one thing to say about one variable
			c.faultAt(f, spec, fmt.Sprintf("package-level %s %s", what, spec.Names[0].Name), why)
		}
		found = true
	}
	inspect := func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncLit, *ast.FuncType:
			return false // what a function makes when it is called is its own
		case *ast.ChanType:
			report("channel")
		case *ast.CallExpr:
			if name, ok := node.Fun.(*ast.Ident); ok && name.Obj == nil && (name.Name == "make" || name.Name == "new") {
				report(name.Name + " of")
			}
		case *ast.SelectorExpr:
			target, _ := f.imported(node)
			for _, name := range changing {
				open := strings.HasSuffix(name, ".") || strings.HasSuffix(name, "/")
				if target == name || open && strings.HasPrefix(target, name) {
					report(target)
				}
			}
		}
		return true
	}
	if spec.Type != nil {
		ast.Inspect(spec.Type, inspect)
	}
	for _, value := range spec.Values {
		ast.Inspect(value, inspect)
	}
}

// checkChanges finds what is done to package-level variables, our own and those of other packages.
func (c *checker) checkChanges(f *goFile, vars map[string]bool, specs map[any]bool) {
	const why = "no package-level state: two houses run in one process"
	// target returns the package-level variable at the root of x.f[i], or "".
	var target func(expr ast.Expr) string
	target = func(expr ast.Expr) string {
		switch expr := expr.(type) {
		case *ast.Ident:
			// The parser resolves names within a file; one that it left open is from another file.
			if expr.Obj == nil && vars[expr.Name] || expr.Obj != nil && specs[expr.Obj.Decl] {
				return expr.Name
			}
		case *ast.SelectorExpr:
			if name, ok := f.imported(expr); ok {
				return name
			}
			return target(expr.X)
		case *ast.IndexExpr:
			return target(expr.X)
		case *ast.SliceExpr:
			return target(expr.X)
		case *ast.StarExpr:
			return target(expr.X)
		case *ast.ParenExpr:
			return target(expr.X)
		}
		return ""
	}
	report := func(node ast.Node, what string, expr ast.Expr) {
		if name := target(expr); name != "" {
			c.faultAt(f, node, what+" package-level "+name, why)
		}
	}
	ast.Inspect(f.ast, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.AssignStmt:
			if node.Tok != token.DEFINE {
				for _, left := range node.Lhs {
					report(node, "assigns to", left)
				}
			}
		case *ast.IncDecStmt:
			report(node, "counts", node.X)
		case *ast.RangeStmt:
			if node.Tok == token.ASSIGN {
				report(node, "assigns to", node.Key)
				if node.Value != nil {
					report(node, "assigns to", node.Value)
				}
			}
		case *ast.UnaryExpr:
			if node.Op == token.AND {
				report(node, "takes the address of", node.X)
			}
		case *ast.CallExpr:
			if name, ok := node.Fun.(*ast.Ident); ok && name.Obj == nil && len(node.Args) > 0 {
				switch name.Name {
				case "delete", "clear", "copy":
					report(node, name.Name+" on", node.Args[0])
				}
			}
		}
		return true
	})
}
