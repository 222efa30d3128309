package projections

import "context"

// HearOf waits until the feed has heard of an accepted parcel.
func (f *Feed) HearOf(ctx context.Context, sequence uint64) error {
	for f.state.seen.work < sequence {
		live, err := f.watch.Next(ctx)
		if err != nil {
			return err
		}
		f.state.observe(live)
	}
	return nil
}
