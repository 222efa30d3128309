package ramf_test

import (
	"math"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
)

// What reading a message may cost, as a multiple of the bare primitives, and how
// often that is looked at. The fastest of many short rounds, taken in turns, is
// what a round costs when nobody else has the processor.
const (
	mostTimes = 1.3
	rounds    = 300
	perRound  = 4
)

func TestReadingCostsLittleMoreThanItsPrimitives(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("measures time")
	}
	unwrap, unwrapPrimitives := unwrapCargo(t)
	for name, test := range map[string]struct{ ours, primitives func() error }{
		"verify a parcel": {verifyParcel(t, nil), verifyPrimitives(t, 4, 0)},
		"verify a parcel, issuers known": {
			verifyParcel(t, pki.NewSignatureCache(100, time.Hour)), verifyPrimitives(t, 1, 0),
		},
		"unwrap a cargo": {unwrap, unwrapPrimitives},
	} {
		t.Run(name, func(t *testing.T) {
			ours, primitives := math.Inf(1), math.Inf(1)
			for range 5 { // a busy machine gets more time
				for range rounds {
					ours = min(ours, elapsed(t, test.ours))
					primitives = min(primitives, elapsed(t, test.primitives))
				}
				if ours <= mostTimes*primitives {
					break
				}
			}
			t.Logf("%.3g µs, %.2f times the primitives", ours/1e3, ours/primitives)
			if ours > mostTimes*primitives {
				t.Errorf("%.2f times the primitives, want at most %g", ours/primitives, mostTimes)
			}
		})
	}
}

// elapsed returns the nanoseconds that one of a few runs takes.
func elapsed(t *testing.T, do func() error) float64 {
	begin := time.Now()
	for range perRound {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	return float64(time.Since(begin).Nanoseconds()) / perRound
}
