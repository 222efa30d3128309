package history_test

import (
	"fmt"
	"slices"
	"testing"

	"awala.network/gateway/events"
	"awala.network/gateway/events/eventstest"
	"awala.network/gateway/internal/history"
)

// TestNothingSoughtIsPassedOver looks for everything that any event names, sealed and in
// clear, and wants what a look at each opened event finds.
func TestNothingSoughtIsPassedOver(t *testing.T) {
	w := newWorld(t)
	w.append(t, events.New("in-clear", "poweb", noon, accepted(3, gatewayA)))
	book := eventstest.NewNames()
	w.live.Names = book
	w.life(t)
	w.parcels(t, 4, gatewayA)
	w.parcels(t, 4, gatewayC)
	book.Forget(gatewayC)
	all := where(t, w.live, history.Filter{}, nil)
	if len(all) < 25 {
		t.Fatalf("only %d events", len(all))
	}
	wanted := map[string]bool{"nothing": true, "parcel-": true, `"`: true, gatewayC: true}
	for m, err := range w.live.Messages(t.Context(), history.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		for sealed, clear := range m.Names {
			wanted[sealed], wanted[clear] = true, true
		}
		if key, ok := history.ParcelOf(m.Record().Data); ok {
			wanted[key.ParcelID] = true
		}
	}
	found := 0
	for text := range wanted {
		for _, f := range []history.Filter{
			{Gateway: text}, {Parcel: text}, {Cargo: text}, {Gateway: gatewayA, Parcel: text}, {Gateway: text, Parcel: "the-parcel"},
		} {
			want := where(t, w.live, history.Filter{}, f.Fits)
			if got := where(t, w.live, f, nil); !slices.Equal(got, want) {
				t.Errorf("%+v: found %v, want %v", f, got, want)
			}
			found += len(want)
		}
	}
	if found < 200 {
		t.Errorf("only %d were to be found", found)
	}
}

// where tells the positions of what a filter finds and fits agrees to, if it is not nil.
func where(t *testing.T, source history.Source, f history.Filter, fits func(events.Message) bool) []string {
	t.Helper()
	var found []string
	for m, err := range source.Messages(t.Context(), history.Query{Filter: f}) {
		if err != nil {
			t.Fatal(err)
		}
		if fits == nil || fits(m) {
			found = append(found, fmt.Sprint(m.Stream, m.Sequence))
		}
	}
	return found
}
