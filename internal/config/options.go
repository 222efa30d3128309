package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

// EnvPrefix begins the name of every environment variable of ours.
const EnvPrefix = "AWALA_"

// FileFlag is the name of the flag that names the configuration file.
const FileFlag = "config"

// Option is one setting as its field in [Config] describes it.
type Option struct {
	// Name is the name of the flag and of the key in the file.
	Name string
	// Usage is one line of help.
	Usage string
	// Default is the value without any source.
	Default string
	// Value reads and writes the field.
	Value pflag.Value

	// twin is the name of the other of two settings for one field: a secret and
	// its file. The stronger source has either, but not both.
	twin string
}

// Env is the name of the option's environment variable.
func (o Option) Env() string { return envName(o.Name) }

// envName returns the variable of an option. That of one that repeats is in the
// plural, because it holds them all.
func envName(option string) string {
	name := EnvPrefix + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
	if repeating()[option] {
		name += "S"
	}
	return name
}

// repeating holds the names of the options whose flags may be repeated.
var repeating = sync.OnceValue(func() map[string]bool {
	names := make(map[string]bool)
	for _, o := range Options(new(Config)) {
		if _, ok := o.Value.(interface{ repeats() }); ok {
			names[o.Name] = true
		}
	}
	return names
})

// Options lists the settings of sections, in the order of their fields. A
// section is a pointer to one of the structs in [Config], or to a Config.
func Options(sections ...any) []Option {
	var all []Option
	for _, s := range sections {
		all = append(all, fieldOptions(reflect.ValueOf(s).Elem())...)
	}
	return all
}

func fieldOptions(section reflect.Value) []Option {
	var all []Option
	for i := range section.NumField() {
		field := section.Type().Field(i)
		value, ok := section.Field(i).Addr().Interface().(pflag.Value)
		if !ok {
			all = append(all, fieldOptions(section.Field(i))...)
			continue
		}
		o := Option{
			Name:    field.Tag.Get("name"),
			Usage:   field.Tag.Get("usage"),
			Default: field.Tag.Get("default"),
			Value:   value,
		}
		all = append(all, withFile(o)...)
	}
	return all
}

// withFile returns the option, and the one for its file if it is a secret.
func withFile(o Option) []Option {
	var take func(path, value string) error
	usage := "file that holds --" + o.Name
	switch secret := o.Value.(type) {
	case *Secret:
		take = func(_, value string) error { return secret.Set(value) }
	case *RenewedSecret:
		take = func(path, _ string) error { return secret.Set(inFile + path) }
		usage += "; read again when it changes"
	default:
		return []Option{o}
	}
	o.twin = o.Name + fileSuffix
	return []Option{o, {Name: o.twin, Usage: usage, Value: secretFile{take}, twin: o.Name}}
}

// Default returns the configuration without any source.
func Default() *Config {
	c := new(Config)
	for _, o := range Options(c) {
		if err := o.Value.Set(o.Default); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", o.Name, err))
		}
	}
	return c
}

// RegisterFlags adds a flag for each setting of sections, and --config. The
// flags only record what was given; [Load] parses it.
func RegisterFlags(flags *pflag.FlagSet, sections ...any) {
	flags.Var(&givenFlag{kind: "FILE"}, FileFlag, "YAML file of settings, named as the flags are; also "+envName(FileFlag))
	for _, o := range Options(sections...) {
		_, repeats := o.Value.(interface{ repeats() })
		flag := flags.VarPF(&givenFlag{kind: o.Value.Type(), text: o.Default, repeats: repeats}, o.Name, "", o.Usage)
		if _, ok := o.Value.(*Switch); ok {
			flag.NoOptDefVal = "true"
		}
	}
}

// givenFlag is a flag's value before it is parsed. If it repeats, its values are
// joined by commas.
type givenFlag struct {
	kind, text     string
	repeats, given bool
}

func (g *givenFlag) Set(s string) error {
	if g.repeats && g.given {
		s = g.text + "," + s
	}
	g.text, g.given = s, true
	return nil
}
func (g *givenFlag) String() string { return g.text }
func (g *givenFlag) Type() string   { return g.kind }
