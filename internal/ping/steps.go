package ping

import (
	"context"
	"fmt"
	"io"
	"time"
)

// stepWidth is the column after which the times stand.
const stepWidth = 48

// Report writes steps as they end, one line each, aligned:
//
//	ok      A registers                                       12.3 ms
//	FAILED  B collects                                      5000.0 ms
type Report struct {
	// W gets the lines.
	W io.Writer
	// Colour uses colours, for a terminal.
	Colour bool
}

// step does one thing and reports it. An error names the step.
func (r *Report) step(ctx context.Context, title string, do func(context.Context) error) error {
	began := time.Now()
	err := do(ctx)
	verdict, colour := "ok", "\x1b[32m"
	if err != nil {
		verdict, colour = "FAILED", "\x1b[31m"
	}
	text := fmt.Sprintf("%-6s", verdict)
	if r.Colour {
		text = colour + text + "\x1b[0m"
	}
	_, writing := fmt.Fprintf(r.W, "  %s  %-*s %9s\n", text, stepWidth, title, milliseconds(time.Since(began)))
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	return writing
}

// milliseconds writes d so that columns of times compare at a glance.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
