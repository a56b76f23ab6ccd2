package reprise_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

// source is one file of the repository. The path is slash separated and relative to the root.
type source struct {
	path string
	text []byte
}

// notOurs are folders that are made, downloaded, or kept by a tool: nothing in them is written by hand.
var notOurs = []string{".git", ".idea", ".vscode", "node_modules", "bin", "reprise-data"}

// readTree returns every file of the repository that a person wrote, in the order of the paths.
// It walks the folder instead of asking git, so that it also works in an unpacked archive and
// sees a file before it is added.
func readTree(t *testing.T) []source {
	t.Helper()
	var tree []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains(notOurs, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) { // an editor's scratch file that went away meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		tree = append(tree, source{path: filepath.ToSlash(name), text: text})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tree) < 10 {
		t.Fatalf("found only %d files: this test must run in the root of the repository", len(tree))
	}
	return tree
}

// isText tells written files from pictures and archives.
func (s source) isText() bool { return bytes.IndexByte(s.text, 0) < 0 }

// ext returns the ending of the name with its dot.
func (s source) ext() string { return path.Ext(s.path) }

// lineAt returns the number of the line on which the offset lies, the first being 1.
func (s source) lineAt(offset int) int { return 1 + bytes.Count(s.text[:offset], []byte("\n")) }
