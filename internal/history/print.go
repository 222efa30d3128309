package history

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/telemetry"
)

// stamp is how times are printed: UTC, with milliseconds.
const stamp = "2006-01-02 15:04:05.000"

// Printer writes what people read. Without a Width each message or step is one line,
// for other programs to take apart; with one it takes as many as it needs to fit.
type Printer struct {
	W io.Writer
	// Width is how many characters a terminal shows beside each other; 0 for what is
	// no terminal.
	Width int
}

// broad is the width from which on one line is enough for nearly everything.
const broad = 180

func (p Printer) narrow() bool { return p.Width > 0 && p.Width < broad }

// Message writes time, position, type, and whom it is about. Columns keep their width,
// because messages come one by one.
func (p Printer) Message(m events.Message) error {
	r := m.Record()
	name := Type(m)
	if name == "" {
		name = "(no type)"
	}
	about := describe(r.Data)
	if key, ok := keyOf(r.Data); ok {
		about = "parcel " + key.ParcelID + ": " + about
	}
	at, where, about := Time(m).Format(stamp), position(m.Stream, m.Sequence), strings.TrimSuffix(about, ": ")
	if p.narrow() {
		_, err := fmt.Fprintf(p.W, "%s  %s  %s\n%s", at, where, name, p.indented(about))
		return err
	}
	_, err := fmt.Fprintf(p.W, "%s  %-25s  %-34s  %s\n", at, where, name, about)
	return err
}

// indented returns text as lines that begin further in and fit the width.
func (p Printer) indented(text string) string {
	lines := telemetry.Wrapped(text, "    ", p.Width)
	return strings.Join(append(lines, ""), "\n")
}

// Show writes everything that a message says, for people.
func (p Printer) Show(m events.Message) error {
	r := m.Record()
	table := tabwriter.NewWriter(p.W, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "Position\t%s\nSubject\t%s\n", position(m.Stream, m.Sequence), r.Subject)
	if r.Subject != m.Subject {
		fmt.Fprintf(table, "Recorded on\t%s\n", m.Subject)
	}
	fmt.Fprintf(table, "Time\t%s\n", Time(m).Format(stamp))
	if !m.StoredAt.IsZero() {
		fmt.Fprintf(table, "Stored\t%s\n", m.StoredAt.Format(stamp))
	}
	for _, field := range []struct{ title, header string }{
		{"Type", events.HeaderType},
		{"Id", events.HeaderID},
		{"Source", events.HeaderSource},
		{"About", events.HeaderSubject},
		{"Cause", events.HeaderCausationID},
		{"Correlation", events.HeaderCorrelationID},
		{"Trace", events.HeaderTraceParent},
	} {
		if value := header(m, field.header); value != "" {
			fmt.Fprintf(table, "%s\t%s\n", field.title, value)
		}
	}
	if u, ok := r.Data.(events.Unreadable); ok {
		fmt.Fprintf(table, "Unreadable\t%s\n", u.Err)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	body := m.Body
	if clear, err := json.Marshal(r.Data); err == nil && len(m.Names) > 0 {
		body = clear
	}
	var fields any
	if json.Unmarshal(body, &fields) != nil {
		_, err := fmt.Fprintf(p.W, "\n%q\n", body)
		return err
	}
	_, err := fmt.Fprintf(p.W, "\n%s\n", indented(body))
	return err
}

func indented(body []byte) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	// It was parsed before.
	_ = encoder.Encode(json.RawMessage(body))
	return strings.TrimSpace(b.String())
}

// Lives writes traces: a head, and what happened in each step.
func (p Printer) Lives(lives []Life) error {
	for i, l := range lives {
		if i > 0 {
			fmt.Fprintln(p.W)
		}
		fmt.Fprintf(p.W, "Parcel %s\n  from %s\n  to   %s\n\n", l.ParcelID, l.SenderID, l.RecipientID)
		write := p.table
		if p.narrow() {
			write = p.paragraphs
		}
		if err := write(l.Steps); err != nil {
			return err
		}
	}
	return nil
}

// table writes a line for each step.
func (p Printer) table(steps []Step) error {
	table := tabwriter.NewWriter(p.W, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  TIME (UTC)\tAFTER\tEVENT\tPOSITION\tCAUSE\tBY\tWHAT")
	for _, s := range steps {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.At.Format(stamp), after(s.After), withoutVersion(s.Type),
			position(s.Stream, s.Sequence), cause(s), s.Source, s.What)
	}
	return table.Flush()
}

// paragraphs writes each step as what happened, what it says, and where it stands.
func (p Printer) paragraphs(steps []Step) error {
	for _, s := range steps {
		where := position(s.Stream, s.Sequence) + ", by " + s.Source
		if from := cause(s); from != "" {
			where += ", because of " + from
		}
		_, err := fmt.Fprintf(p.W, "%s  %-9s  %s\n%s%s", s.At.Format(stamp), after(s.After), withoutVersion(s.Type),
			p.indented(s.What), p.indented(where))
		if err != nil {
			return err
		}
	}
	return nil
}

// Kinds returns the types of events that there are, without versions, in their order.
func Kinds() []string {
	var kinds []string
	for _, t := range events.Types() {
		kinds = append(kinds, withoutVersion(string(t)))
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func withoutVersion(eventType string) string {
	if i := strings.LastIndex(eventType, ".v"); i > 0 {
		return eventType[:i]
	}
	return eventType
}

// after returns a duration with about three digits; "" for none.
func after(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < time.Second:
		return "+" + d.Round(time.Millisecond).String()
	case d < time.Minute:
		return "+" + d.Round(10*time.Millisecond).String()
	default:
		return "+" + d.Round(time.Second).String()
	}
}

func cause(s Step) string {
	switch {
	case s.Cause != "":
		return s.Cause
	case s.CausationID != "":
		return "event " + short(s.CausationID)
	default:
		return ""
	}
}

// Streams writes a table of streams.
func (p Printer) Streams(streams []Stream) error {
	table := tabwriter.NewWriter(p.W, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STREAM\tEVENTS\tFIRST\tLAST\tSIGNED\tKEPT\tLAST EVENT (UTC)")
	for _, s := range streams {
		kept, last := "for ever", "-"
		if s.MaxAge > 0 {
			kept = fmt.Sprintf("%.4g days", s.MaxAge.Hours()/24)
		}
		if !s.LastAt.IsZero() {
			last = date(s.LastAt)
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", s.Name, s.Messages, s.First, s.Last, s.Checkpoint, kept, last)
	}
	return table.Flush()
}

// State writes what a history has led to.
func (p Printer) State(s *State) error {
	fmt.Fprintf(p.W, "\nAfter %d events", s.Events)
	if !s.LastAt.IsZero() {
		fmt.Fprintf(p.W, ", the last at %s", s.LastAt.Format(stamp))
	}
	waiting := s.Waiting()
	if len(waiting) == 0 {
		_, err := fmt.Fprintln(p.W, ", nothing waits.")
		return err
	}
	fmt.Fprintln(p.W, ", these wait:")
	table := tabwriter.NewWriter(p.W, 0, 0, 2, ' ', 0)
	for _, w := range waiting {
		fmt.Fprintf(table, "  %s\t%s\t%d\t%d octets\n", w.Kind, w.Name, w.Count, w.Octets)
	}
	return table.Flush()
}
