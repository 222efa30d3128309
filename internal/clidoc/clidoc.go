// Package clidoc writes the reference of a command line from its commands: one
// Markdown file, and a manual page for each command.
//
// Guarantee: what it writes depends on the commands alone, so that a test can compare
// it with what is kept.
package clidoc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Setting is a flag that many commands share, and that is described once.
type Setting struct {
	Name, Env, Default, Usage string
}

// Reference is a command line and what its commands share.
type Reference struct {
	Root     *cobra.Command
	Settings []Setting
	// Local lists flags whose defaults depend on the machine.
	Local []string
}

// commands lists every command that can be seen, parents before children.
func (r Reference) commands() []*cobra.Command {
	var all []*cobra.Command
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		all = append(all, c)
		for _, child := range c.Commands() {
			if child.IsAvailableCommand() && child.Name() != "help" && child.Name() != "completion" {
				visit(child)
			}
		}
	}
	visit(r.Root)
	return all
}

// flags returns the flags of a command that are its own, each as its usage line, and
// the names of those that are settings.
func (r Reference) flags(c *cobra.Command) (own [][2]string, settings []string) {
	shared := make(map[string]bool)
	for _, s := range r.Settings {
		shared[s.Name] = true
	}
	see := func(f *pflag.Flag) {
		switch {
		case f.Hidden || f.Name == "help":
		case shared[f.Name]:
			settings = append(settings, f.Name)
		default:
			own = append(own, [2]string{flagName(f), r.usage(f)})
		}
	}
	c.NonInheritedFlags().VisitAll(see)
	c.InheritedFlags().VisitAll(see)
	return own, settings
}

func flagName(f *pflag.Flag) string {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if kind, _ := pflag.UnquoteUsage(f); kind != "" {
		name += " " + kind
	}
	return name
}

func (r Reference) usage(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	if f.DefValue == "" || f.DefValue == "false" || f.DefValue == "[]" || f.DefValue == "0" || f.DefValue == "0s" ||
		slices.Contains(r.Local, f.Name) {
		return usage
	}
	return fmt.Sprintf("%s (default %s)", usage, f.DefValue)
}

// description is what the command says of itself at length.
func description(c *cobra.Command) string {
	if c.Long != "" {
		return strings.TrimSpace(c.Long)
	}
	return c.Short + "."
}
