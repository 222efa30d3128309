package jetstream_test

import (
	"errors"
	"io"
	"testing"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

func TestAppendAfter(t *testing.T) {
	s := newSite(t)
	first, err := s.log.AppendAfter(t.Context(), accepted("e1", "0a"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.log.AppendAfter(t.Context(), accepted("e2", "0a"), 0); !errors.Is(err, jetstream.ErrConflict) {
		t.Errorf("a second first record: %v, want ErrConflict", err)
	}
	if _, err := s.log.AppendAfter(t.Context(), accepted("e3", "0b"), 0); err != nil {
		t.Errorf("another subject: %v", err)
	}
	second, err := s.log.AppendAfter(t.Context(), accepted("e4", "0a"), first.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.log.Last(t.Context(), events.StreamGatewayParcels, "pdc-parcel.0a")
	if err != nil || last.Sequence != second.Sequence || last.ID != "e4" {
		t.Errorf("Last() = %v %d, %v; want e4 %d", last.ID, last.Sequence, err, second.Sequence)
	}
}

func TestLastOfNothing(t *testing.T) {
	s := newSite(t)
	if _, err := s.log.Last(t.Context(), events.StreamGatewayParcels, "pdc-parcel.0a"); !errors.Is(err, io.EOF) {
		t.Errorf("Last() = %v, want io.EOF", err)
	}
}
