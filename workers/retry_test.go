package workers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/internal/fault"
)

func TestRetry(t *testing.T) {
	transient := errors.New("transient")
	tests := map[string]struct {
		errs  []error // of the tries, in order
		tries int
	}{
		"at once":         {[]error{nil}, 1},
		"second time":     {[]error{transient, nil}, 2},
		"never":           {[]error{transient, transient, transient}, 3},
		"permanent":       {[]error{fault.Permanent(transient)}, 1},
		"fatal":           {[]error{fault.Fatal(transient)}, 1},
		"permanent later": {[]error{transient, fault.Permanent(transient)}, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				err := through(retry(3, uncounted), delivered(t.Context(), 1), func(context.Context) error {
					tries++
					return tc.errs[tries-1]
				})
				if tries != tc.tries || err != tc.errs[len(tc.errs)-1] {
					t.Errorf("%d tries, %v", tries, err)
				}
			})
		})
	}
}

func TestRetryPausesLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		last := time.Now()
		_ = through(retry(8, uncounted), delivered(t.Context(), 1), func(context.Context) error {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			return errors.New("transient")
		})
		want := firstPause
		for _, pause := range pauses[1:] {
			if pause <= want/2-1 || pause > want {
				t.Errorf("pause %v is not in (%v, %v]", pause, want/2, want)
			}
			want = min(2*want, lastPause)
		}
	})
}

func TestRetryEndsWithTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		want := errors.New("transient")
		err := through(retry(3, uncounted), delivered(ctx, 1), func(context.Context) error {
			tries++
			cancel()
			return want
		})
		if tries != 1 || err != want {
			t.Errorf("%d tries, %v", tries, err)
		}
	})
}

func uncounted(*message.Message) {}
