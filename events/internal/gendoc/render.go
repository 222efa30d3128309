package main

import (
	"bytes"
	"fmt"
	"strings"

	"awala.network/gateway/events"
)

const preamble = `# Events

Generated from the source of package events by ` + "`go run ./events/internal/gendoc`" + `; do not edit.

Every event is a CloudEvents 1.0 message in binary mode: attributes in NATS headers, a JSON body.

| header | meaning |
|---|---|
| ` + "`ce-specversion`" + ` | 1.0 |
| ` + "`ce-id`" + `, ` + "`Nats-Msg-Id`" + ` | the event's id; within the duplicate window a stream stores an id once |
| ` + "`ce-type`" + ` | ` + "`" + events.TypePrefix + "`" + ` and the type below |
| ` + "`ce-source`" + ` | the role that recorded the event |
| ` + "`ce-time`" + ` | when the recorder says that it happened |
| ` + "`ce-subject`" + ` | the id of the thing whose life the event is part of |
| ` + "`ce-causationid`" + ` | the id of the event that this one follows from |
| ` + "`ce-correlationid`" + ` | shared by all that follows from one ingress |
| ` + "`traceparent`" + ` | W3C trace context |
| ` + "`content-type`" + ` | application/json |

Fields are only ever added. A new meaning is a new version of the type. Readers ignore fields that they do not know.

`

// generate returns the catalogue of the events in dir.
func generate(dir string) ([]byte, error) {
	src, err := parse(dir)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(preamble)
	all, listed := src.events(), 0
	for _, stream := range events.Streams() {
		writeStream(&out, stream)
		for _, e := range all {
			if belongs(stream, e.Channel) {
				writeEvent(&out, e)
				listed++
			}
		}
	}
	if listed != len(all) || listed != len(events.Types()) {
		return nil, fmt.Errorf("%d event types are listed, %d are in the source, %d are registered",
			listed, len(all), len(events.Types()))
	}
	return append(bytes.TrimSpace(out.Bytes()), '\n'), nil
}

func writeStream(out *bytes.Buffer, s events.StreamSpec) {
	fmt.Fprintf(out, "## Stream %s\n\n", s.Name)
	fmt.Fprintf(out, "Subjects: `%s`. Duplicate window: %v.", strings.Join(s.Subjects, "`, `"), s.DuplicateWindow)
	if s.Live {
		fmt.Fprintf(out, " Stored events are repeated live under `%s`.", events.LivePrefix)
	}
	out.WriteString("\n\n")
}

func writeEvent(out *bytes.Buffer, e eventDoc) {
	fmt.Fprintf(out, "### %s\n\nOn `%s`. %s\n\n", e.Type, e.Channel, e.Doc)
	out.WriteString("| field | type | meaning |\n|---|---|---|\n")
	for _, f := range e.Fields {
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", f.Name, f.Type, f.Doc)
	}
	out.WriteString("\n")
}

// belongs tells whether a stream's subjects cover a channel such as
// pdc-parcel.<private gateway id>.
func belongs(s events.StreamSpec, channel string) bool {
	first, _, _ := strings.Cut(channel, ".")
	for _, subject := range s.Subjects {
		if head, _, _ := strings.Cut(subject, "."); head == first {
			return true
		}
	}
	return false
}
