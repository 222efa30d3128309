package history_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
)

// TestPage walks through a stream both ways with every kind of filter, and wants to
// meet each event that fits once, in order.
func TestPage(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 200, gatewayA) // 300 events
	w.parcels(t, 3, gatewayB)
	only := history.Filter{Streams: []string{events.StreamGatewayParcels}}
	filters := map[string]func(*history.Filter){
		"all":     func(*history.Filter) {},
		"type":    func(f *history.Filter) { f.Types = []string{"gateway-parcel-collected"} },
		"gateway": func(f *history.Filter) { f.Gateway = gatewayB },
		"parcel":  func(f *history.Filter) { f.Parcel = "parcel-2" },
		"time":    func(f *history.Filter) { f.Since, f.Until = noon.Add(50*time.Minute), noon.Add(90*time.Minute) },
		"part":    func(f *history.Filter) { f.From, f.To = 17, 140 },
		"nothing": func(f *history.Filter) { f.Parcel = "nobody's" },
	}
	for name, change := range filters {
		f := only
		change(&f)
		want := positions(collect(t, w.live.Messages(t.Context(), history.Query{Filter: f})))
		if name == "time" {
			slices.SortFunc(want, func(a, b string) int { return sequenceOf(t, a) - sequenceOf(t, b) })
		}
		for _, budget := range []time.Duration{time.Minute, 0} { // with none each page is one window
			f.Limit = 7
			if got := walk(t, w, history.PageQuery{Filter: f, Budget: budget}); !slices.Equal(got, want) {
				t.Errorf("%s, budget %v, backwards: %v, want %v", name, budget, got, want)
			}
			if got := walk(t, w, history.PageQuery{Filter: f, Budget: budget, After: 1}); !slices.Equal(got, slices.DeleteFunc(slices.Clone(want), func(p string) bool {
				return sequenceOf(t, p) == 1
			})) {
				t.Errorf("%s, budget %v, forwards: %v, want %v", name, budget, got, want)
			}
		}
	}
	if _, err := w.live.Page(t.Context(), history.PageQuery{}); !errors.Is(err, history.ErrNoStream) {
		t.Error(err)
	}
}

func sequenceOf(t *testing.T, position string) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(position, "PDC_PARCELS %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// walk follows pages to the end and returns what they held, the oldest first.
func walk(t *testing.T, w *world, q history.PageQuery) []string {
	t.Helper()
	var all []string
	forwards := q.After > 0
	for range 1000 {
		p, err := w.live.Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Messages) > q.Limit {
			t.Errorf("%d messages on a page", len(p.Messages))
		}
		page := positions(p.Messages)
		slices.Reverse(page)
		if forwards {
			if all, q.After = append(all, page...), p.To; !p.Newer {
				return all
			}
			continue
		}
		if all, q.Before = append(page, all...), p.From; !p.Older {
			return all
		}
	}
	t.Error("the pages have no end")
	return nil
}

// TestSearch finds in steps what a trace finds at once, from the end and from an
// instant.
func TestSearch(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 300, gatewayA)
	want, err := history.Trace(t.Context(), w.live, "parcel-10", history.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	s, steps := history.Search{Parcel: "parcel-10"}, 0
	for {
		f, err := w.live.Search(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if steps++; f.Searched == f.Total {
			if toJSON(t, f.Lives) != toJSON(t, want) || !f.Accepted {
				t.Errorf("%s, want %s", toJSON(t, f.Lives), toJSON(t, want))
			}
			break
		}
		s = f.Next
	}
	if steps < 3 {
		t.Errorf("%d steps without a budget", steps)
	}
	f, err := w.live.Search(t.Context(), history.Search{Parcel: "parcel-10", Near: noon.Add(10 * time.Minute), Budget: time.Minute})
	if err != nil || toJSON(t, f.Lives) != toJSON(t, want) {
		t.Errorf("near: %s, %v", toJSON(t, f.Lives), err)
	}
	made := history.Search{Parcel: "parcel-10", Found: []history.Position{{Stream: events.StreamGatewayParcels, Sequence: 3}, {Stream: events.StreamGatewayParcels, Sequence: 9999}}}
	if f, err := w.live.Search(t.Context(), made); err != nil || len(f.Lives) != 0 {
		t.Errorf("positions that somebody made up: %s, %v", toJSON(t, f.Lives), err)
	}
}

func TestMessage(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 1, gatewayA)
	if m, err := w.live.Message(t.Context(), events.StreamGatewayParcels, 2); err != nil || m.Sequence != 2 {
		t.Error(m, err)
	}
	for _, sequence := range []uint64{0, 3, 99} {
		if _, err := w.live.Message(t.Context(), events.StreamGatewayParcels, sequence); !errors.Is(err, history.ErrNoEvent) {
			t.Errorf("%d: %v", sequence, err)
		}
	}
}
