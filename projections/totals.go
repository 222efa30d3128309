package projections

import (
	"context"
	"regexp"
	"strings"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

// Totals is the projection of how many events of each kind were recorded on each
// day, in UTC, of one stream: one [Day] for each, under its date.
//
// It counts records. An event that is recorded a second time, which a stream
// recognises for minutes only, counts twice.
type Totals struct {
	// Stream is the stream that is counted.
	Stream string
}

// Day is what happened on one day.
type Day struct {
	// Date is written 2006-01-02.
	Date string `json:"date"`
	// Events are the totals by the event's type without its version, such as
	// "gateway-parcel-accepted".
	Events map[string]Total `json:"events"`
}

// Total is how many events there were, and the octets of the parcels or cargoes
// that came with them.
type Total struct {
	Count  uint64 `json:"count"`
	Octets int64  `json:"octets,omitempty"`
}

const kindDay = "day"

// Spec names the collection totals_<stream>_v1.
func (t Totals) Spec() Spec {
	return Spec{Name: "totals_" + strings.ToLower(t.Stream) + "_v1", Stream: t.Stream, Indexes: []string{byKind}}
}

// DocumentID is the date of the event.
func (Totals) DocumentID(r events.Record) (string, bool) {
	return r.Time.UTC().Format(time.DateOnly), r.Data != nil
}

var typeVersion = regexp.MustCompile(`\.v[0-9]+$`)

// Fold counts the event.
func (t Totals) Fold(d *Day, r events.Record) bool {
	if d.Events == nil {
		d.Date, _ = t.DocumentID(r)
		d.Events = map[string]Total{}
	}
	kind := typeVersion.ReplaceAllString(string(r.Data.EventType()), "")
	total := d.Events[kind]
	total.Count++
	total.Octets += octets(r.Data)
	d.Events[kind] = total
	return true
}

// octets is the size of what was accepted with the event.
func octets(data events.Data) int64 {
	switch data := data.(type) {
	case events.GatewayParcelAccepted:
		return data.Size
	case events.InternetParcelAccepted:
		return data.Size
	case events.CargoReceived:
		return data.Size
	default:
		return 0
	}
}

// Listing lists the days in their order.
func (Totals) Listing(d *Day) Listing {
	day, err := time.Parse(time.DateOnly, d.Date)
	if err != nil {
		return Listing{}
	}
	const daySeconds = 24 * 60 * 60
	return Listing{Keys: map[string]string{byKind: kindDay}, Rank: max(day.Unix()/daySeconds, 1)}
}

// TotalsReader reads the stored [Totals] of any number of streams.
type TotalsReader struct{ collections []documents.Collection }

// NewTotalsReader returns a reader of collections that [Open] opened.
func NewTotalsReader(totals ...documents.Collection) TotalsReader { return TotalsReader{totals} }

// Days returns what happened from one day to another, both included, by date.
func (r TotalsReader) Days(ctx context.Context, from, to time.Time) (map[string]Day, error) {
	days := map[string]Day{}
	first, last := from.UTC().Format(time.DateOnly), to.UTC().Format(time.DateOnly)
	for _, c := range r.collections {
		q := documents.Query{Key: byKind, Value: kindDay, Limit: deliveryPage}
		err := scan(ctx, c, q, func(stored Stored[Day]) error {
			if d := stored.State; d.Date >= first && d.Date <= last {
				days[d.Date] = d.merge(days[d.Date])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return days, nil
}

// merge adds what other streams counted on the day.
func (d Day) merge(other Day) Day {
	for kind, total := range other.Events {
		sum := d.Events[kind]
		d.Events[kind] = Total{Count: sum.Count + total.Count, Octets: sum.Octets + total.Octets}
	}
	return d
}
