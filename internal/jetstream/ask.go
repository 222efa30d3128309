package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Answer answers questions on a subject that no stream records, until stop is
// called, which waits for the answers in hand. Every process that answers does.
func (l *Log) Answer(subject string, answer func() []byte) (stop func(), err error) {
	sub, err := l.nc.Subscribe(subject, func(m *nats.Msg) {
		// Who asked and went away misses nothing.
		_ = m.Respond(answer())
	})
	if err != nil {
		return nil, fmt.Errorf("jetstream: answer on %s: %w", subject, err)
	}
	ended := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(ended) })
	return func() {
		if sub.Drain() == nil {
			select {
			case <-ended:
			case <-time.After(time.Second): // the connection is gone
			}
		}
	}, nil
}

// Ask asks on a subject, and returns the answers that came before none did for the
// time of silence.
func (l *Log) Ask(ctx context.Context, subject string, silence time.Duration) (answers [][]byte, err error) {
	inbox := l.nc.NewInbox()
	sub, err := l.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("jetstream: ask on %s: %w", subject, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := l.nc.PublishRequest(subject, inbox, nil); err != nil {
		return nil, fmt.Errorf("jetstream: ask on %s: %w", subject, err)
	}
	for {
		wait, cancel := context.WithTimeout(ctx, silence)
		m, err := sub.NextMsgWithContext(wait)
		cancel()
		switch {
		case err == nil:
			if len(m.Data) > 0 { // a server says so when nobody listens
				answers = append(answers, m.Data)
			}
		case ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders)):
			return answers, nil
		default:
			return answers, fmt.Errorf("jetstream: ask on %s: %w", subject, err)
		}
	}
}
