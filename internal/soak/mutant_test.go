package soak

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// patchHead is what stands before the diff of a mutant: what is broken, which promises, and who notices.
var patchHead = regexp.MustCompile(`\A\S[^\n]+\.\nBreaks promise [1-5](, [1-5])*\.\nKiller: (soak|internal/[a-z]+( Test\w+)+)\n\ndiff `)

// TestMutants: the mistakes that scripts/mutants makes can still be made. Whether each is noticed takes minutes, and
// is that script's to say.
func TestMutants(t *testing.T) {
	patches, err := filepath.Glob("testdata/mutants/*.patch")
	if err != nil || len(patches) < 16 {
		t.Fatalf("found only %d mutants: %v", len(patches), err)
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	for _, patch := range patches {
		t.Run(filepath.Base(patch), func(t *testing.T) {
			if !patchHead.MatchString(read(t, patch)) {
				t.Error("does not begin with what is broken, which promise, and who notices")
			}
			check := exec.Command(git, "apply", "--check", filepath.Join("internal", "soak", patch))
			check.Dir = filepath.Join("..", "..") // git passes over what is not below where it works
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("does not apply: %v\n%s", err, out)
			}
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
