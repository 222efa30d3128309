package handlers

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
)

const (
	// The first cargo is small and the next ones are twice the size each: couriers
	// give up after a few seconds, on lines of any speed, and what they have got by
	// then they keep.
	firstCargoLen = 256 << 10
	lastCargoLen  = 6 << 20
	// cargoPatience is how long items are gathered for one cargo before it is sent
	// as it is.
	cargoPatience = 300 * time.Millisecond
	// cargoBackdating is how far before now a cargo is dated, for private gateways
	// whose clocks are slow (RS-000, "Clock Drift Tolerance").
	cargoBackdating = 3 * time.Hour
	// maxReserve bounds what is kept of a call's time for the last cargoes to
	// arrive and be acknowledged.
	maxReserve = time.Second
)

// CargoCollection is the use of one CCA. One goroutine may use it.
type CargoCollection struct {
	*CollectCargo
	cca       *ramf.Message
	cda       *pki.Certificate
	release   func()
	startedAt time.Time

	through []uint64 // see CargoCollectionFulfilled
	// gathered are the sequences of the parcels that are about to be put in a cargo,
	// by the id of their GatewayParcelAccepted.
	gathered  map[string]uint64
	fulfilled events.CargoCollectionFulfilled
}

// Cargo is a cargo to be handed out.
type Cargo struct {
	// ID is the message id, Raw the serialised message.
	ID  string
	Raw []byte
}

// GatewayID is the private gateway that the cargo is for.
func (c *CargoCollection) GatewayID() string { return c.cca.SenderID() }

// AuthorizationID is the message id of the CCA.
func (c *CargoCollection) AuthorizationID() string { return c.cca.ID }

// Close ends the collection. It may be called more than once.
func (c *CargoCollection) Close() { c.release() }

// Cargoes writes the cargoes as they are asked for: parcel collection
// acknowledgements, then parcels, the oldest first, then the private gateway's next
// certificate if it is time. It holds one cargo at a time. Items that cannot be
// handed out are logged and left out. A cargo is in the history before it is yielded.
//
// If ctx has a deadline, it ends a little earlier, so that what was written can be
// acknowledged in time; what is left stays queued. An error ends it, and is
// transient.
func (c *CargoCollection) Cargoes(ctx context.Context) iter.Seq2[Cargo, error] {
	return func(yield func(Cargo, error) bool) {
		next, stop := iter.Pull2(c.items(ctx))
		defer stop()
		end := c.end(ctx)
		portion := portion{next: next, limit: firstCargoLen}
		for !portion.ended && (end.IsZero() || time.Now().Before(end)) {
			for batch, err := range cargo.Batches(portion.gather, c.oversize(ctx)) {
				var written Cargo
				if err == nil {
					written, err = c.write(ctx, batch)
				}
				if !yield(written, err) || err != nil {
					return
				}
			}
			portion.limit = min(2*portion.limit, lastCargoLen)
		}
	}
}

// end is when to stop writing, or zero.
func (c *CargoCollection) end(ctx context.Context) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Time{}
	}
	return deadline.Add(-min(time.Until(deadline)/4, maxReserve))
}

// portion takes from a sequence of items what goes into the next cargo.
type portion struct {
	next  func() (cargo.Item, error, bool)
	limit int
	ended bool // there are no more items
}

// gather yields items until there are enough for a cargo, or it took too long.
func (p *portion) gather(yield func(cargo.Item, error) bool) {
	began := time.Now()
	for size := 0; size < p.limit && (size == 0 || time.Since(began) < cargoPatience); {
		item, err, ok := p.next()
		if p.ended = !ok; p.ended || !yield(item, err) || err != nil {
			return
		}
		size += len(item.Body)
	}
}

func (c *CargoCollection) oversize(ctx context.Context) func(cargo.Item) {
	return func(item cargo.Item) { c.skip(ctx, item.Ref, errTooLarge) }
}

var errTooLarge = errors.New("no cargo can carry it")

// skip reports an item that is left out. It stays queued until it expires, which is
// an event.
func (c *CargoCollection) skip(ctx context.Context, ref string, why error) {
	c.Logger.ErrorContext(ctx, "item left out of a cargo", "event_id", ref,
		"private_gateway_id", c.GatewayID(), "error", why)
}

// write makes a cargo of a batch.
func (c *CargoCollection) write(ctx context.Context, batch cargo.Batch) (Cargo, error) {
	select {
	case c.Building <- struct{}{}:
		defer func() { <-c.Building }()
	case <-ctx.Done():
		return Cargo{}, ctx.Err()
	}
	plaintext, err := batch.MessageSet()
	if err != nil {
		return Cargo{}, fmt.Errorf("write a cargo: %w", err)
	}
	payload, ourKeyID, err := c.Sessions.Seal(ctx, plaintext, c.Identity.NodeID(), c.GatewayID())
	if err != nil {
		return Cargo{}, fmt.Errorf("encrypt a cargo: %w", err)
	}
	m := c.message(payload, batch.ExpiresAt)
	raw, err := m.Sign(c.Identity.Key())
	if err != nil {
		return Cargo{}, fmt.Errorf("sign a cargo: %w", err)
	}
	if err := c.record(ctx, m, c.prepared(m, batch, len(raw), ourKeyID)); err != nil {
		return Cargo{}, err
	}
	return Cargo{ID: m.ID, Raw: raw}, nil
}

// record says that a cargo is about to be handed out.
func (c *CargoCollection) record(ctx context.Context, m *ramf.Message, data events.CargoPrepared) error {
	e := events.New(events.DeriveID(string(data.EventType()), m.ID), courier, c.Now(), data)
	if _, err := c.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("record a cargo: %w", err)
	}
	c.fulfilled.Cargoes++
	c.fulfilled.Octets += data.Size
	c.fulfilled.Parcels += len(data.Parcels)
	c.fulfilled.Acknowledgements += data.Acknowledgements
	return nil
}

// message returns the cargo to be signed. Couriers look for the recipient's own
// certificate among those attached, and throw cargo away that lacks it.
func (c *CargoCollection) message(payload []byte, expiresAt time.Time) *ramf.Message {
	createdAt := c.Now().Add(-cargoBackdating).UTC().Truncate(time.Second)
	return &ramf.Message{
		Type:      ramf.TypeCargo,
		Recipient: ramf.Recipient{ID: c.GatewayID()},
		ID:        uuid.NewString(),
		CreatedAt: createdAt,
		TTL:       min(expiresAt.Sub(createdAt).Truncate(time.Second), ramf.MaxTTL),
		Payload:   payload,
		Sender:    c.cda,
		Attached:  []*pki.Certificate{c.cca.Sender},
	}
}

// prepared says what is in a cargo.
func (c *CargoCollection) prepared(m *ramf.Message, batch cargo.Batch, size int, ourKeyID string) events.CargoPrepared {
	data := events.CargoPrepared{
		PrivateGatewayID: c.GatewayID(), AuthorizationID: c.AuthorizationID(), CargoID: m.ID, Size: int64(size),
		CreatedAt: m.CreatedAt, ExpiresAt: m.ExpiresAt(), OurKeyID: ourKeyID,
	}
	for _, item := range batch.Items {
		sequence, parcel := c.gathered[item.Ref]
		delete(c.gathered, item.Ref)
		switch {
		case parcel:
			data.Parcels = append(data.Parcels, sequence)
		case cargo.ItemKind(item.Body) == cargo.KindParcelCollectionAck:
			data.Acknowledgements++
		}
	}
	return data
}

// Fulfil records that every cargo was acknowledged, upon which the CCA is used up.
// The error is a [Refusal] if another collection was first; otherwise transient.
func (c *CargoCollection) Fulfil(ctx context.Context) error {
	data := c.fulfilled
	data.PrivateGatewayID, data.AuthorizationID, data.ExpiresAt = c.GatewayID(), c.AuthorizationID(), c.cca.ExpiresAt()
	data.AcknowledgedThrough = c.through
	e := events.New("", courier, c.Now(), data)
	_, err := c.Log.AppendAfter(ctx, e, 0)
	if errors.Is(err, events.ErrConflict) {
		return c.conflict(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("record that the authorisation was used: %w", err)
	}
	c.Logger.InfoContext(ctx, "cargo collected", "private_gateway_id", data.PrivateGatewayID, "event_id", e.ID,
		"cargoes", data.Cargoes, "parcels", data.Parcels, "acknowledgements", data.Acknowledgements, "octets", data.Octets)
	return nil
}

// conflict tells whether it was e itself that came first, in a try whose answer got
// lost.
func (c *CargoCollection) conflict(ctx context.Context, e events.Event) error {
	first, err := c.fulfilment(ctx, c.cca)
	if err != nil {
		return fmt.Errorf("look who used the authorisation: %w", err)
	}
	if first.ID == e.ID {
		return nil
	}
	return refuse(Used, "the cargo collection authorisation was used meanwhile", nil)
}
