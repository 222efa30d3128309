package workers

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// timeout ends the context of a try after d. Unlike Watermill's it gives the
// message its context back, for the next try and for what follows.
func timeout(d time.Duration) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			outer := msg.Context()
			ctx, cancel := context.WithTimeout(outer, d)
			defer cancel()
			msg.SetContext(ctx)
			defer msg.SetContext(outer)
			return next(msg)
		}
	}
}
