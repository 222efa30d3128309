package history_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
)

func minutes(at ...int) func(func(events.Message, error) bool) {
	return func(yield func(events.Message, error) bool) {
		for _, m := range at {
			when := noon.Add(time.Duration(m) * time.Minute).Format(time.RFC3339Nano)
			if !yield(events.Message{Header: map[string][]string{events.HeaderTime: {when}}}, nil) {
				return
			}
		}
	}
}

// TestPaced replays an hour at several speeds, with a clock that moves by itself.
func TestPaced(t *testing.T) {
	for speed, want := range map[float64][]time.Duration{
		0:  {0, 0, 0, 0},
		1:  {0, 10 * time.Minute, 10 * time.Minute, 61 * time.Minute}, // the third comes out of order
		60: {0, 10 * time.Second, 10 * time.Second, 61 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var got []time.Duration
			for range history.Paced(t.Context(), minutes(0, 10, 9, 60), speed) {
				got = append(got, time.Since(began))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("at %v: %s", speed, diff)
			}
		})
	}
}

func TestPacedEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last error
		for _, err := range history.Paced(ctx, minutes(0, 600), 1) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Error(last)
		}
	})
}
