package reprise_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checker walks files and collects faults. It works on text alone, without types and without the
// modules, so that it runs in any state of the tree; what that misses is said at the rule.
type checker struct {
	faults []string
	// comments counts the package comments of each room.
	comments map[string][]string
	// environment lists the files that read the environment.
	environment []string
	// packages holds the non-test files by folder, for the rules that look at a whole package.
	packages map[string][]*goFile
}

// goFile is one parsed Go file.
type goFile struct {
	source
	set     *token.FileSet
	ast     *ast.File
	room    string
	test    bool
	imports map[string]string // local name -> import path
}

// check returns what is wrong with the tree, in the order of the paths.
func check(tree []source) []string {
	c := &checker{comments: map[string][]string{}, packages: map[string][]*goFile{}}
	for _, file := range tree {
		c.checkName(file)
		c.checkLength(file)
		name, ok := roomOf(file.path)
		if !ok {
			c.fault(file.path, 1, "not on the floor plan", "a new folder is a decision: put the line into a room, or change the plan in arch_test.go and write an ADR")
			continue
		}
		if file.ext() == ".go" && !strings.Contains(file.path, "testdata/") {
			c.checkGo(file, name)
		}
	}
	for dir, files := range c.packages {
		c.checkState(files)
		if comments := c.comments[dir]; len(comments) != 1 {
			c.fault(files[0].path, 1, fmt.Sprintf("package has %d package comments %v", len(comments), comments), "each room says in exactly one place what it is for")
		}
	}
	if len(c.environment) > 1 {
		for _, file := range c.environment {
			c.fault(file, 1, "one of several files that read the environment", "settings come in at one place")
		}
	}
	slices.Sort(c.faults)
	return slices.Compact(c.faults)
}

func (c *checker) fault(file string, line int, rule, why string) {
	c.faults = append(c.faults, fmt.Sprintf("%s:%d: %s: %s", file, line, rule, why))
}

func (c *checker) faultAt(f *goFile, node ast.Node, rule, why string) {
	c.fault(f.path, f.set.Position(node.Pos()).Line, rule, why)
}

// emptyNames say nothing about what is inside, so everything ends up in them.
var emptyNames = []string{
	"util", "utils", "common", "helper", "helpers", "misc",
	"model", "models", "types", "manager", "managers",
}

var nameParts = regexp.MustCompile(`[^a-z0-9]+`)

func (c *checker) checkName(file source) {
	if !slices.Contains([]string{".go", ".ts", ".sql", ".sh"}, file.ext()) {
		return
	}
	stem := strings.TrimSuffix(path.Base(file.path), file.ext())
	stem = strings.TrimSuffix(strings.TrimSuffix(stem, "_test"), ".test")
	parts := nameParts.Split(strings.ToLower(stem), -1)
	if last := parts[len(parts)-1]; slices.Contains(emptyNames, last) {
		c.fault(file.path, 1, fmt.Sprintf("the name %q says nothing", last), "a file is named after one noun or verb")
	}
}

const longest = 600

func (c *checker) checkLength(file source) {
	if !slices.Contains([]string{".go", ".ts", ".sql", ".css", ".html", ".sh"}, file.ext()) || strings.Contains(file.path, "testdata/") {
		return
	}
	if lines := bytes.Count(file.text, []byte("\n")); lines > longest {
		c.fault(file.path, lines, fmt.Sprintf("%d lines", lines), "over 600 a file holds more than one thing: split it by nouns")
	}
}

func (c *checker) checkGo(file source, name string) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file.path, file.text, parser.ParseComments)
	if err != nil {
		c.fault(file.path, 1, "does not parse", err.Error())
		return
	}
	f := &goFile{source: file, set: set, ast: parsed, room: name, test: strings.HasSuffix(file.path, "_test.go"), imports: map[string]string{}}
	for _, spec := range parsed.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		local := localName(spec, target)
		if local == "." {
			c.faultAt(f, spec, "dot import of "+target, "a reader must see where a name comes from")
		}
		f.imports[local] = target
		c.checkImport(f, spec, target)
	}
	if f.test {
		return
	}
	dir := path.Dir(file.path)
	c.packages[dir] = append(c.packages[dir], f)
	c.checkPackage(f)
	if !plan[name].outside {
		c.checkSeams(f)
	}
	c.checkEnvironment(f)
}

// localName is the name by which a file uses an import: the last element that is not a version.
func localName(spec *ast.ImportSpec, target string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	base := path.Base(target)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(target))
	}
	return base
}

// impure are the parts of the standard library that let the world into a pure room; randomness is
// among the seams, which are closed to every room.
var impure = []string{"context", "net", "database/sql", "os", "log", "syscall"}

// testOnly are modules that must not reach the binary.
var testOnly = []string{"pgregory.net/rapid", "github.com/chromedp", "github.com/google/go-cmp"}

// under tells whether an import path is one of the roots or lies below one.
func under(target string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return target == root || strings.HasPrefix(target, root+"/")
	})
}

func (c *checker) checkImport(f *goFile, spec ast.Node, target string) {
	here := plan[f.room]
	first, _, _ := strings.Cut(target, "/")
	switch {
	case first == module:
		c.checkRoomImport(f, spec, strings.TrimPrefix(target, module+"/"))
	case f.test:
		// Tests may use any module and any part of the standard library.
	case here.pure && under(target, impure):
		c.faultAt(f, spec, f.room+" imports "+target, "same input, same output: no I/O, no clock, no chance")
	case strings.Contains(first, "."):
		switch {
		case under(target, testOnly):
			c.faultAt(f, spec, "imports "+target+" outside a test", "what only tests need must not reach the binary")
		case target == "github.com/evanw/esbuild" || strings.HasPrefix(target, "github.com/evanw/esbuild/"):
			if f.room != "sdk" {
				c.faultAt(f, spec, "imports "+target+" outside sdk", "a compiler has no place in a gateway")
			}
		case here.modules != nil && !under(target, here.modules):
			c.faultAt(f, spec, f.room+" imports "+target, here.why)
		}
	}
}

// checkRoomImport keeps the plan. The tests of a room obey it too, with two exceptions: those of
// app see every room, and those of an external test package (package x_test) may stand the
// simulator at the other end of the line, which is what it is for.
func (c *checker) checkRoomImport(f *goFile, spec ast.Node, target string) {
	here := plan[f.room]
	base := path.Base(f.path)
	switch {
	case f.room == "": // tests in the root read files, they import no room
	case slices.Contains(here.may, target), slices.Contains(here.also[base], target), target == f.room:
		return
	case f.test && f.room == "internal/app":
		return
	case f.test && target == "internal/simulator" && strings.HasSuffix(f.ast.Name.Name, "_test"):
		return
	}
	why := here.why
	if why == "" {
		why = "the root holds no code"
	}
	c.faultAt(f, spec, fmt.Sprintf("%s imports %s", f.room, target), why)
}

func (c *checker) checkPackage(f *goFile) {
	dir, name := path.Base(path.Dir(f.path)), f.ast.Name.Name
	if name != dir && name != "main" {
		c.faultAt(f, f.ast.Name, "package "+name+" in folder "+dir, "a room has one name")
	}
	if name == "main" && f.room != "cmd/reprise" && f.room != "sdk" {
		c.faultAt(f, f.ast.Name, "package main", "commands are typed in cmd/reprise")
	}
	if f.ast.Doc == nil || strings.TrimSpace(f.ast.Doc.Text()) == "" {
		return
	}
	folder := path.Dir(f.path)
	c.comments[folder] = append(c.comments[folder], path.Base(f.path))
	if base := path.Base(f.path); base != dir+".go" && base != "doc.go" && name != "main" {
		c.faultAt(f, f.ast.Doc, "package comment in "+base, "it stands in the file named after the package, or in doc.go")
	}
}
