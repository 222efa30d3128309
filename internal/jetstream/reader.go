package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// idle is how long one request waits for the first record. It also bounds how
// long a reader sits on a request that a restarted server has forgotten.
const idle = 2 * time.Second

// consumerTries is how often a consumer is asked again that does not answer: in a
// cluster one that was just made takes a moment to be there.
const consumerTries = 5

// Batch is a run of records in stream order.
type Batch struct {
	// Stream is where the records stand.
	Stream string
	// Records are in stream order. There may be none.
	Records []events.Record
	// CaughtUp says that the stream held nothing after Records when they were
	// read.
	CaughtUp bool
	// Err is set, and Records empty, if reading cannot go on. It is fatal.
	Err error
}

// Reader reads a stream in order, in batches, each record once. It keeps
// nothing on the server that matters: the position is the caller's to store.
//
// Underneath is a short-lived pull consumer without acknowledgements, made anew
// after any error. Its own message count shows when a message went missing on
// the way, which also makes it anew; so a Reader neither skips nor repeats.
type Reader struct {
	log      *Log
	stream   string
	subjects []string

	next      uint64 // stream sequence to read next
	consumer  natsjs.Consumer
	delivered uint64 // messages that consumer gave us
	atEnd     bool   // the last message had nothing after it
}

// ErrAhead says that a reader was to start after the end of its stream: the
// stream is not the one that the position comes from, or has lost its end.
var ErrAhead = errors.New("position is past the end of the stream")

// Reader returns a reader of the stream from sequence from on, of these
// subjects only if any are given. One goroutine may use it, and must close it.
func (l *Log) Reader(stream string, from uint64, subjects ...string) *Reader {
	return &Reader{log: l, stream: stream, subjects: subjects, next: max(from, 1)}
}

// Read returns up to limit records: what is there, at once. If nothing is there
// it waits for the first record, some seconds at most, and may return an empty
// batch that is CaughtUp. After an error the next Read goes on where the last
// successful one ended. The only fatal error is [ErrAhead].
func (r *Reader) Read(ctx context.Context, limit int) (Batch, error) {
	messages, caughtUp, err := r.ReadMessages(ctx, limit)
	if err != nil {
		return Batch{}, err
	}
	records := make([]events.Record, len(messages))
	for i, m := range messages {
		if records[i], err = r.log.openRecord(ctx, m.Record()); err != nil {
			r.forget(ctx)
			r.next = messages[0].Sequence
			return Batch{}, fmt.Errorf("jetstream: read %s from %d: %w", r.stream, r.next, err)
		}
	}
	return Batch{Stream: r.stream, Records: records, CaughtUp: caughtUp}, nil
}

// ReadMessages is [Reader.Read] for those who need the messages as they stand in
// the stream, not what they mean.
func (r *Reader) ReadMessages(ctx context.Context, limit int) (messages []events.Message, caughtUp bool, err error) {
	messages, err = r.read(ctx, limit)
	// One that has given something is another case: what it gave must not be lost.
	for try := 0; r.delivered == 0 && try < consumerTries && ctx.Err() == nil && errors.Is(err, nats.ErrNoResponders); try++ {
		sleep(ctx, resendPause)
		messages, err = r.read(ctx, limit)
	}
	if err != nil {
		r.forget(ctx)
	}
	if len(messages) > 0 {
		err = nil // what came is in order; the error will come again
		r.next = messages[len(messages)-1].Sequence + 1
	}
	if err != nil {
		return nil, false, fmt.Errorf("jetstream: read %s from %d: %w", r.stream, r.next, err)
	}
	return messages, r.atEnd, nil
}

// Close removes what the reader has on the server. It may be called more than
// once.
func (r *Reader) Close(ctx context.Context) { r.forget(ctx) }

func (r *Reader) read(ctx context.Context, limit int) ([]events.Message, error) {
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	if !r.atEnd {
		messages, err := r.take(r.consumer.FetchNoWait(limit))
		if len(messages) > 0 || err != nil {
			return messages, err
		}
		return nil, r.compareNotes(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	first, err := r.take(r.consumer.Fetch(1, natsjs.FetchContext(waiting)))
	if err != nil {
		return nil, err
	}
	if len(first) == 0 {
		return nil, r.compareNotes(ctx)
	}
	if limit == 1 || r.atEnd {
		return first, nil
	}
	rest, err := r.take(r.consumer.FetchNoWait(limit - 1))
	return append(first, rest...), err
}

// connect makes the consumer, unless there is one.
func (r *Reader) connect(ctx context.Context) error {
	if r.consumer != nil {
		return nil
	}
	ctx, cancel := r.log.bounded(ctx)
	defer cancel()
	stream, err := r.log.js.Stream(ctx, r.stream)
	if err != nil {
		return err
	}
	if last := stream.CachedInfo().State.LastSeq; r.next > last+1 {
		return fault.Fatal(fmt.Errorf("%w, which is at %d", ErrAhead, last))
	}
	filter := make([]string, len(r.subjects))
	for i, subject := range r.subjects {
		if filter[i], err = r.log.sealSubject(ctx, subject); err != nil {
			return err
		}
	}
	r.consumer, err = stream.CreateConsumer(ctx, natsjs.ConsumerConfig{
		DeliverPolicy:     natsjs.DeliverByStartSequencePolicy,
		OptStartSeq:       r.next,
		FilterSubjects:    filter,
		AckPolicy:         natsjs.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute,
	})
	r.delivered, r.atEnd = 0, false
	return err
}

// forget drops the consumer. Should that fail, the server does it after a
// minute.
func (r *Reader) forget(ctx context.Context) {
	if r.consumer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.log.js.DeleteConsumer(ctx, r.stream, r.consumer.CachedInfo().Name)
	r.consumer, r.delivered = nil, 0
}

var errMissed = errors.New("a message was lost on the way")

// take returns the messages of a fetch up to the first that is out of turn.
func (r *Reader) take(batch natsjs.MessageBatch, err error) ([]events.Message, error) {
	if err != nil {
		return nil, err
	}
	var messages []events.Message
	missed := false
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		missed = missed || err != nil || meta.Sequence.Consumer != r.delivered+1
		if missed {
			continue // the fetch must be drained
		}
		r.delivered++
		r.atEnd = meta.NumPending == 0
		messages = append(messages, events.Message{
			Stream: r.stream, Sequence: meta.Sequence.Stream, Subject: msg.Subject(),
			Header: msg.Headers(), Body: msg.Data(), StoredAt: meta.Timestamp.UTC(),
		})
	}
	if missed {
		return messages, errMissed
	}
	return messages, batch.Error()
}

// compareNotes asks the server, after a fetch that yielded nothing, whether
// that is all: a fetch ends in silence also when nobody answers it.
func (r *Reader) compareNotes(ctx context.Context) error {
	ctx, cancel := r.log.bounded(ctx)
	defer cancel()
	info, err := r.consumer.Info(ctx)
	if err != nil {
		return err
	}
	if info.Delivered.Consumer != r.delivered {
		return errMissed
	}
	r.atEnd = info.NumPending == 0
	return nil
}
