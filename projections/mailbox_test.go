package projections_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

func TestMailboxFold(t *testing.T) {
	far := later.Add(time.Hour)
	one, two := accepted(0, 0, 1, far), accepted(0, 0, 2, far) // made a minute apart
	tests := map[string]struct {
		history []events.Event
		states  []projections.State
		rank    int64
	}{
		"accepted":                        {[]events.Event{one}, []projections.State{"queued"}, 1},
		"accepted twice":                  {[]events.Event{one, one}, []projections.State{"queued"}, 1},
		"collected":                       {[]events.Event{one, ending(0, one)}, []projections.State{"collected"}, 0},
		"expired":                         {[]events.Event{one, ending(1, one)}, []projections.State{"expired"}, 0},
		"dropped":                         {[]events.Event{one, ending(3, one)}, []projections.State{"dropped"}, 0},
		"the first end counts":            {[]events.Event{one, ending(0, one), ending(1, one)}, []projections.State{"collected"}, 0},
		"accepted again after its end":    {[]events.Event{one, ending(0, one), one}, []projections.State{"collected"}, 0},
		"end of what is not known":        {[]events.Event{ending(0, one)}, nil, 0},
		"superseded":                      {[]events.Event{one, two}, []projections.State{"superseded", "queued"}, 2},
		"an older version comes late":     {[]events.Event{two, one}, []projections.State{"queued", "superseded"}, 1},
		"an older version comes too late": {[]events.Event{two, ending(0, two), one}, []projections.State{"collected", "superseded"}, 3},
		"the newer one was given up":      {[]events.Event{two, ending(3, two), one}, []projections.State{"dropped", "queued"}, 3},
		"the newer one expired":           {[]events.Event{two, ending(1, two), one}, []projections.State{"expired", "queued"}, 3},
		"replaced":                        {[]events.Event{one, two, ending(2, one)}, []projections.State{"replaced", "queued"}, 2},
		"superseded, yet collected":       {[]events.Event{one, two, ending(0, one)}, []projections.State{"collected", "queued"}, 2},
		"the newer ends first":            {[]events.Event{one, two, ending(0, two)}, []projections.State{"superseded", "collected"}, 1},
		"an old version comes again":      {[]events.Event{one, two, one}, []projections.State{"superseded", "queued"}, 2},
		"a new version after collection":  {[]events.Event{one, ending(0, one), two}, []projections.State{"collected", "queued"}, 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var h history
			var p projections.Parcel
			for _, e := range tc.history {
				projections.Mailbox{}.Fold(&p, h.append(e))
			}
			var states []projections.State
			for _, v := range p.Versions {
				states = append(states, v.State)
			}
			if diff := cmp.Diff(tc.states, states); diff != "" {
				t.Error(diff)
			}
			listing := projections.Mailbox{}.Listing(&p)
			if listing.Rank != tc.rank {
				t.Errorf("rank %d, want %d", listing.Rank, tc.rank)
			}
			if waits := listing.ExpiresAt.IsZero(); len(states) > 0 && waits != (tc.rank > 0) {
				t.Errorf("expires %v although rank is %d", listing.ExpiresAt, listing.Rank)
			}
		})
	}
}

func TestMailboxForgetsEndedVersions(t *testing.T) {
	var h history
	var p projections.Parcel
	for i := range 40 {
		e := accepted(0, 0, i, later)
		projections.Mailbox{}.Fold(&p, h.append(e))
		projections.Mailbox{}.Fold(&p, h.append(ending(0, e)))
	}
	if len(p.Versions) > 17 {
		t.Errorf("%d versions are kept", len(p.Versions))
	}
	if got := p.Versions[len(p.Versions)-1].SHA256; got != "39" {
		t.Errorf("the newest version kept is %s", got)
	}
	e := accepted(0, 0, 99, later.Add(48*time.Hour))
	e.Time = later.Add(time.Hour)
	projections.Mailbox{}.Fold(&p, h.append(e))
	if len(p.Versions) != 1 {
		t.Errorf("%d versions are kept, although all but one have expired", len(p.Versions))
	}
}

func TestPeersFold(t *testing.T) {
	var p projections.Peer
	var h history
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	learned := func(id string, minutes int) events.PeerSessionKeyLearned {
		return events.PeerSessionKeyLearned{PrivateGatewayID: gateway(1), KeyID: id, PublicKey: []byte(id), MessageCreatedAt: at(minutes)}
	}
	for i, data := range []events.Data{
		events.PrivateGatewayRegistered{PrivateGatewayID: gateway(1), SessionKeyID: "aa", CertificateExpiresAt: at(500)},
		learned("old", 1), learned("newest", 3), learned("late", 2),
		events.PrivateGatewayRegistered{PrivateGatewayID: gateway(1), SessionKeyID: "bb", CertificateExpiresAt: at(400)},
		events.CargoCollectionFulfilled{PrivateGatewayID: gateway(1)},
		events.PrivateGatewayCertificateIssued{PrivateGatewayID: gateway(1), CertificateExpiresAt: at(600)},
		events.IdentityCreated{},
	} {
		projections.Peers{}.Fold(&p, h.append(events.New(fmt.Sprint(i), "test", at(10+i), data)))
	}
	want := projections.Peer{
		PrivateGatewayID: gateway(1), FirstSequence: 1, Registrations: 2, RegisteredAt: at(14),
		CertificateExpiresAt: at(600), SessionKeyID: "bb", LastContact: at(16),
		SessionKey: &projections.PeerSessionKey{KeyID: "newest", PublicKey: []byte("newest"), MessageCreatedAt: at(3)},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
}
