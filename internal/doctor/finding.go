package doctor

import (
	"fmt"
	"io"
	"strings"

	"awala.network/gateway/internal/telemetry"
)

// Severity is how bad a finding is.
type Severity string

// The severities. With a [Problem] the gateway does not work, or may lose or
// disclose something; with a [Warning] that is so in some circumstances, or soon.
const (
	OK      Severity = "ok"
	Warning Severity = "warning"
	Problem Severity = "problem"
)

// Finding is what one check found.
type Finding struct {
	// Check is the check's name, such as nats-sync: the same in every version.
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	// Message says what is the case, Fix what to do; Fix is empty if Severity is OK.
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// Report is all that was found, in the order of the checks.
type Report struct {
	Findings []Finding `json:"findings"`
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
}

// ok adds a finding that is in order.
func (r *Report) ok(check, format string, args ...any) {
	r.add(Finding{Check: check, Severity: OK, Message: fmt.Sprintf(format, args...)})
}

// warning adds a finding with its fix.
func (r *Report) warning(check, fix, format string, args ...any) {
	r.add(Finding{Check: check, Severity: Warning, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// problem adds a finding with its fix.
func (r *Report) problem(check, fix, format string, args ...any) {
	r.add(Finding{Check: check, Severity: Problem, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (r *Report) add(f Finding) {
	r.Findings = append(r.Findings, f)
	switch f.Severity {
	case Problem:
		r.Problems++
	case Warning:
		r.Warnings++
	}
}

// Write writes the report for people, to fit so many characters beside each other; 0
// for any number. Unless all is true, what is in order is only counted.
func (r Report) Write(w io.Writer, all bool, width int) error {
	var b strings.Builder
	good := 0
	for _, f := range r.Findings {
		if f.Severity == OK {
			good++
			if !all {
				continue
			}
		}
		f.write(&b, width)
	}
	fmt.Fprintf(&b, "%d in order, %d warnings, %d problems\n", good, r.Warnings, r.Problems)
	_, err := io.WriteString(telemetry.Plain(w), b.String())
	return err
}

// write writes the check, and beside it what is the case and what to do.
func (f Finding) write(b *strings.Builder, width int) {
	head := fmt.Sprintf("%-8s %-22s ", f.Severity, f.Check)
	margin := strings.Repeat(" ", len(head))
	paragraphs := []string{f.Message}
	if f.Fix != "" {
		paragraphs = append(paragraphs, "fix: "+f.Fix)
	}
	for i, text := range paragraphs {
		lines := []string{margin + text}
		if width > 0 {
			lines = telemetry.Wrapped(text, margin, width)
		}
		if i == 0 && len(lines) > 0 {
			lines[0] = head + strings.TrimPrefix(lines[0], margin)
		}
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
}
