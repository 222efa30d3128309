package jetstream

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// Publisher is Watermill's publisher. The topic is a subject, the message's
// UUID is the Nats-Msg-Id, metadata become headers. It serves Watermill's own
// machinery; what records events is [Log.Append].
type Publisher struct {
	log    *Log
	closed atomic.Bool
}

// Publisher returns a publisher.
func (l *Log) Publisher() *Publisher { return &Publisher{log: l} }

// Publish returns when all messages are on disk. They are sent in order and
// acknowledged together. On error, each is stored or not; publishing all again
// is safe within the stream's deduplication window.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if p.closed.Load() {
		return ErrClosed
	}
	futures := make([]natsjs.PubAckFuture, 0, len(messages))
	for _, msg := range messages {
		future, err := p.log.js.PublishMsgAsync(newNATSMessage(topic, msg), natsjs.WithStallWait(p.log.opts.Timeout))
		if err != nil {
			return fmt.Errorf("jetstream: publish %s to %s: %w", msg.UUID, topic, err)
		}
		futures = append(futures, future)
	}
	var errs []error
	for i, future := range futures {
		ctx, cancel := p.log.bounded(messages[i].Context())
		select {
		case <-future.Ok():
		case err := <-future.Err():
			errs = append(errs, fmt.Errorf("jetstream: publish %s to %s: %w", messages[i].UUID, topic, err))
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("jetstream: publish %s to %s: %w", messages[i].UUID, topic, ctx.Err()))
		}
		cancel()
	}
	return errors.Join(errs...)
}

// Close makes further use an error. The connection stays open.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}

// newNATSMessage leaves out metadata that are JetStream's: a message that is
// passed on must not carry what was said of the one it came from.
func newNATSMessage(subject string, msg *message.Message) *nats.Msg {
	m := nats.NewMsg(subject)
	for name, value := range msg.Metadata {
		if !strings.HasPrefix(name, "Nats-") {
			m.Header.Set(name, value)
		}
	}
	m.Header.Set(natsjs.MsgIDHeader, msg.UUID)
	m.Data = msg.Payload
	return m
}
