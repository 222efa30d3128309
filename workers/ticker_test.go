package workers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"awala.network/gateway/internal/fault"
)

func TestTicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Duration
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		err := Ticker{Name: "t", Interval: time.Minute, Do: func(context.Context) error {
			starts = append(starts, time.Since(begin))
			switch len(starts) {
			case 1:
				panic("survived")
			case 2:
				return errors.New("survived")
			default:
				cancel()
				return nil
			}
		}}.Run(ctx)
		if err != nil {
			t.Error(err)
		}
		if len(starts) != 3 || starts[0] != 0 || starts[1] != time.Minute || starts[2] != 2*time.Minute {
			t.Errorf("started at %v", starts)
		}
	})
}

func TestTickerStopsOnFatal(t *testing.T) {
	want := errors.New("broken")
	err := Ticker{Interval: time.Hour, Do: func(context.Context) error { return fault.Fatal(want) }}.Run(t.Context())
	if !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

func TestRunEndsTheOthers(t *testing.T) {
	want := errors.New("failed")
	ended := false
	err := Run(t.Context(),
		func(ctx context.Context) error {
			<-ctx.Done()
			ended = true
			return nil
		},
		func(context.Context) error { return want },
	)
	if !errors.Is(err, want) || !ended {
		t.Errorf("error %v, ended %v", err, ended)
	}
}
