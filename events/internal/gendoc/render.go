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

Private gateways are recorded under pseudonyms, in subjects too. What tells something of one is sealed (AES-SIV, RFC 5297, in base64 after a ` + "`~`" + `) with a key of its own: that of the gateway that the event belongs to, or of the one where a parcel came from (source), if there is one. [privacy.md](privacy.md) says how they are forgotten.

Fields are only ever added. A new meaning is a new version of the type. Readers ignore fields that they do not know.

`

const versionsIntro = `## Versions

What an old version recorded is read for ever, as the newest one says it: pure functions lead from each version to the next (` + "`events.Upcast`" + `). A version that this program does not know, because a newer one recorded it, is told and never skipped silently: workers park it, projections count it and ask to be rebuilt once they can read it.

`

// generate returns the catalogue of the events in dir.
func generate(dir string) ([]byte, error) {
	src, err := parse(dir)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(preamble)
	writeVersions(&out, events.Types(), events.ReadAs)
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

// writeVersions says which versions there are, and which are upcast.
func writeVersions(out *bytes.Buffer, types []events.Type, readAs func(events.Type) events.Type) {
	out.WriteString(versionsIntro)
	var old []events.Type
	for _, t := range types {
		if readAs(t) != t {
			old = append(old, t)
		}
	}
	if len(old) == 0 {
		fmt.Fprintf(out, "There are %d types, each at its first version. Nothing has to be upcast yet.\n\n", len(types))
		return
	}
	out.WriteString("| recorded no more | read as |\n|---|---|\n")
	for _, t := range old {
		fmt.Fprintf(out, "| `%s` | `%s` |\n", t, readAs(t))
	}
	out.WriteString("\n")
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
	out.WriteString("| field | type | recorded | meaning |\n|---|---|---|---|\n")
	for _, f := range e.Fields {
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, f.Recorded, f.Doc)
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
