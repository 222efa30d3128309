package overview

import (
	"context"
	"errors"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// channel says which events begin and end the life of what goes through a channel,
// as the totals name them.
type channel struct {
	name, stream string
	in, out      []string
}

var channels = []channel{
	{
		"gateway parcels", events.StreamGatewayParcels,
		[]string{"gateway-parcel-accepted"},
		[]string{"gateway-parcel-collected", "gateway-parcel-expired", "gateway-parcel-replaced", "gateway-parcel-dropped"},
	},
	{
		"internet parcels", events.StreamInternetParcels,
		[]string{"internet-parcel-accepted"},
		[]string{"internet-parcel-delivered", "internet-parcel-refused", "internet-parcel-expired", "internet-parcel-dropped"},
	},
	{"cargo", events.StreamCargo, []string{"cargo-received"}, []string{"cargo-unwrapped", "cargo-refused"}},
}

// maxLife is how long a parcel lives at most (RS-001), in days.
const maxLife = 180

// channels tells what came through each channel.
func (s *Sources) channels(ctx context.Context, consumers []Consumer) ([]Channel, error) {
	now := s.Now().UTC()
	days, err := s.Totals.Days(ctx, time.Time{}, now.AddDate(1, 0, 0))
	if err != nil {
		return nil, err
	}
	parked, err := s.parked(ctx)
	if err != nil {
		return nil, err
	}
	today := days[now.Format(time.DateOnly)]
	all := make([]Channel, len(channels))
	for i, c := range channels {
		all[i] = Channel{Name: c.name, In: count(today, c.in), Out: count(today, c.out), Parked: parked[c.stream]}
		var in, out uint64
		for _, day := range days {
			in, out = in+count(day, c.in), out+count(day, c.out)
		}
		all[i].Waiting = in - min(in, out)
		if all[i].Waiting == 0 {
			continue
		}
		if all[i].OldestSince, err = s.oldestIn(ctx, c.stream, consumers); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Count is what came in and went out of a channel since an instant that changes at
// midnight (UTC): for rates, which two counts make.
type Count struct {
	Channel string
	In, Out uint64
}

// Counts counts what came through each channel yesterday and today. It is cheap.
func (s *Server) Counts(ctx context.Context) ([]Count, error) {
	now := s.Sources.Now().UTC()
	days, err := s.Sources.Totals.Days(ctx, now.AddDate(0, 0, -1), now.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	counts := make([]Count, len(channels))
	for i, c := range channels {
		counts[i].Channel = c.name
		for _, day := range days {
			counts[i].In, counts[i].Out = counts[i].In+count(day, c.in), counts[i].Out+count(day, c.out)
		}
	}
	return counts, nil
}

func count(day projections.Day, kinds []string) (n uint64) {
	for _, kind := range kinds {
		n += day.Events[kind].Count
	}
	return n
}

// parked counts what operators have to look at, by stream.
func (s *Sources) parked(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	return counts, s.Parked.In(ctx, projections.ParkedOpen, func(m projections.ParkedMessage) error {
		counts[m.Stream]++
		return nil
	})
}

// oldestIn returns when the first of what waits in a channel was accepted.
func (s *Sources) oldestIn(ctx context.Context, stream string, consumers []Consumer) (time.Time, error) {
	switch stream {
	case events.StreamGatewayParcels:
		return s.oldestForGateways(ctx)
	case events.StreamInternetParcels:
		return s.oldestDelivery(ctx)
	default:
		var first time.Time
		for _, c := range consumers {
			if c.Stream == stream {
				first = earlier(first, c.OldestSince)
			}
		}
		return first, nil
	}
}

// oldestForGateways looks at the first parcel of each day on which parcels expire:
// the mailbox lists them in the order of their acceptance.
func (s *Sources) oldestForGateways(ctx context.Context) (first time.Time, err error) {
	now := s.Now()
	for day := -1; day <= maxLife+1; day++ {
		err := s.Mailbox.ExpiringOn(ctx, now.AddDate(0, 0, day), 1, func(item projections.Item) error {
			first = earlier(first, item.AcceptedAt)
			return projections.ErrStop
		})
		if err != nil && !errors.Is(err, projections.ErrStop) {
			return time.Time{}, err
		}
	}
	return first, nil
}

func (s *Sources) oldestDelivery(ctx context.Context) (first time.Time, err error) {
	for _, state := range []projections.DeliveryState{
		projections.DeliveryQueued, projections.DeliveryDeferred, projections.DeliveryHeld,
	} {
		err := s.Deliveries.In(ctx, state, func(d projections.Stored[projections.Delivery]) error {
			first = earlier(first, d.State.AcceptedAt)
			return projections.ErrStop
		})
		if err != nil {
			return time.Time{}, err
		}
	}
	return first, nil
}
