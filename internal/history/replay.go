package history

import (
	"context"
	"iter"
	"time"

	"awala.network/gateway/events"
)

// Paced yields messages as far apart as they happened, divided by speed: 1 is as it
// was, 60 a minute in a second, 0 at once. It ends with ctx's error.
func Paced(ctx context.Context, messages iter.Seq2[events.Message, error], speed float64) iter.Seq2[events.Message, error] {
	if speed <= 0 {
		return messages
	}
	return func(yield func(events.Message, error) bool) {
		var last time.Time
		for m, err := range messages {
			if at := Time(m); err == nil && !at.IsZero() {
				if pause := at.Sub(last); !last.IsZero() && pause > 0 {
					err = wait(ctx, time.Duration(float64(pause)/speed))
				}
				last = at
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
