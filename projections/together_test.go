package projections_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awala.network/gateway/projections"
)

// distant is a history whose answers take long, as they do over a network.
type distant struct {
	*history
	asked atomic.Int64
}

func (d *distant) LastSequence(ctx context.Context, stream, subject string) (uint64, error) {
	d.asked.Add(1)
	last, err := d.history.LastSequence(ctx, stream, subject)
	time.Sleep(5 * time.Millisecond) // the answer is old when it arrives
	return last, err
}

// TestThoseWhoWaitAskTogether has many ask about one private gateway, as the items of
// a cargo do: each finds what was recorded before it asked, and the stream is not asked
// for each, so that a cargo full of acknowledgements does not take minutes.
func TestThoseWhoWaitAskTogether(t *testing.T) {
	log := &distant{history: &history{}}
	reader := projections.NewReader(collection(t, database(t), projections.Mailbox{}), log, clock)
	const askers, each = 32, 20
	var all sync.WaitGroup
	for asker := range askers {
		all.Go(func() {
			for i := range each {
				e := accepted(0, asker*each+i, 0, later.Add(time.Hour))
				log.append(e)
				parcel, err := reader.Find(t.Context(), gateway(0), key(asker*each+i))
				if err != nil || parcel.Version(e.ID) == nil {
					t.Errorf("parcel %d of %d is not found, %v", i, asker, err)
				}
			}
		})
	}
	all.Wait()
	if asked := log.asked.Load(); asked > askers*each/2 {
		t.Errorf("%d questions for %d parcels", asked, askers*each)
	}
}
