// Command sdk builds the scripts that browsers load: it bundles and minifies their TypeScript
// sources into the files that the gateway embeds. The results are committed, so that building the
// gateway needs Go alone; a test keeps them equal to their sources.
//
// Run it from the root of the repository: go run ./sdk
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// script is one file that browsers load. Both paths are relative to the root of the repository.
type script struct {
	source string
	output string
}

// scripts lists what is built. Every output starts as a bundle of its own; they share no globals.
func scripts() []script {
	return []script{
		{source: "sdk/cards-session.ts", output: "internal/checkout/web/cards-session.min.js"},
		{source: "internal/checkout/web/src/pay.ts", output: "internal/checkout/web/pay.js"},
		{source: "internal/checkout/web/src/cvn.ts", output: "internal/checkout/web/cvn.js"},
		{source: "internal/checkout/web/src/link.ts", output: "internal/checkout/web/link.js"},
		{source: "internal/checkout/web/src/method.ts", output: "internal/checkout/web/method.js"},
		{source: "internal/checkout/web/src/return.ts", output: "internal/checkout/web/return.js"},
	}
}

func main() {
	for _, s := range scripts() {
		if err := write(".", s); err != nil {
			fmt.Fprintln(os.Stderr, "sdk:", err)
			os.Exit(1)
		}
	}
}

func write(root string, s script) error {
	built, err := build(root, s)
	if err != nil {
		return err
	}
	output := filepath.Join(root, s.output)
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	return os.WriteFile(output, built, 0o644)
}

// build returns the minified bundle of one script. It does not check types: npm run check does.
func build(root string, s script) ([]byte, error) {
	dir, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     dir,
		EntryPoints:       []string{s.source},
		Outfile:           s.output,
		Bundle:            true,
		Format:            api.FormatIIFE,
		Platform:          api.PlatformBrowser,
		Target:            api.ES2018,
		Charset:           api.CharsetASCII, // readable whatever charset it is served with
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		TsconfigRaw:       "{}", // the output depends on this file and the sources only
		Banner:            map[string]string{"js": "/*! Reprise | SPDX-License-Identifier: Apache-2.0 | built from " + s.source + " by: go run ./sdk */"},
	})
	if len(result.Errors) > 0 {
		texts := api.FormatMessages(result.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		failures := make([]error, len(texts))
		for i, text := range texts {
			failures[i] = errors.New(text)
		}
		return nil, errors.Join(failures...)
	}
	if len(result.OutputFiles) != 1 {
		return nil, fmt.Errorf("%s: %d files built, want 1", s.source, len(result.OutputFiles))
	}
	return result.OutputFiles[0].Contents, nil
}
