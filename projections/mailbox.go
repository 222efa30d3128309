package projections

import (
	"slices"
	"time"

	"awala.network/gateway/events"
)

// Keys of the mailbox's documents.
const (
	// byGateway lists what is queued for a private gateway, the oldest first.
	byGateway = "gateway"
	// byExpiry lists what is queued by the day on which it expires.
	byExpiry = "expires"
	// bySuperseded lists parcels with a version that waits for its Replaced.
	bySuperseded = "superseded"

	supersededYes = "yes"
	expiryLayout  = time.DateOnly
)

// maxEnded bounds the ended versions that a parcel keeps for the recognition of
// duplicates. Only a sender that reuses one parcel id again and again gets there.
const maxEnded = 16

// Mailbox is the projection of the parcels that are bound for our private
// gateways: one [Parcel] for each natural key and gateway. Ended versions stay
// until they expire, so that duplicates are recognised.
type Mailbox struct{}

// Spec names the collection mailbox_v1 of the stream PDC_PARCELS.
func (Mailbox) Spec() Spec {
	return Spec{
		Name: "mailbox_v1", Stream: events.StreamGatewayParcels,
		Indexes: []string{byGateway, byExpiry, bySuperseded},
	}
}

// DocumentID joins the gateway's id and the hash of the parcel's key.
func (Mailbox) DocumentID(r events.Record) (string, bool) {
	if data, ok := r.Data.(events.GatewayParcelAccepted); ok {
		return mailboxID(data.PrivateGatewayID, data.ParcelKey), true
	}
	if end, _, ok := endOf(r.Data); ok {
		return mailboxID(end.PrivateGatewayID, end.ParcelKey), true
	}
	return "", false
}

func mailboxID(gatewayID string, key events.ParcelKey) string { return gatewayID + "/" + key.Hash() }

// Fold opens a version with each GatewayParcelAccepted of an id that is not
// known yet, and ends the version that an outcome names. The first end of a
// version counts. A version that its sender made later takes the place of an earlier
// one, whichever comes first: couriers overtake each other.
func (Mailbox) Fold(p *Parcel, r events.Record) bool {
	if data, ok := r.Data.(events.GatewayParcelAccepted); ok {
		return p.accept(r, data)
	}
	end, state, ok := endOf(r.Data)
	return ok && p.end(end.AcceptedID, state)
}

// endOf returns what an outcome says of which version.
func endOf(data events.Data) (events.GatewayParcelEnd, State, bool) {
	switch data := data.(type) {
	case events.GatewayParcelCollected:
		return data.GatewayParcelEnd, Collected, true
	case events.GatewayParcelExpired:
		return data.GatewayParcelEnd, Expired, true
	case events.GatewayParcelReplaced:
		return data.GatewayParcelEnd, Replaced, true
	case events.GatewayParcelDropped:
		return data.GatewayParcelEnd, Dropped, true
	default:
		return events.GatewayParcelEnd{}, "", false
	}
}

func (p *Parcel) accept(r events.Record, data events.GatewayParcelAccepted) bool {
	if p.Version(r.ID) != nil {
		return false
	}
	p.Key, p.PrivateGatewayID = data.ParcelKey, data.PrivateGatewayID
	p.forget(r.Time)
	v := Version{
		AcceptedID: r.ID, CorrelationID: r.CorrelationID, TraceParent: r.TraceParent, Sequence: r.Sequence, AcceptedAt: r.Time,
		ParcelBlob: data.ParcelBlob, SourceGatewayID: data.SourceGatewayID, Via: data.Via, State: Queued,
	}
	if newer := p.NewerThan(v.CreatedAt, r.Time); newer != nil {
		v.State, v.SupersededBy = Superseded, newer.AcceptedID
	} else if queued := p.Queued(); queued != nil {
		queued.State, queued.SupersededBy = Superseded, r.ID
	}
	p.Versions = append(p.Versions, v)
	return true
}

// forget drops ended versions that expired before now or are too many.
func (p *Parcel) forget(now time.Time) {
	ended := 0
	for i := range p.Versions {
		if !p.Versions[i].Open() {
			ended++
		}
	}
	p.Versions = slices.DeleteFunc(p.Versions, func(v Version) bool {
		if v.Open() || (ended <= maxEnded && !v.ExpiresAt.Before(now)) {
			return false
		}
		ended--
		return true
	})
}

func (p *Parcel) end(acceptedID string, state State) bool {
	v := p.Version(acceptedID)
	if v == nil || !v.Open() {
		return false
	}
	v.State = state
	return true
}

// Listing lists parcels with an open version, by the sequence of the queued one if
// there is one, and lets the others expire.
func (Mailbox) Listing(p *Parcel) Listing {
	l := Listing{Keys: map[string]string{}}
	for i := range p.Versions {
		switch v := &p.Versions[i]; v.State {
		case Queued:
			l.Keys[byGateway] = p.PrivateGatewayID
			l.Keys[byExpiry] = v.ExpiresAt.UTC().Format(expiryLayout)
			l.Rank = int64(v.Sequence)
		case Superseded:
			l.Keys[bySuperseded] = supersededYes
			if l.Keys[byGateway] == "" {
				l.Rank = max(l.Rank, int64(v.Sequence))
			}
		}
		if expiry := p.Versions[i].ExpiresAt; expiry.After(l.ExpiresAt) {
			l.ExpiresAt = expiry
		}
	}
	if l.Rank > 0 {
		l.ExpiresAt = time.Time{}
	}
	return l
}
