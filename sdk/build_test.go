package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestCommittedScriptsAreBuiltFromTheirSources(t *testing.T) {
	for _, s := range scripts() {
		t.Run(s.output, func(t *testing.T) {
			committed, err := os.ReadFile(filepath.Join("..", s.output))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(committed, mustBuild(t, s)) {
				t.Errorf("%s is not what %s builds to: go run ./sdk", s.output, s.source)
			}
		})
	}
}

func TestSDKIsSmall(t *testing.T) {
	const most = 6000
	sdk := mustBuild(t, scripts()[0])
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(sdk)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if zipped.Len() >= most {
		t.Errorf("%d bytes gzipped, want less than %d", zipped.Len(), most)
	}
}

func TestBuildReportsWhatIsWrong(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "broken.ts"), []byte("let x: = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := build(root, script{source: "broken.ts", output: "broken.js"}); err == nil {
		t.Error("a syntax error was built")
	}
	if _, err := build(root, script{source: "absent.ts", output: "absent.js"}); err == nil {
		t.Error("an absent file was built")
	}
}

func TestTypes(t *testing.T) {
	tsc := filepath.Join("node_modules", ".bin", "tsc")
	if _, err := os.Stat(tsc); err != nil {
		t.Skip("typescript is not installed: npm ci in sdk/")
	}
	if out, err := exec.Command(tsc, "--noEmit").CombinedOutput(); err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
}

func mustBuild(t *testing.T, s script) []byte {
	t.Helper()
	built, err := build("..", s)
	if err != nil {
		t.Fatal(err)
	}
	return built
}
