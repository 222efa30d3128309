package workers

import (
	"math/rand/v2"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/internal/fault"
)

// Pauses between tries within one delivery.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// retry runs the handler up to tries times while its error is transient, with
// pauses that double, less a random half. What fails longer goes back to the
// server; retried is told of each further try. When the message's context ends, so do the tries.
func retry(tries int, retried func(*message.Message)) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			pause := firstPause
			for try := 1; ; try++ {
				produced, err := next(msg)
				if err == nil || fault.IsPermanent(err) || fault.IsFatal(err) || try >= tries {
					return produced, err
				}
				if !wait(msg, pause-rand.N(pause/2)) {
					return nil, err
				}
				pause = min(2*pause, lastPause)
				retried(msg)
			}
		}
	}
}

// wait returns false if the message's context ends before d is over.
func wait(msg *message.Message, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-msg.Context().Done():
		return false
	}
}
