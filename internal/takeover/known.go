package takeover

import (
	"context"
	"sync"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// known is what this gateway's history holds: a fold in memory, because the
// projections of a gateway that does not run are behind. Its methods may be called
// concurrently.
type known struct {
	mu sync.Mutex
	// parcels are those for private gateways, by gateway and key.
	parcels map[mailboxKey]*projections.Parcel
	// deliveries are those for other Internet nodes, cargoes the received ones, by the
	// ids of their first events.
	deliveries map[string]*projections.Delivery
	cargoes    map[string]*cargoState
	// collections are those of InternetParcelKnown, due those that are to be
	// acknowledged, both by gateway and the hash of the key; fulfilled the subjects of
	// used up authorisations.
	collections, due map[hashedKey]bool
	fulfilled        map[string]bool
	knownUntil       time.Time
}

type mailboxKey struct {
	gatewayID string
	events.ParcelKey
}

// hashedKey is a mailboxKey with the hash of the parcel's key.
type hashedKey struct{ gatewayID, parcelHash string }

type cargoState struct {
	event events.Event
	data  events.CargoReceived
	ended bool
}

func newKnown() *known {
	return &known{
		parcels: map[mailboxKey]*projections.Parcel{}, deliveries: map[string]*projections.Delivery{},
		cargoes: map[string]*cargoState{}, collections: map[hashedKey]bool{}, due: map[hashedKey]bool{},
		fulfilled: map[string]bool{},
	}
}

// read folds the whole history, and calls each for every record.
func (k *known) read(ctx context.Context, history History, each func()) error {
	for _, stream := range []string{
		events.StreamGateway, events.StreamGatewayParcels, events.StreamInternetParcels, events.StreamCargo,
	} {
		err := history.Records(ctx, stream, func(r events.Record) error {
			k.fold(r)
			each()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fold takes in one record.
func (k *known) fold(r events.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch data := r.Data.(type) {
	case events.InternetParcelKnown:
		k.collections[hashedKey{data.PrivateGatewayID, data.ParcelHash}] = true
		if data.ExpiresAt.After(k.knownUntil) {
			k.knownUntil = data.ExpiresAt
		}
	case events.AcknowledgementsDue:
		for _, p := range data.Parcels {
			k.due[hashedKey{data.PrivateGatewayID, p.Hash()}] = true
		}
	case events.CargoCollectionFulfilled:
		k.fulfilled[data.Channel()] = true
	case events.CargoReceived:
		if k.cargoes[r.ID] == nil {
			k.cargoes[r.ID] = &cargoState{event: r.Event, data: data}
		}
	case events.CargoUnwrapped:
		k.endCargo(data.ReceivedID)
	case events.CargoRefused:
		k.endCargo(data.ReceivedID)
	default:
		k.foldParcel(r)
	}
}

func (k *known) endCargo(receivedID string) {
	if c := k.cargoes[receivedID]; c != nil {
		c.ended = true
	}
}

func (k *known) foldParcel(r events.Record) {
	if key, ok := mailboxKeyOf(r.Data); ok {
		if k.parcels[key] == nil {
			k.parcels[key] = &projections.Parcel{}
		}
		(projections.Mailbox{}).Fold(k.parcels[key], r)
	}
	if id, ok := (projections.Deliveries{}).DocumentID(r); ok {
		if k.deliveries[id] == nil {
			k.deliveries[id] = &projections.Delivery{}
		}
		(projections.Deliveries{}).Fold(k.deliveries[id], r)
	}
}

func mailboxKeyOf(data events.Data) (mailboxKey, bool) {
	switch d := data.(type) {
	case events.GatewayParcelAccepted:
		return mailboxKey{d.PrivateGatewayID, d.ParcelKey}, true
	case events.GatewayParcelCollected:
		return mailboxKey{d.PrivateGatewayID, d.ParcelKey}, true
	case events.GatewayParcelExpired:
		return mailboxKey{d.PrivateGatewayID, d.ParcelKey}, true
	case events.GatewayParcelReplaced:
		return mailboxKey{d.PrivateGatewayID, d.ParcelKey}, true
	case events.GatewayParcelDropped:
		return mailboxKey{d.PrivateGatewayID, d.ParcelKey}, true
	default:
		return mailboxKey{}, false
	}
}

// lookup returns whether an item's first event is recorded, and whether it has not
// ended yet.
func (k *known) lookup(e events.Event) (recorded, open bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch data := e.Data.(type) {
	case events.GatewayParcelAccepted:
		if p := k.parcels[mailboxKey{data.PrivateGatewayID, data.ParcelKey}]; p != nil {
			if v := p.Version(e.ID); v != nil {
				return true, v.Open()
			}
		}
	case events.InternetParcelAccepted:
		if d := k.deliveries[e.ID]; d != nil && d.Sequence != 0 {
			return true, d.State.Open()
		}
	case events.CargoReceived:
		if c := k.cargoes[e.ID]; c != nil {
			return true, !c.ended
		}
	}
	return false, false
}

// openParcels returns what waits here for private gateways.
func (k *known) openParcels() []projections.Item {
	k.mu.Lock()
	defer k.mu.Unlock()
	var open []projections.Item
	for _, p := range k.parcels {
		if item, ok := p.QueuedItem(); ok {
			open = append(open, item)
		}
	}
	return open
}

// openDeliveries returns what waits here for other Internet nodes.
func (k *known) openDeliveries() []*projections.Delivery {
	k.mu.Lock()
	defer k.mu.Unlock()
	var open []*projections.Delivery
	for _, d := range k.deliveries {
		if d.Sequence != 0 && d.State.Open() {
			open = append(open, d)
		}
	}
	return open
}

// openCargoes returns the cargoes that wait here.
func (k *known) openCargoes() []*cargoState {
	k.mu.Lock()
	defer k.mu.Unlock()
	var open []*cargoState
	for _, c := range k.cargoes {
		if !c.ended {
			open = append(open, c)
		}
	}
	return open
}

func (k *known) has(set map[hashedKey]bool, key hashedKey) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return set[key]
}

func (k *known) hasFulfilled(channel string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fulfilled[channel]
}

func (k *known) until() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.knownUntil
}
