package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// messageWidth is the column after which attributes follow, so that they line
// up over most messages.
const messageWidth = 36

// The escape sequences (ECMA-48 SGR) that textHandler uses.
const (
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

// textHandler writes records as lines for people:
//
//	15:04:05.000 INFO  listening                            server=poweb
type textHandler struct {
	level  slog.Leveler
	colour bool

	// prefix is the attributes of WithAttrs, rendered; group the names of
	// WithGroup, each with a dot.
	prefix, group string

	mu *sync.Mutex // guards w
	w  io.Writer
}

func newTextHandler(w io.Writer, level slog.Leveler, colour bool) *textHandler {
	return &textHandler{level: level, colour: colour, mu: new(sync.Mutex), w: w}
}

// Enabled implements [slog.Handler].
func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// WithAttrs implements [slog.Handler].
func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		h.appendAttr(&b, h.group, a)
	}
	derived := *h
	derived.prefix += b.String()
	return &derived
}

// WithGroup implements [slog.Handler].
func (h *textHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	derived := *h
	derived.group += name + "."
	return &derived
}

// Handle implements [slog.Handler].
func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if !r.Time.IsZero() {
		b.WriteString(h.paint(dim, r.Time.Format("15:04:05.000")) + " ")
	}
	b.WriteString(h.paint(levelColour(r.Level), fmt.Sprintf("%-5s", r.Level.String())) + " ")
	message := escape(r.Message)
	b.WriteString(message)
	var attrs strings.Builder
	attrs.WriteString(h.prefix)
	r.Attrs(func(a slog.Attr) bool {
		h.appendAttr(&attrs, h.group, a)
		return true
	})
	if attrs.Len() > 0 {
		b.WriteString(strings.Repeat(" ", max(0, messageWidth-len(message))))
		b.WriteString(attrs.String())
	}
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

// appendAttr writes " key=value", with the members of a group one by one.
func (h *textHandler) appendAttr(b *strings.Builder, group string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range value.Group() {
			h.appendAttr(b, group, member)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	b.WriteString(" " + h.paint(dim, escape(group+a.Key)+"=") + quote(valueText(value)))
}

func valueText(v slog.Value) string {
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().Format(time.RFC3339)
	case slog.KindDuration:
		return v.Duration().Round(time.Microsecond).String()
	default:
		return v.String()
	}
}

func (h *textHandler) paint(colour, s string) string {
	if !h.colour || colour == "" {
		return s
	}
	return colour + s + reset
}

func levelColour(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return red
	case level >= slog.LevelWarn:
		return yellow
	case level >= slog.LevelInfo:
		return cyan
	default:
		return dim
	}
}

// quote quotes s unless it reads as one word.
func quote(s string) string {
	odd := func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '=' || !unicode.IsPrint(r) }
	if s == "" || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

// escape replaces what a terminal would act on.
func escape(s string) string {
	if slices.ContainsFunc([]rune(s), func(r rune) bool { return !unicode.IsPrint(r) }) {
		quoted := strconv.Quote(s)
		return quoted[1 : len(quoted)-1]
	}
	return s
}
