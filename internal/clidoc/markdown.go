package clidoc

import (
	"fmt"
	"strings"
)

// Markdown returns the whole reference.
func (r Reference) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nGenerated from the commands; `go test ./cmd/%[1]s -run CLIReference -update` writes it anew.\n\n", r.Root.Name())
	commands := r.commands()
	fmt.Fprint(&b, "| command | |\n|---|---|\n")
	for _, c := range commands[1:] {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.CommandPath(), anchor(c.CommandPath()), cell(c.Short))
	}
	for _, c := range commands {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n    %s\n", c.CommandPath(), description(c), c.UseLine())
		if c.Example != "" {
			fmt.Fprintf(&b, "\nExamples:\n\n```sh\n%s\n```\n", dedent(c.Example))
		}
		own, settings := r.flags(c)
		if len(own) > 0 {
			fmt.Fprint(&b, "\n| flag | |\n|---|---|\n")
			for _, f := range own {
				fmt.Fprintf(&b, "| `%s` | %s |\n", f[0], cell(f[1]))
			}
		}
		if len(settings) > 0 {
			// One on each line, so that two changes seldom meet.
			fmt.Fprintf(&b, "\nSettings:\n`--%s`.\n", strings.Join(settings, "`,\n`--"))
		}
	}
	fmt.Fprint(&b, "\n## Settings\n\nFlags win over variables, variables over the file that `--config` names.\n\n")
	fmt.Fprint(&b, "| flag and key | variable | default | |\n|---|---|---|---|\n")
	for _, s := range r.Settings {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Name, s.Env, code(s.Default), cell(s.Usage))
	}
	return b.String()
}

func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), " ", "-") }

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// dedent removes the indentation of examples.
func dedent(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
