package handlers

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"awala.network/gateway/events"
)

// NamingHistory reads what the history has of one private gateway.
type NamingHistory interface {
	// Naming yields the records of a stream that have a pseudonym in them, in order, up
	// to the last that there is.
	Naming(ctx context.Context, stream, pseudonym string) iter.Seq2[events.Record, error]
}

// Waiting counts what is of a private gateway and has not ended.
type Waiting struct {
	// Queued are the parcels for it, Sent those from it that are on their way, to other
	// private gateways or to the Internet.
	Queued int `json:"queued"`
	Sent   int `json:"sent"`
	// Cargoes are those from it that were not unwrapped.
	Cargoes int `json:"cargoes"`
	// Parked are the messages about it that were set aside.
	Parked int `json:"parked"`
}

// String says so in words.
func (w Waiting) String() string {
	return fmt.Sprintf("%d parcels for it, %d from it, %d cargoes, %d parked messages", w.Queued, w.Sent, w.Cargoes, w.Parked)
}

func (w Waiting) add(other Waiting) Waiting {
	return Waiting{w.Queued + other.Queued, w.Sent + other.Sent, w.Cargoes + other.Cargoes, w.Parked + other.Parked}
}

// waits are what has not ended, by the ids of the events that began it.
type waits struct {
	gatewayID  string
	queued     opened[events.GatewayParcelEnd]
	sent       opened[events.GatewayParcelEnd]
	deliveries opened[events.InternetParcelRef]
	cargoes    opened[events.CargoRef]
	parked     opened[events.ParkedRef]
	// dropped are the objects of what a forgetting has ended, perhaps without living
	// to delete them.
	dropped []string
}

// opened are things that have not ended.
type opened[T any] map[string]begun[T]

// begun is a thing with the event that began it.
type begun[T any] struct {
	of       T
	cause    events.Event
	sequence uint64
}

func (o *opened[T]) begin(r events.Record, of T) {
	if *o == nil {
		*o = opened[T]{}
	}
	(*o)[r.ID] = begun[T]{of, r.Event, r.Sequence}
}

// all returns them in the order in which they began.
func (o opened[T]) all() []begun[T] {
	list := make([]begun[T], 0, len(o))
	for _, b := range o {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b begun[T]) int { return int(int64(a.sequence) - int64(b.sequence)) })
	return list
}

func (w *waits) count() Waiting {
	return Waiting{
		Queued: len(w.queued), Sent: len(w.sent) + len(w.deliveries), Cargoes: len(w.cargoes), Parked: len(w.parked),
	}
}

// waits reads what has not ended from the history itself: projections may be behind.
func (h *ForgetGateway) waits(ctx context.Context, gatewayID, pseudonym string) (waits, error) {
	w := waits{gatewayID: gatewayID}
	for _, stream := range []string{
		events.StreamGatewayParcels, events.StreamInternetParcels, events.StreamCargo, events.StreamParked,
	} {
		for r, err := range h.History.Naming(ctx, stream, pseudonym) {
			if err != nil {
				return w, fmt.Errorf("look for what waits: %w", err)
			}
			w.take(r)
		}
	}
	return w, nil
}

// take folds a record in.
func (w *waits) take(r events.Record) {
	switch data := r.Data.(type) {
	case events.GatewayParcelAccepted:
		end := events.GatewayParcelEnd{
			ParcelKey: data.ParcelKey, PrivateGatewayID: data.PrivateGatewayID, SourceGatewayID: data.SourceGatewayID,
			AcceptedID: r.ID, BlobKey: data.BlobKey,
		}
		if data.PrivateGatewayID == w.gatewayID {
			w.queued.begin(r, end)
		} else if data.SourceGatewayID == w.gatewayID {
			w.sent.begin(r, end)
		}
	case events.InternetParcelAccepted:
		w.deliveries.begin(r, events.InternetParcelRef{
			ParcelKey: data.ParcelKey, AcceptedID: r.ID, SourceGatewayID: data.SourceGatewayID,
			Destination: data.Destination, BlobKey: data.BlobKey,
		})
	case events.CargoReceived:
		w.cargoes.begin(r, refOf(r.Event, data))
	case events.MessageParked:
		w.parked.begin(r, events.ParkedRef{ParkedID: r.ID, Consumer: data.Consumer, PrivateGatewayID: data.PrivateGatewayID})
	default:
		w.ended(r.Data)
	}
}

// ended takes out what an event ends.
func (w *waits) ended(data events.Data) {
	w.noteDropped(data)
	version := func(id string) { delete(w.queued, id); delete(w.sent, id) }
	switch data := data.(type) {
	case events.GatewayParcelCollected:
		version(data.AcceptedID)
	case events.GatewayParcelExpired:
		version(data.AcceptedID)
	case events.GatewayParcelReplaced:
		version(data.AcceptedID)
	case events.GatewayParcelDropped:
		version(data.AcceptedID)
	case events.InternetParcelDelivered:
		delete(w.deliveries, data.AcceptedID)
	case events.InternetParcelRefused:
		delete(w.deliveries, data.AcceptedID)
	case events.InternetParcelExpired:
		delete(w.deliveries, data.AcceptedID)
	case events.InternetParcelDropped:
		delete(w.deliveries, data.AcceptedID)
	case events.CargoUnwrapped:
		delete(w.cargoes, data.ReceivedID)
	case events.CargoRefused:
		delete(w.cargoes, data.ReceivedID)
	case events.ParkedMessageReplayed:
		delete(w.parked, data.ParkedID)
	case events.ParkedMessageDropped:
		delete(w.parked, data.ParkedID)
	}
}

// noteDropped notes the object of what a forgetting has ended.
func (w *waits) noteDropped(data events.Data) {
	var reason, blobKey string
	switch data := data.(type) {
	case events.GatewayParcelDropped:
		reason, blobKey = data.Reason, data.BlobKey
	case events.InternetParcelDropped:
		reason, blobKey = data.Reason, data.BlobKey
	case events.CargoRefused:
		reason, blobKey = data.Reason, data.BlobKey
	}
	if reason == forgottenReason {
		w.dropped = append(w.dropped, blobKey)
	}
}
