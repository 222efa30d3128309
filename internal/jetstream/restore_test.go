package jetstream_test

import (
	"errors"
	"testing"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
)

// restored yields messages at these sequences.
func restored(sequences ...uint64) func(func(events.Message, error) bool) {
	return func(yield func(events.Message, error) bool) {
		for _, s := range sequences {
			m := events.Message{Sequence: s, Subject: "gateway.test", Body: []byte("x"), Header: map[string][]string{
				"Nats-Msg-Id": {"same"}, "Nats-Expected-Last-Subject-Sequence": {"99"}, "ce-id": {"same"},
			}}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func TestRestoreKeepsSequences(t *testing.T) {
	log := jetstreamtest.Open(t)
	sequences := []uint64{4, 5, 8, 9}
	if n, err := log.Restore(t.Context(), events.StreamGateway, restored(sequences...)); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	state, err := log.State(t.Context(), events.StreamGateway)
	if err != nil || state.First != 4 || state.Last != 9 || state.Messages != 4 {
		t.Errorf("%+v, %v", state, err)
	}
	for _, s := range sequences {
		if r, err := log.At(t.Context(), events.StreamGateway, s); err != nil || r.Sequence != s {
			t.Errorf("%d: %+v, %v", s, r, err)
		}
	}
	if _, err := log.Restore(t.Context(), events.StreamGateway, restored(10)); !fault.IsPermanent(err) {
		t.Errorf("into a stream with events: %v", err)
	}
}

func TestRestoreOfNothing(t *testing.T) {
	log := jetstreamtest.Open(t)
	if n, err := log.Restore(t.Context(), events.StreamGateway, restored()); n != 0 || err != nil {
		t.Error(n, err)
	}
	if _, err := log.Restore(t.Context(), events.StreamGateway, restored(2, 1)); !fault.IsPermanent(err) {
		t.Errorf("out of order: %v", err)
	}
	broken := errors.New("broken")
	failing := func(yield func(events.Message, error) bool) { yield(events.Message{}, broken) }
	if _, err := log.Restore(t.Context(), events.StreamParked, failing); !errors.Is(err, broken) {
		t.Error(err)
	}
}
