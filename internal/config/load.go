package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Sources are where [Load] reads from.
type Sources struct {
	// Flags are those of [RegisterFlags], parsed; nil means none.
	Flags *pflag.FlagSet
	// Environ is the environment in the form of os.Environ.
	Environ []string
}

// Error is a mistake in the configuration. It is one line.
type Error struct {
	// Where is the place as the operator wrote it: a flag, a variable, or a
	// file and key.
	Where string
	// Problem says what is wrong and what was wanted.
	Problem string
}

// Error returns the text of the error.
func (e *Error) Error() string { return e.Where + ": " + e.Problem }

// layer is one source: given values by option name.
type layer struct {
	values *koanf.Koanf
	// where names the place of an option in this source.
	where func(option string) string
}

// Load reads the sources and returns a valid configuration. Every error is an
// [*Error].
func Load(src Sources) (*Config, error) {
	layers, err := src.layers()
	if err != nil {
		return nil, err
	}
	c := Default()
	for _, o := range Options(c) {
		if err := o.apply(layers); err != nil {
			return nil, err
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// LoadSections reads the settings of some sections only, pointers to structs as in
// [Options], whatever the sources say of others.
func LoadSections(src Sources, sections ...any) error {
	layers, err := src.layers()
	if err != nil {
		return err
	}
	for _, o := range Options(sections...) {
		if err := o.Value.Set(o.Default); err != nil {
			return &Error{Where: o.Name, Problem: err.Error()}
		}
		if err := o.apply(layers); err != nil {
			return err
		}
	}
	return nil
}

// apply sets the option from the strongest layer that has it.
func (o Option) apply(layers []layer) error {
	for _, l := range layers {
		given, twin := l.has(o)
		switch {
		case given && twin:
			return &Error{Where: l.where(o.Name), Problem: "is given together with " + l.where(o.twin)}
		case twin:
			return nil // which is the stronger source
		case given:
			return o.set(l)
		}
	}
	return nil
}

// has tells whether the layer gives the option, and whether it gives its twin.
// An empty value of one does not stand in the way of the other.
func (l layer) has(o Option) (given, twin bool) {
	if o.twin == "" {
		return l.values.Exists(o.Name), false
	}
	return l.values.String(o.Name) != "", l.values.String(o.twin) != ""
}

func (o Option) set(l layer) error {
	text, err := scalar(l.values.Get(o.Name))
	if err != nil {
		return &Error{Where: l.where(o.Name), Problem: err.Error()}
	}
	if err := o.Value.Set(text); err != nil {
		return &Error{Where: l.where(o.Name) + shown(text), Problem: err.Error()}
	}
	return nil
}

// shown quotes a wrong value for an error, unless it may hold a password as URLs
// do.
func shown(text string) string {
	if strings.Contains(text, "@") {
		return ""
	}
	return fmt.Sprintf(" %q", text)
}

// layers returns the sources, the strongest first.
func (src Sources) layers() ([]layer, error) {
	flags, environ := koanf.New("."), koanf.New(".")
	if src.Flags != nil {
		if err := flags.Load(posflag.Provider(src.Flags, ".", nil), nil); err != nil {
			return nil, &Error{Where: "flags", Problem: oneLine(err)}
		}
	}
	if err := environ.Load(env.Provider(".", src.envOptions()), nil); err != nil {
		return nil, &Error{Where: "environment", Problem: oneLine(err)}
	}
	layers := []layer{
		{flags, func(option string) string { return "--" + option }},
		{environ, envName},
	}
	path, from := filePath(layers)
	if path == "" {
		return layers, nil
	}
	values, err := readFile(path, from)
	if err != nil {
		return nil, err
	}
	return append(layers, layer{values, func(option string) string { return path + ": " + option }}), nil
}

// filePath returns the configuration file's path and the place that names it.
func filePath(layers []layer) (path, from string) {
	for _, l := range layers {
		if l.values.Exists(FileFlag) {
			return l.values.String(FileFlag), l.where(FileFlag)
		}
	}
	return "", ""
}

// readFile reads the YAML file at path, which the setting at from named, and
// refuses keys that no setting has.
func readFile(path, from string) (*koanf.Koanf, error) {
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		return nil, &Error{Where: fmt.Sprintf("%s %q", from, path), Problem: oneLine(err)}
	}
	known := knownNames()
	for _, key := range slices.Sorted(maps.Keys(k.Raw())) {
		if !known[key] {
			return nil, &Error{Where: path, Problem: unknownKey(key, known)}
		}
	}
	return k, nil
}

// scalar returns the text of a value as YAML or a flag gave it.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case nil:
		return "", errors.New("want a value, found none")
	default:
		return "", errors.New("want a single value (quote it if it is text)")
	}
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// check refuses settings that contradict each other.
func (c *Config) check() error {
	var seen []Option
	for _, o := range Options(c) {
		listen, ok := o.Value.(*Listen)
		if !ok {
			continue
		}
		for _, other := range seen {
			if listen.conflictsWith(*other.Value.(*Listen)) {
				return &Error{Where: fmt.Sprintf("--%s %q", o.Name, *listen), Problem: "is taken by --" + other.Name}
			}
		}
		seen = append(seen, o)
	}
	return c.Admin.check()
}
