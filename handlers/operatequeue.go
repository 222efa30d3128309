package handlers

import (
	"context"
	"fmt"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// queueOperator is the source of the events.
const queueOperator = "operator"

// OperateQueue records what operators do to the delivery queue. The queue follows
// the history, so it obeys within moments, in whatever process it is.
//
// Holding, releasing and hastening twice does nothing the second time. A parcel
// that is dropped while it is attempted may be delivered all the same; the end
// that is recorded first counts.
type OperateQueue struct {
	Log Appender
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Hold keeps a parcel from being delivered.
func (h *OperateQueue) Hold(ctx context.Context, d projections.Delivery, by events.Operation) error {
	return h.parcel(ctx, d, events.InternetParcelHeld{InternetParcelRef: d.Ref, Operation: by})
}

// Release ends Hold.
func (h *OperateQueue) Release(ctx context.Context, d projections.Delivery, by events.Operation) error {
	return h.parcel(ctx, d, events.InternetParcelReleased{InternetParcelRef: d.Ref, Operation: by})
}

// Hasten makes a parcel due at once.
func (h *OperateQueue) Hasten(ctx context.Context, d projections.Delivery, by events.Operation) error {
	return h.parcel(ctx, d, events.InternetParcelHastened{InternetParcelRef: d.Ref, Operation: by})
}

// Drop ends a delivery.
func (h *OperateQueue) Drop(ctx context.Context, d projections.Delivery, by events.Operation) error {
	return h.parcel(ctx, d, events.InternetParcelDropped{InternetParcelRef: d.Ref, Reason: by.Reason, By: by.By})
}

func (h *OperateQueue) parcel(ctx context.Context, d projections.Delivery, data events.Data) error {
	e := events.New("", queueOperator, h.Now(), data)
	e.CausationID, e.CorrelationID = d.Ref.AcceptedID, d.CorrelationID
	if _, ends := data.(events.InternetParcelDropped); ends {
		e.ID = events.InternetParcelEndID(d.Ref.AcceptedID)
	}
	return h.append(ctx, e)
}

// HoldDestination keeps everything for a destination.
func (h *OperateQueue) HoldDestination(ctx context.Context, name string, by events.Operation) error {
	data := events.DestinationHeld{Destination: destination(name), Operation: by}
	return h.append(ctx, events.New("", queueOperator, h.Now(), data))
}

// ReleaseDestination ends HoldDestination.
func (h *OperateQueue) ReleaseDestination(ctx context.Context, name string, by events.Operation) error {
	data := events.DestinationReleased{Destination: destination(name), Operation: by}
	return h.append(ctx, events.New("", queueOperator, h.Now(), data))
}

// FlushDestination makes everything for a destination due at once.
func (h *OperateQueue) FlushDestination(ctx context.Context, name string, by events.Operation) error {
	data := events.DestinationFlushed{Destination: destination(name), Operation: by}
	return h.append(ctx, events.New("", queueOperator, h.Now(), data))
}

func (h *OperateQueue) append(ctx context.Context, e events.Event) error {
	if _, err := h.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("record what the operator does: %w", err)
	}
	return nil
}
