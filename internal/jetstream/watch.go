package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
)

// watchBuffer is how many records a watch holds for its reader, who may be busy with one
// for a while. A reader that falls further behind gets a gap and reads the stream
// instead, so it can be small: thousands of watches must stay cheap.
const watchBuffer = 64

// Live is what a [Watch] yields: a record just stored, or a gap.
type Live struct {
	events.Record
	// Previous is the sequence of the record before this one on the same
	// subject, 0 when it is the first. If the reader has not seen Previous, it
	// has missed something and must catch up from the stream.
	Previous uint64
	// Gap says that records may have been missed: there is no record, and the
	// reader must catch up from the stream. Records that it then reads there
	// may come once more on the watch.
	Gap bool
}

// Watch listens to subjects live. One goroutine may read it.
type Watch struct {
	log      *Log
	set      *watchSet
	subjects []string // as they were asked for
	sealed   []string // as they are listened to
	subs     []*nats.Subscription
	msgs     chan *nats.Msg
	gap      chan struct{}
	recheck  *time.Ticker
	dropped  int
}

// Watch listens to what is stored from now on, on these subjects, of streams
// with events.StreamSpec.Live; wildcards are allowed. When it returns, the
// server that we are connected to knows of the subscription. The watch costs
// neither a consumer nor a goroutine.
//
// To miss nothing: watch, then ask [Log.LastSequence], then read up to there
// with [Log.Next], then go on with the watch.
func (l *Log) Watch(ctx context.Context, subjects ...string) (*Watch, error) {
	w := &Watch{
		log: l, set: &l.watches, subjects: subjects, sealed: make([]string, len(subjects)),
		subs:    make([]*nats.Subscription, len(subjects)),
		msgs:    make(chan *nats.Msg, watchBuffer),
		gap:     make(chan struct{}, 1),
		recheck: time.NewTicker(l.opts.Recheck),
	}
	l.watches.add(w)
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	if err := w.listen(ctx); err != nil {
		w.Close()
		return nil, fmt.Errorf("jetstream: watch: %w", err)
	}
	return w, nil
}

// listen subscribes to the subjects as they are recorded on now, which changes when a
// private gateway is forgotten. When it returns, the server knows.
func (w *Watch) listen(ctx context.Context) error {
	changed := false
	for i, subject := range w.subjects {
		sealed, err := w.log.sealSubject(ctx, subject)
		if err != nil {
			return err
		}
		if sealed == w.sealed[i] {
			continue
		}
		sub, err := w.log.nc.ChanSubscribe(events.LivePrefix+sealed, w.msgs)
		if err != nil {
			return fmt.Errorf("%s: %w", subject, err)
		}
		if w.subs[i] != nil {
			_ = w.subs[i].Unsubscribe() // the only errors say that it is gone
		}
		w.subs[i], w.sealed[i], changed = sub, sealed, true
	}
	if !changed {
		return nil
	}
	return w.log.nc.FlushWithContext(ctx)
}

// gapped is a gap, after which the watch listens where it has to.
func (w *Watch) gapped(ctx context.Context) Live {
	ctx, cancel := w.log.bounded(ctx)
	defer cancel()
	if err := w.listen(ctx); err != nil {
		w.log.opts.Logger.LogAttrs(ctx, slog.LevelDebug, "watch not renewed; it is tried again", slog.Any("error", err))
	}
	return Live{Gap: true}
}

// Next waits for a record or a gap. Gaps come after a reconnect, after the
// reader was too slow, and every Options.Recheck. The only error is that ctx
// ended.
func (w *Watch) Next(ctx context.Context) (Live, error) {
	if live, ok := w.Poll(ctx); ok {
		return live, nil
	}
	select {
	case msg := <-w.msgs:
		return w.read(ctx, msg), nil
	case <-w.gap:
		return w.gapped(ctx), nil
	case <-w.recheck.C:
		return w.gapped(ctx), nil
	case <-ctx.Done():
		return Live{}, ctx.Err()
	}
}

// Poll returns a record or a gap if there is one; it does not wait for one.
func (w *Watch) Poll(ctx context.Context) (Live, bool) {
	if w.lost() {
		return w.gapped(ctx), true
	}
	select {
	case msg := <-w.msgs:
		return w.read(ctx, msg), true
	case <-w.gap:
		return w.gapped(ctx), true
	case <-w.recheck.C:
		return w.gapped(ctx), true
	default:
		return Live{}, false
	}
}

// lost tells whether the buffer has overflowed since it last told so.
func (w *Watch) lost() bool {
	dropped := 0
	for _, sub := range w.subs {
		if n, err := sub.Dropped(); err == nil {
			dropped += n
		}
	}
	grown := dropped > w.dropped
	w.dropped = dropped
	return grown
}

// Close ends the subscriptions. It may be called more than once.
func (w *Watch) Close() {
	for _, sub := range w.subs {
		if sub != nil {
			// The only errors say that the subscription or connection is gone.
			_ = sub.Unsubscribe()
		}
	}
	w.recheck.Stop()
	w.set.remove(w)
}

var errNotLive = errors.New("no position in the headers")

// read reads a message, or tells of a gap if that is not possible at the moment.
func (w *Watch) read(ctx context.Context, msg *nats.Msg) Live {
	live := newLive(msg)
	if live.Gap {
		return live
	}
	var err error
	if live.Record, err = w.log.openRecord(ctx, live.Record); err != nil {
		return Live{Gap: true}
	}
	return live
}

// newLive reads a message that a stream repeated. Without a position it is not
// from a stream, and a gap makes the reader look for itself.
func newLive(msg *nats.Msg) Live {
	seq, err := sequenceHeader(msg, "Nats-Sequence")
	if err != nil {
		return Live{Gap: true}
	}
	previous, err := sequenceHeader(msg, "Nats-Last-Sequence")
	if err != nil {
		return Live{Gap: true}
	}
	at, err := time.Parse(time.RFC3339Nano, msg.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return Live{Gap: true}
	}
	subject := strings.TrimPrefix(msg.Subject, events.LivePrefix)
	return Live{
		Record:   newRecord(msg.Header.Get("Nats-Stream"), seq, subject, msg.Header, msg.Data, at),
		Previous: previous,
	}
}

func sequenceHeader(msg *nats.Msg, name string) (uint64, error) {
	value := msg.Header.Get(name)
	if value == "" {
		return 0, errNotLive
	}
	return strconv.ParseUint(value, 10, 64)
}

// watchSet knows the open watches.
type watchSet struct {
	mu   sync.Mutex
	open map[*Watch]struct{}
}

func (s *watchSet) add(w *Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*Watch]struct{}{}
	}
	s.open[w] = struct{}{}
}

func (s *watchSet) remove(w *Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, w)
}

func (s *watchSet) signalGap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.open {
		select {
		case w.gap <- struct{}{}:
		default: // one is waiting already
		}
	}
}
