package projections

import (
	"slices"
	"time"

	"awala.network/gateway/events"
)

// State is what became of a version of a parcel.
type State string

// The states of a version. Queued and Superseded are open: no event has ended
// the version yet.
const (
	Queued     State = "queued"
	Superseded State = "superseded" // a newer version is there; Replaced is to follow
	Collected  State = "collected"
	Expired    State = "expired"
	Replaced   State = "replaced"
	Dropped    State = "dropped"
)

// Parcel is what is known of a natural key that is, or was, bound for a private
// gateway. At most one version is queued.
type Parcel struct {
	Key              events.ParcelKey `json:"key"`
	PrivateGatewayID string           `json:"privateGatewayId"`
	// Versions are in the order in which they were accepted.
	Versions []Version `json:"versions"`
}

// Version is one accepted sequence of octets under the key.
type Version struct {
	// AcceptedID is the id of its GatewayParcelAccepted, at Sequence of
	// PDC_PARCELS.
	AcceptedID      string    `json:"acceptedId"`
	CorrelationID   string    `json:"correlationId,omitempty"`
	TraceParent     string    `json:"traceParent,omitempty"`
	Sequence        uint64    `json:"sequence"`
	AcceptedAt      time.Time `json:"acceptedAt"`
	SourceGatewayID string    `json:"sourceGatewayId,omitempty"`
	// Via is the binding by which it came in.
	Via events.Ingress `json:"via,omitempty"`
	events.ParcelBlob
	State State `json:"state"`
	// SupersededBy is the AcceptedID of the version that took the place of this
	// one, if one did.
	SupersededBy string `json:"supersededBy,omitempty"`
}

// Open tells whether no event has ended the version yet.
func (v *Version) Open() bool { return v.State == Queued || v.State == Superseded }

// Queued returns the version that waits for its collection, or nil.
func (p *Parcel) Queued() *Version {
	for i := range p.Versions {
		if p.Versions[i].State == Queued {
			return &p.Versions[i]
		}
	}
	return nil
}

// NewerThan returns the version that takes the place of one created at an instant and
// accepted at another: one that was created later, and was not given up by then; or
// nil. Of versions of the same second, which is as exact as RAMF is, the one that is
// accepted last counts.
func (p *Parcel) NewerThan(created, accepted time.Time) *Version {
	for i := range p.Versions {
		v := &p.Versions[i]
		useless := v.State == Expired || v.State == Dropped || v.Open() && v.ExpiresAt.Before(accepted)
		if v.CreatedAt.After(created) && !useless {
			return v
		}
	}
	return nil
}

// Version returns the version with that id, or nil.
func (p *Parcel) Version(acceptedID string) *Version {
	for i := range p.Versions {
		if p.Versions[i].AcceptedID == acceptedID {
			return &p.Versions[i]
		}
	}
	return nil
}

// Superseded returns the versions that wait for their Replaced.
func (p *Parcel) Superseded() []Item {
	var items []Item
	for i := range p.Versions {
		if p.Versions[i].State == Superseded {
			items = append(items, p.item(&p.Versions[i]))
		}
	}
	return items
}

// clone returns a copy that shares nothing.
func (p *Parcel) clone() Parcel {
	c := *p
	c.Versions = slices.Clone(p.Versions)
	return c
}

// Item is one version together with what it is a version of: all that it takes
// to hand it out and to record its end.
type Item struct {
	Key              events.ParcelKey
	PrivateGatewayID string
	Version
}

func (p *Parcel) item(v *Version) Item {
	return Item{Key: p.Key, PrivateGatewayID: p.PrivateGatewayID, Version: *v}
}

// QueuedItem returns the version that waits for its collection, if there is one.
func (p *Parcel) QueuedItem() (Item, bool) {
	v := p.Queued()
	if v == nil {
		return Item{}, false
	}
	return p.item(v), true
}

// ExpiredAt tells whether the parcel is no longer valid at an instant.
func (i Item) ExpiredAt(at time.Time) bool { return at.After(i.ExpiresAt) }

// End names the version in an outcome.
func (i Item) End() events.GatewayParcelEnd {
	return events.GatewayParcelEnd{
		ParcelKey: i.Key, PrivateGatewayID: i.PrivateGatewayID, SourceGatewayID: i.SourceGatewayID,
		AcceptedID: i.AcceptedID, BlobKey: i.BlobKey,
	}
}

// Cause is the version's GatewayParcelAccepted as far as events that follow from
// it need it.
func (i Item) Cause() events.Event {
	return events.Event{ID: i.AcceptedID, CorrelationID: i.CorrelationID, TraceParent: i.TraceParent}
}
