package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// Options says how a [Log] works.
type Options struct {
	// Sync confirms that the servers acknowledge only what is on disk. It is
	// required: see [SystemSync], [DeclaredSync] and the embedded server's
	// SyncAlways.
	Sync SyncCheck
	// Replicas is the number of copies of each stream that [Log.Provision]
	// makes; 0 is 1. Production wants 3.
	Replicas int
	// MaxMessageSize is the largest message that the streams take, headers
	// included; 0 is 1 MiB, the server's own default.
	MaxMessageSize int32
	// Timeout bounds each request whose context has no deadline, and each of Provision and
	// Claims whatever it has; 0 is 5 s.
	Timeout time.Duration
	// Recheck is how often a [Watch] reports a gap although it saw none, so
	// that its reader compares notes with the stream; 0 is 30 s.
	Recheck time.Duration
	// Names keeps the names of private gateways: records hold them sealed, and
	// subjects that callers name are those of package events. nil leaves everything
	// as it is, for those who only need messages as they stand, and for tests.
	Names events.Names
	// Logger is told what is survived; nil discards.
	Logger *slog.Logger
	// Appended, if not nil, is told of each try to record an event: its type, how
	// long it took, and its error.
	Appended func(ctx context.Context, t events.Type, took time.Duration, err error)
}

func (o *Options) setDefaults() {
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.MaxMessageSize == 0 {
		o.MaxMessageSize = 1 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Recheck == 0 {
		o.Recheck = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Appended == nil {
		o.Appended = func(context.Context, events.Type, time.Duration, error) {}
	}
}

// Log is the event history. It is safe for any number of concurrent callers.
type Log struct {
	nc      *nats.Conn
	js      natsjs.JetStream
	opts    Options
	watches watchSet
	streams sync.Map // stream name to natsjs.Stream, configured for direct gets
	closing func()
}

// Open returns the history that nc reaches, once Options.Sync has confirmed
// that it is durable. If it is not, the error is fatal. nc stays the caller's:
// close it after the Log. A lost nc must reconnect for ever
// (nats.MaxReconnects(-1)).
func Open(ctx context.Context, nc *nats.Conn, opts Options) (*Log, error) {
	opts.setDefaults()
	if opts.Sync == nil {
		return nil, fault.Fatal(errors.New("jetstream: nothing confirms sync_interval always"))
	}
	if err := opts.Sync(ctx); err != nil {
		return nil, fmt.Errorf("jetstream: durability: %w", err)
	}
	js, err := natsjs.New(nc, natsjs.WithDefaultTimeout(opts.Timeout))
	if err != nil {
		return nil, fmt.Errorf("jetstream: open: %w", err)
	}
	l := &Log{nc: nc, js: js, opts: opts}
	l.superviseConnection()
	return l, nil
}

// Close ends the Log's own goroutine. Watches and readers must be closed
// before.
func (l *Log) Close() { l.closing() }

// superviseConnection reports a gap to every watch when the connection comes
// back, because a core subscription misses what was sent in between. What goes wrong on
// the connection is logged; that a watch overflows is ordinary.
func (l *Log) superviseConnection() {
	l.nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		level := slog.LevelWarn
		if errors.Is(err, nats.ErrSlowConsumer) {
			level = slog.LevelDebug
		}
		l.opts.Logger.LogAttrs(context.Background(), level, "NATS connection", slog.Any("error", err))
	})
	status := l.nc.StatusChanged(nats.CONNECTED)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range status {
			l.watches.signalGap()
		}
	}()
	l.closing = sync.OnceFunc(func() {
		l.nc.RemoveStatusListener(status)
		<-done
	})
}

// bounded gives ctx a deadline if it has none.
func (l *Log) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, l.opts.Timeout)
}

// hurried gives ctx a deadline soon, whatever it has: servers that are about to elect a
// leader drop what they are asked, and a patient caller asks again.
func (l *Log) hurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, l.opts.Timeout)
}

// stream returns the handle of a stream, which is looked up once.
func (l *Log) stream(ctx context.Context, name string) (natsjs.Stream, error) {
	if s, ok := l.streams.Load(name); ok {
		return s.(natsjs.Stream), nil
	}
	s, err := l.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("jetstream: stream %s: %w", name, err)
	}
	l.streams.Store(name, s)
	return s, nil
}
