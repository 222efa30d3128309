package workers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

func newParking(t *testing.T, log Appender) *parking {
	t.Helper()
	m, _ := testMetrics(t)
	parker := NewParker(log)
	parker.now = func() time.Time { return time.Unix(2, 0).UTC() }
	return &parking{parker: parker, maxAttempts: 5, metrics: m, logger: discard}
}

func TestParking(t *testing.T) {
	failed := errors.New("failed")
	tests := map[string]struct {
		attempt int
		err     error
		parked  string // the reason, if it is parked
		want    error
	}{
		"done":              {1, nil, "", nil},
		"transient":         {4, failed, "", failed},
		"exhausted":         {5, failed, "given up after 5 attempts: failed", nil},
		"permanent":         {1, fault.Permanent(failed), "failed", nil},
		"fatal":             {1, fault.Fatal(failed), "", failed},
		"fatal in the end":  {9, fault.Fatal(failed), "", failed},
		"done at last":      {9, nil, "", nil},
		"permanent in turn": {9, fault.Permanent(failed), "failed", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			log := &memoryLog{}
			err := through(newParking(t, log).middleware, delivered(t.Context(), tc.attempt), func(context.Context) error { return tc.err })
			if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			var got []string
			for _, e := range log.appended {
				got = append(got, e.Data.(events.MessageParked).Reason)
			}
			if strings.Join(got, "") != tc.parked {
				t.Errorf("parked %q, want %q", got, tc.parked)
			}
		})
	}
}

func TestParkedEvent(t *testing.T) {
	log := &memoryLog{}
	mw := newParking(t, log).middleware
	for range 2 {
		if err := through(mw, delivered(t.Context(), 3), func(context.Context) error { return fault.Permanent(errors.New("no")) }); err != nil {
			t.Fatal(err)
		}
	}
	want := events.Event{
		ID:     events.DeriveID("message-parked.v1", "worker", events.StreamGateway, "7"),
		Source: "worker", Time: time.Unix(2, 0).UTC(), CausationID: "e1", CorrelationID: "e1",
		Data: events.MessageParked{
			Consumer: "worker", Stream: events.StreamGateway, Sequence: 7, Subject: events.IdentityChannel,
			EventID: "e1", Reason: "no", Attempts: 3,
		},
	}
	if diff := cmp.Diff([]events.Event{want, want}, log.appended); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKillerIsParkedUnseen sets aside a message whose handler has never answered: the
// process died each time.
func TestKillerIsParkedUnseen(t *testing.T) {
	log := &memoryLog{}
	err := through(newParking(t, log).middleware, delivered(t.Context(), 11), func(context.Context) error {
		t.Error("the handler is called once more")
		return nil
	})
	if err != nil || len(log.appended) != 1 {
		t.Fatalf("%d parked, %v", len(log.appended), err)
	}
	want := "delivered 11 times, and no process lived to say what came of it"
	if got := log.appended[0].Data.(events.MessageParked).Reason; got != want {
		t.Errorf("parked %q, want %q", got, want)
	}
}

func TestUnreadableIsParkedUnseen(t *testing.T) {
	log := &memoryLog{}
	header := map[string][]string{events.HeaderMessageID: {" bad id\n"}}
	msg := deliveredRecord(t.Context(), 1, events.Read(events.StreamGateway, 7, events.IdentityChannel, header, nil))
	err := through(newParking(t, log).middleware, msg, func(context.Context) error {
		t.Error("the handler got an unreadable message")
		return nil
	})
	if err != nil || len(log.appended) != 1 {
		t.Fatalf("%v, %d events", err, len(log.appended))
	}
	if _, _, _, err := events.Encode(log.appended[0]); err != nil {
		t.Errorf("the event cannot be recorded: %v", err)
	}
	if got := log.appended[0].Data.(events.MessageParked).Reason; !strings.Contains(got, "ce-id") {
		t.Errorf("reason %q", got)
	}
}

// TestParkingFaultPair has the append fail in both ways. The message must not
// be acknowledged, and the second delivery parks it under the same id.
func TestParkingFaultPair(t *testing.T) {
	for name, stored := range map[string]bool{"failed and not stored": false, "failed but stored": true} {
		t.Run(name, func(t *testing.T) {
			log := &memoryLog{fail: fault.Permanent(errors.New("no answer")), stored: stored}
			mw := newParking(t, log).middleware
			refuse := func(context.Context) error { return fault.Permanent(errors.New("bad")) }
			err := through(mw, delivered(t.Context(), 1), refuse)
			if err == nil || fault.Class(err) != "transient" {
				t.Fatalf("error %v must be transient", err)
			}
			if err := through(mw, delivered(t.Context(), 2), refuse); err != nil {
				t.Fatal(err)
			}
			for _, e := range log.appended {
				if e.ID != log.appended[0].ID {
					t.Errorf("parked as %s and as %s", log.appended[0].ID, e.ID)
				}
			}
		})
	}
}

func TestReasonIsBounded(t *testing.T) {
	log := &memoryLog{}
	long := fault.Permanent(errors.New(strings.Repeat("ä", maxReason)))
	if err := through(newParking(t, log).middleware, delivered(t.Context(), 1), func(context.Context) error { return long }); err != nil {
		t.Fatal(err)
	}
	if got := log.appended[0].Data.(events.MessageParked).Reason; len(got) > maxReason || !strings.HasPrefix(long.Error(), got) {
		t.Errorf("reason of %d octets", len(got))
	}
}
