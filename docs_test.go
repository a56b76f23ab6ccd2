package reprise_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is what one document says that can be wrong.
type page struct {
	source
	links    []said // targets of links and pictures
	paths    []said // files and folders of ours, named in code
	commands []said // commands of ours, named in code
}

type said struct {
	line int
	text string
}

var (
	fence    = regexp.MustCompile("^\\s*(```+|~~~+)\\s*(\\w*)")
	codeSpan = regexp.MustCompile("`([^`]+)`")
	link     = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)
	linkRef  = regexp.MustCompile(`^\s*\[[^\]^]+\]:\s+(\S+)`)
	htmlLink = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	heading  = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	ours     = regexp.MustCompile(`^(?:make|go (?:run|test|build|vet|install)|(?:\./)?(?:bin/)?reprise|npm)\s`)
)

// shells are the fences whose lines are commands.
var shells = []string{"", "sh", "bash", "shell", "console"}

// readPage takes a document apart. It knows as much of Markdown as documents here use.
func readPage(file source) page {
	p := page{source: file}
	inFence, language, continued := "", "", false
	for i, line := range strings.Split(string(file.text), "\n") {
		if mark := fence.FindStringSubmatch(line); mark != nil {
			switch {
			case inFence == "":
				inFence, language = mark[1], mark[2]
			case strings.HasPrefix(mark[1], inFence):
				inFence = ""
			}
			continue
		}
		if inFence != "" {
			if slices.Contains(shells, language) && !continued {
				p.addCode(i+1, line)
			}
			continued = strings.HasSuffix(line, `\`)
			continue
		}
		for _, code := range codeSpan.FindAllStringSubmatch(line, -1) {
			p.addCode(i+1, code[1])
		}
		prose := codeSpan.ReplaceAllString(line, "``")
		for _, pattern := range []*regexp.Regexp{link, linkRef, htmlLink} {
			for _, target := range pattern.FindAllStringSubmatch(prose, -1) {
				p.links = append(p.links, said{i + 1, target[1]})
			}
		}
	}
	return p
}

func (p *page) addCode(line int, code string) {
	code, _, _ = strings.Cut(code, " #")
	code = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(code), "$ "))
	for part := range strings.SplitSeq(code, "&&") {
		part = strings.TrimSpace(part)
		if ours.MatchString(part + " ") {
			p.commands = append(p.commands, said{line, part})
		}
	}
	for word := range strings.FieldsSeq(code) {
		word = strings.Trim(word, `"'(),;:`)
		if isOurPath(word) {
			p.paths = append(p.paths, said{line, word})
		}
	}
}

// folders are the top-level folders by which a path of ours is known; a path may also begin with
// the name of a room, as in `payment/machine.go`.
var folders = []string{"internal", "cmd", "docs", "scripts", "sdk", "examples", "conformance", ".ci"}

// isOurPath tells a path of ours from a URL path, a media type, an import path or a fraction.
func isOurPath(word string) bool {
	if strings.ContainsAny(word, "{}<>$…=@|") || strings.Contains(word, "://") {
		return false
	}
	word = strings.TrimPrefix(word, "./")
	first, rest, deep := strings.Cut(word, "/")
	if !deep {
		return slices.Contains([]string{".go", ".md"}, path.Ext(word)) && !strings.HasPrefix(word, "*")
	}
	if slices.Contains(folders, first) {
		return !strings.HasPrefix(rest, "node_modules")
	}
	_, isRoom := plan["internal/"+first]
	return isRoom && (path.Ext(rest) != "" || rest == "" || slices.Contains(subfolders, strings.TrimSuffix(rest, "/")))
}

// exists looks for a path from the root, from the document's folder, and in the rooms. It may hold
// wildcards, end in /..., or name a file alone, which may then be anywhere.
func exists(tree []source, doc, name string) bool {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "...")
	name, _, _ = strings.Cut(name, "#")
	for _, base := range []string{".", path.Dir(doc), "internal"} {
		if found, _ := filepath.Glob(filepath.FromSlash(path.Join(base, name))); len(found) > 0 {
			return true
		}
	}
	return !strings.Contains(name, "/") && slices.ContainsFunc(tree, func(file source) bool { return path.Base(file.path) == name })
}

// TestDocuments holds every document against the tree: what it names exists, what it tells the
// reader to type can be typed, and where it points there is something.
func TestDocuments(t *testing.T) {
	tree := readTree(t)
	targets := makeTargets(t)
	help := newHelp(t)
	for _, file := range tree {
		if file.ext() != ".md" || strings.Contains(file.path, "testdata/") {
			continue
		}
		p := readPage(file)
		for _, name := range p.paths {
			if !exists(tree, file.path, name.text) {
				t.Errorf("%s:%d: names %s, which does not exist", file.path, name.line, name.text)
			}
		}
		for _, target := range p.links {
			if fault := checkLink(tree, file.path, target.text); fault != "" {
				t.Errorf("%s:%d: %s", file.path, target.line, fault)
			}
		}
		for _, command := range p.commands {
			if fault := checkCommand(targets, help, command.text); fault != "" {
				t.Errorf("%s:%d: `%s`: %s", file.path, command.line, command.text, fault)
			}
		}
	}
}

func checkLink(tree []source, doc, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, anchored := strings.Cut(target, "#")
	name := path.Join(path.Dir(doc), file)
	if file == "" {
		name = doc
	}
	if _, err := os.Stat(filepath.FromSlash(name)); err != nil {
		return "links to " + target + ", which does not exist"
	}
	if !anchored {
		return ""
	}
	for _, other := range tree {
		if other.path == name && path.Ext(name) == ".md" && !slices.Contains(anchors(other), anchor) {
			return "links to " + target + ", and there is no such heading"
		}
	}
	return ""
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)

// anchors returns the names that code hosts make from headings.
func anchors(doc source) []string {
	var names []string
	inFence := false
	for line := range strings.SplitSeq(string(doc.text), "\n") {
		if fence.MatchString(line) {
			inFence = !inFence
		}
		if mark := heading.FindStringSubmatch(line); mark != nil && !inFence {
			name := notInAnchor.ReplaceAllString(strings.ToLower(mark[1]), "")
			names = append(names, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return names
}

// makeTargets reads the targets of the Makefile.
func makeTargets(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, rule := range regexp.MustCompile(`(?m)^([a-z][a-z0-9 -]*):(?:[^=]|$)`).FindAllStringSubmatch(string(text), -1) {
		targets = append(targets, strings.Fields(rule[1])...)
	}
	if len(targets) == 0 {
		t.Fatal("found no targets in the Makefile")
	}
	return targets
}

// checkCommand says what is wrong with a command of ours. A command of somebody else is right.
func checkCommand(targets []string, help *help, command string) string {
	words := strings.Fields(command)
	switch words[0] {
	case "make":
		for _, word := range words[1:] {
			if !strings.ContainsAny(word, "-=…") && !slices.Contains(targets, word) {
				return "the Makefile has no target " + word
			}
		}
		return ""
	case "npm":
		return ""
	case "go":
		if len(words) < 3 || words[1] != "run" || words[2] != "./cmd/reprise" {
			return "" // its folders are checked as paths
		}
		return help.check(words[3:])
	}
	return help.check(words[1:]) // reprise …
}

// help asks the built command itself which subcommands and flags it has.
type help struct {
	binary string // empty where there is nothing to ask
	texts  map[string]string
}

func newHelp(t *testing.T) *help {
	h := &help{texts: map[string]string{}}
	if _, err := os.Stat("cmd/reprise/main.go"); err != nil || testing.Short() {
		return h
	}
	h.binary = filepath.Join(t.TempDir(), "reprise")
	if out, err := exec.Command("go", "build", "-o", h.binary, "./cmd/reprise").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/reprise: %v\n%s", err, out)
	}
	return h
}

// of returns the help of a subcommand, or the empty string if there is no such subcommand.
func (h *help) of(subcommand []string) string {
	key := strings.Join(subcommand, " ")
	if text, ok := h.texts[key]; ok {
		return text
	}
	out, err := exec.Command(h.binary, append(slices.Clone(subcommand), "--help")...).CombinedOutput()
	if err != nil {
		out = nil
	}
	h.texts[key] = string(out)
	return h.texts[key]
}

var subcommandName = regexp.MustCompile(`^[a-z][a-z-]*$`)

// check follows the words as far as they are subcommands (keys rotate), then looks for each flag
// in the help of the last one.
func (h *help) check(words []string) string {
	if h.binary == "" {
		return ""
	}
	var subcommand []string
	for i, word := range words {
		if !subcommandName.MatchString(word) || (i > 0 && h.of(append(slices.Clone(subcommand), word)) == "") {
			break
		}
		subcommand = append(subcommand, word)
	}
	text := h.of(subcommand)
	if text == "" {
		return fmt.Sprintf("reprise has no subcommand %q", subcommand)
	}
	for _, word := range words {
		if flag, _, _ := strings.Cut(word, "="); strings.HasPrefix(flag, "--") && !regexp.MustCompile(regexp.QuoteMeta(flag)+`\b`).MatchString(text) {
			return "no flag " + flag
		}
	}
	return ""
}

// TestReadPage shows what is taken from a document, and what is left alone.
func TestReadPage(t *testing.T) {
	text := strings.Join([]string{
		"# A heading, with `code`", // 1
		"See [the plan](docs/adr/0001.md#why) and `payment/machine.go`, not `text/html` or `/v3/payments`.",
		"Type `make test`, or `go run ./cmd/reprise sandbox --calm`; [not a link] (x).",
		"```sh",
		"$ make check && reprise serve # comment in scripts/nothing",
		"curl -u x: http://127.0.0.1:4242/sessions \\",
		"  make nothing",
		"```",
		"```json",
		"{\"a\": \"docs/no.md\"}",
		"```",
		"![a picture](docs/shop.png \"title\") `MM/YY` `0420/0421` `machine.go` `https://x.test/docs/a.md` `[a](b)`",
	}, "\n")
	p := readPage(source{path: "README.md", text: []byte(text)})
	got := fmt.Sprint(p.links, p.paths, p.commands)
	want := "[{2 docs/adr/0001.md#why} {12 docs/shop.png}]" +
		" [{2 payment/machine.go} {3 ./cmd/reprise} {12 machine.go}]" +
		" [{3 make test} {3 go run ./cmd/reprise sandbox --calm} {5 make check} {5 reprise serve}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := fmt.Sprint(anchors(source{path: "README.md", text: []byte(text)})), "[a-heading-with-code]"; got != want {
		t.Errorf("anchors %s, want %s", got, want)
	}
}

// TestCheckCommand shows what a document may not tell a reader to type.
func TestCheckCommand(t *testing.T) {
	h := &help{binary: "x", texts: map[string]string{
		"": "Usage", "sandbox": "Usage --calm --data=DIR", "keys": "Usage", "keys rotate": "Usage --data", "sandbox x": "",
	}}
	tests := []struct{ command, want string }{
		{"make test check", ""},
		{"make tea", "the Makefile has no target tea"},
		{"make -j2 test V=1", ""},
		{"go run ./cmd/reprise sandbox --calm --data=./d", ""},
		{"go run ./cmd/reprise sandbox x", ""},
		{"go run ./cmd/reprise sandbox --cal", "no flag --cal"},
		{"reprise keys rotate --data d", ""},
		{"go test ./internal/store", ""},
	}
	for _, test := range tests {
		if got := checkCommand([]string{"test", "check"}, h, test.command); got != test.want {
			t.Errorf("%s: got %q, want %q", test.command, got, test.want)
		}
	}
	h.texts["teapot"] = ""
	if got := checkCommand(nil, h, "reprise teapot"); got == "" {
		t.Error("a subcommand that does not exist was let through")
	}
}
