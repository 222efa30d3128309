package ping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// stepWidth is the column after which the times stand.
const stepWidth = 50

// Report writes steps as they end, one line each, aligned:
//
//	ok      A registers                                       12.3 ms
//	FAILED  B collects                                      5000.0 ms
type Report struct {
	// W gets the lines.
	W io.Writer
	// Colour uses colours, for a terminal.
	Colour bool
	// Steps are what has ended.
	Steps []Step
}

// Step is one thing that was done.
type Step struct {
	Title  string  `json:"title"`
	Millis float64 `json:"ms"`
	Error  string  `json:"error,omitempty"`
}

// step does one thing and reports it. An error names the step.
func (r *Report) step(ctx context.Context, title string, do func(context.Context) error) error {
	began := time.Now()
	err := do(ctx)
	if ended := ctx.Err(); err != nil && ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err) // a status of gRPC does not say so
	}
	done := Step{Title: title, Millis: float64(time.Since(began).Microseconds()) / 1000}
	verdict, colour := "ok", "\x1b[32m"
	if err != nil {
		verdict, colour = "FAILED", "\x1b[31m"
		done.Error = err.Error()
	}
	r.Steps = append(r.Steps, done)
	text := fmt.Sprintf("%-6s", verdict)
	if r.Colour {
		text = colour + text + "\x1b[0m"
	}
	_, writing := fmt.Fprintf(r.W, "  %s  %-*s %6.1f ms\n", text, stepWidth, title, done.Millis)
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	return writing
}
