package jetstream_test

import (
	"errors"
	"io"
	"testing"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
)

func TestNextReadsOneSubject(t *testing.T) {
	s := newSite(t)
	for _, e := range []events.Event{accepted("e1", "0a"), accepted("e2", "0b"), accepted("e3", "0a")} {
		if _, err := s.log.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		subject string
		from    uint64
		want    string
		err     error
	}{
		"from the start":    {"pdc-parcel.0a", 0, "e1", nil},
		"skips others":      {"pdc-parcel.0a", 2, "e3", nil},
		"at its own":        {"pdc-parcel.0a", 3, "e3", nil},
		"past the end":      {"pdc-parcel.0a", 4, "", io.EOF},
		"never used":        {"pdc-parcel.0c", 0, "", io.EOF},
		"not its outcomes":  {"pdc-parcel.0a.outcome", 0, "", io.EOF},
		"another's subject": {"pdc-parcel.0b", 0, "e2", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.log.Next(t.Context(), events.StreamGatewayParcels, tc.subject, tc.from)
			if !errors.Is(err, tc.err) || got.ID != tc.want {
				t.Errorf("Next = %q, %v; want %q, %v", got.ID, err, tc.want, tc.err)
			}
		})
	}
}

func TestLastSequence(t *testing.T) {
	s := newSite(t)
	for _, e := range []events.Event{accepted("e1", "0a"), accepted("e2", "0b"), accepted("e3", "0a")} {
		if _, err := s.log.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for subject, want := range map[string]uint64{"pdc-parcel.0a": 3, "pdc-parcel.0b": 2, "pdc-parcel.0c": 0, ">": 3} {
		got, err := s.log.LastSequence(t.Context(), events.StreamGatewayParcels, subject)
		if err != nil || got != want {
			t.Errorf("LastSequence(%s) = %d, %v; want %d", subject, got, err, want)
		}
	}
	if _, err := s.log.LastSequence(t.Context(), "NONE", ">"); err == nil {
		t.Error("a missing stream has a last sequence")
	}
}

func TestUnreadableMessagesAreRecords(t *testing.T) {
	s := newSite(t)
	msgs := []*nats.Msg{
		{Subject: events.IdentityChannel, Data: []byte("no headers")},
		{Subject: events.IdentityChannel, Header: nats.Header{"ce-id": {"a", "b"}, "Nats-Msg-Id": {"x"}}},
	}
	for i, msg := range msgs {
		if _, err := s.nc.RequestMsg(msg, s.opts.Timeout); err != nil {
			t.Fatal(err)
		}
		got, err := s.log.Next(t.Context(), events.StreamGateway, events.IdentityChannel, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := got.Data.(events.Unreadable); !ok || got.Sequence != uint64(i+1) {
			t.Errorf("record %d is %+v", i+1, got)
		}
	}
}
