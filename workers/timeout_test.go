package workers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		msg := delivered(t.Context(), 1)
		start := time.Now()
		err := through(timeout(time.Minute), msg, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		if msg.Context().Err() != nil {
			t.Error("the message did not get its context back")
		}
	})
}
