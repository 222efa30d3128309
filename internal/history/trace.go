package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// ErrNoParcel says that the history knows no such parcel.
var ErrNoParcel = fault.Permanent(errors.New("no event names this parcel"))

// Life is what happened to one parcel, wherever it was recorded.
type Life struct {
	events.ParcelKey
	// Steps are in the order of time, causes before effects.
	Steps []Step `json:"steps"`
}

// Step is one event in a parcel's life.
type Step struct {
	At time.Time `json:"at"`
	// After is the time since the step before.
	After    time.Duration `json:"after"`
	Stream   string        `json:"stream"`
	Sequence uint64        `json:"sequence"`
	Type     string        `json:"type"`
	Source   string        `json:"source"`
	EventID  string        `json:"eventId"`
	// CausationID is the event that led to this one, Cause its position if it is one
	// of the steps.
	CausationID string `json:"causationId,omitempty"`
	Cause       string `json:"cause,omitempty"`
	// What says what happened, in words.
	What string `json:"what"`
}

// Trace finds the lives of all parcels with this id; senders choose ids, so two may
// have the same. It reads every stream that may name a parcel once, and those of
// cargoes and of parked messages a second time for what the parcel came with and the
// cargoes that it was put in. The filter narrows the first reading.
func Trace(ctx context.Context, source Source, parcelID string, narrow Filter) ([]Life, error) {
	narrow.Parcel = parcelID
	t := tracer{groups: make(map[events.ParcelKey]*group)}
	for m, err := range source.Messages(ctx, Query{Filter: narrow}) {
		if err != nil {
			return nil, err
		}
		t.named(m.Record())
	}
	if len(t.order) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoParcel, parcelID)
	}
	related := Filter{Streams: []string{events.StreamCargo, events.StreamParked}, Correlations: t.correlations()}
	for m, err := range source.Messages(ctx, Query{Filter: related}) {
		if err != nil {
			return nil, err
		}
		t.related(m.Record())
	}
	if subjects := t.cargoSubjects(); len(subjects) > 0 {
		prepared := Filter{Streams: []string{events.StreamGatewayParcels}, Subjects: subjects}
		for m, err := range source.Messages(ctx, Query{Filter: prepared}) {
			if err != nil {
				return nil, err
			}
			t.carried(m.Record())
		}
	}
	return t.lives(), nil
}

func (t *tracer) lives() []Life {
	lives := make([]Life, len(t.order))
	for i, key := range t.order {
		lives[i] = t.groups[key].life()
	}
	return lives
}

// tracer sorts events by the parcels that they belong to.
type tracer struct {
	groups map[events.ParcelKey]*group
	order  []events.ParcelKey // of their first events
	others []events.Record    // that name several parcels
}

// group is the events of one parcel.
type group struct {
	key          events.ParcelKey
	records      []events.Record
	ids          map[string]bool
	correlations map[string]bool
}

// named takes an event that names the parcel.
func (t *tracer) named(r events.Record) {
	key, ok := keyOf(r.Data)
	if !ok {
		t.others = append(t.others, r)
		return
	}
	g := t.groups[key]
	if g == nil {
		g = &group{key: key, ids: make(map[string]bool), correlations: make(map[string]bool)}
		t.groups[key] = g
		t.order = append(t.order, key)
	}
	g.add(r)
	if r.CorrelationID != "" {
		g.correlations[r.CorrelationID] = true
	}
}

func (g *group) add(r events.Record) {
	g.records = append(g.records, r)
	g.ids[r.ID] = true
}

// correlations returns those of all parcels, and settles who owns what names several
// parcels.
func (t *tracer) correlations() []string {
	var all []string
	for _, key := range t.order {
		g := t.groups[key]
		for c := range g.correlations {
			all = append(all, c)
		}
		for _, r := range t.others {
			if due, ok := r.Data.(events.AcknowledgementsDue); ok &&
				slices.ContainsFunc(due.Parcels, func(p events.DueParcel) bool { return p.ParcelKey == key }) {
				g.add(r)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// related takes an event of a cargo, or of a message that was set aside, if it has
// to do with the parcel.
func (t *tracer) related(r events.Record) {
	for _, g := range t.groups {
		if g.ids[r.ID] || !g.correlations[r.CorrelationID] {
			continue
		}
		switch d := r.Data.(type) {
		case events.MessageParked:
			if g.ids[d.EventID] {
				g.add(r)
			}
		case events.ParkedMessageReplayed:
			if g.ids[d.ParkedID] {
				g.add(r)
			}
		case events.ParkedMessageDropped:
			if g.ids[d.ParkedID] {
				g.add(r)
			}
		default:
			g.add(r)
		}
	}
}

// cargoSubjects returns where the cargoes for the parcels' private gateways are.
func (t *tracer) cargoSubjects() []string {
	subjects := map[string]bool{}
	for _, g := range t.groups {
		for _, r := range g.records {
			if accepted, ok := r.Data.(events.GatewayParcelAccepted); ok {
				subjects[events.PreparedCargoChannel(accepted.PrivateGatewayID)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(subjects))
}

// carried takes a cargo for a private gateway if the parcel is in it.
func (t *tracer) carried(r events.Record) {
	prepared, ok := r.Data.(events.CargoPrepared)
	if !ok {
		return
	}
	for _, g := range t.groups {
		if slices.ContainsFunc(g.records, func(in events.Record) bool {
			accepted, ok := in.Data.(events.GatewayParcelAccepted)
			return ok && accepted.PrivateGatewayID == prepared.PrivateGatewayID && slices.Contains(prepared.Parcels, in.Sequence)
		}) {
			g.add(r)
		}
	}
}

// life puts the events in order.
func (g *group) life() Life {
	slices.SortStableFunc(g.records, func(a, b events.Record) int {
		switch {
		case !a.Time.Equal(b.Time):
			return a.Time.Compare(b.Time)
		case a.ID == b.CausationID:
			return -1
		case b.ID == a.CausationID:
			return 1
		case a.Stream == b.Stream && a.Sequence < b.Sequence:
			return -1
		default:
			return strings.Compare(a.Stream, b.Stream)
		}
	})
	positions := make(map[string]string)
	for _, r := range g.records {
		positions[r.ID] = position(r.Stream, r.Sequence)
	}
	life := Life{ParcelKey: g.key, Steps: make([]Step, len(g.records))}
	for i, r := range g.records {
		s := Step{
			At: r.Time, Stream: r.Stream, Sequence: r.Sequence, Source: r.Source, EventID: r.ID,
			Type: string(r.Data.EventType()), CausationID: r.CausationID, Cause: positions[r.CausationID], What: describe(r.Data),
		}
		if i > 0 {
			s.After = r.Time.Sub(g.records[i-1].Time)
		}
		life.Steps[i] = s
	}
	return life
}

func position(stream string, sequence uint64) string { return fmt.Sprintf("%s %d", stream, sequence) }
