package history_test

import (
	"testing"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
)

func benchMessage(b *testing.B) events.Message {
	b.Helper()
	subject, header, body, err := events.Encode(events.New("", "pohttp", noon, accepted(1, gatewayA)))
	if err != nil {
		b.Fatal(err)
	}
	return events.Message{Stream: events.StreamGatewayParcels, Sequence: 1, Subject: subject, Header: header, Body: body}
}

func BenchmarkAppendLine(b *testing.B) {
	m, line := benchMessage(b), []byte(nil)
	for b.Loop() {
		var err error
		if line, err = history.AppendLine(line[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLine(b *testing.B) {
	line, err := history.AppendLine(nil, benchMessage(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := history.ParseLine(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	m := benchMessage(b)
	f := history.Filter{Parcel: "parcel-2"}
	for b.Loop() {
		if f.Fits(m) {
			b.Fatal("it fits")
		}
	}
}
