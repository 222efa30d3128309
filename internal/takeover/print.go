package takeover

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// maxAlike bounds the remarks in the text of an account that say the same of things of
// one kind.
const maxAlike = 5

// Write writes the account as people read it: what they may want to look at, and then
// the sums.
func (a *Account) Write(w io.Writer) error {
	var text strings.Builder
	a.writeRemarks(&text)
	fmt.Fprintf(&text, "%s, node %s: %s\n\n", a.InternetAddress, a.NodeID, a.title())
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	moved := "MOVED"
	if a.DryRun {
		moved = "TO MOVE"
	}
	fmt.Fprintf(table, "\tFOUND\t%s\tALREADY\tSKIPPED\tENDED THERE\tWRONG\n", moved)
	for _, l := range a.Lines {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%d\t%d\n", l.Kind, l.Found, l.Moved, l.Already, l.skipped(), l.Ended, l.Wrong)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (a *Account) writeRemarks(text *strings.Builder) {
	alike := map[string]int{}
	for _, r := range a.Remarks {
		what := fmt.Sprintf("%s: %s", r.Kind, r.Reason)
		if alike[what]++; alike[what] <= maxAlike {
			fmt.Fprintf(text, "%s: %s: %s\n", r.Kind, r.Name, strings.TrimSuffix(r.Reason+": "+r.Detail, ": "))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(alike)) {
		if more := alike[what] - maxAlike; more > 0 {
			fmt.Fprintf(text, "and %d more %s; --json shows them all\n", more, what)
		}
	}
	if len(a.Remarks) > 0 {
		fmt.Fprintln(text)
	}
}

func (a *Account) title() string {
	switch {
	case a.DryRun:
		return "what a takeover would move; nothing was changed"
	case a.Completed:
		return "the takeover is complete"
	case a.Verified && a.Wrong() == 0:
		return "everything is here as it is there"
	case a.Verified:
		return fmt.Sprintf("%d are not here as they are there", a.Wrong())
	default:
		return "taken over so far; go on, and complete it with --cutover"
	}
}

// skipped lists the reasons with their counts.
func (l *Line) skipped() string {
	total := 0
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(l.Skipped)) {
		total += l.Skipped[reason]
		reasons = append(reasons, fmt.Sprintf("%d %s", l.Skipped[reason], reason))
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(reasons, ", "))
}
