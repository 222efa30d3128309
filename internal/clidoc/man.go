package clidoc

import (
	"fmt"
	"slices"
	"strings"
)

// ManPages returns the manual pages, section 1, by the names of their files.
func (r Reference) ManPages() map[string]string {
	pages := make(map[string]string)
	for _, c := range r.commands() {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		var b strings.Builder
		fmt.Fprintf(&b, ".TH %s 1 \"\" %s\n.SH NAME\n%s \\- %s\n", quoted(strings.ToUpper(name)), quoted(r.Root.Name()), roff(name), roff(c.Short))
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.SH DESCRIPTION\n%s\n", roff(c.UseLine()), paragraphs(description(c)))
		own, settings := r.flags(c)
		if len(own)+len(settings) > 0 {
			fmt.Fprint(&b, ".SH OPTIONS\n")
		}
		for _, f := range own {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(f[0]), roff(f[1]))
		}
		for _, s := range r.Settings {
			if slices.Contains(settings, s.Name) {
				fmt.Fprintf(&b, ".TP\n.B --%s\n%s\n", roff(s.Name), roff(s.sentence()))
			}
		}
		if c.Example != "" {
			fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", lines(dedent(c.Example)))
		}
		var also []string
		if c.HasParent() {
			also = append(also, strings.ReplaceAll(c.Parent().CommandPath(), " ", "-")+"(1)")
		}
		for _, child := range c.Commands() {
			if child.IsAvailableCommand() && child.Name() != "help" && child.Name() != "completion" {
				also = append(also, name+"-"+child.Name()+"(1)")
			}
		}
		if len(also) > 0 {
			fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", roff(strings.Join(also, ", ")))
		}
		pages[name+".1"] = b.String()
	}
	return pages
}

// sentence is the description of a setting with its default and its variable.
func (s Setting) sentence() string {
	text := s.Usage
	if s.Default != "" {
		text += " (default " + s.Default + ")"
	}
	if s.Env != "" {
		text += "; also " + s.Env
	}
	return text
}

// roff escapes text so that it is taken as it is.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func quoted(s string) string { return `"` + roff(s) + `"` }

// lines escapes text line by line.
func lines(s string) string {
	all := strings.Split(s, "\n")
	for i := range all {
		all[i] = roff(all[i])
	}
	return strings.Join(all, "\n")
}

// paragraphs begins a paragraph at each empty line.
func paragraphs(s string) string { return strings.ReplaceAll(lines(s), "\n\n", "\n.PP\n") }
