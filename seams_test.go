package reprise_test

import (
	"go/ast"
	"go/token"
	"strings"
)

// seams lists what only app and cmd may touch: they build Outside{Now, Timer, Rand, Resolve, Dial, Listen, Go}
// and hand it to the rooms. A name that ends in * stands for all that begin so; a bare path is
// forbidden as an import.
var seams = []struct {
	names []string
	why   string
}{
	{
		[]string{
			"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc",
			"time.NewTimer", "time.NewTicker", "time.Tick",
			"context.WithTimeout*", "context.WithDeadline*",
		},
		"the clock is a seam: take Now, Timer and Within from your Options",
	},
	{
		[]string{"crypto/rand", "math/rand", "math/rand/v2", "github.com/google/uuid.New*"},
		"chance is a seam: take Rand from your Options",
	},
	{
		[]string{
			"net.Dial", "net.DialTimeout", "net.DialTCP", "net.DialUDP", "net.DialUnix", "net.DialIP", "net.Dialer",
			"net.Listen", "net.ListenTCP", "net.ListenUDP", "net.ListenUnix", "net.ListenPacket", "net.ListenConfig",
			"net.FileListener", "net.Lookup*", "net.Resolve*", "net.DefaultResolver",
			"crypto/tls.Dial*", "crypto/tls.Listen",
			"net/http.DefaultClient", "net/http.DefaultTransport", "net/http.DefaultServeMux",
			"net/http.Get", "net/http.Head", "net/http.Post*", "net/http.Handle", "net/http.HandleFunc",
			"net/http.ListenAndServe*",
		},
		"the network is a seam: take Dial and Listen from your Options",
	},
	{
		[]string{"context.AfterFunc", "golang.org/x/sync/errgroup"},
		"tasks are a seam: take Go from your Options",
	},
}

const goWhy = "tasks are a seam: take Go from your Options"

// checkSeams finds the real clock, network and chance, and tasks started without asking.
// Without types it does not see a method value such as a timer's Reset on something handed in,
// which is fine: whoever built it had to be app.
func (c *checker) checkSeams(f *goFile) {
	for _, spec := range f.ast.Imports {
		target := strings.Trim(spec.Path.Value, `"`)
		if why := seamWhy(target); why != "" {
			c.faultAt(f, spec, "imports "+target, why)
		}
	}
	groups := waitGroups(f)
	ast.Inspect(f.ast, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			c.faultAt(f, node, "bare go statement", goWhy)
		case *ast.SelectorExpr:
			if target, ok := f.imported(node); ok {
				if why := seamWhy(target); why != "" {
					c.faultAt(f, node, "uses "+target, why)
				}
			} else if strings.HasPrefix(node.Sel.Name, "ListenAndServe") {
				c.faultAt(f, node, "uses "+node.Sel.Name, "the network is a seam: take Listen from your Options and Serve on it")
			} else if node.Sel.Name == "Go" && groups[lastName(node.X)] {
				c.faultAt(f, node, "uses sync.WaitGroup.Go", goWhy)
			}
		case *ast.CompositeLit:
			c.checkClient(f, node)
		}
		return true
	})
}

// checkClient finds clients and transports that would dial by themselves.
func (c *checker) checkClient(f *goFile, lit *ast.CompositeLit) {
	selector, ok := lit.Type.(*ast.SelectorExpr)
	if !ok {
		return
	}
	target, _ := f.imported(selector)
	needs := map[string][]string{
		"net/http.Client":    {"Transport"},
		"net/http.Transport": {"DialContext", "DialTLSContext"},
	}[target]
	if needs == nil {
		return
	}
	for _, element := range lit.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			for _, key := range needs {
				if lastName(pair.Key) == key {
					return
				}
			}
		}
	}
	c.faultAt(f, lit, target+" that dials by itself", "the network is a seam: give it Dial from your Options")
}

// checkEnvironment allows the environment in one file of app or cmd.
func (c *checker) checkEnvironment(f *goFile) {
	if f.room == "sdk" {
		return
	}
	reads := false
	ast.Inspect(f.ast, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch target, _ := f.imported(selector); target {
		case "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "syscall.Getenv":
			reads = true
			if !plan[f.room].outside {
				c.faultAt(f, node, "uses "+target, "settings come in through app, as values")
			}
		}
		return true
	})
	if reads && plan[f.room].outside {
		c.environment = append(c.environment, f.path)
	}
}

// imported resolves pkg.Name to "import/path.Name". A local variable that hides the package does
// not count.
func (f *goFile) imported(selector *ast.SelectorExpr) (string, bool) {
	name, ok := selector.X.(*ast.Ident)
	if !ok || name.Obj != nil {
		return "", false
	}
	target, ok := f.imports[name.Name]
	return target + "." + selector.Sel.Name, ok
}

func seamWhy(target string) string {
	for _, seam := range seams {
		for _, name := range seam.names {
			prefix, open := strings.CutSuffix(name, "*")
			if target == name || open && strings.HasPrefix(target, prefix) {
				return seam.why
			}
		}
	}
	return ""
}

// waitGroups returns the names of the variables and fields of type sync.WaitGroup: since Go 1.25
// its method Go starts a goroutine as a bare go statement does.
func waitGroups(f *goFile) map[string]bool {
	names := map[string]bool{}
	isGroup := func(expr ast.Expr) bool {
		if star, ok := expr.(*ast.StarExpr); ok {
			expr = star.X
		}
		selector, ok := expr.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		target, _ := f.imported(selector)
		return target == "sync.WaitGroup"
	}
	ast.Inspect(f.ast, func(node ast.Node) bool {
		var idents []*ast.Ident
		switch node := node.(type) {
		case *ast.Field:
			if isGroup(node.Type) {
				idents = node.Names
				if len(idents) == 0 {
					names["WaitGroup"] = true
				}
			}
		case *ast.ValueSpec:
			if node.Type != nil && isGroup(node.Type) {
				idents = node.Names
			}
		case *ast.AssignStmt:
			for i, value := range node.Rhs {
				if unary, ok := value.(*ast.UnaryExpr); ok && unary.Op == token.AND {
					value = unary.X
				}
				if lit, ok := value.(*ast.CompositeLit); ok && lit.Type != nil && isGroup(lit.Type) && i < len(node.Lhs) {
					names[lastName(node.Lhs[i])] = true
				}
			}
		}
		for _, ident := range idents {
			names[ident.Name] = true
		}
		return true
	})
	return names
}

// lastName is the name that stands last in an expression: c for a.b.c.
func lastName(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr.Name
	case *ast.SelectorExpr:
		return expr.Sel.Name
	case *ast.StarExpr:
		return lastName(expr.X)
	case *ast.ParenExpr:
		return lastName(expr.X)
	}
	return ""
}
