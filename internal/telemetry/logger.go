// Package telemetry sets up how the process speaks of itself: logs for people
// on a terminal and for machines elsewhere, the registry of its metrics, and the
// export of its traces (package tracing makes them).
//
// Guarantees:
//
//   - The level can change at any moment through the [slog.LevelVar] that the
//     caller gives; records in flight are whole.
//   - One record is one Write of one line, in both forms: line breaks and
//     control characters in values are escaped, so that nothing that a peer sends
//     can forge a record or drive a terminal.
//   - JSON records have the keys time (RFC 3339 with nanoseconds), level and msg,
//     then the attributes. A record whose context is in a trace has trace_id and
//     span_id (lowercase hexadecimal), in both forms.
//   - Nothing waits for the collector of traces: spans that it does not take are
//     dropped, and counted. The entrance and each hop of a trace that was not sampled
//     is exported all the same if it failed, at a bounded rate.
package telemetry

import (
	"io"
	"log/slog"
)

// Format is the form of log records.
type Format int

// The forms of log records.
const (
	// Auto is Text when the writer is a terminal and JSON otherwise.
	Auto Format = iota
	// Text is one line for people, with colours on a terminal.
	Text
	// JSON is one object per line.
	JSON
)

// NewLogger returns a logger that writes to w in format the records at or above
// level.
func NewLogger(w io.Writer, format Format, level slog.Leveler) *slog.Logger {
	terminal := IsTerminal(w)
	if format == Text || format == Auto && terminal {
		return slog.New(traced{newTextHandler(w, level, Coloured(w))})
	}
	return slog.New(traced{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})})
}
