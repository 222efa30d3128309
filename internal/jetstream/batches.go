package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// BatchConfig says how a [BatchSubscriber] reads.
type BatchConfig struct {
	// From returns the first sequence to read: one after the checkpoint. It is
	// asked at each Subscribe and retried while it fails. Required.
	From func(ctx context.Context) (uint64, error)
	// Rewind lets From be asked also whenever a batch is refused and while there
	// is nothing to read. If it names an earlier sequence than the next one, the
	// checkpoint was lost, and reading goes on from there.
	Rewind bool
	// Lease lets this process read only while it has the lease, for which somebody
	// runs. From is asked anew at the beginning of each term. nil reads always.
	Lease *Lease
	// Limit is the most records in one batch; 0 is 500.
	Limit int
	// Subjects narrows what is read; none is all of the stream.
	Subjects []string
	// Backoff returns the pause before a batch that was refused, or a read
	// that failed, is tried again, given how many times it has been; nil
	// doubles from 50 ms to 10 s.
	Backoff func(failures int) time.Duration
}

func (c *BatchConfig) setDefaults() {
	if c.Limit == 0 {
		c.Limit = 500
	}
	if c.Backoff == nil {
		c.Backoff = func(failures int) time.Duration {
			return min(50*time.Millisecond<<min(failures, 20), 10*time.Second)
		}
	}
}

// BatchSubscriber is a Watermill subscriber each of whose messages stands for a
// [Batch] of records, so that a projection runs inside a Watermill router and
// writes in bulk. The batch rides in the message's context ([BatchFrom]); the
// payload is a summary for logs.
//
// The topic is the name of the stream. Batches come in order, one at a time,
// with what is there at once: nobody waits for a batch to fill. A refused batch
// comes again, the same, until it is taken. The position is not kept: the
// handler stores it, and BatchConfig.From returns it at the next start.
//
// An empty batch comes only to tell that the stream has been caught up with. If
// reading cannot go on, a batch with Err comes.
type BatchSubscriber struct {
	log    *Log
	config BatchConfig
	life   lifetime
}

// BatchSubscriber returns a subscriber for projections.
func (l *Log) BatchSubscriber(config BatchConfig) *BatchSubscriber {
	config.setDefaults()
	return &BatchSubscriber{log: l, config: config}
}

// Subscribe reads the stream until ctx ends or Close, then closes the channel.
func (s *BatchSubscriber) Subscribe(ctx context.Context, stream string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	run := &batchRun{log: s.log, config: s.config, stream: stream, out: out}
	if err := s.life.start(ctx, run.run); err != nil {
		return nil, err
	}
	return out, nil
}

// Close ends every subscription and waits for them. A batch that a handler has
// in hand may still be taken, but its answer no longer matters.
func (s *BatchSubscriber) Close() error {
	s.life.close()
	return nil
}

// batchRun is one subscription.
type batchRun struct {
	log    *Log
	config BatchConfig
	stream string
	out    chan *message.Message
	behind bool // nobody has been told that we have caught up
	next   uint64
}

func (r *batchRun) run(ctx context.Context) {
	defer close(r.out)
	if r.config.Lease == nil {
		r.read(ctx)
		return
	}
	for {
		leading, end, err := r.config.Lease.Await(ctx)
		if err != nil {
			return
		}
		goOn := r.read(leading)
		end()
		if !goOn {
			return
		}
	}
}

// read reads until ctx ends; false if reading cannot go on.
func (r *batchRun) read(ctx context.Context) bool {
	reader := r.open(ctx)
	if reader == nil {
		return true
	}
	defer func() { reader.Close(ctx) }()
	r.behind = true
	for failures := 0; ctx.Err() == nil; {
		batch, err := reader.Read(ctx, r.config.Limit)
		switch {
		case fault.IsFatal(err):
			r.deliver(ctx, Batch{Stream: r.stream, Err: err})
			return false
		case err != nil:
			failures = r.pause(ctx, "reading failed", failures, err)
			continue
		}
		failures = 0
		if !r.take(ctx, batch) {
			reader.Close(ctx)
			reader, r.behind = r.log.Reader(r.stream, r.next, r.config.Subjects...), true
		}
	}
	return true
}

// take hands out what was read; false if reading must go back to r.next.
func (r *batchRun) take(ctx context.Context, batch Batch) bool {
	if len(batch.Records) == 0 && !(r.behind && batch.CaughtUp) {
		return !r.rewound(ctx)
	}
	if !r.deliver(ctx, batch) {
		return false
	}
	r.behind = !batch.CaughtUp
	if n := len(batch.Records); n > 0 {
		r.next = batch.Records[n-1].Sequence + 1
	}
	return true
}

// rewound tells whether the checkpoint was lost, and goes back if it was.
func (r *batchRun) rewound(ctx context.Context) bool {
	if !r.config.Rewind {
		return false
	}
	from, err := r.config.From(ctx)
	if err != nil || from >= r.next {
		return false // if it cannot be told now, it can be later
	}
	r.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "the checkpoint went back; reading again",
		slog.String("stream", r.stream), slog.Uint64("sequence", from), slog.Uint64("before", r.next))
	r.next = from
	return true
}

// open asks where to start until there is an answer.
func (r *batchRun) open(ctx context.Context) *Reader {
	for failures := 0; ctx.Err() == nil; {
		from, err := r.config.From(ctx)
		if err == nil {
			r.next = max(from, 1)
			return r.log.Reader(r.stream, from, r.config.Subjects...)
		}
		failures = r.pause(ctx, "no position to start from", failures, err)
	}
	return nil
}

// deliver offers the batch until it is taken; false if the checkpoint went back
// meanwhile, so that another has to come before it.
func (r *batchRun) deliver(ctx context.Context, batch Batch) bool {
	for failures := 0; ctx.Err() == nil; {
		if r.offer(ctx, batch) {
			return true
		}
		if ctx.Err() == nil && r.rewound(ctx) {
			return false
		}
		failures = r.pause(ctx, "batch refused", failures, nil)
	}
	return true
}

func (r *batchRun) offer(ctx context.Context, batch Batch) (taken bool) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, batchKey{}, batch))
	defer cancel()
	msg := batchMessage(batch)
	msg.SetContext(ctx)
	select {
	case r.out <- msg:
	case <-ctx.Done():
		return false
	}
	select {
	case <-msg.Acked():
		return true
	case <-msg.Nacked():
	case <-ctx.Done():
	}
	return false
}

// pause waits before another try and returns the number of failures so far.
func (r *batchRun) pause(ctx context.Context, what string, failures int, err error) int {
	if ctx.Err() != nil {
		return failures
	}
	wait := r.config.Backoff(failures)
	attrs := []slog.Attr{slog.String("stream", r.stream), slog.Int("failures", failures+1), slog.Duration("wait", wait)}
	if err != nil && !errors.Is(err, context.Canceled) {
		attrs = append(attrs, slog.Any("error", err))
	}
	r.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, what, attrs...)
	sleep(ctx, wait)
	return failures + 1
}

type batchKey struct{}

// BatchFrom returns the batch in the context of a [BatchSubscriber]'s message.
func BatchFrom(ctx context.Context) (Batch, bool) {
	batch, ok := ctx.Value(batchKey{}).(Batch)
	return batch, ok
}

// batchMessage returns the summary of a batch, with an id that depends on what
// is in it.
func batchMessage(b Batch) *message.Message {
	summary := struct {
		Stream   string `json:"stream"`
		First    uint64 `json:"first,omitempty"`
		Last     uint64 `json:"last,omitempty"`
		Count    int    `json:"count"`
		CaughtUp bool   `json:"caughtUp"`
	}{Stream: b.Stream, Count: len(b.Records), CaughtUp: b.CaughtUp}
	if summary.Count > 0 {
		summary.First, summary.Last = b.Records[0].Sequence, b.Records[summary.Count-1].Sequence
	}
	// A struct of these fields always marshals.
	payload, _ := json.Marshal(summary)
	id := events.DeriveID(b.Stream, strconv.FormatUint(summary.First, 10), strconv.FormatUint(summary.Last, 10))
	return message.NewMessage(id, payload)
}
