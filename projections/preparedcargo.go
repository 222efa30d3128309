package projections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"awala.network/gateway/events"
)

// PreparedCargoLog is what [PreparedCargoes] needs of the event history.
type PreparedCargoLog interface {
	// Next returns the first record on the subject whose sequence is at least
	// from, or io.EOF when there is none.
	Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error)
}

// PreparedCargoes tells what has been put into cargo for one private gateway. Like
// [Acknowledgements], it is a read model without a store: it reads the gateway's own
// subject, and only what came after the parcel that is asked about. It is for one
// piece of work, and keeps what it has read. Its methods may be called concurrently.
type PreparedCargoes struct {
	log       PreparedCargoLog
	gatewayID string

	mu      sync.Mutex // guards what follows
	from    uint64     // what was recorded from here on has been read
	cargoes []events.Record
}

// NewPreparedCargoes reads from log.
func NewPreparedCargoes(log PreparedCargoLog, gatewayID string) *PreparedCargoes {
	return &PreparedCargoes{log: log, gatewayID: gatewayID, from: math.MaxUint64}
}

// With returns the cargoes that were prepared with the parcel accepted at a sequence,
// up to an instant, the first one first.
func (p *PreparedCargoes) With(ctx context.Context, sequence uint64, until time.Time) ([]events.CargoPrepared, error) {
	var with []events.CargoPrepared
	err := p.each(ctx, sequence, func(r events.Record, data events.CargoPrepared) {
		if _, in := slices.BinarySearch(data.Parcels, sequence); in && !r.Time.After(until) {
			with = append(with, data)
		}
	})
	return with, err
}

// Carrying returns the cargo, prepared after a sequence, that carries a session key of
// ours; ok is false if there is none.
func (p *PreparedCargoes) Carrying(ctx context.Context, keyID string, after uint64) (found events.CargoPrepared, ok bool, err error) {
	err = p.each(ctx, after, func(_ events.Record, data events.CargoPrepared) {
		if data.OurKeyID == keyID {
			found, ok = data, true
		}
	})
	return found, ok, err
}

// each yields what was prepared after a sequence.
func (p *PreparedCargoes) each(ctx context.Context, after uint64, yield func(events.Record, events.CargoPrepared)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.read(ctx, after+1); err != nil {
		return err
	}
	for _, r := range p.cargoes {
		if data, ok := r.Data.(events.CargoPrepared); ok && r.Sequence > after {
			yield(r, data)
		}
	}
	return nil
}

// read reads what has not been read of the subject from a sequence on.
func (p *PreparedCargoes) read(ctx context.Context, from uint64) error {
	var earlier []events.Record
	for next := from; next < p.from; {
		r, err := p.log.Next(ctx, events.StreamGatewayParcels, events.PreparedCargoChannel(p.gatewayID), next)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("projections: cargoes prepared: %w", err)
		}
		if r.Sequence >= p.from {
			break
		}
		earlier, next = append(earlier, r), r.Sequence+1
	}
	p.cargoes, p.from = append(earlier, p.cargoes...), min(p.from, from)
	return nil
}
