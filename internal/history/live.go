package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

// ErrNoEvent says that nothing stands at a sequence.
var ErrNoEvent = fault.Permanent(errors.New("no event stands there"))

// Message returns what stands at a sequence of a stream; [ErrNoEvent] if nothing does.
func (l Live) Message(ctx context.Context, stream string, sequence uint64) (events.Message, error) {
	if !isStream(stream) {
		return events.Message{}, fmt.Errorf("%w: %q", ErrNoStream, stream)
	}
	state, err := l.Log.State(ctx, stream)
	if err != nil {
		return events.Message{}, err
	}
	if sequence >= max(state.First, 1) && sequence <= state.Last {
		m, err := l.first(ctx, stream, sequence)
		if err == nil && m.Sequence == sequence && l.Names != nil {
			m.Names, err = m.Reveal(ctx, l.Names)
		}
		if err == nil && m.Sequence == sequence || err != nil && !errors.Is(err, io.EOF) {
			return m, err
		}
	}
	return events.Message{}, fmt.Errorf("%s: %w", position(stream, sequence), ErrNoEvent)
}

// batchLen is how many messages are read at once.
const batchLen = 500

// Live is the history of a running gateway, on its streams and its evidence.
type Live struct {
	Log      *jetstream.Log
	Evidence evidence.Store
	// Names make readable what is sealed, as far as it was not forgotten; nil leaves it.
	Names events.Names
	// PublicKey is that of Evidence.Verifier, as text.
	PublicKey string
}

var _ Source = Live{}

// Streams asks each stream.
func (l Live) Streams(ctx context.Context) ([]Stream, error) {
	streams, err := l.States(ctx)
	if err != nil {
		return nil, err
	}
	for i, s := range streams {
		c, err := l.Evidence.Latest(ctx, s.Name)
		if err := exceptNotFound(err); err != nil {
			return nil, err
		}
		streams[i].Checkpoint = c.Size
	}
	return streams, nil
}

// States is Streams without what the evidence knows.
func (l Live) States(ctx context.Context) ([]Stream, error) {
	var streams []Stream
	for _, spec := range events.Streams() {
		state, err := l.Log.State(ctx, spec.Name)
		if err != nil {
			return nil, err
		}
		streams = append(streams, Stream{StreamState: state})
	}
	return streams, nil
}

// Messages reads the streams with ordered readers, which leave nothing behind.
func (l Live) Messages(ctx context.Context, q Query) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		streams, err := l.spans(ctx, q)
		if err != nil {
			yield(events.Message{}, err)
			return
		}
		backlog := make([]sequence, len(streams))
		for i, s := range streams {
			backlog[i] = l.read(ctx, s)
		}
		sequences := merge(backlog)
		if q.Follow {
			sequences = then(sequences, l.follow(ctx, streams))
		}
		limit(l.wanted(ctx, sequences, q), q.Limit)(yield)
	}
}

// wanted yields what fits, with what is known of sealed names.
func (l Live) wanted(ctx context.Context, s sequence, q Query) sequence {
	if l.Names == nil || q.Sealed && !q.byName() {
		return filtered(s, q.Filter)
	}
	nameless := q.Filter
	nameless.Gateway, nameless.Parcel, nameless.Cargo = "", "", ""
	seek := newSeeker(l.Names, q.Filter)
	revealed := func(yield func(events.Message, error) bool) {
		for m, err := range filtered(s, nameless) {
			if err == nil {
				if !seek.may(ctx, m) {
					continue
				}
				m.Names, err = m.Reveal(ctx, l.Names)
			}
			if !yield(m, err) {
				return
			}
		}
	}
	return func(yield func(events.Message, error) bool) {
		for m, err := range filtered(revealed, q.Filter) {
			if q.Sealed {
				m.Names = nil
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// span is a part of a stream.
type span struct {
	stream   string
	subjects []string // none is all
	from, to uint64
}

// spans returns what is to be read of each stream, up to what it holds now.
func (l Live) spans(ctx context.Context, q Query) ([]span, error) {
	var spans []span
	for _, spec := range events.Streams() {
		if !q.wants(spec.Name) {
			continue
		}
		state, err := l.Log.State(ctx, spec.Name)
		if err != nil {
			return nil, err
		}
		s := span{stream: spec.Name, subjects: narrowed(spec.Subjects, q.Subjects), from: max(q.From, 1), to: state.Last}
		if q.To > 0 {
			s.to = min(s.to, q.To)
		}
		if tail := uint64(q.Tail); tail > 0 && state.Last > tail {
			s.from = max(s.from, state.Last-tail+1)
		}
		spans = append(spans, s)
	}
	if len(spans) == 0 {
		return nil, fmt.Errorf("%w: no stream of the names %q", ErrNoStream, q.Streams)
	}
	return spans, nil
}

// narrowed returns those of the wanted subjects that the stream can have, so that
// nothing else is read; none, which is all, if that cannot be told: the filter
// decides anyway.
func narrowed(of, wanted []string) []string {
	var subjects []string
	for _, w := range wanted {
		if strings.Contains(w, ">") {
			return nil
		}
		if slices.ContainsFunc(of, func(pattern string) bool { return subjectFits(pattern, w) }) {
			subjects = append(subjects, w)
		}
	}
	return subjects
}

// read yields a part of a stream.
func (l Live) read(ctx context.Context, s span) sequence {
	return func(yield func(events.Message, error) bool) {
		if s.from > s.to {
			return
		}
		reader := l.Log.Reader(s.stream, s.from, s.subjects...)
		defer reader.Close(ctx)
		for {
			messages, caughtUp, err := reader.ReadMessages(ctx, batchLen)
			if err != nil {
				yield(events.Message{}, err)
				return
			}
			for _, m := range messages {
				if m.Sequence > s.to || !yield(m, nil) {
					return
				}
			}
			if caughtUp || len(messages) > 0 && messages[len(messages)-1].Sequence >= s.to {
				return
			}
		}
	}
}

// follow yields what is recorded after the parts, in the order in which it comes.
func (l Live) follow(ctx context.Context, after []span) sequence {
	return func(yield func(events.Message, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		arrivals := make(chan arrival)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for _, s := range after {
			wg.Go(func() { l.listen(ctx, s, arrivals) })
		}
		for {
			select {
			case a := <-arrivals:
				if !yield(a.message, a.err) || a.err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

type arrival struct {
	message events.Message
	err     error
}

// listen sends what the stream holds after a part, until ctx ends.
func (l Live) listen(ctx context.Context, s span, to chan<- arrival) {
	reader := l.Log.Reader(s.stream, s.to+1, s.subjects...)
	defer reader.Close(ctx)
	for ctx.Err() == nil {
		messages, _, err := reader.ReadMessages(ctx, batchLen)
		arrivals := make([]arrival, 0, len(messages)+1)
		for _, m := range messages {
			arrivals = append(arrivals, arrival{message: m})
		}
		if err != nil {
			arrivals = append(arrivals, arrival{err: err})
		}
		for _, a := range arrivals {
			select {
			case to <- a:
			case <-ctx.Done():
				return
			}
		}
	}
}

// then yields the one and then the other.
func then(first, second sequence) sequence {
	return func(yield func(events.Message, error) bool) {
		for m, err := range first {
			if !yield(m, err) || err != nil {
				return
			}
		}
		second(yield)
	}
}

// Key returns the gateway's public key.
func (l Live) Key(context.Context) (string, error) { return l.PublicKey, nil }

// Checkpoint reads the evidence.
func (l Live) Checkpoint(ctx context.Context, stream string, size int64) ([]byte, error) {
	read := func() (evidence.Signed, error) { return l.Evidence.At(ctx, stream, size) }
	if size == 0 {
		read = func() (evidence.Signed, error) { return l.Evidence.Latest(ctx, stream) }
	}
	signed, err := read()
	return signed.Note, err
}

// Tile reads the evidence.
func (l Live) Tile(ctx context.Context, stream string, t tlog.Tile) ([]byte, error) {
	return l.Evidence.Tile(ctx, stream, t)
}
