package workers

import (
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/internal/fault"
)

// stopper keeps the first fatal error and tells that there is one.
type stopper struct {
	once   sync.Once
	err    error
	struck chan struct{}
}

func newStopper() *stopper { return &stopper{struck: make(chan struct{})} }

// middleware lets fatal errors stop the router. The message goes back.
func (s *stopper) middleware(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		produced, err := next(msg)
		if fault.IsFatal(err) {
			s.once.Do(func() {
				s.err = err
				close(s.struck)
			})
		}
		return produced, err
	}
}
