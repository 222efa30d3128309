package projections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"awala.network/gateway/events"
)

const (
	// timesOffered is in how many fulfilled collections an acknowledgement is sent.
	// A cargo may be lost between the courier and the private gateway; one that
	// never hears sends its parcel again, which makes it due again.
	timesOffered = 3
	// maxOffered bounds the acknowledgements in one collection, some 200 octets
	// each. What is left over has its turn in the next.
	maxOffered = 20_000
)

// AcknowledgementLog is what [Acknowledgements] needs of the event history.
type AcknowledgementLog interface {
	// Next returns the first record on the subject whose sequence is at least
	// from, or io.EOF when there is none.
	Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error)
	// Last returns the last record on the subject, which may have wildcards, or
	// io.EOF when there is none.
	Last(ctx context.Context, stream, subject string) (events.Record, error)
}

// Acknowledgements tells which parcel collection acknowledgements (PCAs) a private
// gateway is to be sent. It is a read model without a store: the subject of what
// is due is short, since each record stands for a cargo and those that were sent
// often enough are never read again. So it is exact, and there is nothing to
// rebuild.
type Acknowledgements struct {
	log AcknowledgementLog
	now func() time.Time
}

// NewAcknowledgements reads from log. now is time.Now if nil.
func NewAcknowledgements(log AcknowledgementLog, now func() time.Time) *Acknowledgements {
	if now == nil {
		now = time.Now
	}
	return &Acknowledgements{log: log, now: now}
}

// Due is what is to be acknowledged in one collection.
type Due struct {
	// Parcels are in the order in which they became due, each once.
	Parcels []events.DueParcel
	// Through is the CargoCollectionFulfilled.AcknowledgedThrough of the collection
	// that sends all of them.
	Through []uint64
}

// Due returns what a private gateway is to be sent now.
func (a *Acknowledgements) Due(ctx context.Context, gatewayID string) (Due, error) {
	before, err := a.through(ctx, gatewayID)
	if err != nil {
		return Due{}, err
	}
	var from, last uint64
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	if len(before) >= timesOffered {
		from = before[len(before)-timesOffered]
	}
	parcels, read, err := a.read(ctx, gatewayID, from)
	if err != nil {
		return Due{}, err
	}
	if read == 0 {
		read = last
	}
	through := append(before[max(0, len(before)-timesOffered+1):len(before):len(before)], read)
	return Due{Parcels: parcels, Through: through}, nil
}

// through returns how far the latest fulfilled collections of the gateway went.
func (a *Acknowledgements) through(ctx context.Context, gatewayID string) ([]uint64, error) {
	record, err := a.log.Last(ctx, events.StreamGateway, events.CollectionChannels(gatewayID))
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("projections: last collection: %w", err)
	}
	// Without a list, as from something unreadable, everything is sent again.
	data, _ := record.Data.(events.CargoCollectionFulfilled)
	return data.AcknowledgedThrough, nil
}

// read returns what became due after a sequence, and the sequence of the last
// record of which it holds everything, 0 for none.
func (a *Acknowledgements) read(ctx context.Context, gatewayID string, after uint64) ([]events.DueParcel, uint64, error) {
	var parcels []events.DueParcel
	var read uint64
	seen := map[events.ParcelKey]bool{}
	now := a.now()
	for {
		record, err := a.log.Next(ctx, events.StreamGateway, events.AcknowledgementsChannel(gatewayID), after+1)
		if errors.Is(err, io.EOF) {
			return parcels, read, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("projections: acknowledgements that are due: %w", err)
		}
		data, _ := record.Data.(events.AcknowledgementsDue)
		if len(parcels)+len(data.Parcels) > maxOffered {
			return parcels, read, nil
		}
		for _, p := range data.Parcels {
			if !seen[p.ParcelKey] && !now.After(p.ExpiresAt) {
				seen[p.ParcelKey] = true
				parcels = append(parcels, p)
			}
		}
		read, after = record.Sequence, record.Sequence
	}
}
