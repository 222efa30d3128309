package handlers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

const (
	// itemsAtOnce is how many items of a cargo are worked on together. Each waits
	// for the disk, and the disk takes many at once.
	itemsAtOnce = 32
	// maxOutages is after how many transient failures the run is given up: the
	// other items would fare no better.
	maxOutages = 8
	// maxBadItems bounds the bad items that are described in the event.
	maxBadItems = 100
)

// unwrapping is the work on one cargo.
type unwrapping struct {
	*UnwrapCargo
	cause events.Event
	cargo events.CargoReceived
	// acknowledging is the cargo as its acknowledgements are to be understood.
	acknowledging AcknowledgingCargo

	unwrapped events.CargoUnwrapped
	due       []events.DueParcel
	parkWith  error // what a person must look into, once the rest is done
}

// itemOutcome is what became of one item.
type itemOutcome struct {
	kind      cargo.Kind
	bad       string // why it was skipped
	due       *events.DueParcel
	duplicate bool
	err       error
}

// run works on all items. One that fails does not keep the others from being dealt
// with.
func (u *unwrapping) run(ctx context.Context, items [][]byte) error {
	outcomes := make([]itemOutcome, len(items))
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	var outages outageCounter
	var group errgroup.Group
	group.SetLimit(itemsAtOnce)
	for i, item := range items {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			outcomes[i] = u.item(working, item)
			if outages.count(outcomes[i].err) >= maxOutages {
				cancel()
			}
			return nil
		})
	}
	_ = group.Wait() // no function of the group fails
	if err := errors.Join(outages.first, ctx.Err()); err != nil {
		return fmt.Errorf("unwrap the cargo: %w", err)
	}
	for i := range outcomes {
		u.tally(i, &outcomes[i])
	}
	return nil
}

// outageCounter keeps the first transient error.
type outageCounter struct {
	mu    sync.Mutex
	n     int
	first error
}

func (c *outageCounter) count(err error) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && !fault.IsPermanent(err) {
		c.n++
		if c.first == nil {
			c.first = err
		}
	}
	return c.n
}

// tally adds up what became of the items, in their order, so that a second run
// comes to the same.
func (u *unwrapping) tally(index int, o *itemOutcome) {
	switch o.kind {
	case cargo.KindParcel:
		u.unwrapped.Parcels++
	case cargo.KindParcelCollectionAck:
		u.unwrapped.Acknowledgements++
	case cargo.KindCertificateRotation:
		u.unwrapped.Rotations++
	}
	if o.duplicate {
		u.unwrapped.Duplicates++
	}
	if o.due != nil {
		u.due = append(u.due, *o.due)
	}
	if o.bad != "" {
		if u.unwrapped.Bad++; u.unwrapped.Bad <= maxBadItems {
			u.unwrapped.BadItems = append(u.unwrapped.BadItems, events.BadItem{Index: index, Reason: o.bad})
		}
	}
	if o.err != nil && u.parkWith == nil {
		u.parkWith = fault.Permanent(fmt.Errorf("item %d of the cargo: %w", index, o.err))
	}
}

// item deals with one item, and survives its panics: then the rest of the cargo is
// dealt with, and the cargo is parked.
func (u *unwrapping) item(ctx context.Context, item []byte) (o itemOutcome) {
	o.kind = cargo.ItemKind(item)
	defer func() {
		if cause := recover(); cause != nil {
			o.err = fault.Permanent(fmt.Errorf("panic: %v", cause))
			u.Logger.ErrorContext(ctx, "an item of a cargo made its handler panic", "cargo_id", u.cargo.CargoID,
				"private_gateway_id", u.cargo.PrivateGatewayID, "error", o.err, "stack", string(debug.Stack()))
		}
	}()
	switch o.kind {
	case cargo.KindParcel:
		u.parcel(ctx, item, &o)
	case cargo.KindParcelCollectionAck:
		u.acknowledgement(ctx, item, &o)
	case cargo.KindCertificateRotation:
	default:
		o.bad = "neither a parcel nor a message between gateways"
	}
	return o
}

func (u *unwrapping) parcel(ctx context.Context, item []byte, o *itemOutcome) {
	accepted, err := u.Accept.FromPrivateGateway(ctx, item, u.cargo.PrivateGatewayID, events.ViaCargo, &u.cause)
	if o.failed(err) {
		return
	}
	o.duplicate = accepted.Duplicate
	o.due = &events.DueParcel{ParcelKey: accepted.Key, ExpiresAt: accepted.ExpiresAt}
}

func (u *unwrapping) acknowledgement(ctx context.Context, item []byte, o *itemOutcome) {
	ack, err := cargo.ParseParcelCollectionAck(item)
	if err != nil {
		o.bad = reasonOf(err)
		return
	}
	if !pki.ValidNodeID(ack.SenderID) || !pki.ValidNodeID(ack.RecipientID) || !ramf.ValidMessageID(ack.ParcelID) {
		o.bad = "an id in the acknowledgement is none"
		return
	}
	key := events.ParcelKey{SenderID: ack.SenderID, RecipientID: ack.RecipientID, ParcelID: ack.ParcelID}
	_, err = u.Collect.AcknowledgedInCargo(ctx, key, u.acknowledging)
	o.failed(err)
}

// failed notes an error: the item's own fault, or an outage.
func (o *itemOutcome) failed(err error) bool {
	if AsRefusal(err) != nil {
		o.bad = reasonOf(err)
	} else {
		o.err = err
	}
	return err != nil
}
