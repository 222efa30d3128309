package history_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	gatewayA = "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	gatewayB = "0bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	gatewayC = "0cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
)

// life records a parcel that came in a cargo, with another one, was hard to deliver,
// and whose delivery was set aside once; and one of the same id between others.
func (w *world) life(t *testing.T) {
	t.Helper()
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	mine := events.ParcelKey{SenderID: "0sender", RecipientID: "0recipient", ParcelID: "the-parcel"}
	expiry := noon.Add(24 * time.Hour)
	blob := events.ParcelBlob{BlobKey: "b", SHA256: "d", Size: 4321, CreatedAt: noon, ExpiresAt: expiry}

	received := w.append(t, events.New("cargo-1", "cogrpc", at(0), events.CargoReceived{
		CargoID: "the-cargo", PrivateGatewayID: gatewayA, Size: 9876, CreatedAt: noon, ExpiresAt: expiry,
	}))
	accept := func(key events.ParcelKey, id string) events.Event {
		e := events.Caused(received, "cargo", at(40*time.Millisecond), events.InternetParcelAccepted{
			ParcelKey: key, ParcelBlob: blob, Destination: "far.example", SourceGatewayID: gatewayA, Via: events.ViaCargo,
		})
		e.ID = id
		return w.append(t, e)
	}
	accepted := accept(mine, "accepted-1")
	another := accept(events.ParcelKey{SenderID: "0sender", RecipientID: "0recipient", ParcelID: "another"}, "accepted-2")
	w.append(t, events.Caused(received, "cargo", at(41*time.Millisecond), events.AcknowledgementsDue{
		PrivateGatewayID: gatewayA, CargoID: "the-cargo", Parcels: []events.DueParcel{{ParcelKey: mine, ExpiresAt: expiry}},
	}))
	w.append(t, events.Caused(received, "cargo", at(42*time.Millisecond), events.CargoUnwrapped{
		CargoRef: events.CargoRef{CargoID: "the-cargo", PrivateGatewayID: gatewayA, ReceivedID: received.ID}, Parcels: 2,
	}))
	ref := events.InternetParcelRef{ParcelKey: mine, AcceptedID: accepted.ID, Destination: "far.example", BlobKey: "b"}
	w.append(t, events.Caused(accepted, "delivery", at(3*time.Second), events.InternetParcelDeferred{
		InternetParcelRef: ref, NextAttemptAt: at(time.Minute),
		Attempt: events.DeliveryAttempt{Number: 1, StartedAt: at(time.Second), DurationMillis: 2000, Cause: "connection refused"},
	}))
	for _, of := range []events.Event{accepted, another} {
		parked := w.append(t, events.Caused(of, "delivery", at(4*time.Second), events.MessageParked{
			Consumer: "delivery", Stream: events.StreamInternetParcels, Sequence: 1, EventID: of.ID, Reason: "blob store is away", Attempts: 5,
		}))
		w.append(t, events.Caused(parked, "parked", at(10*time.Minute), events.ParkedMessageReplayed{
			ParkedRef: events.ParkedRef{ParkedID: parked.ID, Consumer: "delivery"},
		}))
	}
	w.append(t, events.Caused(accepted, "delivery", at(2*time.Hour+5*time.Second), events.InternetParcelDelivered{
		InternetParcelRef: ref, Attempt: events.DeliveryAttempt{Number: 2, StartedAt: at(2 * time.Hour), DurationMillis: 310, Status: 202},
	}))
	other := mine
	other.SenderID = "0other"
	namesake := w.append(t, events.New("accepted-3", "poweb", at(time.Hour), events.GatewayParcelAccepted{
		ParcelKey: other, ParcelBlob: blob, PrivateGatewayID: gatewayB, SourceGatewayID: gatewayA, Via: events.ViaPoWeb,
	}))
	w.append(t, events.New("prepared", "cogrpc", at(90*time.Minute), events.CargoPrepared{
		PrivateGatewayID: gatewayB, CargoID: "cargo-for-b", Parcels: []uint64{1, 7},
	}))
	w.append(t, events.New("prepared-without", "cogrpc", at(95*time.Minute), events.CargoPrepared{
		PrivateGatewayID: gatewayB, CargoID: "another-cargo", Parcels: []uint64{7},
	}))
	w.append(t, events.Caused(namesake, "operator", at(26*time.Hour), events.GatewayParcelDropped{
		GatewayParcelEnd: events.GatewayParcelEnd{ParcelKey: other, PrivateGatewayID: gatewayB, AcceptedID: namesake.ID, BlobKey: "b"}, Reason: "court order",
	}))
}

// TestTrace holds the printed life of a parcel to golden files, from every source: for
// other programs, and for people on a terminal of 80 characters.
func TestTrace(t *testing.T) {
	w := newWorld(t)
	w.life(t)
	for _, source := range []history.Source{w.live, w.client, open(t, w.export(t))} {
		lives, err := history.Trace(t.Context(), source, "the-parcel", history.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for golden, width := range map[string]int{"trace.txt": 0, "trace80.txt": 80} {
			var got bytes.Buffer
			if err := (history.Printer{W: &got, Width: width}).Lives(lives); err != nil {
				t.Fatal(err)
			}
			same(t, golden, got.Bytes())
			noBroader(t, got.String(), width)
		}
	}
	if _, err := history.Trace(t.Context(), w.live, "no-parcel", history.Filter{}); !errors.Is(err, history.ErrNoParcel) {
		t.Error(err)
	}
}

// TestListing holds printed events to a golden file.
func TestListing(t *testing.T) {
	w := newWorld(t)
	w.life(t)
	var got bytes.Buffer
	printer := history.Printer{W: &got, Width: 80}
	for m, err := range w.live.Messages(t.Context(), history.Query{}) {
		if err == nil {
			err = printer.Message(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	same(t, "list80.txt", got.Bytes())
	noBroader(t, got.String(), printer.Width)
}

// same compares what was printed with a golden file.
func same(t *testing.T, golden string, got []byte) {
	t.Helper()
	golden = filepath.Join("testdata", golden)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, golden)), string(got)); diff != "" {
		t.Error(diff)
	}
}

func noBroader(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > 0 && n > width {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestStateAsItWas(t *testing.T) {
	w := newWorld(t)
	w.life(t)
	w.parcels(t, 3, gatewayB)
	tests := map[string]struct {
		asOf time.Time
		want []history.Waiting
	}{
		"before": {noon.Add(-time.Second), []history.Waiting{}},
		"cargo there": {noon.Add(time.Millisecond), []history.Waiting{
			{Queue: history.Queue{Kind: "private gateway", Name: gatewayB}, Count: 1, Octets: 100},
			{Queue: history.Queue{Kind: "unwrapping", Name: gatewayA}, Count: 1, Octets: 9876},
		}},
		"in the evening": {noon.Add(8 * time.Hour), []history.Waiting{
			{Queue: history.Queue{Kind: "destination", Name: "far.example"}, Count: 1, Octets: 4321},
			{Queue: history.Queue{Kind: "private gateway", Name: gatewayB}, Count: 2, Octets: 4421},
		}},
	}
	for name, tt := range tests {
		var state history.State
		for _, m := range collect(t, w.client.Messages(t.Context(), history.Query{Filter: history.Filter{Until: tt.asOf}})) {
			state.Apply(m)
		}
		if diff := cmp.Diff(tt.want, state.Waiting()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
