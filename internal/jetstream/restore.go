package jetstream

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// restoreWindow is how many messages are on their way at once. They arrive in the
// order in which they are sent.
const restoreWindow = 256

// Restore records messages in an empty stream, each at its own sequence. Sequences
// that have no message are left empty. Headers of NATS's own are left out, so that
// neither the deduplication window nor conditions of the former append stand in the
// way. It returns how many were recorded; on error, some may be.
func (l *Log) Restore(ctx context.Context, stream string, messages iter.Seq2[events.Message, error]) (uint64, error) {
	s, err := l.js.Stream(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("jetstream: restore %s: %w", stream, err)
	}
	if last := s.CachedInfo().State.LastSeq; last > 0 {
		return 0, fault.Permanent(fmt.Errorf("jetstream: restore %s: it is not empty", stream))
	}
	r := &restorer{log: l, stream: s, next: 1}
	for m, err := range messages {
		if err == nil {
			err = r.put(ctx, m)
		}
		if err != nil {
			return r.done, fmt.Errorf("jetstream: restore %s: %w", stream, err)
		}
	}
	if err := r.settle(ctx, 0); err != nil {
		return r.done, fmt.Errorf("jetstream: restore %s: %w", stream, err)
	}
	return r.done, nil
}

type restorer struct {
	log     *Log
	stream  natsjs.Stream
	next    uint64 // sequence that the stream will give next
	done    uint64
	pending []pendingAck
}

// pendingAck is a message that was sent and must be stored at this sequence.
type pendingAck struct {
	sequence uint64
	future   natsjs.PubAckFuture
	filler   bool // to be deleted again
}

func (r *restorer) put(ctx context.Context, m events.Message) error {
	if m.Sequence < r.next {
		return fault.Permanent(fmt.Errorf("sequence %d comes after %d", m.Sequence, r.next-1))
	}
	if r.next == 1 && m.Sequence > 1 {
		// An empty stream that is purged up to a sequence goes on from there.
		if err := r.stream.Purge(ctx, natsjs.WithPurgeSequence(m.Sequence)); err != nil {
			return err
		}
		r.next = m.Sequence
	}
	for r.next < m.Sequence {
		if err := r.send(ctx, nats.NewMsg(m.Subject), true); err != nil {
			return err
		}
	}
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header{}, Data: m.Body}
	for name, values := range m.Header {
		if !strings.HasPrefix(name, "Nats-") {
			msg.Header[name] = values
		}
	}
	return r.send(ctx, msg, false)
}

func (r *restorer) send(ctx context.Context, msg *nats.Msg, filler bool) error {
	future, err := r.log.js.PublishMsgAsync(msg, natsjs.WithStallWait(r.log.opts.Timeout))
	if err != nil {
		return err
	}
	r.pending = append(r.pending, pendingAck{r.next, future, filler})
	r.next++
	if len(r.pending) < restoreWindow {
		return nil
	}
	return r.settle(ctx, restoreWindow/2)
}

// settle waits until no more than so many messages are on their way.
func (r *restorer) settle(ctx context.Context, left int) error {
	for ; len(r.pending) > left; r.pending = r.pending[1:] {
		if err := r.await(ctx, r.pending[0]); err != nil {
			return err
		}
	}
	return nil
}

func (r *restorer) await(ctx context.Context, p pendingAck) error {
	ctx, cancel := r.log.bounded(ctx)
	defer cancel()
	select {
	case ack := <-p.future.Ok():
		if ack.Sequence != p.sequence {
			return fault.Permanent(fmt.Errorf("sequence %d was stored as %d: someone else records too", p.sequence, ack.Sequence))
		}
	case err := <-p.future.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.filler {
		return r.stream.DeleteMsg(ctx, p.sequence)
	}
	r.done++
	return nil
}
