package history

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Verdict writes the outcome of a verification.
func (p Printer) Verdict(v Verdict) error {
	fmt.Fprintf(p.W, "Key %s\n", v.Key)
	if v.Own {
		fmt.Fprintln(p.W, "  taken from the history itself: who changed that may have changed the key. Give --key.")
	}
	fmt.Fprintln(p.W)
	table := tabwriter.NewWriter(p.W, 0, 0, 2, ' ', 0)
	for _, s := range v.Streams {
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Stream, outcome(s), s.count())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range v.Streams {
		if s.First != nil {
			fmt.Fprintf(p.W, "\nFirst difference: %s\n", s.First)
		}
		if s.Problem != "" {
			fmt.Fprintf(p.W, "\n%s: %s\n", s.Stream, s.Problem)
		}
	}
	for _, d := range v.Damage {
		fmt.Fprintf(p.W, "\nThe archive is damaged: %s\n", d)
	}
	verdict := "Everything is as it was signed for."
	if !v.OK() {
		verdict = "This is NOT what was signed for."
	}
	_, err := fmt.Fprintf(p.W, "\n%s\n", verdict)
	return err
}

func outcome(s StreamVerdict) string {
	if s.OK() && s.Problem == "" {
		return "ok"
	}
	return "CHANGED"
}

// count says what was compared.
func (s StreamVerdict) count() string {
	parts := []string{fmt.Sprintf("%d of %d events verified", s.Verified, s.Size)}
	if s.Aged > 0 {
		parts = append(parts, fmt.Sprintf("%d removed by retention, their hashes verified", s.Aged))
	}
	if s.Differences > 0 {
		parts = append(parts, fmt.Sprintf("%d differ", s.Differences))
	}
	if s.Beyond > 0 {
		parts = append(parts, fmt.Sprintf("%d newer than the checkpoint", s.Beyond))
	}
	return strings.Join(parts, ", ")
}
