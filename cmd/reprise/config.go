package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"reprise/internal/app"
)

// config is a file of settings: flags by their names, and what no flag can say.
type config struct {
	Directories []app.DirectorySettings `yaml:"directories"`
	Flags       map[string]yaml.Node    `yaml:",inline"`
}

// readConfig reads the file of a command, and says all that is wrong with it.
func readConfig(path string, command *kong.Node) (*config, []error) {
	c := &config{}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, []error{fmt.Errorf("config: %w", err)}
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o022 != 0 { // it says where card numbers are sent to
		return c, []error{errors.Join(fmt.Errorf("config: %s may be written by others than its owner: chmod go-w", path), err)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var problems []error
	var mistyped *yaml.TypeError
	switch err := decoder.Decode(c); {
	case errors.As(err, &mistyped):
		for _, text := range mistyped.Errors {
			problems = append(problems, fmt.Errorf("%s: %s", path, strings.NewReplacer("field ", "key ", " not found in type app.DirectorySettings", " is not known").Replace(text)))
		}
	case err != nil && len(bytes.TrimSpace(text)) > 0:
		return c, []error{fmt.Errorf("%s: %w", path, err)}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Flags)) {
		node := c.Flags[name]
		i := slices.IndexFunc(command.Flags, func(f *kong.Flag) bool { return f.Name == name })
		switch {
		case i < 0 || name == "config" || name == "check" || name == "help":
			problems = append(problems, fmt.Errorf("%s: line %d: key %s is not known: keys are the names of flags, see 'reprise serve --help'", path, node.Line, name))
		case node.Kind == yaml.ScalarNode:
			continue
		case node.Kind == yaml.SequenceNode && command.Flags[i].IsSlice():
			continue
		case command.Flags[i].IsSlice():
			problems = append(problems, fmt.Errorf("%s: line %d: %s is no list", path, node.Line, name))
		default:
			problems = append(problems, fmt.Errorf("%s: line %d: %s is no single value", path, node.Line, name))
		}
		delete(c.Flags, name)
	}
	return c, problems
}

// Validate has nothing to do: what is wrong is known by then.
func (c *config) Validate(*kong.Application) error { return nil }

// Resolve gives a flag what the file says, unless the environment says something.
func (c *config) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	node, there := c.Flags[flag.Name]
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			there = false
		}
	}
	switch {
	case !there || node.Tag == "!!null":
		return nil, nil
	case node.Kind == yaml.ScalarNode:
		return node.Value, nil
	}
	list := []any{}
	for _, item := range node.Content {
		list = append(list, item.Value)
	}
	return list, nil
}
