package projections

import (
	"fmt"
	"testing"
	"time"

	"awala.network/gateway/events"
)

const (
	liveGateway = "0a"
	liveWork    = "pdc-parcel.0a"
	liveEnds    = "pdc-parcel.0a.outcome"
)

var liveNow = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// liveAccepted is the record of parcel id at a sequence, after another.
func liveAccepted(id int, sequence, previous uint64) Live {
	data := events.GatewayParcelAccepted{
		ParcelKey: events.ParcelKey{ParcelID: fmt.Sprint(id)}, PrivateGatewayID: liveGateway,
		ParcelBlob: events.ParcelBlob{ExpiresAt: liveNow.Add(time.Hour)},
	}
	e := events.New(fmt.Sprint(id), "test", liveNow, data)
	return Live{Record: events.Record{Event: e, Sequence: sequence, Subject: liveWork}, Previous: previous}
}

// liveOutdated is like liveAccepted, of a parcel that was made earlier than all those.
func liveOutdated(id int, sequence, previous uint64) Live {
	l := liveAccepted(id, sequence, previous)
	data := l.Data.(events.GatewayParcelAccepted)
	data.CreatedAt = data.CreatedAt.Add(-time.Hour)
	l.Data, l.ID = data, "outdated"
	return l
}

func liveCollected(id int, sequence, previous uint64) Live {
	data := events.GatewayParcelCollected{GatewayParcelEnd: events.GatewayParcelEnd{AcceptedID: fmt.Sprint(id)}}
	e := events.New("", "test", liveNow, data)
	return Live{Record: events.Record{Event: e, Sequence: sequence, Subject: liveEnds}, Previous: previous}
}

func TestFeedStateObserves(t *testing.T) {
	tests := map[string]struct {
		heard []Live
		stale bool
		queue int
	}{
		"the next":                       {[]Live{liveAccepted(1, 11, 10)}, false, 1},
		"the next two":                   {[]Live{liveAccepted(1, 11, 10), liveAccepted(2, 13, 11)}, false, 2},
		"after others' records":          {[]Live{liveAccepted(1, 99, 10)}, false, 1},
		"what the page accounts for":     {[]Live{liveAccepted(1, 10, 9)}, false, 0},
		"the same twice":                 {[]Live{liveAccepted(1, 11, 10), liveAccepted(1, 11, 10)}, false, 1},
		"the same event stored twice":    {[]Live{liveAccepted(1, 11, 10), liveAccepted(1, 12, 11)}, false, 1},
		"a newer version":                {[]Live{liveOutdated(1, 11, 10), liveAccepted(1, 12, 11)}, false, 1},
		"an older version":               {[]Live{liveAccepted(1, 11, 10), liveOutdated(1, 12, 11)}, false, 1},
		"a gap before a parcel":          {[]Live{liveAccepted(1, 12, 11)}, true, 0},
		"a gap before an end":            {[]Live{liveCollected(1, 12, 9)}, true, 0},
		"an end":                         {[]Live{liveAccepted(1, 11, 10), liveCollected(1, 12, 8)}, false, 0},
		"an end heard before its parcel": {[]Live{liveCollected(1, 12, 8), liveAccepted(1, 11, 10)}, true, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := feedState{work: liveWork, seen: lastSequences{work: 10, outcome: 8}}
			for _, l := range tc.heard {
				s.observe(l)
			}
			if s.stale != tc.stale || len(s.queue) != tc.queue {
				t.Errorf("stale %v, %d queued", s.stale, len(s.queue))
			}
		})
	}
}

func TestFeedStateIsBounded(t *testing.T) {
	s := feedState{work: liveWork}
	for i := range uint64(1000) {
		s.observe(liveAccepted(int(i), i+1, i))
	}
	if len(s.queue) != feedPage || !s.more || s.stale {
		t.Errorf("%d queued, more is %v, stale is %v", len(s.queue), s.more, s.stale)
	}
}
