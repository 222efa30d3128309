package history

import (
	"cmp"
	"slices"
	"time"

	"awala.network/gateway/events"
)

// State is what a history has led to: a fold over it. The zero value is that before
// the first event.
type State struct {
	// Events counts what was folded in, Unreadable what of it could not be read.
	Events     int `json:"events"`
	Unreadable int `json:"unreadable,omitempty"`
	// LastAt is the time of the last event.
	LastAt time.Time `json:"lastAt,omitzero"`

	parcels map[string]waitingParcel // by the id of the accepting event
	cargoes map[string]waitingParcel
}

type waitingParcel struct {
	queue  Queue
	octets int64
}

// Queue names those that parcels or cargoes wait for.
type Queue struct {
	// Kind is "private gateway", "destination", or "unwrapping" for cargoes.
	Kind string `json:"kind"`
	// Name is the private gateway's id, or the destination.
	Name string `json:"name"`
}

// Waiting is what waits in a queue.
type Waiting struct {
	Queue
	Count  int   `json:"count"`
	Octets int64 `json:"octets"`
}

// Apply folds a message in. Messages come in the order of each stream.
func (s *State) Apply(m events.Message) {
	if s.parcels == nil {
		s.parcels, s.cargoes = make(map[string]waitingParcel), make(map[string]waitingParcel)
	}
	s.Events++
	s.LastAt = Time(m)
	r := m.Record()
	switch d := r.Data.(type) {
	case events.Unreadable:
		s.Unreadable++
	case events.GatewayParcelAccepted:
		s.parcels[r.ID] = waitingParcel{Queue{"private gateway", d.PrivateGatewayID}, d.Size}
	case events.InternetParcelAccepted:
		s.parcels[r.ID] = waitingParcel{Queue{"destination", d.Destination}, d.Size}
	case events.CargoReceived:
		s.cargoes[r.ID] = waitingParcel{Queue{"unwrapping", d.PrivateGatewayID}, d.Size}
	default:
		s.end(r.Data)
	}
}

// end removes what the event ends.
func (s *State) end(data events.Data) {
	switch d := data.(type) {
	case events.GatewayParcelCollected:
		delete(s.parcels, d.AcceptedID)
	case events.GatewayParcelExpired:
		delete(s.parcels, d.AcceptedID)
	case events.GatewayParcelReplaced:
		delete(s.parcels, d.AcceptedID)
	case events.GatewayParcelDropped:
		delete(s.parcels, d.AcceptedID)
	case events.InternetParcelDelivered:
		delete(s.parcels, d.AcceptedID)
	case events.InternetParcelRefused:
		delete(s.parcels, d.AcceptedID)
	case events.InternetParcelExpired:
		delete(s.parcels, d.AcceptedID)
	case events.InternetParcelDropped:
		delete(s.parcels, d.AcceptedID)
	case events.CargoUnwrapped:
		delete(s.cargoes, d.ReceivedID)
	case events.CargoRefused:
		delete(s.cargoes, d.ReceivedID)
	}
}

// Waiting returns what waits, by queue, in the order of their kinds and names.
func (s *State) Waiting() []Waiting {
	sums := make(map[Queue]Waiting)
	for _, of := range []map[string]waitingParcel{s.parcels, s.cargoes} {
		for _, p := range of {
			w := sums[p.queue]
			sums[p.queue] = Waiting{p.queue, w.Count + 1, w.Octets + p.octets}
		}
	}
	waiting := make([]Waiting, 0, len(sums))
	for _, w := range sums {
		waiting = append(waiting, w)
	}
	slices.SortFunc(waiting, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return waiting
}
